"""What was in files before: an attachment that is sent again with every turn costs a look-up.

Kept by a keyed hash of the file, with a key that no one else has; bounded by memory, the longest unused
going first.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

from outgate.attachments import Extracted

_ENTRY, _PIECE, _CHARACTER = 500, 200, 2  # bytes, about


class ExtractedCache:
    """Files to what was read of them."""

    def __init__(self, limit: int) -> None:
        """``limit``: bytes, about; 0 keeps nothing."""
        self._limit = limit
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[int, Extracted]] = OrderedDict()
        self._size = 0

    def digest(self, content: bytes) -> bytes:
        """The name of a file in this cache. Linear."""
        return hashlib.blake2b(content, key=self._key, digest_size=20, usedforsecurity=True).digest()

    def get(self, digest: bytes) -> Extracted | None:
        """What is known of a file."""
        known = self._known.get(digest)
        if known is None:
            return None
        self._known.move_to_end(digest)
        return known[1]

    def add(self, digest: bytes, extracted: Extracted) -> None:
        """Keep what was read, unless time was what kept more from being read."""
        if any(gap.reason == "timed_out" for gap in extracted.gaps):
            return
        size = _size(extracted)
        if size > self._limit:
            return
        before = self._known.pop(digest, None)
        self._size += size - (before[0] if before else 0)
        self._known[digest] = size, extracted
        while self._size > self._limit:
            self._size -= self._known.popitem(last=False)[1][0]


def _size(extracted: Extracted) -> int:
    pieces = len(extracted.passages) + len(extracted.gaps)
    return _ENTRY + _PIECE * pieces + _CHARACTER * sum(len(passage.text) for passage in extracted.passages)
