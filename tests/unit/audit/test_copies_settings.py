"""What the settings may say of where a log is copied to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from audit_copies import section
from pydantic import ValidationError

from outgate.settings import Settings, SettingsError

pytestmark = pytest.mark.usefixtures("quick")


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
