"""Full disks, killed processes, files that go away, and what is kept for how long."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_events import event, name_of, process
from click.testing import CliRunner

from outgate.audit import AuditError, AuditLog
from outgate.audit.checkpoint import Signer
from outgate.audit.jsonl import PIECES, JsonlSink, pieces
from outgate.audit.read import Filter, reader_of
from outgate.audit.sink import Retention, Sink
from outgate.audit.sqlite import SqliteSink
from outgate.audit.stored import stored
from outgate.audit.verify import verify
from outgate.cli.audit import command
from patience import eventually

SINKS = ("sqlite", "jsonl")
LONG = Retention(seconds=86_400 * 365, size=2**30)

Make = Callable[..., Sink]


@pytest.fixture(params=SINKS)
def sink_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path, sink_name: str) -> Path:
    return tmp_path / "audit" / f"audit.{sink_name}"


@pytest.fixture
def make(path: Path, sink_name: str) -> Make:
    def make(retention: Retention = LONG) -> Sink:
        return SqliteSink(path, retention) if sink_name == "sqlite" else JsonlSink(path, retention)

    return make


def ids(path: Path) -> list[str]:
    try:
        reader = reader_of(path)
    except AuditError:  # it is being made
        return []
    try:
        return [event.id for event in reader.latest(1_000_000, Filter())]
    finally:
        reader.close()


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.iterdir())


# --- retention -------------------------------------------------------------------------------


def test_events_that_are_too_old_are_removed_and_no_others(make: Make, path: Path) -> None:
    sink, now = make(Retention(seconds=3600, size=2**30)), datetime.now(UTC)
    sink.open()
    sink.write(deque(event(number, time=now - timedelta(hours=2)) for number in range(3000)))
    before = size(path)
    if path.suffix == ".jsonl":
        sink.tidy(now.timestamp())  # puts the file aside, whose last line is as old as its events
        os.utime(pieces(path)[0], (now.timestamp() - 7200,) * 2)
    sink.write(deque(event(number, time=now) for number in range(3000, 3010)))
    while sink.tidy(now.timestamp()):
        pass
    sink.close()
    assert ids(path) == [name_of(number) for number in range(3000, 3010)]
    assert size(path) < before / 10  # the room is given back


def test_the_log_stays_within_its_size_and_keeps_the_newest(make: Make, path: Path) -> None:
    limit = 2**20
    sink = make(Retention(seconds=86_400, size=limit))
    sink.open()
    largest = 0
    for start in range(0, 8000, 200):
        sink.write(deque(event(number) for number in range(start, start + 200)))
        while sink.tidy(time.time()):
            pass
        largest = max(largest, sum(file.stat().st_size for file in (path, *pieces(path))))
    sink.close()
    assert largest < 1.3 * limit
    kept = ids(path)
    assert 500 < len(kept) < 7000
    assert kept == [name_of(number) for number in range(8000 - len(kept), 8000)]


def test_a_log_that_is_over_a_new_smaller_size_shrinks(make: Make, path: Path) -> None:
    sink = make()
    sink.open()
    sink.write(deque(event(number) for number in range(8000)))
    sink.close()
    assert size(path) > 3 * 2**20
    sink = make(Retention(seconds=86_400, size=2**20))
    sink.open()
    sink.write(deque([event(8000)]))
    while sink.tidy(time.time()):
        pass
    sink.write(deque([event(8001)]))
    sink.close()
    assert size(path) < 1.3 * 2**20
    assert ids(path)[-1] == name_of(8001)


# --- a disk that is full ---------------------------------------------------------------------

FULL = """
import json, resource, sys, time
from pathlib import Path
from audit_events import event
from outgate.audit import AuditLog
from outgate.audit.jsonl import JsonlSink
from outgate.audit.sink import Retention
from outgate.audit.sqlite import SqliteSink

kind = SqliteSink if sys.argv[1] == "sqlite" else JsonlSink
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
log = AuditLog(kind(Path(sys.argv[2]), Retention(1e9, 2**30)), queue_limit=2000)
number = 0
end = time.monotonic() + 20
while log.healthy and time.monotonic() < end:
    log.record(event(number))
    number += 1
    time.sleep(0.0005)
full = not log.healthy, log.problem or ""
for _ in range(3000):  # more than fit in the queue
    log.record(event(number))
    number += 1
dropped = log.dropped
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
while not log.healthy and time.monotonic() < end:
    time.sleep(0.01)
recovered = log.healthy
log.record(event(number))
log.close()
print(json.dumps([full, dropped, recovered, number + 1, log.dropped]))
"""


def test_a_full_disk_is_said_the_events_wait_and_what_finds_no_room_is_counted(
    path: Path, sink_name: str
) -> None:
    answer, _ = process(FULL, sink_name, str(path)).communicate(timeout=60)
    (full, problem), dropped, recovered, number, dropped_in_all = json.loads(answer)
    assert full and problem
    assert recovered
    assert 0 < dropped == dropped_in_all
    kept = ids(path)
    assert len(kept) == len(set(kept)) == number - dropped
    assert kept[-1] == name_of(number - 1)


# --- processes -------------------------------------------------------------------------------

WRITER = """
import sys
from collections import deque
from pathlib import Path
from audit_events import event
from outgate.audit.checkpoint import Signer
from outgate.audit.jsonl import JsonlSink
from outgate.audit.sink import Retention
from outgate.audit.sqlite import SqliteSink

