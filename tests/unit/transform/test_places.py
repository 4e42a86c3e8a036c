"""Places made fit to be told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.transform.places import LIMIT, safe
from outgate.wire.json_spans import join_path


@pytest.mark.parametrize(
    "place",
    [
        "messages[2].content[0].text",
        "tools[0].function.parameters.properties.city.description (key)",
        "line 3: messages[0].content",
        "part[1]: customer.name",
        "part[1].content-disposition",
        "header:anthropic-beta",
        "query:alt",
        "query name",
        "between parts",
        "path",
        "body",
        "",
    ],
)
def test_a_place_of_plain_names_stays_as_it_is(place: str) -> None:
    assert safe(place) == place


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ('input["jane@example.org"].phone', 'input["*"].phone'),
        ('a["x"].secret"].b["y"].c (key)', 'a["*"].c (key)'),
        ("data.078051120", "data.*"),
        ("data.user_12345678", "data.*"),
        ("data.sk-4f9aQ7m2x8Zp1Lk3", "data.*"),
        ("query:jane.doe", "query:*"),
        ("form:a b", "form:*"),
        ("\x1b[2Jname", "***"),
        ("pre\nsence.x", "*.x"),
    ],
)
def test_a_name_that_is_no_field_name_is_cut(place: str, told: str) -> None:
    assert safe(place) == told


def test_a_name_in_which_a_finding_lies_is_cut_wherever_it_stands() -> None:
    assert safe("notes.Morgenstern.text", {"Morgenstern"}) == "notes.*.text"
    assert safe("query:Morgenstern", {"Morgenstern"}) == "query:*"
    assert safe("part[0].Morgenstern (key)", {"Morgenstern"}) == "part[0].* (key)"


def test_a_place_is_never_longer_than_its_limit() -> None:
    told = safe(".".join(["abcdefgh"] * 60))
    assert len(told) == LIMIT
    assert len(safe(".".join(["abcdefgh"] * 100_000))) <= LIMIT


@given(st.lists(st.one_of(st.text(max_size=80), st.integers(0, 10**9)), max_size=6), st.data())
@settings(max_examples=300, deadline=None)
def test_no_key_with_a_finding_in_it_is_ever_told(keys: list[str | int], data: st.DataObject) -> None:
    names = [
        key
        for key in keys
        if isinstance(key, str) and len(key) >= 4 and not set(key) <= set('*.[]"0123456789')
    ]
    if not names:
        return
    value = data.draw(st.sampled_from(names))
    place = ""
    for key in keys:
        if key == value or not isinstance(key, str) or value not in key:
            place = join_path(place, key)
    told = safe(place, {value})
    assert value not in told
    assert told.isascii()
    assert told.isprintable() or told == ""
