"""What of the audit log is not written yet when a process is killed."""

from __future__ import annotations

import signal
import tempfile
from functools import cache
from pathlib import Path

import pytest
from audit_events import event, name_of, process
from hypothesis import given
from hypothesis import strategies as st

from outgate.audit import AuditLog
from outgate.audit.checkpoint import Signer
from outgate.audit.jsonl import JsonlSink
from outgate.audit.pending import SIZE, Left, Pending, _read
from outgate.audit.read import Filter, reader_of
from outgate.audit.sink import Retention
from outgate.audit.sqlite import SqliteSink
from outgate.audit.stored import stored
from outgate.audit.verify import verify

LONG = Retention(1e9, 2**30)
KINDS = {"sqlite": SqliteSink, "jsonl": JsonlSink}

# Says that an exchange was told the moment that it was recorded, and lives on until it is killed.
RECORDER = """
import sys, time
from pathlib import Path
from audit_events import event
from outgate.audit import AuditLog
from outgate.audit.checkpoint import Signer
from outgate.audit.jsonl import JsonlSink
from outgate.audit.sink import Retention
from outgate.audit.sqlite import SqliteSink

kind = SqliteSink if sys.argv[1] == "sqlite" else JsonlSink
path = Path(sys.argv[2])
log = AuditLog(kind(path, Retention(1e9, 2**30), Signer([b"k" * 32])), path=path)
while not list(path.parent.glob("pending-*")):
    time.sleep(0.01)
number = int(sys.argv[3])
while True:
    log.record(event(number))
    print(number, flush=True)
    number += 1
    time.sleep(0.001)
"""


def ids(path: Path) -> list[str]:
    reader = reader_of(path)
    try:
        return [one.id for one in reader.latest(1_000_000, Filter())]
    finally:
        reader.close()


def killed(kind: str, path: Path, first: int) -> int:
    """The last event that a process told before it was killed."""
    running = process(RECORDER, kind, str(path), str(first))
    assert running.stdout is not None
    for _ in range(137):
        running.stdout.readline()
    running.send_signal(signal.SIGKILL)
    rest = running.stdout.read().splitlines()
    running.wait(10)
    return int(rest[-1]) if rest else first + 136


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_killed_process_told_is_in_the_log_once_when_the_next_has_started(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "audit" / f"audit.{kind}"
    last = killed(kind, path, 0)
    also = killed(kind, path, last + 1000)  # which takes over what the first left
    signer = Signer([b"k" * 32])
    log = AuditLog(KINDS[kind](path, LONG, signer), path=path)
    log.close()
    found = ids(path)
    assert len(found) == len(set(found))
    wanted = {name_of(number) for number in (*range(last + 1), *range(last + 1000, also + 1))}
    assert (
        wanted <= set(found) <= wanted | {name_of(last + 1), name_of(also + 1)}
    )  # one may not have been told of
    assert not list(path.parent.glob("*pending-*"))
    whole = stored(path)
    assert verify(whole, signer.public_keys).problems == []
    whole.close()


def test_nothing_of_an_event_stays_once_it_is_in_the_log(tmp_path: Path) -> None:
    pending = Pending(tmp_path)
    pending.put(event(1))
    (file,) = tmp_path.glob("pending-*")
    assert name_of(1).encode() in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    pending.clear()
    assert not file.read_bytes().strip(b"\0")
    pending.close(remove=True)
    assert not file.exists()


def test_what_a_process_has_that_lives_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "audit.sqlite"
    running = process(RECORDER, "sqlite", str(path), "0")
    try:
        assert running.stdout is not None
        running.stdout.readline()
        left = Left(path.parent)
        left.done()
        assert left.events == []
        assert list(path.parent.glob("pending-*"))
    finally:
        running.kill()
        running.wait(10)


def test_a_file_that_others_can_write_to_is_not_believed(tmp_path: Path) -> None:
    pending = Pending(tmp_path)
    pending.put(event(1))
    pending.close(remove=False)
    (file,) = tmp_path.glob("pending-*")
    file.chmod(0o622)
    assert Left(tmp_path).events == []
    file.chmod(0o600)
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert Left(tmp_path).events == []
    elsewhere.replace(file)
    left = Left(tmp_path)
    assert [one.id for one in left.events] == [name_of(1)]
    left.release()


def test_more_than_there_is_room_for_is_in_the_queue_alone(tmp_path: Path) -> None:
    pending = Pending(tmp_path)
    for number in range(9_000):
        pending.put(event(number))
    pending.close(remove=False)
    left = Left(tmp_path)
    left.done()
    assert [one.id for one in left.events] == [name_of(number) for number in range(len(left.events))]
    assert 100 < len(left.events) < 9_000


# On a disk that has room for a part of it, the mapping would end the process.
FULL = """
import resource, sys
from pathlib import Path
from outgate.audit.pending import Pending

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    Pending(Path(sys.argv[1]))
except OSError as error:
    print(error.strerror)
"""


def test_without_room_on_the_disk_there_is_no_such_file(tmp_path: Path) -> None:
    told, _ = process(FULL, str(tmp_path)).communicate(timeout=60)
    assert told.strip() == "No space left on device"
    assert list(tmp_path.iterdir()) == []


@given(st.data())
def test_what_is_damaged_ends_what_is_read_and_does_no_harm(data: st.DataObject) -> None:
    told = _whole()
    position = data.draw(st.integers(0, len(told) - 9))
    damaged = (
        told[:position] + bytes([told[position] ^ data.draw(st.integers(1, 255))]) + told[position + 1 :]
    )
    found = [one.id for one in _read(damaged)]
    assert found == [name_of(number) for number in range(len(found))]
    assert len(found) < 3


@given(st.binary(max_size=200))
def test_what_is_no_such_file_has_no_events(data: bytes) -> None:
    assert _read(data) == []


@cache
def _whole() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        pending = Pending(Path(folder))
        for number in range(3):
            pending.put(event(number))
        (file,) = Path(folder).glob("pending-*")
        content = file.read_bytes()
        pending.close(remove=True)
    assert len(content) == SIZE
    return content.rstrip(b"\0") + b"\0" * 8
