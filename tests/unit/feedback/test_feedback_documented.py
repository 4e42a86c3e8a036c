"""docs/feedback.md: its policy holds its cases, its commands run, and its figures are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from outgate.cli import outgate
from outgate.feedback.address import HOST
from outgate.feedback.reasons import LONGEST
from outgate.feedback.store import Limits
from outgate.gateway import pages
from outgate.policy.schema_coach import CoachSpec
from outgate.settings import Settings

TEXT = (Path(__file__).parents[3] / "docs" / "feedback.md").read_text()
FILES = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


def test_its_policy_holds_its_cases_and_its_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert set(FILES) == {"policy.yaml", "policy.test.yaml", "outgate.yaml"}
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    with (tmp_path / "outgate.yaml").open("a") as settings:
        settings.write(f"state_dir: {tmp_path / 'state'}\n")
    told = CliRunner().invoke(outgate, ["policy", "test", "policy.yaml"])
    assert told.exit_code == 0, told.output
    assert "5 cases, 0 failed" in told.output
    commands = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    for line in "".join(commands).splitlines():
        assert CliRunner().invoke(outgate, line.split()[1:]).exit_code == 0, line


def test_its_figures_are_those_of_the_code(tmp_path: Path) -> None:
    limits, settings, text = Limits(), Settings(state_dir=tmp_path), " ".join(TEXT.split())
    assert f"`http://{HOST}/`" in text
    assert f"at most {LONGEST} characters" in text
    assert f"At most {limits.waiting:,} reports wait, {limits.waiting_of_one} of one person" in text
    assert f"at most {limits.exceptions:,} exceptions and as many justified" in text
    assert limits.exceptions == limits.justified
    assert f"{limits.justified_of_one:,} of one person." in text
    assert f"read {pages._READS} pages and say {pages._WORDS} things a minute" in text
    assert f"lasts {'two' if pages._TOKEN == 7200 else '?'} hours" in text
    assert CoachSpec().for_ == 8 * 3600
    assert yaml.safe_load(FILES["outgate.yaml"])["feedback"] == {
        "pages": settings.feedback.pages,
        "keep_days": settings.feedback.keep_days,
    }
    assert settings.feedback_path == tmp_path / "feedback" / "feedback.db"
