"""A company's own secrets, found exactly: read once, kept only as keyed hashes.

No pattern is needed, and no pattern could be so sure. A value is told by a hash of itself and by a hash of
its longest run of letters and digits, the anchor: a text is walked over once, only runs of the length of an
anchor are hashed, and only where an anchor is met is the whole value compared. So time is linear in the text
and does not depend on the number of values. The key is random for each process, or given where several have
to agree; whoever gets hold of the hashes without it learns nothing, and no value stays in memory.

Owns reading values, hashing and finding them. What is configured where is the policy's business.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from outgate.dlp.detector import Match, Reader, Text

if TYPE_CHECKING:
    from outgate.dlp.config import DetectorConfig

ENTITY = "KNOWN_SECRET"
SHORTEST = 6  # code points; what is shorter occurs by itself
LONGEST = 8192
_SHORTEST_ANCHOR = 4
_DIGEST = 16  # bytes
MOST = 50_000  # values from one place
_LARGEST = 8 * 1024 * 1024  # bytes of a file or of a command's output
_RUN = re.compile(r"[^\W_]+")


class KnownValuesError(Exception):
    """Values could not be read; the message says from where, ``hint`` what to do, and neither holds one."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint


@cache
def process_key() -> bytes:
    """A key for all hashes of this process, so that the same values, read again, give equal hashes."""
    return os.urandom(32)


@dataclass(frozen=True, slots=True)
class KnownValues:
    """Hashes of values, ready to cross to another process with ``to_json``; equal ones find the same.

    ``entries`` are, for each value: the anchor's hash and length, its offset in the value, the value's length
    and hash. ``skipped`` counts values that are too short or too long to be told from other text.
    """

    key: bytes = field(repr=False)
    entries: frozenset[tuple[bytes, int, int, int, bytes]] = field(repr=False)
    skipped: int = 0

    @classmethod
    def of(cls, values: Iterable[str], key: bytes | None = None) -> Self:
        """Hashes ``values`` (blanks around them do not count) under ``key``, 16 to 64 bytes, random if None."""
        key = os.urandom(32) if key is None else key
        hashed = _hasher(key)
        entries = set()
        skipped = 0
        for value in {value.strip() for value in values} - {""}:
            anchor = max(_RUN.finditer(value), key=lambda run: len(run[0]), default=None)
            if anchor is None or len(anchor[0]) < _SHORTEST_ANCHOR or not SHORTEST <= len(value) <= LONGEST:
                skipped += 1
                continue
            place = (len(anchor[0]), anchor.start(), len(value))
            entries.add((hashed(anchor[0]), *place, hashed(value)))
        return cls(key, frozenset(entries), skipped)

    def to_json(self) -> str:
        """One line, the same for equal hashes. It holds the key: it is for pipes between processes, not for files."""
        rows = sorted((anchor.hex(), *place, value.hex()) for anchor, *place, value in self.entries)
        return json.dumps({"key": self.key.hex(), "entries": rows, "skipped": self.skipped})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """What ``to_json`` wrote."""
        fields: dict[str, Any] = json.loads(text)
        entries = frozenset(
            (bytes.fromhex(anchor), size, offset, length, bytes.fromhex(value))
            for anchor, size, offset, length, value in fields["entries"]
        )
        return cls(bytes.fromhex(fields["key"]), entries, fields["skipped"])


