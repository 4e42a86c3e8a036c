"""A person is forgotten: for good, and without breaking the chain."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections import deque
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_events import event, name_of
from audit_logs import Log, by, run

from outgate.audit import AuditError, AuditLog
from outgate.audit.checkpoint import Signer
from outgate.audit.erase import Person, erase
from outgate.audit.jsonl import pieces
from outgate.audit.read import Filter, reader_of
from outgate.audit.sink import Retention
from outgate.feedback.errors import FeedbackError
from outgate.feedback.store import Store
from outgate.settings import Settings

ANN = "ann.of.the.north@example.com"
PRINT = "feedfacecafebeef"
ACCOUNT = "key:feedc0ffee"


def hers(number: int, client: str = "10.9.9.9") -> object:
    one = by(number, ANN, client)
    findings = tuple(replace(found, fingerprint=PRINT) for found in one.findings)
    return replace(one, findings=findings, accounts=(ACCOUNT,))


def test_what_told_of_a_person_is_in_no_byte_of_any_file_and_the_chain_holds(log: Log) -> None:
    """Also in files that were put aside, in the write-ahead log, and while a gateway goes on writing."""
    sink = log.sink(Retention(86_400 * 365, 8 * 60_000))
    for start in range(0, 120, 20):
        sink.write(deque(hers(n) if n % 3 == 0 else by(n, "bob") for n in range(start, start + 20)))  # type: ignore[misc]
    if log.path.suffix == ".jsonl":
        assert pieces(log.path)
    needles = (ANN.encode(), b"10.9.9.9", f"laptop-of-{ANN}".encode(), PRINT.encode(), ACCOUNT.encode())
    assert all(needle in log.bytes() for needle in needles)
    modes = {file.name: file.stat().st_mode for file in log.path.parent.iterdir()}

    assert erase(log.path, Person(user=ANN), "request 17", log.signer) == 40
    assert not [needle for needle in needles if needle in log.bytes()]
    assert {file.name: file.stat().st_mode for file in log.path.parent.iterdir()} == modes

    sink.write(deque([by(500, "bob")]))
    sink.finish()
    sink.close()
    result = log.verify()
    assert (result.problems, result.entries, result.erased) == ([], 122, 40)
    reader = reader_of(log.path)
    events = reader.latest(1000, Filter())
    assert [one.id for one in events] == [name_of(n) for n in (*range(120), 500)]
    gone = [one for one in events if one.client == "erased"]
    assert len(gone) == 40 and {(one.user, one.device, one.groups) for one in gone} == {(None, None, ())}
    assert {found.fingerprint for one in gone for found in one.findings} == {""}
    assert {one.user for one in events} == {None, "bob"}
    assert reader.stats(None).findings == 121 and len(reader.latest(999, Filter(fingerprint=PRINT))) == 0
    reader.close()
    note = b'"entry":"erasure"'
    assert note in log.bytes() and b"request 17" in log.bytes()


def test_a_network_can_be_meant_and_nobody_else_is_touched(log: Log) -> None:
    clients = ("10.1.2.3", "10.1.2.200", "10.1.3.1", "2001:db8::1")
    log.write(*(by(number, "ann", client) for number, client in enumerate(clients)))
    assert erase(log.path, Person(client="10.1.2.0/24"), "", log.signer) == 2
    assert erase(log.path, Person(client="2001:db8::1"), "", log.signer) == 1
    assert erase(log.path, Person(client="10.1.2.0/24"), "", log.signer) == 0
    reader = reader_of(log.path)
    assert [one.client for one in reader.latest(9, Filter())] == ["erased", "erased", "10.1.3.1", "erased"]
    reader.close()
    assert log.verify().problems == []


def test_lines_of_before_the_chain_are_erased_too(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "jsonl")
    log.path.parent.mkdir(mode=0o700)
    log.path.write_text(json.dumps(by(1, ANN).to_json()) + "\n" + json.dumps(by(2, "bob").to_json()) + "\n")
    log.path.chmod(0o600)
    log.write(by(3, "bob"))
    assert erase(log.path, Person(user=ANN), "", log.signer) == 1
    assert ANN.encode() not in log.bytes()
    assert [one.user for one in reader_of(log.path).latest(9, Filter())] == [None, "bob", "bob"]


def test_a_gateway_that_writes_meanwhile_loses_nothing(log: Log) -> None:
    gateway = AuditLog(log.kind(log.path, Retention(1e9, 2**30), log.signer))
    ended = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not ended.is_set():
            gateway.record(by(written, ANN if written % 2 else "bob"))
            written += 1
            time.sleep(0.002)

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(0.4)
    first = erase(log.path, Person(user=ANN), "", log.signer)
    second = erase(log.path, Person(user=ANN), "", log.signer)
    ended.set()
    thread.join()
    gateway.close(20)
    assert first > 10 and gateway.dropped == 0
    reader = reader_of(log.path)
    assert len(reader.latest(10_000, Filter())) == written
    reader.close()
    result = log.verify()
    assert (result.problems, result.erased) == ([], first + second)


def test_what_still_lies_in_a_write_ahead_log_that_another_process_reads_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(by(1, ANN))
    monkeypatch.setattr("outgate.disk.sqlite._RELEASED", 0.0)
    monkeypatch.setattr("outgate.disk.sqlite.PATIENCE", 0.05)
    with closing(sqlite3.connect(log.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        with pytest.raises(AuditError, match="another process keeps reading"):
            erase(log.path, Person(user=ANN), "", log.signer)
        reader.execute("COMMIT")
    erase(log.path, Person(user=ANN), "", log.signer)
    assert ANN.encode() not in log.bytes()


def test_an_erasure_that_is_cut_off_leaves_a_log_that_verifies_and_is_done_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two of its files, as by a full disk or the end of the process."""
    log = Log.of(tmp_path, "jsonl")
    sink = log.sink(Retention(86_400 * 365, 8 * 60_000))
    for start in range(0, 120, 20):
        sink.write(deque(hers(n) for n in range(start, start + 20)))  # type: ignore[misc]
    sink.close()
    assert pieces(log.path)
    whole = Path.replace

    def once(file: Path, target: Path) -> Path:
        monkeypatch.undo()
        whole(file, target)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("outgate.audit.erase._replace", lambda file, written: once(written, file))
    with pytest.raises(OSError, match="No space"):
        erase(log.path, Person(user=ANN), "request 17", log.signer)
    result = log.verify()
    assert result.problems == []
    assert 0 < result.erased < 120
    assert erase(log.path, Person(user=ANN), "request 17", log.signer) == 120 - result.erased
    assert (log.verify().problems, log.verify().erased) == ([], 120)
    assert ANN.encode() not in log.bytes()


