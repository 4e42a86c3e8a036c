"""The restorer of one text, against a plain reading of what it promises."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.transform.restore import Known, Restorer, restored

VALUES = {
    "PERSON_abc2": "Ada Example",
    "PERSON_abc2de": 'Bo "B" \\ Example\n😀',
    "NAME": "x",
    "NAME_ONE": "PERSON_abc2",
    "Ann Lee": "Cy Example",
    "Ann Lee Jr.": "Di Example",
    "ann@example.com": "eve@corp.test",
    "192.0.2.7": "10.1.2.3",
    "+1 555-0100": "+44 20 0000",
    "+1 555-01": "zero",
}
KNOWN = Known(VALUES)
ALPHABET = "".join(sorted(set("".join(VALUES)))) + '_ .,é中"\\{[n'
TEXTS = st.lists(st.sampled_from(sorted(VALUES)) | st.text(ALPHABET, max_size=5), max_size=8).map("".join)


def plain_reading(values: dict[str, str]) -> Callable[[str], str]:
    """The promise in one expression."""
    choices = "|".join(
        (r"(?<![A-Za-z0-9_])" if re.match(r"\w", name) else "")
        + re.escape(name)
        + (r"(?![A-Za-z0-9_])" if re.match(r"\w", name[-1]) else "")
        for name in sorted(values, key=len, reverse=True)
    )
    return lambda text: re.sub(choices, lambda found: values[found[0]], text)


PLAINLY = plain_reading(VALUES)


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


@given(TEXTS, st.lists(st.integers(0, 200), max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_text_cut_anywhere_is_restored_as_a_plain_reading_says(text: str, places: list[int]) -> None:
    text = "x " + text  # opens as prose
    restorer = Restorer(KNOWN)
    told = "".join(restorer.feed(piece) for piece in cut(text, places)) + restorer.flush()
    assert told == restored(text, KNOWN) == PLAINLY(text)


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_nothing_is_held_back_but_the_beginning_of_a_placeholder(text: str) -> None:
    text = "x " + text
    restorer, told = Restorer(KNOWN), ""
    beginnings = {name[:length] for name in VALUES for length in range(len(name) + 1)}
    for end in range(1, len(text) + 1):
        told += restorer.feed(text[end - 1])
        possible = [text[start:end] for start in range(end + 1) if text[start:end] in beginnings]
        assert any(told == PLAINLY(text[: end - len(held)] + "\0")[:-1] for held in possible)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PERSON_abc2", "Ada Example"),
        ("PERSON_abc2, PERSON_abc2.", "Ada Example, Ada Example."),
        ("xPERSON_abc2 PERSON_abc2x _PERSON_abc2 PERSON_abc2_", None),
        ("(PERSON_abc2)中PERSON_abc2中", "(Ada Example)中Ada Example中"),
        ("NAME_ONE", "PERSON_abc2"),
        ("Ann Lee Jr. and Ann Lee J", "Di Example and Cy Example J"),
        ("192.0.2.71 192.0.2.7.", "192.0.2.71 10.1.2.3."),
        ("+1 555-0100+1 555-0", "+44 20 0000+1 555-0"),
        ("person_abc2 PERSON_abc PERSON_ <PERSON>", None),
        ("[[ -f x ]] && [[ -f PERSON_abc2 ]]", "[[ -f x ]] && [[ -f Ada Example ]]"),
    ],
)
def test_whole_words_only_the_longest_once(text: str, expected: str | None) -> None:
    assert restored(text, KNOWN) == (text if expected is None else expected)


def test_what_can_no_longer_be_a_placeholder_is_told_at_once() -> None:
    restorer = Restorer(KNOWN)
    assert [restorer.feed(c) for c in "PERSON_x NAM."] == [*[""] * 7, "PERSON_x", " ", "", "", "", "NAM."]


JSON_TEXTS = st.recursive(
    TEXTS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def restored_within(value: object) -> object:
    if isinstance(value, str):
        return PLAINLY(value)
    if isinstance(value, list):
        return [restored_within(inner) for inner in value]
    if isinstance(value, dict):
        return {PLAINLY(name): restored_within(inner) for name, inner in value.items()}
    return value


@given(JSON_TEXTS, st.booleans(), st.lists(st.integers(0, 400), max_size=12))
@settings(max_examples=300, deadline=None)
def test_json_source_cut_anywhere_still_parses(value: object, ascii_only: bool, places: list[int]) -> None:
    source = json.dumps({"arguments": value}, ensure_ascii=ascii_only)
    restorer = Restorer(KNOWN, source=True)
    told = "".join(restorer.feed(piece) for piece in cut(source, places)) + restorer.flush()
    assert json.loads(told) == restored_within({"arguments": value})
    assert restored(source, KNOWN) == told  # it opens as JSON does, so nobody need say that it is


def test_an_escape_before_a_placeholder_is_no_letter_of_it() -> None:
    for escape in (r"\n", r"\t", r"\u0041", r"\\", r"\""):
        source = f'{{"a":"{escape}PERSON_abc2{escape}"}}'
        for place in range(len(source)):
            restorer = Restorer(KNOWN, source=True)
            told = restorer.feed(source[:place]) + restorer.feed(source[place:]) + restorer.flush()
            assert told == source.replace("PERSON_abc2", "Ada Example")


def test_outside_of_a_string_a_value_is_a_number_or_quoted() -> None:
    known = Known({"4000123": "4111", "4000124": "41 11"})
    assert restored('{"a":4000123,"b":4000124}', known, source=True) == '{"a":4111,"b":"41 11"}'


def test_nothing_known_changes_nothing() -> None:
    assert restored("PERSON_abc2", Known({})) == "PERSON_abc2"