class KnownValueDetector:
    """Finds known values, wherever they stand; all hashed under one key."""

    name = "known_values"

    def __init__(self, sources: Sequence[tuple[str, KnownValues]]) -> None:
        """``sources``: entity, and the values that it stands for."""
        self.entities = frozenset(entity for entity, _ in sources)
        # By anchor's hash, by its offset in the value and the value's length: the values' hashes, and what they are.
        self._anchors: dict[bytes, dict[tuple[int, int], dict[bytes, str]]] = {}
        sizes: set[int] = set()
        for entity, known in sources:
            for anchor, size, offset, length, value in known.entries:
                sizes.add(size)
                self._anchors.setdefault(anchor, {}).setdefault((offset, length), {})[value] = entity
        bounds = f"{{{min(sizes, default=1)},{max(sizes, default=1)}}}"
        self._run = re.compile(rf"(?<![^\W_])[^\W_]{bounds}(?![^\W_])")
        self._sizes = frozenset(sizes)
        self._hash = _hasher(sources[0][1].key if sources else b"")

    def find(self, text: Text) -> Iterator[Match]:
        """Every occurrence of every value. A word is hashed once, however often it stands in the text."""
        whole = text.text
        places: dict[str, dict[tuple[int, int], dict[bytes, str]]] = {}
        for run in self._run.finditer(whole):
            word = run[0]
            there = places.get(word)
            if there is None:
                there = self._anchors.get(self._hash(word), {}) if len(word) in self._sizes else {}
                places[word] = there
            for (offset, length), values in there.items():
                begin = run.start() - offset
                entity = values.get(self._hash(whole[begin : begin + length])) if begin >= 0 else None
                if entity is not None:
                    yield Match(begin, begin + length, entity, 1.0, self.name)


def detectors(config: DetectorConfig) -> list[Reader]:
    """One for all values that are wanted, if there are any."""
    sources = [(known.entity, known.values) for known in config.known if known.entity in config.entities]
    return [KnownValueDetector(sources)] if sources else []


def _hasher(key: bytes) -> Callable[[str], bytes]:
    """Hashes texts under ``key``, which is read once."""
    begun = blake2b(key=key, digest_size=_DIGEST)

    def hashed(text: str) -> bytes:
        state = begun.copy()
        state.update(text.encode("utf-8", "surrogatepass"))
        return state.digest()

    return hashed


def from_file(path: Path) -> list[str]:
    """The values of a file in UTF-8, one a line; blank lines and lines that begin with ``#`` are none.

    Raises KnownValuesError for a file that cannot be read, is too large, or that others could read or change.
    """
    try:
        with path.open("rb") as stream:
            _check_owner(path, os.fstat(stream.fileno()))
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise KnownValuesError(f"{path} cannot be read: {error.strerror}") from None
    return _lines(data, str(path))


def _check_owner(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KnownValuesError(f"{path}: not a file")
    if os.name != "posix":
        return
    if status.st_uid not in (0, os.getuid()):
        raise KnownValuesError(
            f"{path} belongs to another user (uid {status.st_uid})",
            "let it be root's or the proxy's: chown root, chgrp the proxy's group, chmod 0640",
        )
    if status.st_mode & 0o027:
        raise KnownValuesError(
            f"{path}: others may read or change it (mode {status.st_mode & 0o777:04o})", "chmod 0600 or 0640"
        )


def from_environment(name: str) -> list[str]:
    """The values of an environment variable, one a line. Raises KnownValuesError when it is not set."""
    value = os.environ.get(name)
    if value is None:
        raise KnownValuesError(
            f"the environment variable {name} is not set", "set it where the proxy is started"
        )
    return _lines(value.encode("utf-8", "surrogateescape"), f"environment variable {name}")


def from_command(command: Sequence[str], timeout: float = 10.0) -> list[str]:
    """The values that a program prints, one a line; ``command`` is the program and its arguments, no shell.

    ``timeout`` is in seconds. Raises KnownValuesError when the program cannot be run, takes longer, or fails;
    what it prints to its standard error is not repeated, since it might hold a value.
    """
    where = f"the command {command[0] if command else ''!r}"
    hint = "run it as the proxy's user to see what it says"
    try:
        done = subprocess.run(  # noqa: S603 - an administrator's own command, without a shell
            list(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except (OSError, IndexError) as error:
        raise KnownValuesError(f"{where} cannot be run ({type(error).__name__})", hint) from None
    except subprocess.TimeoutExpired:
        raise KnownValuesError(f"{where} took longer than {timeout:g} s", hint) from None
    if done.returncode:
        raise KnownValuesError(f"{where} ended with status {done.returncode}", hint)
    return _lines(done.stdout, where)


def _lines(data: bytes, where: str) -> list[str]:
    if len(data) > _LARGEST:
        raise KnownValuesError(f"{where}: more than {_LARGEST} bytes")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise KnownValuesError(f"{where}: not UTF-8") from None
    found = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if len(found) > MOST:
        raise KnownValuesError(f"{where}: more than {MOST} values")
    return found
