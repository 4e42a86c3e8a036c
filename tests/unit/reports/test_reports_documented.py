"""docs/reports.md: its settings are settings, its commands run, and its figures are those of the code."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from made_week import events, week_world, write

from outgate.cli import outgate
from outgate.reports import assess, counts, crowd, page, suggest
from outgate.settings import Settings

TEXT = (Path(__file__).parents[3] / "docs" / "reports.md").read_text()
(SETTINGS,) = re.findall(r"^```yaml\n# outgate.yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_its_settings_are_settings_and_its_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=7)
    write(tmp_path / "state", events(week_world(), start=start, requests=300))
    Path("outgate.yaml").write_text(f"{SETTINGS}\nstate_dir: state\n")
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
    for line in commands.splitlines():
        words, _, target = line.partition("#")[0].partition(">")
        told = CliRunner().invoke(outgate, words.split()[1:])
        assert told.exit_code == 0, f"{line}: {told.output}"
        if target:
            Path(target.strip()).write_text(told.stdout)
    written = Path("report.html").read_text()
    for value in yaml.safe_load(SETTINGS)["reports"]["purposes"]:
        assert value in written
    assert "not stated in the settings" not in written


def test_its_figures_are_those_of_the_code(tmp_path: Path) -> None:
    text = " ".join(TEXT.split())
    assert f"A group of fewer than {assess.FEW} people" in text
    assert f"More than {counts._MOST} providers, rules or groups, or {crowd.MOST:,} people" in text
    assert f"by the week when it is more than {page._MOST_COLUMNS} days" in text
    assert f"more than {suggest._MOST_BLOCKED * 100:g} % of requests is an edit" in text
    assert f"touches more than {suggest._MOST_TOUCHED * 100:g} % says so" in text
    assert Settings(state_dir=tmp_path).reports.region == ("EEA",)


def test_the_made_up_week_is_always_the_same() -> None:
    first, second = (list(events(week_world(), requests=50)) for _ in range(2))
    assert first == second
