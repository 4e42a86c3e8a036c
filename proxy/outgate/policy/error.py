"""What is wrong with a policy: where, what, and what to do about it.

Owns the words in which a file is refused. A file's problems are told together, so that whoever
edits it mends it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple


class Mark(NamedTuple):
    """A place in a file, counted from 1 as editors do; line 0: the file as a whole."""

    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    file: Path
    mark: Mark
    message: str
    hint: str = ""  # what to do, or the near miss

    def __str__(self) -> str:
        place = f"{self.file}:{self.mark.line}:{self.mark.column}" if self.mark.line else str(self.file)
        return f"{place}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class PolicyError(Exception):
    """A policy that cannot be used. ``problems`` in the order of the files; never empty.

    ``files`` are all files that had a part in it, those that do not exist included: a change of any
    may mend it.
    """

    def __init__(self, problems: Sequence[Problem], files: Iterable[Path] = ()) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
        self.files = frozenset(files) | {problem.file for problem in problems}

    @property
    def file(self) -> Path:
        """The file of the first problem."""
        return self.problems[0].file

    @property
    def line(self) -> int:
        """Counted from 1; 0: the file as a whole."""
        return self.problems[0].mark.line

    @property
    def column(self) -> int:
        """Counted from 1; 0: the file as a whole."""
        return self.problems[0].mark.column

    @property
    def message(self) -> str:
        """Everything that is wrong, a line for each problem."""
        return str(self)

    @property
    def hint(self) -> str:
        """What to do about it; ``""`` when there is nothing to add."""
        return self.problems[0].hint


def near_miss(name: str, known: Iterable[str]) -> str:
    """``did you mean X?`` when a known name is close to ``name``, else ``""``."""
    folded = {candidate.casefold(): candidate for candidate in sorted(known)}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]}?" if close else ""
