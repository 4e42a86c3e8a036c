"""docs/audit.md: its settings are settings, and its commands do what it says, in its order."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
import yaml
from audit_events import event
from audit_logs import Log, by
from click.testing import CliRunner

from outgate.audit.checkpoint import Signer
from outgate.cli.audit import command
from outgate.settings import Settings
from outgate.settings.audit import Audit

TEXT = (Path(__file__).parents[3] / "docs" / "audit.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
LINES = [
    line.partition("  #")[0].rstrip() for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()
]


def test_the_settings_are_valid_and_the_defaults_are_the_ones() -> None:
    (given,) = (yaml.safe_load(block)["audit"] for kind, block in BLOCKS if kind == "yaml")
    audit = Settings(audit=given).audit
    assert [sink.type for sink in audit.sinks] == ["syslog", "otlp", "postgres"]
    plain = Audit()
    for name in ("sink", "max_age_days", "max_bytes", "on_error"):
        assert getattr(audit, name) == getattr(plain, name)


def test_the_commands_work_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ring = os.urandom(32)
    log = Log.of(tmp_path, "sqlite")
    log.signer = Signer([ring])
    log.write(by(1, "ann@example.com"), by(2, "bob", "10.1.2.3"), event(3))
    config = log.settings(ring)
    assert len(LINES) >= 11
    for line in LINES:
        text, _, target = line.partition(" > ")
        program, group, name, *arguments = shlex.split(text)
        assert (program, group) == ("outgate", "audit")
        if "--sink" in arguments:  # wants a server: test_the_copy_is_verified_by_a_command
            command.commands[name].make_context(name, arguments)
            continue
        answer = "y\n" if name == "erase" and "--yes" not in arguments else ""
        done = CliRunner().invoke(command, ["--config", str(config), name, *arguments], input=answer)
        assert done.exit_code == 0, (line, done.output, done.exception)
        if target:
            (tmp_path / target).write_text(done.stdout)
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 3
    assert b"ann@example.com" not in log.bytes()
