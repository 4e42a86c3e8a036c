"""Takes out of a log what tells of a person, for good, and leaves the chain as it is.

Only what is erasable goes: the salted commitment to it stays, so the log verifies as before. A note in the chain
says which events were erased, and never whose they were. A gateway may go on writing meanwhile.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from outgate.audit import jsonl, record, schema
from outgate.audit.chain import Entry, Sealed
from outgate.audit.checkpoint import Signer
from outgate.audit.event import AuditEvent
from outgate.audit.jsonl import JsonlSink
from outgate.audit.sink import AuditError, Retention
from outgate.audit.sqlite import connect, keep
from outgate.disk.sqlite import purge, transaction

_RANGES: Final = 1000  # in one note
_LONGEST: Final = 200  # characters of a reason
_KEEP: Final = Retention(float("inf"), 2**62)  # nothing is removed here

# Whether somebody is meant: by a user's name and a client's address, or what is in their place, or None.
Test = Callable[[object, object], bool]


@dataclass(frozen=True, slots=True)
class Person:
    """Whose events are meant: those of a user's name, or of a client's address or network."""

    user: str | None = None
    client: str | None = None

    def test(self) -> Test:
        """Whether they are somebody. Raises AuditError for what is no address."""
        if (self.user is None) == (self.client is None):
            raise AuditError("say whose events: --user NAME or --client ADDRESS")
        if self.user is not None:
            return lambda user, _client: user == self.user
        try:
            network = ip_network(self.client or "")
        except ValueError:
            raise AuditError(f"{self.client}: not an address such as 10.1.2.3, nor a network") from None
        return lambda _user, client: _is_in(client, network)

    def references(self, events: Iterable[AuditEvent]) -> set[str]:
        """Of those events that are theirs. Raises as ``test``."""
        is_theirs = self.test()
        return {event.id for event in events if is_theirs(event.user, event.client)}


def check(person: Person, reason: str) -> None:
    """Raises AuditError for an erasure that cannot be meant."""
    person.test()
    if len(reason) > _LONGEST or not reason.isprintable():
        raise AuditError(f"a reason of up to {_LONGEST} printable characters is expected")
    if (person.user or person.client or "").casefold() in reason.casefold():
        raise AuditError("the reason names whom it should be forgotten of; give a case number, say")


def erase(path: Path, person: Person, reason: str, signer: Signer) -> int:
    """Erase a person from the log at ``path``; how many events told of them. Raises AuditError, OSError.

    ``reason`` is kept in the log for all to read. When this returns no file of the log has the erased any more;
    blocks that a file system has freed, and backups, are for whoever keeps them.
    """
    check(person, reason)
    is_theirs = person.test()
    with path.open("rb") as stream:
        owner, head = os.fstat(stream.fileno()).st_uid, stream.read(16)
    if (
        os.name == "posix" and owner != os.geteuid()
    ):  # what it writes anew would be ours, and closed to the gateway
        raise AuditError(f"{path} belongs to user {owner}. Run this as the user that the proxy runs as.")
    try:
        if head == b"SQLite format 3\0":
            return _from_sqlite(path, is_theirs, reason, signer)
        return _from_jsonl(path, is_theirs, reason, signer)
    except sqlite3.Error as error:
        raise AuditError(f"{path}: {error}; what was not erased yet will be when you try again") from None


def _from_sqlite(path: Path, is_theirs: Test, reason: str, signer: Signer) -> int:
    with closing(connect(path)) as connection:
        connection.execute(
            "PRAGMA secure_delete = ON"
        )  # freed bytes are overwritten, in what VACUUM leaves, too
        seen = schema.head_of(connection).seq
        numbers = _theirs(connection, is_theirs, 0, seen)  # the most of it, while others go on writing
        with transaction(connection):
            numbers += _theirs(connection, is_theirs, seen, schema.head_of(connection).seq)
            connection.executemany("UPDATE entries SET personal = NULL, salt = NULL WHERE seq = ?", numbers)
            connection.executemany("UPDATE findings SET fingerprint = '' WHERE exchange = ?", numbers)
            notes = _notes([seq for (seq,) in numbers], reason)
            head = schema.append(connection, [Sealed.of(note, None) for note in notes])
            if notes:
                keep(connection, signer.sign(head))
        if not purge(connection):
            raise AuditError(
                "the events are erased, but another process keeps reading an older state of the file, which is"
                " still on the disk: end it (`outgate audit tail -f`, a backup) and erase once more"
            )
    return len(numbers)


def _theirs(connection: sqlite3.Connection, is_theirs: Test, after: int, last: int) -> list[tuple[int]]:
    query = (
        "SELECT seq, personal FROM entries WHERE seq > ? AND seq <= ? AND personal IS NOT NULL ORDER BY seq"
    )
    return [(seq,) for seq, told in connection.execute(query, (after, last)) if is_theirs(*_told(told))]


def _from_jsonl(path: Path, is_theirs: Test, reason: str, signer: Signer) -> int:
    sink = JsonlSink(path, _KEEP, signer)
    sink.open()
    try:
        with jsonl.alone(path):
            files = (*jsonl.pieces(path), path)
            # What is erased has been told of before: an end in the middle leaves a log that is whole.
            numbers = [entry.seq for file in files for entry in _entries_of(file, is_theirs)]
            sink.note(_notes(sorted(numbers), reason))
            return sum(_rewrite(file, is_theirs) for file in files)
    finally:
        sink.close()


def _entries_of(file: Path, is_theirs: Test) -> Iterator[Entry]:
    """The person's in the chain."""
    with suppress(FileNotFoundError), file.open("rb") as source:
        for line in source:
            entry = Entry.of_line(line.rstrip(b"\n"))
            if entry is not None and entry.personal is not None and is_theirs(*_told(entry.personal)):
                yield entry


