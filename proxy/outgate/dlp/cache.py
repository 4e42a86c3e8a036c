"""What was found in a text before: a conversation that is sent again costs only what is new in it.

Kept by a keyed hash of the text, never the text itself, with a key that no one else has; bounded by
memory, the longest unused going first. One cache belongs to one configuration of detectors.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outgate.dlp.detector import Match
from outgate.dlp.repeats import Mark
from outgate.model import Finding

_ENTRY, _MATCH = 500, 320  # bytes, about; with a finding and a mark


@dataclass(slots=True)
class Known:
    """What the detectors found in a text, and what that became in the company of certain values."""

    found: list[Match]
    company: int = 0  # the number of the values that ``settled`` was made with
    settled: list[Match] | None = None
    touched: bool = False  # whether values of its company may have made a difference
    marks: Mapping[int, Mark] | None = None  # of the values in ``found`` that repeat
    told: tuple[list[Match], int, tuple[Finding, ...]] | None = None  # of one segment, by its index

    @property
    def size(self) -> int:
        """Bytes, about."""
        return _ENTRY + _MATCH * (len(self.found) + len(self.settled or ()))

    def findings(self, matches: list[Match], segment: int) -> tuple[Finding, ...]:
        """``matches``, which it was settled to, as those of a segment. A text is likely to stand where it stood."""
        if self.told is None or self.told[0] is not matches or self.told[1] != segment:
            told = tuple(Finding(segment, m.start, m.end, m.entity, m.score, m.detector) for m in matches)
            self.told = matches, segment, told
        return self.told[2]


class FoundCache:
    """Texts to what is known of them. Every operation is linear in the text and in nothing else."""

    def __init__(self, limit: int) -> None:
        """``limit``: bytes, about; 0 keeps nothing."""
        self._limit = limit
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._size = 0
        self._hits = 0
        self._misses = 0

    def counted(self) -> tuple[int, int]:
        """Hits and misses since the last call."""
        counts = self._hits, self._misses
        self._hits = self._misses = 0
        return counts

    def digest(self, text: str) -> bytes:
        """The name of a text in this cache."""
        return hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=20, usedforsecurity=True
        ).digest()

    def get(self, digest: bytes) -> Known | None:
        """What is known of a text; counted as a hit or a miss."""
        known = self._known.get(digest)
        if known is None:
            self._misses += 1
            return None
        self._hits += 1
        self._known.move_to_end(digest)
        return known

    def add(self, digest: bytes, found: Sequence[Match]) -> Known:
        """Keep what was found in a text."""
        known = Known(list(found))
        if self._limit:
            before = self._known.pop(digest, None)
            self._size += known.size - (before.size if before else 0)
            self._known[digest] = known
            self._shrink()
        return known

    def settle(self, digest: bytes, known: Known, company: int, settled: list[Match]) -> None:
        """Keep beside it what it became in a ``company`` of values."""
        kept = self._known.get(digest) is known
        before = known.size
        known.company, known.settled = company, settled
        known.touched = not set(settled) <= set(known.found)
        if kept:
            self._size += known.size - before
            self._shrink()

    def _shrink(self) -> None:
        while self._size > self._limit and self._known:
            self._size -= self._known.popitem(last=False)[1].size
