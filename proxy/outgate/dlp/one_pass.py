"""All expressions in one pass over a text, by Hyperscan; and the cache of what it compiled.

Compiling takes seconds and is the same for the same expressions, so the result is kept in a file named
after their hash. A database that is read is machine code by another name: the file and its folder must
be ours alone, or it is made anew. What Hyperscan refuses is looked for by Python, in the same windows.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from outgate.dlp.expression import COUNTS, Superset, UntranslatableError, project, superset
from outgate.dlp.scanner import Expression, PythonScanner, Scanner, Window, merged

hyperscan: Any
try:
    import hyperscan  # no wheel, on some machines
except ImportError:
    hyperscan = None

_FORMAT = b"5"  # of the files, and of the translation: another number makes all of them anew
_NEAR = 40  # bytes that an expression matches at most, to be looked for around digits only
_GAP = b" " * 2 * _NEAR  # without a digit, once a text is
_DIGITS = bytes(
    48 <= code < 58 or 32 for code in range(256)
)  # as translated: digits are 1, all else is blank
_KEPT = 8  # databases of other policies and versions that are left in the folder


# When what has not been compiled before is: at once, in a thread while Python's own expressions serve, or
# not at all, because those take less time than compiling would.
Compile = Literal["now", "later", "never"]


def build(expressions: Sequence[Expression], folder: Path | None, compiling: Compile) -> Scanner:
    """The fastest scanner that can be had. ``folder`` keeps what was compiled (None: nothing is kept).

    Compiling takes seconds. Raises nothing of Hyperscan's: Python's own expressions serve instead.
    """
    if hyperscan is None or not expressions:
        return PythonScanner(expressions)
    plan = _Plan(expressions)
    kept = plan.load(folder)
    if kept is not None:
        return kept
    if compiling == "now":
        return plan.compiled(folder)
    return _Later(plan, folder) if compiling == "later" else PythonScanner(expressions)


def available() -> bool:
    """Whether Hyperscan can be used on this machine."""
    return hyperscan is not None


class HyperscanScanner:
    """One pass for all that Hyperscan took; one each for the rest.

    Of the expressions, a third has a digit in all that it matches. They are looked for around digits alone: in
    prose that is almost nowhere, and elsewhere it costs no more.
    """

    kind = "hyperscan"

    def __init__(
        self,
        databases: tuple[Any | None, Any | None],
        around: dict[int, tuple[int, int]],
        ends: set[int],
        rest: dict[int, Expression],
    ) -> None:
        """``databases``: for all of a text, and for what is around its digits."""
        self._everywhere, self._at_digits = databases
        self._around = around  # by expression: before and after what is reported
        self._ends = ends  # those of which an end is reported and no start
        self._rest = list(rest)
        self._slow = PythonScanner(list(rest.values()))

    def windows(self, text: str) -> Iterator[tuple[int, list[Window]]]:
        """Windows of one pass over the projected text, and then those of the rest."""
        found: dict[int, list[tuple[int, int]]] = {}

        def take(index: int, start: int, end: int, _flags: int, shift: int) -> None:
            spans = found.get(index)
            end += shift
            start = end if index in ends else start + shift
            if spans is None:
                found[index] = [(start, end)]
            else:
                spans.append((start, end))

        ends = self._ends
        octets = project(text)
        if self._everywhere is not None:
            self._everywhere.scan(octets, match_event_handler=take, context=0)
        if self._at_digits is not None:
            for first, last in _around_digits(octets):
                self._at_digits.scan(octets[first:last], match_event_handler=take, context=first)
        length = len(text)
        for index in sorted(found):
            spans = found[index]
            spans.sort()
            yield index, merged(spans, *self._around[index], length)
        for index, windows in self._slow.windows(text):
            yield self._rest[index], windows


def _around_digits(octets: bytes) -> Iterator[tuple[int, int]]:
    """Stretches in which there are digits, as far around them as a short expression matches, and a byte more."""
    digits = octets.translate(_DIGITS)
    start = digits.find(b"\1")
    while start >= 0:
        gap = digits.find(_GAP, start)
        end = len(digits) if gap < 0 else gap
        yield max(0, start - _NEAR - 1), end + _NEAR + 1
        start = digits.find(b"\1", end) if gap >= 0 else -1


class _Later:
    """Python's expressions until the compiled ones are there."""

    def __init__(self, plan: _Plan, folder: Path | None) -> None:
        self._scanner: Scanner = PythonScanner(plan.expressions)
        threading.Thread(target=self._compile, args=(plan, folder), daemon=True).start()

    @property
    def kind(self) -> str:
        return self._scanner.kind

    def windows(self, text: str) -> Iterator[tuple[int, list[Window]]]:
        """Those of whichever scanner there is by now."""
        return self._scanner.windows(text)

    def _compile(self, plan: _Plan, folder: Path | None) -> None:
        self._scanner = plan.compiled(folder)


