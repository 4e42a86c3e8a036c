"""One event an exchange, on disk, and never a value."""

from __future__ import annotations

import stat
import time
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from outgate.audit import AuditEvent, AuditLog
from outgate.audit.log import path_of
from outgate.audit.read import reader_of
from outgate.model import Action, Endpoint, Exchange, Outcome, Provider, Record, Role, Verdict
from outgate.settings import Settings

VALUE = "hunter2-very-secret"


def event(number: int) -> AuditEvent:
    exchange = Exchange(
        id=f"og_{number:016x}",
        time=datetime.now(UTC),
        client=ip_address("127.0.0.1"),
        method="POST",
        scheme="https",
        host="api.openai.com",
        port=443,
        target=f"/v1/{VALUE * 5}?q={VALUE}".encode(),
        headers=(),
        body=VALUE.encode(),
    )
    record = Record("GENERIC_SECRET", Role.USER, "messages[0].content", 0.9, "ab" * 8, "rule", Action.BLOCK)
    verdict = Verdict(
        Outcome.BLOCK,
        403,
        rule="rule",
        endpoint=Endpoint(Provider("openai", "OpenAI", "O", "US", "api"), "openai_chat"),
        records=(record,),
    )
    return AuditEvent.of(
        exchange,
        verdict,
        policy_hash="0" * 64,
        status=403,
        request_bytes=19,
        response_bytes=0,
        seconds=0.1,
    )


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
