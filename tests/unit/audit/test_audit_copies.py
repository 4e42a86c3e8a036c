"""Copies of a log on other machines: syslog, an OpenTelemetry collector, PostgreSQL. Killed in the middle."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import ssl
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pg8000.native
import pytest
from audit_events import VALUE, event
from audit_logs import Log, by, run
from pydantic import ValidationError

from outgate.audit.checkpoint import Checkpoint, Signer
from outgate.audit.erase import Person, erase
from outgate.audit.remote import forwarder
from outgate.audit.remote.forwarder import Forwarder
from outgate.audit.remote.forwarding import sink_of
from outgate.audit.remote.postgres import StoredPostgres
from outgate.audit.remote.sink import Unavailable
from outgate.audit.sink import AuditError, Retention
from outgate.audit.stored import stored
from outgate.audit.verify import verify
from outgate.settings import Settings, SettingsError
from outgate.settings.audit import AnySink
from programs import program
from providers.collectors import (
    Collector,
    Database,
    Handler,
    Message,
    SyslogServer,
    attributes_of,
    database,
    tls_of,
    value_of,
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "POLL", 0.02)
    monkeypatch.setattr(forwarder, "_TURN", 0.05)
    monkeypatch.setattr(forwarder, "_LOOK", 0.05)
    monkeypatch.setattr(forwarder, "_RETRY", (0.05, 0.2))


@pytest.fixture(params=["sqlite", "jsonl"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    return Log.of(tmp_path, request.param)


def section(**values: Any) -> AnySink:
    return Settings(audit={"sinks": [values]}).audit.sinks[0]


def eventually(condition: Callable[[], bool], within: float = 30.0) -> bool:
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Sending:
    """A forwarder at work, and what it told."""

    def __init__(self, log: Log, settings: AnySink) -> None:
        self.told: list[tuple[float, int, bool]] = []
        watch = lambda _name, behind, lost, failing: self.told.append((behind, lost, failing))  # noqa: E731
        self.forwarder = Forwarder("copy", log.path, sink_of(settings), settings.batch, watch)
        self.forwarder.start()

    def __enter__(self) -> Sending:
        return self

    def __exit__(self, *_: object) -> None:
        self.forwarder.stop()
        self.forwarder.join(10)

    @property
    def lost(self) -> int:
        return sum(lost for _, lost, _ in self.told)

    @property
    def failing(self) -> bool:
        return bool(self.told) and self.told[-1][2]


# --- syslog ----------------------------------------------------------------------------------


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[SyslogServer]:
    server = SyslogServer(tls_of(tmp_path)[1])
    server.start()
    yield server
    server.stop()


def over_tls(receiver: SyslogServer, tmp_path: Path, **others: Any) -> AnySink:
    tls = {"roots": tmp_path / "standin-root.pem"}
    return section(type="syslog", address=f"localhost:{receiver.port}", tls=tls, timeout=5, **others)


def places(messages: list[Message]) -> list[int]:
    return [int(message.data["seq"]) for message in messages if message.kind != "checkpoint"]


def test_a_syslog_server_gets_each_event_as_a_message_of_rfc_5424(
    log: Log, receiver: SyslogServer, tmp_path: Path
) -> None:
    odd = replace(by(2, 'an "odd" \\ [name] é'), outcome="forward")
    log.write(by(1, "ann"), odd)
    with Sending(log, over_tls(receiver, tmp_path)):
        assert eventually(lambda: len(receiver.messages) == 3)
    first, second, checkpoint = receiver.messages
    assert (first.priority, first.kind, first.element) == (13 * 8 + 4, "block", "outgate@32473")
    assert (second.priority, second.data["user"]) == (13 * 8 + 6, 'an "odd" \\ [name] é')
    assert first.values == by(1, "ann").to_json() | {"time": first.time}
    opened = stored(log.path)
    entries = opened.after(0, 9)
    opened.close()
    assert [message.data["hash"] for message in (first, second)] == [entry.hash.hex() for entry in entries]
    assert checkpoint.kind == "checkpoint"
    assert Checkpoint.from_json(checkpoint.values).is_signed(log.signer.public_keys)
    assert VALUE not in str(receiver.messages)


def test_a_message_that_would_be_too_large_counts_its_findings(
    tmp_path: Path, receiver: SyslogServer
) -> None:
    log = Log.of(tmp_path, "sqlite")
    one = event(1)
    log.write(replace(one, findings=one.findings * 500, findings_total=500))
    with Sending(log, over_tls(receiver, tmp_path)):
        assert eventually(lambda: len(receiver.messages) == 2)
    assert receiver.messages[0].values["findings_by_kind"] == {"GENERIC_SECRET block": 500}


def test_a_syslog_server_that_dies_in_the_middle_loses_nothing_and_has_nothing_twice(
    log: Log, receiver: SyslogServer, tmp_path: Path
) -> None:
    """It keeps what came in connections that ended in order, as the sender does."""
    log.write(*map(event, range(100)))
    receiver.die_after = 20_000
    with Sending(log, over_tls(receiver, tmp_path, batch=30)) as sending:
        assert eventually(lambda: sending.failing)
        log.write(*map(event, range(100, 150)))
        receiver.die_after = None
        receiver.start()
        assert eventually(lambda: len(places(receiver.messages)) >= 150)
        assert eventually(lambda: not sending.failing)
    assert places(receiver.messages) == list(range(1, 151))
    assert sending.lost == 0 and receiver.connections >= 6
    assert max(behind for behind, _, _ in sending.told) > 0 and sending.told[-1][0] == 0
    # A restart goes on where it was.
    log.write(event(150))
    with Sending(log, over_tls(receiver, tmp_path)):
        assert eventually(lambda: len(places(receiver.messages)) >= 151)
        time.sleep(0.2)
    assert places(receiver.messages) == list(range(1, 152))


def test_a_syslog_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path, receiver: SyslogServer) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(event(1))
    address = f"localhost:{receiver.port}"
    stranger = section(type="syslog", address=address)  # the system's roots
    other_name = over_tls(receiver, tmp_path).model_copy(update={"address": f"127.0.0.1:{receiver.port}"})
    opened = stored(log.path)
    for settings in (stranger, other_name):
        with pytest.raises(Unavailable, match="certificate"):
            sink_of(settings).send(opened.after(0, 9), None)
    opened.close()
    assert receiver.messages == []


def test_syslog_over_tcp_udp_and_a_daemons_socket(tmp_path: Path) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(event(1), event(2))
    opened = stored(log.path)
    entries = opened.after(0, 9)
    opened.close()
    stream = SyslogServer()
    stream.start()
    sink_of(section(type="syslog", transport="tcp", address=f"127.0.0.1:{stream.port}")).send(entries, None)
    assert eventually(lambda: places(stream.messages) == [1, 2])
    stream.stop()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other,
    ):
        one.bind(("127.0.0.1", 0))
        other.bind(str(tmp_path / "log"))
        udp = section(type="syslog", transport="udp", address=f"127.0.0.1:{one.getsockname()[1]}")
        unix = section(type="syslog", transport="unix", address=str(tmp_path / "log"))
        for settings, received in ((udp, one), (unix, other)):
            received.settimeout(10)
            sink_of(settings).send(entries, None)
            assert places([Message.of(received.recv(65536)) for _ in range(2)]) == [1, 2]
    with pytest.raises(Unavailable):
        sink_of(section(type="syslog", transport="unix", address=str(tmp_path / "none"))).send(entries, None)


def test_syslog_ng_takes_what_we_send_over_tls(tmp_path: Path) -> None:
    syslog_ng = program("syslog-ng")
    tls_of(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    received = tmp_path / "received"
    configuration = tmp_path / "syslog-ng.conf"
    configuration.write_text(
        "@version: 3.38\n"
        f'source s {{ syslog(ip("127.0.0.1") port({port}) transport("tls") tls('
        f'key-file("{tmp_path}/standin.key") cert-file("{tmp_path}/standin.pem") peer-verify(optional-untrusted)'
        ")); };\n"
        f'destination d {{ file("{received}" template("$PRI $MSGID ${{.SDATA.outgate@32473.seq}} $MSG\\n")); }};\n'
        "log { source(s); destination(d); };\n"
    )
    command = [syslog_ng, "-F", "--no-caps", "-f", str(configuration), "-R", str(tmp_path / "persist"),
               "-c", str(tmp_path / "ctl"), "-p", str(tmp_path / "pid")]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        log = Log.of(tmp_path, "sqlite")
        log.write(*(by(number, "ann é") for number in range(40)))
        tls = {"roots": tmp_path / "standin-root.pem"}
        settings = section(type="syslog", address=f"localhost:{port}", tls=tls, batch=15)
        with Sending(log, settings):
            assert eventually(lambda: received.exists() and len(received.read_text().splitlines()) >= 41)
    finally:
        server.terminate()
        server.wait(10)
    lines = [line.split(" ", 3) for line in received.read_text().splitlines()]
    events = [line for line in lines if line[1] == "block"]
    assert [int(seq) for _, _, seq, _ in events] == list(range(1, 41))
    assert json.loads(events[0][3])["user"] == "ann é" and events[0][0] == "108"


# --- OpenTelemetry ---------------------------------------------------------------------------


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    server.start()
    yield server
    server.stop()


def to(collector: Collector, **others: Any) -> AnySink:
    return section(type="otlp", url=f"http://127.0.0.1:{collector.port}/v1/logs", **others)


def uids(collector: Collector) -> list[int]:
    told = [attributes_of(record["attributes"]) for record in collector.records()]
    return [int(one["log.record.uid"].partition(":")[2]) for one in told if "log.record.uid" in one]


def test_a_collector_gets_log_records_in_the_protocols_own_names(log: Log, collector: Collector) -> None:
    log.write(by(1, "ann"))
    with Sending(log, to(collector, headers={"X-Tenant": "us"})):
        assert eventually(lambda: len(collector.records()) == 2)
    headers, body = collector.requests[0]
    assert headers["Content-Type"] == "application/json" and headers["X-Tenant"] == "us"
    (resource,) = body["resourceLogs"]
    assert attributes_of(resource["resource"]["attributes"])["service.name"] == "outgate"
    record, checkpoint = collector.records()
    assert record.keys() == {
        "timeUnixNano", "severityNumber", "severityText", "eventName", "body", "attributes",
    }  # fmt: skip
    told = value_of(record["body"])
    expected = by(1, "ann").to_json()
    assert {name: told[name] for name in ("id", "user", "groups", "findings", "status")} == {
        name: expected[name] for name in ("id", "user", "groups", "findings", "status")
    }
    moment = datetime.fromisoformat(told["time"])
    assert record["timeUnixNano"] == str(round(moment.timestamp() * 1000) * 10**6)
    assert (record["severityNumber"], record["eventName"]) == (13, "outgate.exchange")
    assert checkpoint["eventName"] == "outgate.checkpoint"
    assert VALUE not in json.dumps(collector.requests)


def hang_up(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def test_a_collector_that_fails_in_the_middle_gets_everything_once(log: Log, collector: Collector) -> None:
    """It answers 503 and asks for patience, hangs up, is down for a while, refuses a token."""
    log.write(*map(event, range(60)))
    collector.script += [
        lambda handler: handler.answer(503, {}, Retry_After="1"),
        hang_up,
        lambda handler: handler.answer(429, {}),
        lambda handler: handler.answer(401, {}),
        lambda handler: handler.answer(307, {}, Location="http://127.0.0.1:1/"),
    ]
    with Sending(log, to(collector, batch=20)) as sending:
        assert eventually(lambda: len(uids(collector)) >= 60)
        assert collector.times[1] - collector.times[0] >= 1.0
        collector.stop()
        log.write(*map(event, range(60, 100)))
        assert eventually(lambda: sending.failing)
        collector.start()
        assert eventually(lambda: len(uids(collector)) >= 100)
    assert uids(collector) == list(range(1, 101))
    assert sending.lost == 0


def test_a_mistake_in_settings_costs_no_event(tmp_path: Path, collector: Collector) -> None:
    """A token that is wrong, a path that is not there: also a single event waits until that is mended."""
    log = Log.of(tmp_path, "sqlite")
    log.write(event(0))
    for status in (401, 403, 404, 500):
        collector.script.append(lambda handler, status=status: handler.answer(status, {}))
    with Sending(log, to(collector)) as sending:
        assert eventually(lambda: uids(collector) == [1])
    assert sending.lost == 0


def test_an_event_that_was_tampered_with_keeps_no_other_from_being_sent(
    tmp_path: Path, collector: Collector, server: Database
) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(*map(event, range(3)))
    with closing(sqlite3.connect(log.path)) as connection, connection:
        connection.execute("UPDATE entries SET public = '[]' WHERE seq = 2")
    with Sending(log, to(collector)):
        assert eventually(lambda: uids(collector) == [1, 2, 3])
    assert collector.records()[1]["eventName"] == "outgate.unreadable"
    opened = stored(log.path)
    assert sink_of(in_table(server, "tampered", tmp_path)).send(opened.after(0, 9), None) == 0
    opened.close()
    assert [row[0] for row in ask(server, "SELECT seq FROM tampered ORDER BY 1")] == [1, 2, 3]
    assert "event 2 (unreadable) was changed" in copy(server, "tampered", tmp_path, log).problems


def test_what_a_collector_refuses_for_good_is_counted_and_not_sent_again(
    tmp_path: Path, collector: Collector
) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(*map(event, range(4)))
    refuse = lambda handler: handler.answer(400, {"message": "bad"})  # noqa: E731
    take = lambda handler: handler.answer(200, {})  # noqa: E731
    partly = lambda handler: handler.answer(  # noqa: E731
        200, {"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "too old"}}
    )
    # All four, the first two, the first, the second; then the last two.
    collector.script += [refuse, refuse, refuse, take, take]
    with Sending(log, to(collector)) as sending:
        assert eventually(lambda: sending.lost == 1)
        collector.script.append(partly)
        log.write(*map(event, range(4, 9)))
        assert eventually(lambda: sending.lost == 3)
        log.write(event(9))
        assert eventually(lambda: uids(collector) == [10])


def test_of_two_processes_one_sends_and_the_other_takes_over(log: Log, collector: Collector) -> None:
    log.write(*map(event, range(50)))
    first, second = Sending(log, to(collector, batch=5)), Sending(log, to(collector, batch=5))
    assert eventually(lambda: len(uids(collector)) >= 50)
    first.__exit__()
    log.write(*map(event, range(50, 70)))
    assert eventually(lambda: len(uids(collector)) >= 70)
    second.__exit__()
    assert uids(collector) == list(range(1, 71))


def test_a_log_that_was_put_aside_or_replaced_is_followed(tmp_path: Path, collector: Collector) -> None:
    log = Log.of(tmp_path, "jsonl")
    with Sending(log, to(collector)) as sending:
        sink = log.sink(Retention(1e9, 8 * 5000))
        for start in range(0, 60, 5):
            sink.write(deque(map(event, range(start, start + 5))))
            assert eventually(lambda start=start: len(uids(collector)) >= start + 5)
        sink.close()
        assert uids(collector) == list(range(1, 61)) and sending.lost == 0
        for file in log.path.parent.glob("audit.jsonl*"):
            if "cursor" not in file.name and "lock" not in file.name:
                file.unlink()
        log.write(event(99))
        assert eventually(lambda: len(uids(collector)) == 61)
    assert uids(collector)[-1] == 1


def test_what_retention_removed_before_it_was_sent_is_counted(log: Log, collector: Collector) -> None:
    now = datetime.now(UTC)
    log.path.parent.mkdir(mode=0o700)
    with Sending(log, to(collector)) as sending:
        log.write(event(0, time=now - timedelta(hours=2)))
        assert eventually(lambda: uids(collector) == [1])
        collector.script += [lambda handler: handler.answer(503, {}, Retry_After="1")]
        sink = log.sink(Retention(3600, 2**30))
        sink.write(deque(event(number, time=now - timedelta(hours=2)) for number in range(1, 11)))
        assert eventually(lambda: sending.failing)
        for _ in range(3):
            sink.tidy(now.timestamp())
            for file in log.path.parent.glob("audit.jsonl.2*"):
                os.utime(file, (now.timestamp() - 7200,) * 2)
        sink.write(deque([event(11, time=now)]))
        sink.close()
        assert eventually(lambda: len(uids(collector)) >= 2)
    if log.path.suffix == ".sqlite":
        assert (uids(collector), sending.lost) == ([1, 12], 10)
    else:  # the file that is being read is sent to its end, although it was removed
        assert uids(collector)[-1] == 12 and len(uids(collector)) + sending.lost == 12


# --- PostgreSQL ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with database() as running:
        yield running


def in_table(server: Database, table: str, tmp_path: Path, **others: Any) -> AnySink:
    secret = tmp_path / "password"
    secret.write_text("made-up-password\n")
    secret.chmod(0o600)
    return section(
        type="postgres", address=f"localhost:{server.port}", database="postgres", table=table,
        password={"file": secret}, tls={"roots": server.root}, **others,
    )  # fmt: skip


def ask(server: Database, query: str) -> Any:
    connection = pg8000.native.Connection(
        "outgate", host="localhost", port=server.port, database="postgres", password="made-up-password",
        ssl_context=ssl.create_default_context(cafile=server.root),
    )  # fmt: skip
    try:
        return connection.run(query)
    finally:
        connection.close()


def test_postgresql_that_is_killed_in_the_middle_has_everything_once_and_it_verifies(
    log: Log, server: Database, tmp_path: Path
) -> None:
    table = f"killed_{log.path.suffix[1:]}"
    log.write(*(by(number, "ann") for number in range(200)))
    with Sending(log, in_table(server, table, tmp_path, batch=7)) as sending:
        assert eventually(lambda: bool(ask(server, f"SELECT to_regclass('{table}')")[0][0]))
        server.kill()
        log.write(*(by(number, "bob") for number in range(200, 260)))
        assert eventually(lambda: sending.failing)
        server.start()
        assert eventually(lambda: ask(server, f"SELECT count(*) FROM {table}")[0][0] >= 260)
    assert ask(server, f"SELECT count(*), count(DISTINCT id), max(seq) FROM {table}")[0] == [260, 260, 260]
    assert sending.lost == 0
    result = copy(server, table, tmp_path, log)
    assert (result.problems, result.entries) == ([], 260)
    # What was sent is sent again: a cursor that was lost, say.
    log.path.with_name(f"{log.path.name}.copy.cursor").unlink()
    log.write(event(260))
    with Sending(log, in_table(server, table, tmp_path)):
        assert eventually(lambda: ask(server, f"SELECT count(*) FROM {table}")[0][0] >= 261)
    assert ask(server, f"SELECT count(*) FROM {table}")[0][0] == 261
    ask(
        server,
        f"UPDATE {table} SET public = replace(public, '\"status\":403', '\"status\":200') WHERE seq = 9",
    )
    (told,) = copy(server, table, tmp_path, log).problems
    assert told.startswith("event 9 (") and told.endswith("was changed")
    ask(server, f"DELETE FROM {table} WHERE seq > 255")
    assert "the end was cut" in copy(server, table, tmp_path, log).problems[-1]


def copy(server: Database, table: str, tmp_path: Path, log: Log) -> Any:
    own = stored(log.path)
    copied = StoredPostgres(in_table(server, table, tmp_path), own.after(0, 1)[0].log)  # type: ignore[arg-type]
    own.close()
    try:
        return verify(copied, log.signer.public_keys)
    finally:
        copied.close()


def test_who_is_erased_here_is_erased_in_the_database_and_two_logs_are_two_chains(
    server: Database, tmp_path: Path
) -> None:
    here, there = Log.of(tmp_path / "here", "sqlite"), Log.of(tmp_path / "there", "jsonl")
    settings = in_table(server, "several", tmp_path)
    for log in (here, there):
        log.write(*(by(number, "ann" if number % 2 else "bob") for number in range(10)))
        with Sending(log, settings):
            assert eventually(lambda: ask(server, "SELECT to_regclass('several')")[0][0] is not None)
            own = stored(log.path).after(0, 1)[0].log.hex()
            count = f"SELECT count(*) FROM several WHERE log = '{own}'"
            assert eventually(lambda count=count: ask(server, count)[0][0] == 10)
    assert erase(here.path, Person(user="ann"), "request 17", here.signer) == 5
    with Sending(here, settings):
        assert eventually(lambda: ask(server, "SELECT count(*) FROM several")[0][0] == 21)
    left = "SELECT count(*) FROM several WHERE personal LIKE '%ann%'"
    assert ask(server, left)[0][0] == 5  # the other machine's
    for log, entries, erased in ((here, 11, 5), (there, 10, 0)):
        result = copy(server, "several", tmp_path, log)
        assert (result.problems, result.entries, result.erased) == ([], entries, erased)


def test_the_copy_is_verified_by_a_command(server: Database, tmp_path: Path) -> None:
    ring = os.urandom(32)
    log = Log.of(tmp_path, "sqlite")
    log.signer = Signer([ring])
    log.write(event(1), event(2))
    settings = in_table(server, "commanded", tmp_path)
    with Sending(log, settings):
        assert eventually(lambda: ask(server, "SELECT to_regclass('commanded')")[0][0] is not None)
        assert eventually(lambda: ask(server, "SELECT count(*) FROM commanded_checkpoints")[0][0] == 1)
    config = log.settings(ring)
    config.write_text(
        f"audit:\n  path: {log.path}\n  key: {{file: {log.path.parent}/signing.key}}\n"
        f"  sinks: [{{type: postgres, address: 'localhost:{server.port}', database: postgres, table: commanded,"
        f" password: {{file: {tmp_path}/password}}, tls: {{roots: {server.root}}}}}]\n"
    )
    whole = run(config, "verify", "--sink", "postgres")
    assert whole.exit_code == 0 and "2 events, 1 to 2" in whole.output, whole.output
    ask(server, "DELETE FROM commanded WHERE seq = 1")
    assert run(config, "verify", "--sink", "postgres").exit_code == 1
    assert isinstance(run(config, "verify", "--sink", "other").exception, AuditError)


def test_a_password_or_server_that_is_wrong_is_told_without_the_password(
    server: Database, tmp_path: Path
) -> None:
    settings = in_table(server, "never", tmp_path)
    (tmp_path / "password").write_text("another-made-up-one\n")
    log = Log.of(tmp_path, "sqlite")
    log.write(event(1))
    opened = stored(log.path)
    entries = opened.after(0, 1)
    opened.close()
    with pytest.raises(Unavailable, match=r"^PostgreSQL said 28P01$"):
        sink_of(settings).send(entries, None)
    (tmp_path / "password").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        sink_of(settings)
    stranger = settings.model_copy(update={"tls": type(settings.tls)()})  # type: ignore[union-attr]
    (tmp_path / "password").chmod(0o600)
    with pytest.raises(Unavailable, match="SSLCertVerificationError"):
        sink_of(stranger).send(entries, None)


# --- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sink",
    [
        {"type": "syslog", "address": "no-port"},
        {"type": "syslog", "transport": "unix", "address": "relative"},
        {"type": "syslog", "transport": "udp", "address": "a:514", "tls": {"roots": "x.pem"}},
        {"type": "otlp", "url": "ftp://a/v1/logs"},
        {"type": "otlp", "url": "https://user:secret@a/v1/logs"},
        {"type": "otlp", "url": "http://a/v1/logs", "token": {"environment": "X"}},
        {"type": "otlp", "url": "https://a/v1/logs", "headers": {"X": "a\r\nB: c"}},
        {"type": "postgres", "address": "db.example:5432", "tls": None},
        {"type": "postgres", "table": 'x"; DROP TABLE y'},
        {"type": "carrier-pigeon"},
    ],
)
def test_a_sink_that_cannot_be_meant_is_refused(sink: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        section(**sink)


def test_files_of_sinks_are_relative_to_the_settings_and_secrets_are_not_told(tmp_path: Path) -> None:
    file = tmp_path / "outgate.yaml"
    file.write_text(
        "audit:\n  key: {file: k}\n  sinks:\n"
        "    - {type: postgres, password: {file: p}, tls: {roots: r.pem}}\n"
        "    - {type: otlp, url: 'https://a/v1/logs', token: {environment: T}}\n"
    )
    audit = Settings.load(file).audit
    assert audit.key.file == tmp_path / "k"
    (first, _) = audit.sinks
    assert first.password.file == tmp_path / "p" and first.tls.roots == tmp_path / "r.pem"  # type: ignore[union-attr]
    file.write_text("audit: {key: {command: [printkey]}}\n")
    file.chmod(0o666)
    with pytest.raises(SettingsError, match=r"audit\.key\.command"):
        Settings.load(file)
    with pytest.raises(ValidationError, match="cannot be none"):
        Settings(audit={"sink": "none", "sinks": [{"type": "syslog", "address": "a:1"}]})
