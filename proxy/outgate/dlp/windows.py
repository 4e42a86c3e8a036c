"""How texts are cut into pieces of bounded size, so that no detector's cost or turn grows with a text.

Owns sizes and offsets only. A match counts for the piece in whose core it starts; the margins are
there to be read (context before, the rest of a match after). So every match is found exactly once,
and one that is longer than the margin after the core may be cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from outgate.dlp.detector import Match

Stage = Literal["patterns", "names"]
STAGES: tuple[Stage, ...] = ("patterns", "names")


@dataclass(frozen=True, slots=True)
class Size:
    """Code points of a piece: those it answers for, and those it may read around them."""

    core: int
    before: int
    after: int


# A private key in PEM has up to 6,500 characters (RSA 8192), so a pattern may read that far. A model
# needs no more than the sentence, and costs a hundred times as much for each character.
SIZES: dict[Stage, Size] = {"patterns": Size(32_768, 256, 8_192), "names": Size(4_096, 384, 384)}


@dataclass(frozen=True, slots=True)
class Piece:
    """``texts[text][start:end]``, answering for what starts in ``core_start:core_end``."""

    text: int
    start: int
    end: int
    core_start: int
    core_end: int

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def ours(self) -> int:
        """The code points of it behind which nothing starts that it answers for."""
        return self.core_end - self.start

    def of(self, texts: Sequence[str]) -> str:
        """The piece's characters."""
        return texts[self.text][self.start : self.end]

    def place(self, matches: Sequence[Match]) -> Iterator[Match]:
        """Matches in the piece as matches in its text, without those that another piece answers for."""
        for match in matches:
            start = match.start + self.start
            if self.core_start <= start < self.core_end:
                yield Match(start, match.end + self.start, match.entity, match.score, match.detector)


def cut(stage: Stage, texts: Sequence[str]) -> Iterator[Piece]:
    """The pieces of all texts, in order. A text that fits with its margin stays whole."""
    size = SIZES[stage]
    for index, text in enumerate(texts):
        length = len(text)
        if length <= size.core + size.after:
            if length:
                yield Piece(index, 0, length, 0, length)
            continue
        for start in range(0, length, size.core):
            end = min(start + size.core, length)
            yield Piece(index, max(0, start - size.before), min(length, end + size.after), start, end)
