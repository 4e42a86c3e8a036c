"""SECURITY.md: what it points to is there, and what it says of the code and no other test shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outgate.catalogue import Catalogue
from outgate.gateway import ca
from outgate.policy import PolicyError, load
from outgate.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()


def test_every_test_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    written = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 40
    assert sorted(named - written) == []


def test_each_actor_has_what_is_shown_and_what_is_not_covered() -> None:
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    actors = [section for section in sections if re.match(r"(An?|Another) ", section)]
    assert len(actors) == 9
    for section in actors:
        assert re.search(r"`test_\w+`", section), section[:40]
    assert (
        sum("Not covered: " in section for section in actors) == 8
    )  # a careless user is what it is made for


def test_a_policy_constructs_nothing(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    file = tmp_path / "policy.yaml"
    file.write_text(f"version: 1\nrules: !!python/object/apply:os.mkdir ['{trap}']\n")
    with pytest.raises(PolicyError):
        load([file])
    assert not trap.exists()


def test_its_figures_are_those_of_the_code(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert f"`audit.max_age_days`, {settings.audit.max_age_days:.0f}" in TEXT
    assert f"`connect_ports` ({', '.join(map(str, settings.connect_ports))})" in TEXT
    ca.create(settings.ca_dir, Catalogue.load().constraint_names())
    assert 729 < ca.check(settings.ca_dir).days_left < 731
    assert "for at most two years" in TEXT
    assert {path.name for path in settings.ca_dir.iterdir()} == {ca.SIGNING, ca.ROOT, ca.ROOT_KEY}
    assert all(f"{name}`" in TEXT for name in (ca.SIGNING, ca.ROOT_KEY, "fingerprint.key"))
