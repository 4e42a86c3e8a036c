"""Events of a stream that differ from one before them only in the text that goes on.

Nearly all events of an answer are such, and need no JSON parser: the bytes around the text are the same, so they
mean the same. A pattern is made of an event that was read the long way; what does not match it is read so again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

from outgate.formats.answers import Key, Path, Stretch
from outgate.transform.answer_frames import path_of
from outgate.wire import WireError, json_spans
from outgate.wire.frames import Frame
from outgate.wire.json_spans import Kind

LONGEST = 4096  # bytes of an event that a pattern is made of
_TEXT = rb'(?P<text>(?:[^"\\\x00-\x1f]++|\\.)*+)'
_COUNT = rb"(?P<count>\d{1,15})"
_PADDING = rb'[^"\\\x00-\x1f]*+'
_PADDED = "obfuscation"  # OpenAI's member of random length, so that sizes on the wire tell nothing


@dataclass(frozen=True, slots=True)
class Alike:
    """What further events of one lane look like."""

    match: Callable[[bytes, int], re.Match[bytes] | None]
    key: Key
    path: Path
    frame: Frame  # the one that it is made of
    counted: bool  # events have numbers

    @staticmethod
    def texts(found: Sequence[re.Match[bytes]]) -> list[str]:
        """What the matches say; none where one of them is no JSON string."""
        if not found:
            return []
        try:
            texts = b"\0".join([one["text"] for one in found]).decode().split("\0")  # none has it unescaped
            return [scanstring(text + '"', 0)[0] if "\\" in text else text for text in texts]
        except ValueError:
            return []


def made_of(frame: Frame, stretch: Stretch, ends: tuple[bytes, ...], counter: str) -> Alike | None:
    """A pattern from an event in which only ``stretch`` goes on. Linear in its size, at most LONGEST.

    ``ends``: what stands behind the payload of a frame that ends where it seems to. None where there is none.
    """
    if stretch.key is None or len(frame.raw) > LONGEST or len(frame.spans) != 1:
        return None
    start, end = frame.spans[0]
    if frame.raw[end:] not in ends:
        return None
    try:
        scalars = json_spans.scan(frame.payload).scalars
    except WireError:
        return None
    texts = [one for one in scalars if one.kind is Kind.STRING and path_of(one) == stretch.path]
    if len(texts) != 1:
        return None
    holes = [(texts[0].start + 1, texts[0].end - 1, _TEXT)]
    counts = [one for one in scalars if one.kind is Kind.NUMBER and counter and path_of(one) == (counter,)]
    if len(counts) == 1 and counts[0].text.isdigit():
        holes.append((counts[0].start, counts[0].end, _COUNT))
    padded = [one for one in scalars if one.kind is Kind.STRING and path_of(one) == (_PADDED,)]
    if len(padded) == 1:
        holes.append((padded[0].start + 1, padded[0].end - 1, _PADDING))
    pieces, position = [], 0
    for left, right, hole in sorted(holes):
        pieces += [re.escape(frame.raw[position : start + left]), hole]
        position = start + right
    pieces.append(re.escape(frame.raw[position:]))
    pattern = re.compile(b"".join(pieces), re.DOTALL)
    return Alike(pattern.match, stretch.key, stretch.path, frame, len(counts) == 1)
