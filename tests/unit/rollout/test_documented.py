"""docs/rollout.md: what it shows can be written so, and its figures are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from outgate.gateway import shadowing
from outgate.metrics_rollout import _KINDS
from outgate.rollout import bundle
from outgate.rollout.release import Release
from outgate.settings.rollout import PolicySource
from unit.cli.test_help import take

TEXT = (Path(__file__).parents[3] / "docs" / "rollout.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_its_settings_and_releases_are_taken_and_its_defaults_are_the_codes() -> None:
    shown = [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]
    sources = [PolicySource.model_validate(one["policy_source"]) for one in shown if "policy_source" in one]
    assert len(sources) == 3
    assert [Release.model_validate(one).rollout.canary is not None for one in shown if "rollout" in one] == [
        True
    ]
    stated = dict(re.findall(r"^\| `(\w+)` \((\w+)\)", TEXT, re.MULTILINE))
    for name, value in stated.items():
        default = PolicySource.model_fields[name].default
        assert {"none": ()}.get(value, yaml.safe_load(value)) == default, name
    assert len(stated) == 5


@pytest.mark.parametrize("line", [one for kind, text in BLOCKS if kind == "sh" for one in text.splitlines()])
def test_its_commands_are_taken(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    take(line.partition("#")[0].strip())


def test_its_limits_and_words_are_the_codes() -> None:
    assert f"({bundle.UNPACKED // 2**20} MiB, {bundle.MOST_FILES} files)" in TEXT
    assert f"{shadowing._MOST} exchanges or {shadowing._MOST_BYTES // 2**20} MiB" in TEXT
    told = re.search(r"outgate_shadow_exchanges_total` \(([\w, ]+)\)", TEXT)
    assert told is not None
    assert set(told[1].split(", ")) == _KINDS
