"""Expressions on their way to Hyperscan's databases, and the cache of those.

Compiling takes seconds and is the same for the same expressions, so the result is kept in a file named
after their hash. A database that is read is machine code by another name: the file and its folder must
be ours alone, or it is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from outgate.dlp import trial
from outgate.dlp.expression import COUNTS, Superset, UntranslatableError, superset
from outgate.dlp.scanner import Expression
from outgate.dlp.stretches import EVERYWHERE, Where

hyperscan: Any
try:
    import hyperscan  # no wheel, on some machines
except ImportError:
    hyperscan = None

_FORMAT = b"7"  # of the files, and of the translation: another number makes all of them anew
_KEPT = 8  # databases of other policies and versions that are left in the folder


@dataclass(frozen=True, slots=True)
class Compiled:
    """What Hyperscan looks for, by where: expressions by their number."""

    databases: Mapping[Where, Any]
    ends: Mapping[Where, frozenset[int]]  # those of which an end is reported, and no start
    # How far before what is reported a match may begin, and behind it have what it must have, and go further.
    around: Mapping[int, tuple[int, int, int]]


class Plan:
    """Expressions that are to be looked for."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        """Only where Hyperscan is ``available``."""
        self.expressions = expressions
        machine = (hyperscan.__version__, platform.machine(), platform.python_version_tuple()[:2])
        digest = hashlib.sha256(_FORMAT + repr(machine).encode())
        for expression in expressions:
            digest.update(f"\0{expression.flags}\0{expression.pattern}".encode("utf-8", "surrogatepass"))
        self._name = f"{digest.hexdigest()[:40]}.hs"

    def load(self, folder: Path | None) -> Compiled | None:
        """What was compiled before, if it is there, ours, and whole."""
        content = None if folder is None else _read(folder / self._name)
        if content is None or content[:32] != hashlib.sha256(content[32:]).digest():
            return None
        header, _, blobs = content[32:].partition(b"\n")
        about = json.loads(header)
        databases: dict[Where, Any] = {}
        end = 0
        with suppress(hyperscan.HyperscanError):
            for place in EVERYWHERE:
                if place in about["sizes"]:
                    begin, end = end, end + about["sizes"][place]
                    databases[place] = _loaded(blobs[begin:end])
            return self._compiled(databases, about["ends"], about["reach"])
        return None

    def compiled(self, folder: Path | None) -> Compiled | None:
        """Compile, and keep the result; None when Hyperscan takes none of it.

        One process does it; others that want the same wait for it.
        """
        if folder is None:
            return self._compile()[0]
        try:
            with _locked(folder):
                kept = self.load(folder)
                if kept is not None:
                    return kept
                compiled, content = self._compile()
                if content:
                    _write(folder / self._name, content)
                return compiled
        except OSError:
            return self._compile()[0]

    def _compile(self) -> tuple[Compiled | None, bytes]:
        """What was compiled, and the content of its file: a hash, a line of JSON, and the databases.

        The line says how long each database is, of which expressions it reports ends alone, and per expression
        how far around what is reported matches are.
        """
        count = len(self.expressions)
        supersets = self._supersets([0] * count)
        databases = _databases(supersets)
        if databases is None:
            supersets = self._supersets([self._level(index) for index in range(count)])
            databases = _databases(supersets)
        if databases is not None and not _survive(databases):
            supersets = {index: one for index, one in supersets.items() if _is_harmless(index, one)}
            databases = _databases(supersets)
            if databases is not None and not _survive(databases):
                databases = None
        if databases is None:
            return None, b""
        ends = {
            place: [
                index
                for index, one in supersets.items()
                if place in one.sources and one.sources[place].before is not None
            ]
            for place in databases
        }
        reach = [_reach(supersets[index]) if index in supersets else None for index in range(count)]
        blobs = {place: hyperscan.dumpb(database) for place, database in databases.items()}
        sizes = {place: len(blob) for place, blob in blobs.items()}
        header = json.dumps({"sizes": sizes, "ends": ends, "reach": reach})
        content = header.encode() + b"\n" + b"".join(blobs.values())
        return self._compiled(databases, ends, reach), hashlib.sha256(content).digest() + content

    def _level(self, index: int) -> int:
        """How much an expression must be widened until Hyperscan takes it; len(COUNTS): it does not."""
        for level in range(len(COUNTS)):
            one = self._superset(index, level)
            if one is not None and _databases({index: one}) is not None:
                return level
        return len(COUNTS)

    def _superset(self, index: int, level: int) -> Superset | None:
        expression = self.expressions[index]
        if level >= len(COUNTS):
            return None
        with suppress(UntranslatableError):
            return superset(expression.pattern, expression.flags, COUNTS[level])
        return None

    def _supersets(self, levels: Sequence[int]) -> dict[int, Superset]:
        made = {index: self._superset(index, level) for index, level in enumerate(levels)}
        return {index: one for index, one in made.items() if one is not None}

    def _compiled(
        self,
        databases: Mapping[Where, Any],
        ends: Mapping[Where, Sequence[int]],
        reach: Sequence[Sequence[int] | None],
    ) -> Compiled:
        around = {
            index: (one.before + far[0], one.after, far[1])
            for index, (one, far) in enumerate(zip(self.expressions, reach, strict=True))
            if far is not None
        }
        return Compiled(databases, {place: frozenset(some) for place, some in ends.items()}, around)


def available() -> bool:
    """Whether Hyperscan can be used on this machine."""
    return hyperscan is not None


def _reach(one: Superset) -> tuple[int, int]:
    """How far from what is reported a match may begin, where its start is not, and end."""
    return max(source.before or 0 for source in one.sources.values()), one.after


def _databases(supersets: Mapping[int, Superset]) -> dict[Where, Any] | None:
    """One for each kind of place at which anything is looked for; None when a source is refused, or there is none."""
    made: dict[Where, Any] = {}
    for place in EVERYWHERE:
        some = {index: one for index, one in supersets.items() if place in one.sources}
        if some:
            made[place] = _database(place, some)
    return None if not made or None in made.values() else made


def _survive(databases: Mapping[Where, Any]) -> bool:
    return trial.survives(hyperscan.dumpb(database) for database in databases.values())


def _is_harmless(index: int, one: Superset) -> bool:
    """Whether an expression does not end the process that looks for it. None did of which no start is asked."""
    if all(source.before is not None for source in one.sources.values()):
        return True
    databases = _databases({index: one})
    return databases is not None and _survive(databases)


def _loaded(blob: bytes) -> Any:
    """A database that was dumped. Raises HyperscanError."""
    database = hyperscan.loadb(blob, hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)
    return database


def _database(place: Where, supersets: Mapping[int, Superset]) -> Any | None:
    """All of ``supersets``, as far as they are of this place, or None when one of them is refused."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[one.sources[place].source.encode("ascii") for one in supersets.values()],
            ids=list(supersets),
            flags=[_flags(one, place) for one in supersets.values()],
        )
    except hyperscan.HyperscanError:
        return None
    return database


