"""A change: one thing of a machine with a value, that is read, set, and put back.

A value is a text, or None where the thing is not there. That is all that `plan` knows of it, so that every
change is made, recorded, checked and undone in the same way.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from outgate.disk.private import replace_file
from outgate.setup.machine import Command, Machine, SetupError

KINDS: dict[str, type[Change]] = {}  # by name: how a record of a change is read back


@dataclass(frozen=True, kw_only=True)
class Change(ABC):
    """What every change can do. Its fields but ``wanted`` say which thing it is, and are what is recorded."""

    why_root: ClassVar[str] = ""  # why it needs root, if it does
    exact: ClassVar[bool] = True  # False: what it comes to is known only once it is there
    wanted: str | None = field(default=None, compare=False)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        KINDS[cls.__name__] = cls

    @property
    def identity(self) -> dict[str, str]:
        """Which thing it is: the fields that are recorded, the class among them."""
        fields = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        del fields["wanted"]
        return {"kind": type(self).__name__, **fields}

    @property
    def needs_root(self) -> bool:
        """Whether root has to make it."""
        return any(command.root for command in self.commands(self.wanted))

    @property
    @abstractmethod
    def told(self) -> str:
        """The thing, in a person's words."""

    @abstractmethod
    def read(self, machine: Machine) -> str | None:
        """Its value now; None when it is not there. Raises SetupError when that cannot be known."""

    def write(self, machine: Machine, value: str | None) -> None:
        """Give it a value, or take it away. Raises SetupError."""
        for command in self.commands(value):
            machine.do(command)

    @abstractmethod
    def commands(self, value: str | None) -> tuple[Command, ...]:
        """What `write` runs. Empty for what is written without a program."""

    def is_done(self, now: str | None) -> bool:
        """Whether the value is the one that is wanted."""
        return now == self.wanted

    def missing(self, machine: Machine) -> tuple[Path, ...]:
        """What writing would make besides, and has to be gone afterwards: folders, outermost first."""
        return ()

    def shown(self, machine: Machine) -> list[str]:
        """What `write` does, line by line, for a dry run and for who has to do it by hand."""
        return [machine.shown(command) for command in self.commands(self.wanted)]


def of(identity: dict[str, str]) -> Change:
    """The change of a record. Raises SetupError when this version knows no such thing."""
    fields = {name: str(value) for name, value in identity.items()}
    kind = KINDS.get(fields.pop("kind", ""))
    try:
        if kind is None:
            raise TypeError
        change = kind(**fields)
        change.told  # noqa: B018 (what cannot be named is none)
        return change
    except (TypeError, AttributeError):
        raise SetupError(f"{identity.get('kind')}: this version of Outgate does not know it") from None


def digest(value: str | None) -> str:
    """A value, as the record knows one of ours."""
    return "none" if value is None else hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


# --- files ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class File(Change):
    """A whole file of this user. ``then`` names what has to be run after each change of it (`THEN`)."""

    path: str
    then: str = ""

    @property
    def told(self) -> str:
        return self.path

    def read(self, machine: Machine) -> str | None:
        return read_text(Path(self.path))

    def write(self, machine: Machine, value: str | None) -> None:
        replace(Path(self.path), value)
        super().write(machine, value)

    def commands(self, value: str | None) -> tuple[Command, ...]:
        return THEN.get(self.then, ())

    def missing(self, machine: Machine) -> tuple[Path, ...]:
        return missing_folders(Path(self.path).parent)

    def shown(self, machine: Machine) -> list[str]:
        text = self.wanted or ""
        certificates = text.count("-----BEGIN CERTIFICATE")
        counted = f"({certificates} certificate{'s' if certificates > 1 else ''})"
        inside = [counted] if certificates else text.splitlines()
        return [f"write {self.path}", *(f"  | {line}" for line in inside), *super().shown(machine)]


