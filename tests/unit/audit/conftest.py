"""Logs of either kind, and forwarders that do not wait for long."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit_logs import Log

from outgate.audit.remote import forwarder


@pytest.fixture(params=["sqlite", "jsonl"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    return Log.of(tmp_path, request.param)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "POLL", 0.02)
    monkeypatch.setattr(forwarder, "_TURN", 0.05)
    monkeypatch.setattr(forwarder, "_LOOK", 0.05)
    monkeypatch.setattr(forwarder, "_RETRY", (0.05, 0.2))
