"""SQL in a text: the values of a column, whichever statement names it."""

from __future__ import annotations

import time

import pytest

from outgate.dlp.statements import values_under


def under(text: str, name: str) -> list[str]:
    return [text[start:end] for start, end in values_under(text, [text.index(name)])]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("insert into a (x, dob) values (1, '2')", ["2"]),
        ("INSERT INTO `a` (`x`, `dob`) VALUES (f(1, 2), '3'),\n  ('a, (b''', \"4\");", ["3", "4"]),
        (
            "CREATE TABLE IF NOT EXISTS a.b (x varchar(10), dob date);\nREPLACE INTO A.B VALUES ('(', 5);",
            ["5"],
        ),
        ("CREATE TABLE a (dob date); INSERT INTO b VALUES (1)", []),
        ("INSERT INTO a (x, dob) VALUES (1)", []),
        ("SELECT dob FROM a WHERE x IN (1, 2)", []),
        ("INSERT INTO a (dob, x) VALUES ('', 1", []),
    ],
)
def test_the_values_of_a_column_are_those_in_its_place(text: str, values: list[str]) -> None:
    assert under(text, "dob") == values


def test_lists_that_are_never_closed_cost_time_in_proportion() -> None:
    seconds = []
    for times in (100, 400):
        text = "CREATE TABLE a (dob date, " * times + "x, " * 40 * times
        started = time.process_time()
        list(values_under(text, [text.index("dob")]))
        seconds.append(time.process_time() - started)
    assert seconds[1] < 4 * 3 * seconds[0] + 0.1
