"""Copies of a log on a syslog server, which dies in the middle."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audit_copies import Sending, section
from audit_events import VALUE, event
from audit_logs import Log, by

from outgate.audit.checkpoint import Checkpoint
from outgate.audit.remote.forwarding import sink_of
from outgate.audit.remote.sink import Unavailable
from outgate.audit.stored import stored
from outgate.settings.audit import AnySink
from patience import eventually
from programs import program
from providers.collectors import (
    Message,
    SyslogServer,
    tls_of,
)

pytestmark = pytest.mark.usefixtures("quick")


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