def _rewrite(file: Path, is_theirs: Test) -> int:
    """Write a file anew without whom it tells of; how many lines did."""
    erased = 0
    written = _beside(file)
    try:
        with file.open("rb") as source, written.open("wb") as target:
            for line in source:
                other = _without(line, is_theirs)
                erased += other is not None
                target.write(line if other is None else other)
            target.flush()
            os.fsync(target.fileno())
        if erased:
            _replace(file, written)
    except FileNotFoundError:  # retention was first
        return 0
    finally:
        written.unlink(missing_ok=True)
    return erased


def _without(line: bytes, is_theirs: Test) -> bytes | None:
    """A line without whom it tells of; None when it tells of somebody else."""
    entry = Entry.of_line(line.rstrip(b"\n"))
    if entry is not None:
        if entry.personal is None or not is_theirs(*_told(entry.personal)):
            return None
        return replace(entry, personal=None, salt=None).to_line() + b"\n"
    try:
        values = json.loads(line)
        if not is_theirs(*_told(line)):
            return None
        values |= {"client": record.ERASED, "user": None, "groups": [], "device": None, "accounts": []}
        for finding in values["findings"]:
            finding["fingerprint"] = ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _beside(file: Path) -> Path:
    """A new file of ours alone beside ``file``."""
    beside = file.with_name(f".{file.name}.erasing")
    beside.unlink(missing_ok=True)
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    return beside


def _replace(file: Path, written: Path) -> None:
    """Put ``written`` in the place of ``file``; retention goes by when it was last written to."""
    found = file.stat()
    os.utime(written, ns=(found.st_atime_ns, found.st_mtime_ns))
    written.replace(file)


def _notes(numbers: list[int], reason: str) -> list[bytes]:
    ranges = record.ranges_of(numbers)
    return [record.erasure(chunk, reason) for chunk in _chunks(ranges)]


def _chunks(ranges: record.Ranges) -> Iterator[record.Ranges]:
    for start in range(0, len(ranges), _RANGES):
        yield ranges[start : start + _RANGES]


def _told(personal: str | bytes) -> tuple[object, object]:
    """The user and the client that somebody's part of an entry, or all of it, tells of."""
    try:
        values = json.loads(personal)
        return values.get("user"), values.get("client")
    except (ValueError, AttributeError, RecursionError):
        return None, None


def _is_in(address: object, network: object) -> bool:
    try:
        return ip_address(str(address)) in network  # type: ignore[operator]
    except ValueError:
        return False
