"""One event an exchange, on disk, and never a value."""

from __future__ import annotations

import json
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest
from audit_events import VALUE, event
from click.testing import CliRunner

from outgate.audit import AuditError, AuditLog, schema
from outgate.audit.log import path_of
from outgate.audit.read import Filter, reader_of
from outgate.cli.audit import command as audit
from outgate.dlp.examples import fake
from outgate.model import Uninspectable
from outgate.settings import Settings


def settled(log: AuditLog, path: Path, text: bytes) -> bytes:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        stored = b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())
        if text in stored:
            return stored
        time.sleep(0.05)
    raise AssertionError("the event was not written")


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
def test_an_event_is_written_without_its_value_and_only_for_its_owner(tmp_path: Path, sink: str) -> None:
    settings = Settings(state_dir=tmp_path / "state", audit={"sink": sink})
    log = AuditLog.open(settings)
    log.record(event(1))
    log.close()
    stored = settled(log, tmp_path, b"og_0000000000000001")
    assert b"GENERIC_SECRET" in stored
    assert VALUE.encode() not in stored
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files and all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
def test_what_was_written_is_found_again_by_its_reference(tmp_path: Path, sink: str) -> None:
    settings = Settings(state_dir=tmp_path / "state", audit={"sink": sink})
    log = AuditLog.open(settings)
    for number in range(20):
        log.record(event(number))
    log.close()
    assert log.healthy and log.dropped == 0
    reader = reader_of(path_of(settings))
    try:
        assert [found.id for found in reader.find("og_0000000000000007")] == ["og_0000000000000007"]
        assert reader.stats(None).exchanges == 20
    finally:
        reader.close()


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
def test_the_gates_that_noted_are_kept_shown_and_safe_on_a_terminal(tmp_path: Path, sink: str) -> None:
    settings = Settings(state_dir=tmp_path / "state", audit={"sink": sink})
    log = AuditLog.open(settings)
    log.record(event(1, rules=("models from \x1b[31mafar", "uninspectable")))
    log.record(event(2))
    log.close()
    file = path_of(settings)
    shown = CliRunner().invoke(audit, ["--file", str(file), "show", "og_0000000000000001"])
    assert "models from ?[31mafar, uninspectable" in shown.output
    listed = CliRunner().invoke(audit, ["--file", str(file), "tail", "--json"])
    kept = [json.loads(line)["rules"] for line in listed.output.splitlines()]
    assert kept == [["models from ?[31mafar", "uninspectable"], []]
    table = CliRunner().invoke(audit, ["--file", str(file), "tail"])
    assert "noted: models from" in table.output


def of_the_first_version(file: Path) -> None:
    """A log as version 1 wrote it, with the first event in it."""
    known = event(1).to_json()
    known["time"] = round(event(1).time.timestamp() * 1000)
    names = [name for name in known if name not in ("findings", "rules", "accounts")]
    values = [json.dumps(v) if isinstance(v, list | dict) else v for v in map(known.get, names)]
    connection = sqlite3.connect(file)
    connection.executescript(schema.MIGRATIONS[0])
    connection.execute(
        f"INSERT INTO exchanges ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", values
    )
    connection.execute(
        "INSERT INTO findings VALUES (1, 0, 'GENERIC_SECRET', 'user', 'x', 0.9, 'ab', 'rule', 'block')"
    )
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    file.chmod(0o600)


def test_a_log_of_an_earlier_version_can_be_read_as_it_is_and_is_carried_on(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", audit={"sink": "sqlite"})
    file = path_of(settings)
    file.parent.mkdir(parents=True, mode=0o700)
    of_the_first_version(file)
    reader = reader_of(file)
    assert [found.rules for found in reader.find("og_0000000000000001")] == [()]
    reader.close()
    log = AuditLog.open(settings)
    log.record(event(2, rules=("noted",)))
    log.close()
    reader = reader_of(file)
    try:
        assert [found.rules for found in reader.latest(5, Filter())] == [(), ("noted",)]
        assert {one.direction for found in reader.latest(5, Filter()) for one in found.findings} == {
            "request"
        }
    finally:
        reader.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION


def test_a_log_of_a_later_version_is_neither_read_nor_written(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", audit={"sink": "sqlite"})
    AuditLog.open(settings).close()
    connection = sqlite3.connect(path_of(settings))
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    for use in (lambda: reader_of(path_of(settings)), lambda: AuditLog.open(settings)):
        with pytest.raises(AuditError, match="later version"):
            use()


def test_lines_of_an_earlier_version_are_events_too(tmp_path: Path) -> None:
    earlier = event(1).to_json()
    del earlier["rules"], earlier["accounts"]
    for finding in earlier["findings"]:
        del finding["direction"]
    file = tmp_path / "audit.jsonl"
    file.write_text(json.dumps(earlier) + "\n" + json.dumps(event(2).to_json()) + "\n")
    assert [found.id[-1] for found in reader_of(file).latest(5, Filter())] == ["1", "2"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("image/png", "image/png"),
        ("Text/HTML; charset=utf-8", "text/html"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",) * 2,
        ("message/rfc822", "message/rfc822"),
        (f"image/{fake('CREDIT_CARD')}", "unknown"),
        (f"image/{'-'.join(fake('CREDIT_CARD'))}", "unknown"),
        ("text/sk" + "abcdefghijklmnopqrstuvwxyz", "unknown"),
        ("x/y", "unknown"),
    ],
)
def test_a_media_type_that_a_sender_made_up_is_not_kept(said: str, kept: str) -> None:
    (item,) = event(1, uninspectable=(Uninspectable("part[0]", said, 1, "broken"),)).uninspectable
    assert item.media_type == kept
