"""docs/attachments.md names every setting with its default, and every reason."""

from __future__ import annotations

from pathlib import Path

from outgate.attachments import REASONS
from outgate.settings.sections import Attachments

PAGE = (Path(__file__).parents[3] / "docs" / "attachments.md").read_text(encoding="utf-8")


def test_every_setting_stands_there_with_its_default() -> None:
    rows = [row.split("|")[1:3] for row in PAGE.splitlines() if row.startswith("| `")]
    told = {
        name.strip(" `"): default.strip()
        for names, defaults in rows
        for name, default in zip(names.split("`, `"), defaults.split(", "), strict=False)
    }
    assert Attachments.model_fields.keys() <= told.keys()
    for name in (
        "deadline",
        "queue_limit",
        "memory",
        "cache",
        "size",
        "expanded",
        "text",
        "members",
        "depth",
        "images",
    ):
        assert float(told[name]) == Attachments.model_fields[name].default


def test_every_reason_stands_there() -> None:
    assert [reason for reason in REASONS if f"`{reason}`" not in PAGE] == []
