"""docs/setup.md: its commands are taken, its settings are there, and every step is told."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from outgate.cli.setup import command
from outgate.settings import Settings
from outgate.settings.pac import Pac
from outgate.setup.systems import NAMES

TEXT = (Path(__file__).parents[3] / "docs" / "setup.md").read_text()
LINES = re.findall(r"outgate (setup --[-a-z ]+?)(?= *(?:#|`|$))", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", sorted(set(LINES)))
def test_a_command_is_one_that_is_taken(line: str) -> None:
    command.make_context("setup", shlex.split(line)[1:])


def test_settings_are_the_defaults() -> None:
    assert len(LINES) >= 5
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert Settings.model_validate(yaml.safe_load(block)).pac == Pac()


def test_every_step_is_told_for_the_systems_that_have_it() -> None:
    rows = re.findall(r"^\| `([a-z-]+)`[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|$", TEXT, re.MULTILINE)
    told = {
        system: {
            name for name, *cells in rows if cells[place].strip() and not cells[place].strip().startswith("(")
        }
        for place, system in enumerate(("linux", "macos", "windows"))
    }
    assert told == {system: set(names) for system, names in NAMES.items()}
