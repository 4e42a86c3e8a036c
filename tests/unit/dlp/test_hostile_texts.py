"""Texts made to be slow, or to hide how much is in them: what is asked of the event loop stays small."""

from __future__ import annotations

import time

import pytest

from growth import is_linear
from outgate.dlp import surroundings
from outgate.dlp.at_once import found_at_once
from outgate.dlp.engine import Engine
from outgate.dlp.tables import marked_up


@pytest.mark.parametrize(
    "part",
    [
        "born ",
        "1 2 3 4 5 6 7 8 9 0 ",
        "10.0.0.1 ::1 ",
        "password ",
        "0.123 4.567 8.910 1.112\n",
        "北京市海淀区中关村大街1号",
    ],
)
async def test_a_text_whose_places_touch_has_many_of_them(every_pattern: Engine, part: str) -> None:
    text = part * (120_000 // len(part))
    started = time.process_time()
    assert await found_at_once(every_pattern, [text]) is None
    assert time.process_time() - started < 2.0  # whole, it takes several


@pytest.mark.parametrize("heading", ["password", "date of birth"])
def test_tables_of_html_are_read_once(every_pattern: Engine, heading: str) -> None:
    def table(size: int) -> str:
        rows = 30
        begun = "".join(
            "<tr>" + "<td>a</td>" * (rows - row) + f"<td>{heading}</td></tr>\n" for row in range(rows)
        )
        return begun + "<tr>" * ((size - len(begun)) // 4)

    assert is_linear(lambda size: every_pattern.scan([table(size)]), 20_000)


def test_what_is_read_while_a_list_is_added_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = surroundings._Lists()
    read = lists._read
    bits: list[int] = []

    def read_as_it_was(run: str) -> object:
        known = read(run)
        if not bits:
            bits.append(lists.bit_of(("qwordx",)))  # as another thread would, that builds an engine
        return known

    monkeypatch.setattr(lists, "_read", read_as_it_was)
    assert not lists["qwordx"].lists
    assert lists["qwordx"].lists == bits[0]


def test_a_table_of_html_ends_where_rows_have_no_such_cell() -> None:
    def cells(text: str) -> list[str]:
        return [text[start:end] for start, end in marked_up(text, text.index("pin"))]

    head, row, other = (
        "<tr><th>a</th><th>pin</th></tr>",
        "<tr><td>b</td><td>c</td></tr>",
        "<tr><td>d</td></tr>\n",
    )
    assert cells(head + row + other * 2 + row) == ["c", "c"]
    assert cells(head + row + other * 3 + row) == ["c"]
    assert cells(head + row + "</table><table>" + row) == ["c"]
    assert cells(head + row + "<tr><td>open<tr>" + row) == ["c"]


def test_a_word_of_a_list_may_be_a_number() -> None:
    bit = surroundings.bit_of(("10994711", "w2q"))
    assert surroundings.Surroundings("IRS form 10994711 for 12").before(22)[5] & bit
    assert surroundings.Surroundings("IRS form 10994711 for 12").anywhere & bit
