"""A step: a few changes with one purpose, which a person can ask for, leave out, and read in one line."""

from __future__ import annotations

from dataclasses import dataclass

from outgate.setup.change import Change


@dataclass(frozen=True, slots=True)
class Step:
    """Its changes are made in their order, and undone in the other."""

    name: str
    purpose: str  # "have ... trust our root": what it is for, in a line
    changes: tuple[Change, ...] = ()
    problem: str = ""  # why there is nothing that can be done, if so

    @property
    def why_root(self) -> str:
        """Why root is needed, if it is."""
        return next((change.why_root for change in self.changes if change.needs_root), "")
