"""The picture of the dashboard: every panel is drawn, from what a real Prometheus answers about a small week."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from programs import program

ROOT = Path(__file__).parents[3]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
STEP = timedelta(hours=2)  # between two scrapes: a block of Prometheus is as long


@pytest.fixture(scope="module")
def drawing() -> Iterator[SimpleNamespace]:
    """The code in docs/ that draws it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        import week
        from dashboard import page, panels, prometheus, scrapes, values

        yield SimpleNamespace(
            week=week, page=page, panels=panels, prometheus=prometheus, scrapes=scrapes, values=values
        )


class Silent:
    """A Prometheus that has nothing."""

    def at(self, *asked: object) -> list[dict[str, Any]]:
        return []

    over = at


def span(drawing: SimpleNamespace, days: int) -> Any:
    monday = drawing.week.MONDAY
    return drawing.panels.Span(monday, monday + timedelta(days=days) - STEP, STEP)


@contextmanager
def small_week(drawing: SimpleNamespace, folder: Path, days: int) -> Iterator[Any]:
    """A Prometheus that has the first days of a week of few people, scraped every two hours."""
    program("promtool"), program("prometheus")
    few = {"people": 30, "requests": 2000, "days": days}
    texts = drawing.scrapes.scrapes(drawing.week.World.made(), step=STEP, **few)
    with drawing.prometheus.prometheus(texts, folder, step=STEP) as answering:
        yield answering


def sections(text: str) -> dict[str, str]:
    """Title -> what is drawn below it."""
    found = re.findall(r"<section[^>]*><h3>([^<]*)(?:<span[^>]*>i</span>)?</h3>(.*?)</section>", text)
    return {unescape(title): inner for title, inner in found}


def test_every_panel_is_drawn_with_data(drawing: SimpleNamespace, tmp_path: Path) -> None:
    drawn: dict[str, str] = {}
    with small_week(drawing, tmp_path, days=4) as answering:
        for folded in (False, True):
            text, height = drawing.page.page(DASHBOARD, answering, span(drawing, 4), folded=folded)
            assert 1000 < height < 5000
            drawn |= sections(text)
    kinds = {panel.title: panel.kind for row in drawing.panels.rows(DASHBOARD) for panel in row.panels}
    assert drawn.keys() == kinds.keys() and len(kinds) > 50
    assert not [title for title, inner in drawn.items() if 'class="empty"' in inner or "nan" in inner]
    marks = {"timeseries": r"<path d=\"M|<circle", "stat": "<b ", "bargauge": "<i style", "piechart": "<path"}
    for title, inner in drawn.items():
        assert re.search(marks.get(kinds[title], "<tbody><tr>"), inner), title
    assert "no traffic to restricted jurisdictions" in drawn["What stopped them"]
    assert re.search(r"<td>openai</td><td>US</td>", drawn["By provider"])
    assert [path for title in drawn for path in re.findall(r'class="event"', drawn[title])]  # policies loaded


def test_a_panel_without_an_answer_is_drawn_as_such(drawing: SimpleNamespace) -> None:
    text, _ = drawing.page.page(DASHBOARD, Silent(), span(drawing, 7), folded=False)
    drawn = sections(text)
    assert len(drawn) > 20
    assert all(inner == '<p class="empty">none in this time</p>' for inner in drawn.values())


def test_what_is_counted_is_the_week(drawing: SimpleNamespace) -> None:
    """No exchange is lost or counted twice on its way into the scrapes."""
    world = drawing.week.World.made()
    (text,) = drawing.scrapes.scrapes(world, step=timedelta(hours=12), people=10, requests=300, days=1)
    last = {
        name: sum(map(float, re.findall(rf"^{name}{{.*}} (\S+) {at}$", text.decode(), re.MULTILINE)))
        for name in ("outgate_exchanges_total", "outgate_inspection_seconds_count")
        for at in [max(map(int, re.findall(r" (\d+)$", text.decode(), re.MULTILINE)))]
    }
    before = drawing.week.happened(
        world, start=drawing.week.MONDAY - timedelta(days=7), seed=6, people=10, requests=300
    )
    noon = drawing.week.MONDAY + timedelta(hours=12)
    within = [
        one for one in drawing.week.happened(world, people=10, requests=300) if one.exchange.time <= noon
    ]
    assert last["outgate_exchanges_total"] == sum(1 for _ in before) + len(within)


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "told"),
    [
        (6130.4, "locale", 0, "6,130"),
        (0.0551, "percentunit", 1, "5.5%"),
        (0.0224, "s", None, "22 ms"),
        (90.0, "s", None, "1.5 mins"),
        (0.6, "reqpm", None, "0.60 req/m"),
        (23_895_022, "short", None, "24 Mil"),
        (1500.0, "Bps", None, "1.5 kB/s"),
        (0.0, "s", None, "0 s"),
        (1795078800000.0, "dateTimeAsIso", None, "2026-11-19 09:00:00"),
        (float("nan"), "s", None, "–"),
    ],
    ids=lambda value: str(value),
)
def test_numbers_are_written_with_their_units(
    drawing: SimpleNamespace, value: float, unit: str, decimals: int | None, told: str
) -> None:
    assert drawing.values.written(value, unit, decimals) == told


def test_the_pictures_are_small_and_shown_as_what_they_are() -> None:
    document = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    assert "not a screenshot of Grafana" in " ".join(document.split())
    for name in ("dashboard.png", "dashboard-rows.png"):
        assert f"({name})" in document
        assert (ROOT / "docs" / name).stat().st_size < 600_000