def _flags(one: Superset, place: Where) -> int:
    flags: int = hyperscan.HS_FLAG_SOM_LEFTMOST if one.sources[place].before is None else 0
    if one.multiline:
        flags |= hyperscan.HS_FLAG_MULTILINE
    if one.caseless:
        flags |= hyperscan.HS_FLAG_CASELESS
    return flags


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder, made if need be, while no other process compiles into it. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(folder / "lock", mode=0o600):
        yield


def _read(path: Path) -> bytes | None:
    """The file's content, if nobody but us can have written it."""
    with suppress(OSError), open(path, "rb", opener=_open) as stream:
        for found in (os.fstat(stream.fileno()), path.parent.stat()):
            if os.name == "posix" and (found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022):
                return None
        os.utime(path)  # what is used is kept
        return stream.read()
    return None


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; and of the oldest others, some make room. Raises OSError."""
    draft = path.with_suffix(f".{os.getpid()}")
    with open(draft, "wb", opener=_open) as stream:
        stream.write(content)
    draft.replace(path)
    others = sorted(path.parent.glob("*.hs"), key=lambda other: other.stat().st_mtime)
    for other in others[:-_KEPT]:
        other.unlink(missing_ok=True)


def _open(path: str, flags: int) -> int:
    """Never through a link, and for us alone."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
