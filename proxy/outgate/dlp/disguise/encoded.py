"""What an encoded run in a text is, for those who find such and those who show it.

A run stands for its text as a whole: with a part of it replaced it would decode to something else. What
it holds is text (``readable`` decides) or it is no find: hashes, ids and images are none.
"""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """A stretch of the text and what it holds; padding is a part of it."""

    start: int
    end: int
    text: str


class Encoded(NamedTuple):
    """One run, or the lines of a list of runs; ``kind`` as in ``View``."""

    kind: str
    parts: tuple[Part, ...]