kind = SqliteSink if sys.argv[1] == "sqlite" else JsonlSink
sink = kind(Path(sys.argv[2]), Retention(1e9, int(sys.argv[5])), Signer([b"k" * 32]))
first, last = int(sys.argv[3]), int(sys.argv[4])
sys.stdin.readline()
sink.open()
for number in range(first, last):
    sink.write(deque([event(number)]))
    print(number, flush=True)
"""


def test_several_processes_write_one_log_and_one_chain(path: Path, sink_name: str) -> None:
    """Also the first of all tables, at once; and while files are put aside."""
    share = PIECES * 200_000
    writers = [
        process(WRITER, sink_name, str(path), str(first), str(first + 300), str(share))
        for first in (0, 1000, 2000, 3000)
    ]
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        output, _ = writer.communicate(timeout=60)
        assert len(output.split()) == 300, writer.returncode
    expected = [name_of(first + number) for first in (0, 1000, 2000, 3000) for number in range(300)]
    assert sorted(ids(path)) == expected
    if sink_name == "jsonl":
        assert pieces(path)
    log = stored(path)
    result = verify(log, Signer([b"k" * 32]).public_keys)
    log.close()
    assert (result.problems, result.entries, result.last) == ([], 1200, 1200)


def test_a_killed_process_loses_nothing_that_was_written(path: Path, sink_name: str) -> None:
    writer = process(WRITER, sink_name, str(path), "0", "1000000", str(2**30))
    assert writer.stdin and writer.stdout
    writer.stdin.write("go\n")
    writer.stdin.flush()
    for _ in range(100):
        writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read()
    writer.wait(10)
    said = 100 + len(rest.split())
    kept = ids(path)
    assert said <= len(kept) <= said + 1
    assert kept == [name_of(number) for number in range(len(kept))]


def test_a_log_is_taken_up_again_after_a_kill(make: Make, path: Path, sink_name: str) -> None:
    test_a_killed_process_loses_nothing_that_was_written(path, sink_name)
    sink = make()
    sink.open()
    sink.write(deque([event(9_999_999)]))
    sink.close()
    assert ids(path)[-1] == name_of(9_999_999)


def test_another_process_that_holds_the_file_for_long_costs_no_event(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "audit.db"
    log = AuditLog(SqliteSink(path, LONG))
    log.record(event(0))
    assert eventually(lambda: len(ids(path)) == 1)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        log.record(event(1))
        assert eventually(lambda: not log.healthy)
        assert "locked" in (log.problem or "")
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert eventually(lambda: log.healthy)
    log.close()
    assert ids(path) == [name_of(0), name_of(1)]


# --- files that go away ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["unlink", "replace", "folder"])
def test_a_file_that_is_removed_is_made_again_for_its_owner_alone(make: Make, path: Path, how: str) -> None:
    log = AuditLog(make())
    log.record(event(0))
    assert eventually(lambda: ids(path) == [name_of(0)])
    if how == "replace":
        other = path.with_name("other")
        other.write_bytes(b"")
        other.chmod(0o600)
        other.rename(path)
    elif how == "folder":
        path.parent.rename(path.parent.with_name("gone"))
    else:
        for file in path.parent.iterdir():
            file.unlink()
    for number in range(1, 4):
        log.record(event(number))
    assert eventually(lambda: len(ids(path)) == 3)
    assert eventually(lambda: log.healthy)
    log.close()
    assert ids(path) == [name_of(number) for number in range(1, 4)]
    assert log.dropped == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_others_can_read_is_not_written(make: Make, path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.touch()
    path.chmod(0o644)
    with pytest.raises(AuditError, match="chmod 600"):
        AuditLog(make())


# --- lines that are not whole ----------------------------------------------------------------


def torn(path: Path, cut: int) -> None:
    sink = JsonlSink(path, LONG)
    sink.open()
    sink.write(deque([event(0), event(1)]))
    sink.close()
    path.write_bytes(path.read_bytes()[:-cut])


@pytest.mark.parametrize("cut", [1, 20, 400])
def test_a_torn_last_line_is_passed_over_and_what_follows_is_not(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "audit" / "audit.jsonl"
    torn(path, cut)
    whole = [name_of(0)] + ([name_of(1)] if cut == 1 else [])
    for arguments in (["tail"], ["tail", "--json"], ["stats"]):
        done = CliRunner().invoke(command, ["--file", str(path), *arguments])
        assert done.exit_code == 0, done.output
    assert ids(path) == whole
    sink = JsonlSink(path, LONG)
    sink.open()
    sink.write(deque([event(2)]))
    sink.close()
    assert ids(path) == [*whole, name_of(2)]


def test_following_a_file_waits_for_the_rest_of_a_line_and_goes_on_in_the_next_file(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "audit.jsonl"
    torn(path, 20)
    reader = reader_of(path)
    poll = reader.follow(Filter())
    line = (json.dumps(event(2).to_json()) + "\n").encode()
    with path.open("ab") as stream:
        stream.write(b"\n" + line[:50])
    assert poll() == []
    with path.open("ab") as stream:
        stream.write(line[50:])
    assert [one.id for one in poll()] == [name_of(2)]
    path.rename(path.with_name(f"{path.name}.20260101T000000.000000Z"))
    sink = JsonlSink(path, LONG)
    sink.open()
    sink.write(deque([event(3)]))
    sink.close()
    assert [one.id for one in poll()] == [name_of(3)]
    reader.close()