class _Plan:
    """Expressions on their way to a database."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self.expressions = expressions
        machine = (hyperscan.__version__, platform.machine(), platform.python_version_tuple()[:2])
        digest = hashlib.sha256(_FORMAT + repr(machine).encode())
        for expression in expressions:
            digest.update(f"\0{expression.flags}\0{expression.pattern}".encode("utf-8", "surrogatepass"))
        self._name = f"{digest.hexdigest()[:40]}.hs"

    def load(self, folder: Path | None) -> HyperscanScanner | None:
        """What was compiled before, if it is there, ours, and whole."""
        content = None if folder is None else _read(folder / self._name)
        if content is None or content[:32] != hashlib.sha256(content[32:]).digest():
            return None
        header, _, blob = content[32:].partition(b"\n")
        about = json.loads(header)
        sizes, reach = about["sizes"], about["reach"]
        with suppress(hyperscan.HyperscanError):
            databases = (_loaded(blob[: sizes[0]]), _loaded(blob[sizes[0] :]))
            return self._scanner(databases, reach)
        return None

    def compiled(self, folder: Path | None) -> Scanner:
        """Compile, and keep the result. One process does it; others that want the same wait for it."""
        if folder is None:
            return self._compile()[0]
        try:
            with _locked(folder):
                kept = self.load(folder)
                if kept is not None:
                    return kept
                scanner, content = self._compile()
                if content:
                    _write(folder / self._name, content)
                return scanner
        except OSError:
            return self._compile()[0]

    def _compile(self) -> tuple[Scanner, bytes]:
        """The scanner, and the content of its file: a hash, a line of JSON, and the databases.

        The line says how long each database is, and per expression how far around it matches are.
        """
        count = len(self.expressions)
        sources = self._sources([0] * count)
        databases = _databases(sources)
        if databases is None:
            sources = self._sources([self._level(index) for index in range(count)])
            databases = _databases(sources)
        if databases is None:
            return PythonScanner(self.expressions), b""
        reach = [_reach(sources[index]) if index in sources else None for index in range(count)]
        blobs = [b"" if database is None else hyperscan.dumpb(database) for database in databases]
        header = json.dumps({"sizes": list(map(len, blobs)), "reach": reach})
        content = header.encode() + b"\n" + b"".join(blobs)
        return self._scanner(databases, reach), hashlib.sha256(content).digest() + content

    def _level(self, index: int) -> int:
        """How much an expression must be widened until Hyperscan takes it; len(COUNTS): it does not."""
        for level in range(len(COUNTS)):
            source = self._source(index, level)
            if source is not None and _compiled({index: source}) is not None:
                return level
        return len(COUNTS)

    def _source(self, index: int, level: int) -> Superset | None:
        expression = self.expressions[index]
        if level >= len(COUNTS):
            return None
        with suppress(UntranslatableError):
            return superset(expression.pattern, expression.flags, COUNTS[level])
        return None

    def _sources(self, levels: Sequence[int]) -> dict[int, Superset]:
        made = {index: self._source(index, level) for index, level in enumerate(levels)}
        return {index: source for index, source in made.items() if source is not None}

    def _scanner(
        self, databases: tuple[Any | None, Any | None], reach: Sequence[Sequence[int | None] | None]
    ) -> HyperscanScanner:
        around: dict[int, tuple[int, int]] = {}
        ends: set[int] = set()
        for index, (one, far) in enumerate(zip(self.expressions, reach, strict=True)):
            if far is None:
                continue
            before, after = far
            around[index] = (one.before + (before or 0), one.after + (after or 0))
            if before is not None:
                ends.add(index)
        rest = {i: expression for i, expression in enumerate(self.expressions) if i not in around}
        return HyperscanScanner(databases, around, ends, rest)


def _reach(source: Superset) -> tuple[int | None, int]:
    """How far from what is reported a match may begin, and end."""
    return source.before, source.after


def _databases(sources: dict[int, Superset]) -> tuple[Any | None, Any | None] | None:
    """One for all of a text and one for around its digits (None: for nothing), or None when a source is refused."""
    at_digits = {index: source for index, source in sources.items() if _is_short_with_digit(source)}
    everywhere = {index: source for index, source in sources.items() if index not in at_digits}
    made = [_compiled(some) if some else None for some in (everywhere, at_digits)]
    refused = any(some and one is None for some, one in zip((everywhere, at_digits), made, strict=True))
    return None if refused or not sources else (made[0], made[1])


def _is_short_with_digit(source: Superset) -> bool:
    return source.digit and source.before is not None and source.before <= _NEAR


def _loaded(blob: bytes) -> Any | None:
    """A database that was dumped; None for none. Raises HyperscanError."""
    if not blob:
        return None
    database = hyperscan.loadb(blob, hyperscan.HS_MODE_BLOCK)
    database.scratch = hyperscan.Scratch(database)
    return database


def _compiled(sources: dict[int, Superset]) -> Any | None:
    """All of ``sources`` as one database, or None when one of them is refused."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[source.source.encode("ascii") for source in sources.values()],
            ids=list(sources),
            flags=[_flags(source) for source in sources.values()],
        )
    except hyperscan.HyperscanError:
        return None
    return database


def _flags(source: Superset) -> int:
    flags: int = hyperscan.HS_FLAG_SOM_LEFTMOST if source.before is None else 0
    if source.multiline:
        flags |= hyperscan.HS_FLAG_MULTILINE
    if source.caseless:
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
