"""Numbers at wanted places of JSON that comes in any pieces, against what a whole parser says."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.wire.json_numbers import NumberFinder, Places

WANTED = ("usage.in", "usage.out", "usage.details.cached", "top", "a.b.c")
PLACES = Places(WANTED)
NAMES = st.sampled_from(
    ["usage", "in", "out", "details", "cached", "top", "a", "b", "c", 'q"', "\\", "é", "x" * 80]
)
LEAVES = st.one_of(
    st.integers(-5, 10**16), st.floats(allow_nan=False), st.booleans(), st.none(), st.text(max_size=8)
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=25,
)


def expected(value: Any, path: tuple[str, ...] = ()) -> dict[str, int]:
    """By a whole parser: arrays are passed through, the highest counts."""
    found: dict[str, int] = {}
    if isinstance(value, list):
        # An array of numbers is no number.
        inside = [expected(each, path) for each in value if isinstance(each, dict | list)]
    elif isinstance(value, dict):
        inside = [expected(each, (*path, name)) for name, each in value.items()]
    else:
        place = ".".join(path)
        fits = type(value) is int and 0 <= value < 10**15
        return {place: value} if place in WANTED and fits else {}
    for each in inside:
        for place, number in each.items():
            found[place] = max(found.get(place, 0), number)
    return found


def found(pieces: list[bytes]) -> dict[str, int]:
    finder = NumberFinder(PLACES)
    for piece in pieces:
        finder.feed(piece)
    return dict(finder.finish())


@settings(max_examples=60)
@given(DOCUMENTS, st.booleans(), st.lists(st.integers(0, 400), max_size=6))
def test_what_is_found_is_what_a_parser_finds_however_it_is_cut(
    value: Any, ascii_: bool, cuts: list[int]
) -> None:
    data = json.dumps(value, ensure_ascii=ascii_, indent=1 if len(cuts) % 2 else None).encode()
    at = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})
    assert found([data[a:b] for a, b in pairwise(at)]) == expected(value)
    assert found([data[index : index + 1] for index in range(len(data))]) == expected(value)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_fed(data: bytes) -> None:
    finder = NumberFinder(PLACES)
    finder.feed(data)
    finder.finish()


@pytest.mark.parametrize(
    "forged",
    [
        {"text": '{"usage": {"in": 9}}'},
        {"text": '"usage": {"in": 9}'},
        {"call": {"usage": {"in": 9}}},
        {"usage": {"more": {"in": 9}}},
        {"usage": '{"in": 9}'},
    ],
)
def test_words_of_a_model_are_no_number_of_its_provider(forged: Any) -> None:
    assert found([json.dumps(forged).encode()]) == {}


def test_documents_one_behind_the_other_are_each_read() -> None:
    assert found([b'{"top": 3}\n{"top": 7}{"top"', b": 5} "]) == {"top": 7}


def test_brackets_without_end_and_long_names_hold_nothing() -> None:
    finder = NumberFinder(PLACES)
    for _ in range(5):
        finder.feed(b"[" * 10_000 + b'{"' + b"n" * 10_000)
    assert len(finder._open) < 20
    assert len(finder._name) < 100


def test_a_place_within_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="a number stands at"):
        Places(["a", "a.b"])
