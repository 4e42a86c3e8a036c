"""docs/budgets.md: its table is the code's, and its examples can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from outgate.formats.usage_tables import TABLES, Counting
from outgate.model import Unit
from outgate.policy import load
from outgate.settings import Settings

TEXT = (Path(__file__).parents[3] / "docs" / "budgets.md").read_text()


def row(name: str, table: Counting) -> str:
    """A format's line of the table."""

    def told(ways: list[tuple[str, ...]]) -> str:
        return " or ".join(" + ".join(f"`{name}`" for name in names) for names in ways if names) or "-"

    within = ", ".join(f"`{holder}`" for holder in table.within if holder)
    top = ["the top"] if "" in table.within and table.reports else []
    where = ", ".join(filter(None, [*top, within])) if table.reports else "-"
    if table.headers:
        where += "; headers " + ", ".join(f"`{header}`" for header in table.headers)
    cells = (
        f"`{name}`",
        told([report.input for report in table.reports]),
        told([report.output for report in table.reports]),
        where,
        "estimated" if table.estimated else "counts nothing",
    )
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("name", TABLES)
def test_the_table_says_where_each_family_reports_its_tokens(name: str) -> None:
    assert row(name, TABLES[name]) in TEXT.splitlines()


def test_the_policy_and_the_settings_in_it_can_be_used(tmp_path: Path) -> None:
    policy, settings = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "policy.yaml").write_text(policy)
    assert [budget.name for budget in load([tmp_path / "policy.yaml"]).budgets] == [
        "a person's day",
        "the big model",
        "leaks",
    ]
    (tmp_path / "outgate.yaml").write_text(settings)
    assert Settings.load(tmp_path / "outgate.yaml").budget_config.store == "sqlite"
    assert yaml.safe_load(settings)["budgets"]["counters"] == 1_000_000


def test_every_unit_is_told() -> None:
    assert all(f"`{unit}`" in TEXT for unit in Unit)
