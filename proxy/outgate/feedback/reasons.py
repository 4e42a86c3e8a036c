"""What people write, made fit to be kept: short, printable, and without a value in it.

A reason may repeat what was blocked. So it goes through the policy's own detectors, and what they find is taken out;
and since a value can be known by where it stood, of which a reason tells nothing, every run of words is held against
the fingerprints of what was found. What cannot be looked at is not kept.
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from outgate.dlp import DetectionError
from outgate.feedback.errors import FeedbackError, RefusedError
from outgate.model import BODY, Finding, Record, Role, Segment
from outgate.transform import operators

LONGEST: Final = 500  # characters
SHORTEST: Final = 3  # letters and digits
_MOST_WORDS = 16  # ends of words that a value may reach over; what is longer, the detectors have to find
_MOST_ENTITIES = 20
# A value may begin and end where any of these do.
_WORDS = (re.compile(r"\w+"), re.compile(r"\S+"), re.compile(r"[^\s\"'`<>()\[\]{},;:|=]+"))

Detect = Callable[[Sequence[Segment]], Awaitable[Sequence[Finding]]]


async def redacted(reason: str, findings: Iterable[Record], detect: Detect, key: bytes) -> str:
    """``reason`` without the values that are in it, whatever they are and those of ``findings``.

    Raises RefusedError for one that is too long or says nothing, FeedbackError when it cannot be looked at.
    """
    text = " ".join("".join(one if one.isprintable() else " " for one in reason).split())
    if len(reason) > LONGEST:
        raise RefusedError(f"A reason has at most {LONGEST} characters.")
    if sum(map(str.isalnum, text)) < SHORTEST:
        raise RefusedError("Say in a few words why.")
    segment = Segment(text, Role.USER, "reason", BODY, 0, len(text.encode("utf-8", "replace")), "utf8")
    try:
        found = [(one.start, one.end, one.entity) for one in await detect((segment,))]
    except DetectionError as error:
        raise FeedbackError(f"The reason could not be looked at ({error.reason}). Try again.") from None
    found += await asyncio.to_thread(_repeated, text, list(findings), key)
    pieces, position = [], 0
    for start, end, entity in sorted(found):
        if start >= position:
            pieces += [text[position:start], f"[{entity}]"]
        position = max(position, end)
    return "".join([*pieces, text[position:]])


def _repeated(text: str, findings: Iterable[Record], key: bytes) -> list[tuple[int, int, str]]:
    """Where the values of findings stand. Tries every run of up to some words: milliseconds for a whole reason."""
    wanted = {(one.entity, one.fingerprint) for one in findings}
    entities = sorted({entity for entity, _ in wanted})[:_MOST_ENTITIES]
    spans = [found.span() for words in _WORDS for found in words.finditer(text)]
    ends = sorted({end for _, end in spans})
    found: list[tuple[int, int, str]] = []
    for start in sorted({start for start, _ in spans}):
        first = bisect_right(ends, start)
        for end in ends[first : first + _MOST_WORDS]:
            run = text[start:end]
            for entity in entities:
                if (entity, operators.fingerprint(entity, run, key)) in wanted:
                    found.append((start, end, entity))
    return found