def test_nobody_but_the_logs_owner_erases_from_it_so_that_the_gateway_can_go_on(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root could, and what was written anew would be root's."""
    log.write(by(1, ANN))
    before = log.bytes()
    monkeypatch.setattr(os, "geteuid", lambda: log.path.stat().st_uid + 1)
    with pytest.raises(AuditError, match="as the user that the proxy runs as"):
        erase(log.path, Person(user=ANN), "", log.signer)
    assert log.bytes() == before


def test_old_files_stay_as_old_as_they_were(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "jsonl")
    sink, now = log.sink(Retention(3600, 2**30)), datetime.now(UTC)
    sink.write(deque([by(1, ANN, time=now - timedelta(hours=2))]))
    sink.tidy(now.timestamp())
    os.utime(pieces(log.path)[0], (now.timestamp() - 7200,) * 2)
    erase(log.path, Person(user=ANN), "", log.signer)
    sink.tidy(now.timestamp())
    sink.close()
    assert pieces(log.path) == [] and log.verify().problems == []


@pytest.mark.parametrize(
    ("person", "reason", "why"),
    [
        (Person(user="ann"), "Ann asked for it", "names whom"),
        (Person(user="ann"), "two\nlines", "printable"),
        (Person(), "", "say whose"),
        (Person(user="ann", client="10.0.0.1"), "", "say whose"),
        (Person(client="ann"), "", "not an address"),
    ],
)
def test_an_erasure_that_cannot_be_meant_is_refused(log: Log, person: Person, reason: str, why: str) -> None:
    log.write(by(1, "ann"))
    before = log.bytes()
    with pytest.raises(AuditError, match=why):
        erase(log.path, person, reason, log.signer)
    assert log.bytes() == before


def test_the_command_asks_first(log: Log) -> None:
    ring = os.urandom(32)
    log.signer = Signer([ring])
    log.write(by(1, ANN), event(2))
    config = log.settings(ring)
    assert run(config, "erase", "--user", ANN).exit_code == 1  # nobody answered
    assert ANN.encode() in log.bytes()
    done = run(config, "erase", "--user", ANN, "--reason", "request 17", "--yes")
    assert done.output == "1 events tell of nobody any more.\n"
    assert ANN.encode() not in log.bytes()
    assert "1 events of people who were forgotten" in run(config, "verify").output


@pytest.mark.parametrize(
    ("whom", "gone", "said"),
    [
        (("--user", ANN), ["og_1", "og_3"], "2 reports, 1 reasons and 1 exceptions of theirs are gone.\n"),
        # what ann said of what came from there is by her name
        (("--client", "10.9.0.0/16"), ["og_1", "og_2"], "2 reports, 1 reasons and 1 exceptions of theirs"),
        (("--user", "eve"), [], ""),
    ],
    ids=["user", "client", "nobody"],
)
def test_what_a_person_said_is_erased_with_what_they_sent(
    log: Log, whom: tuple[str, str], gone: list[str], said: str
) -> None:
    ring = os.urandom(32)
    log.signer = Signer([ring])
    there = [
        by(1, ANN, "10.9.1.1"),
        by(2, None, "10.9.1.2"),
        by(3, ANN, "10.1.1.1"),
        by(4, "bob", "10.1.1.1"),
    ]
    log.write(*(replace(one, id=f"og_{number}") for number, one in enumerate(there, 1)))
    config = log.settings(ring)
    store, now = Store(Settings.load(config).feedback_path), datetime.now(UTC)
    found = event(1).findings[0]
    people = (f"user:{ANN}", "address:10.9.1.2", f"user:{ANN}", "user:bob")
    for number, person in enumerate(people, 1):
        findings = [replace(found, fingerprint=f"{number:016x}")]
        store.report(f"og_{number}", person, "openai", findings, f"reason of {person}", now)
    store.justify("og_1", people[0], "openai", {("rule", PRINT): 600}, "needed", people[0], now)
    for who in (people[0], people[1], "group:staff", "everyone"):
        store.let_pass(PRINT, "EMAIL_ADDRESS", who, None, timedelta(days=1), "root", now)

    done = run(config, "erase", *whom, "--reason", "request 17", "--yes")
    assert said in done.output and done.exit_code == 0
    left = {one.reference for one in store.reports()}
    assert left == {f"og_{number}" for number in range(1, 5)} - set(gone)
    assert len(store.exceptions()) == (3 if gone else 4)
    assert len(store.justifications("og_1")) == ("og_1" not in gone)
    assert len(store.in_force(now)[0]._justified) == ("og_1" not in gone)
    store.close()


def test_nothing_is_erased_when_what_the_person_said_cannot_be(log: Log) -> None:
    """And there is no need to find out what is left: erasing again does all of it."""
    ring = os.urandom(32)
    log.signer = Signer([ring])
    log.write(by(1, ANN))
    config = log.settings(ring)
    path = Settings.load(config).feedback_path
    path.parent.mkdir(mode=0o700, parents=True)
    path.write_text("no database")
    path.chmod(0o600)
    done = run(config, "erase", "--user", ANN, "--yes")
    assert isinstance(done.exception, FeedbackError) and str(path) in done.exception.message
    assert ANN.encode() in log.bytes() and log.verify().erased == 0
