"""Copies of a log in PostgreSQL, which is killed in the middle, and whether they verify."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pg8000.native
import pytest
from audit_copies import Sending, section
from audit_events import event
from audit_logs import Log, by, query, run

from outgate.audit.checkpoint import Signer
from outgate.audit.erase import Person, erase
from outgate.audit.remote.forwarding import sink_of
from outgate.audit.remote.postgres import StoredPostgres
from outgate.audit.remote.sink import Unavailable
from outgate.audit.sink import AuditError
from outgate.audit.stored import stored
from outgate.audit.verify import verify
from outgate.settings import SettingsError
from outgate.settings.audit import AnySink
from patience import eventually
from providers.collectors import (
    Database,
    database,
)

pytestmark = pytest.mark.usefixtures("quick")


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


def test_an_event_that_was_tampered_with_keeps_no_other_from_being_kept(
    tmp_path: Path, server: Database
) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(*map(event, range(3)))
    query(log, "UPDATE entries SET public = '[]' WHERE seq = 2")
    opened = stored(log.path)
    assert sink_of(in_table(server, "tampered", tmp_path)).send(opened.after(0, 9), None) == 0
    opened.close()
    assert [row[0] for row in ask(server, "SELECT seq FROM tampered ORDER BY 1")] == [1, 2, 3]
    assert "event 2 (unreadable) was changed" in copy(server, "tampered", tmp_path, log).problems
