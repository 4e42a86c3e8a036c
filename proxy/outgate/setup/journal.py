"""The record of what a set-up changed and what was there before: enough to undo it, also by a later version.

It is written before each change is made, so that whatever stopped a set-up, nothing was done that is not in it.
It says which thing was changed, never how: what is run to put it back is this program's own.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from outgate.setup.change import missing_folders, read_text, replace
from outgate.setup.machine import SetupError

_VERSION = 1
PENDING = "*"  # among an entry's ``ours``: whatever is there now may be ours


@dataclass(slots=True)
class Entry:
    """One thing that was changed."""

    step: str
    identity: dict[str, str]
    before: str | None  # its value, None: it was not there
    ours: list[str]  # digests of the values that it was given, the last one last
    made: list[str] = field(default_factory=list)  # folders and files that were made for it


class Journal:
    """The entries, in the order of their making, and the steps that were chosen."""

    def __init__(self, path: Path) -> None:
        """Raises SetupError when the file is not ours alone, or not a journal."""
        self.path = path
        self.steps: list[str] = []
        self.entries: list[Entry] = []
        self._made = [str(folder) for folder in missing_folders(path.parent)]
        text = read_text(path)
        if text is None:
            return
        facts = path.lstat()
        if os.name == "posix" and (facts.st_uid != os.geteuid() or facts.st_mode & 0o077):
            raise SetupError(
                f"{path}: others can write or read it. Look at what it says, then `chmod 600` it"
            )
        try:
            content = json.loads(text)
            if content["version"] != _VERSION:
                raise SetupError(f"{path}: made by another version of Outgate. Undo it with that one")
            self._made = [str(folder) for folder in content["made"]]
            self.steps = [str(step) for step in content["steps"]]
            self.entries = [Entry(**entry) for entry in content["entries"]]
        except (ValueError, KeyError, TypeError) as error:
            raise SetupError(f"{path}: cannot be read ({type(error).__name__}). Restore it") from None

    def find(self, identity: dict[str, str]) -> Entry | None:
        """The entry of a thing."""
        return next((entry for entry in self.entries if entry.identity == identity), None)

    def keep(self) -> None:
        """Write it down; with nothing in it, it goes. Raises SetupError."""
        if not self.entries:
            replace(self.path, None)
            for folder in map(Path, reversed(self._made)):
                with suppress(OSError):  # something else is in it
                    folder.rmdir()
            return
        entries = [asdict(entry) for entry in self.entries]
        content = {"version": _VERSION, "steps": self.steps, "made": self._made, "entries": entries}
        replace(self.path, json.dumps(content, indent=1, ensure_ascii=True))