THEN: dict[str, tuple[Command, ...]] = {
    "": (),
    # Without a manager of this user's services (in a container, over ssh) there is nothing to tell.
    "systemd": (
        Command(("systemctl", "--user", "daemon-reload"), may_fail=True),
        Command(("systemctl", "--user", "try-restart", "outgate.service"), may_fail=True),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Block(Change):
    """A few lines of ours at the beginning of a file that is the user's own.

    At the beginning, so that a shell's file that ends early has read them, and so that taking them away leaves
    every other byte as it was.
    """

    path: str

    BEGIN: ClassVar[str] = "# >>> outgate setup: `outgate setup --undo` takes this away >>>\n"
    END: ClassVar[str] = "# <<< outgate setup <<<\n"

    @property
    def told(self) -> str:
        return f"lines in {self.path}"

    def read(self, machine: Machine) -> str | None:
        return self._divided()[1]

    def write(self, machine: Machine, value: str | None) -> None:
        before, _, after = self._divided()
        block = "" if value is None else f"{self.BEGIN}{value}{self.END}"
        replace(Path(self.path), before + block + after)

    def commands(self, value: str | None) -> tuple[Command, ...]:
        return ()  # it is written without a program

    def missing(self, machine: Machine) -> tuple[Path, ...]:
        path = Path(self.path)
        return missing_folders(path.parent) + (() if path.exists() else (path,))

    def shown(self, machine: Machine) -> list[str]:
        lines = f"{self.BEGIN}{self.wanted or ''}{self.END}".splitlines()
        return [f"begin {self.path} with", *(f"  | {line}" for line in lines)]

    def _divided(self) -> tuple[str, str | None, str]:
        text = read_text(Path(self.path)) or ""
        before, begin, rest = text.partition(self.BEGIN)
        block, end, after = rest.partition(self.END)
        return (before, block, after) if begin and end else ("", None, text)


def read_text(path: Path) -> str | None:
    """A file's text, every byte of it kept; None when there is none. Raises SetupError."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}") from None


def replace(path: Path, text: str | None) -> None:
    """Write a file whole or not at all, or remove it. One that is there keeps its mode, and a link stays one."""
    path = path.resolve()
    try:
        if text is None:
            path.unlink(missing_ok=True)
            return
        for folder in missing_folders(path.parent):
            folder.mkdir(mode=0o700)
        mode = path.stat().st_mode & 0o7777 if path.exists() else 0o600
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}") from None
    replace_file(path, text.encode("utf-8", "surrogateescape"), SetupError, mode=mode)


def missing_folders(folder: Path) -> tuple[Path, ...]:
    """Those of ``folder`` and the folders that it is in that are not there, outermost first."""
    return tuple(reversed([path for path in (folder, *folder.parents) if not path.exists()]))


# --- files and certificates that are root's ------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class FromFile(Change):
    """What a program takes from a file. ``source`` is one with the wanted value: our root's, say."""

    source: str

    @abstractmethod
    def add(self, path: str) -> tuple[Command, ...]:
        """Set it to what the file ``path`` holds."""

    @abstractmethod
    def remove(self) -> tuple[Command, ...]:
        """Take it away."""

    def commands(self, value: str | None) -> tuple[Command, ...]:
        return self.remove() if value is None else self.add(self.source)

    def write(self, machine: Machine, value: str | None) -> None:
        if value is None or read_text(Path(self.source)) == value:
            super().write(machine, value)
            return
        # What was there before. Closed before it is read: Windows lends no open file.
        with tempfile.NamedTemporaryFile(
            "w", suffix=".pem", encoding="utf-8", delete_on_close=False
        ) as other:
            other.write(value)
            other.close()
            for command in self.add(other.name):
                machine.do(command)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of root's where files of ours may be, and what takes them up. The record names places, not folders."""

    folder: str
    ending: str
    update: tuple[str, ...] = ()


PLACES: dict[str, Place] = {}


@dataclass(frozen=True, kw_only=True)
class RootFile(FromFile):
    """A file of root's that everybody can read: ``outgate-MARK`` in one of `PLACES`."""

    place: str
    mark: str
    why_root: ClassVar[str] = "it is a setting of the whole machine"

    @property
    def path(self) -> str:
        """Where it is. Raises SetupError for what no file of ours can be."""
        place = PLACES.get(self.place)
        if place is None or not self.mark.isalnum() or not self.mark.isascii():
            raise SetupError(f"{self.place} {self.mark}: no place of this version's")
        return f"{place.folder}/outgate-{self.mark}{place.ending}"

    @property
    def told(self) -> str:
        return self.path

    def read(self, machine: Machine) -> str | None:
        return read_text(Path(self.path))

    def add(self, path: str) -> tuple[Command, ...]:
        return (Command(("install", "-D", "-m", "0644", path, self.path), root=True), *self._update())

    def remove(self) -> tuple[Command, ...]:
        return (Command(("rm", "-f", self.path), root=True), *self._update())

    def _update(self) -> tuple[Command, ...]:
        update = PLACES[self.place].update
        return (Command(update, root=True),) if update else ()

    def missing(self, machine: Machine) -> tuple[Path, ...]:
        return missing_folders(Path(self.path).parent)


def certificate(pem: str) -> str | None:
    """The first certificate in a program's answer, spelled as ours are; None when there is none."""
    try:
        found = x509.load_pem_x509_certificate(pem.replace("\r", "").encode("ascii", "ignore"))
    except ValueError:
        return None
    return found.public_bytes(Encoding.PEM).decode()
