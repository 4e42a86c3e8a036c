"""What a value leaves as: derived, told apart, and left alone when it comes back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine
from outgate.model import BODY, Document, Finding, Role, Segment, Style
from outgate.transform.operators import identity
from outgate.transform.placeholders import (
    Pseudonymiser,
    derivation_key,
    derive,
    is_placeholder,
    set_apart,
)

KEY = derivation_key(b"k" * 32)
SCOPE = "user:alice"
ENTITIES = sorted(entities.catalogue())

some_entity = st.sampled_from([*ENTITIES, "OUR_OWN_KIND_WITH_A_NAME_THAT_IS_LONG", "X"])
some_style = st.sampled_from(Style)
some_value = st.text(min_size=1, max_size=40)


def tag(entity: str, value: str, scope: str = SCOPE) -> str:
    return derive(KEY, scope, Style.TAG, entity, value)


@given(some_style, some_entity, some_value)
@settings(max_examples=300, deadline=None)
def test_the_same_value_always_has_the_same_placeholder(style: Style, entity: str, value: str) -> None:
    placeholder = derive(KEY, SCOPE, style, entity, value)
    assert derive(derivation_key(b"k" * 32), SCOPE, style, entity, value) == placeholder
    assert Pseudonymiser(KEY, SCOPE).placeholder(style, entity, value) == placeholder


def test_a_tag_stays_what_it_is_over_versions() -> None:
    """Histories and stores hold them: another derivation is another product."""
    assert tag("EMAIL_ADDRESS", "jane@corp.test") == "EMAIL_ADDRESS_36hvjydk2rlw"


@given(some_entity, some_value)
@settings(max_examples=300, deadline=None)
def test_a_tag_is_one_safe_word_with_the_name_of_its_entity(entity: str, value: str) -> None:
    placeholder = tag(entity, value)
    assert re.fullmatch(r"[A-Z0-9][A-Z0-9_]{0,23}_[a-z2-7]{12}", placeholder)
    assert placeholder.startswith(entity[:23].rstrip("_"))
    assert is_placeholder(placeholder, frozenset({entity}))
    assert not is_placeholder(placeholder, frozenset({"OTHER"}))


@given(st.lists(st.tuples(some_style, some_entity, some_value), max_size=20))
@settings(max_examples=200, deadline=None)
def test_two_values_of_a_request_never_share_a_placeholder(asked: list[tuple[Style, str, str]]) -> None:
    of_request = Pseudonymiser(KEY, SCOPE)
    given_out: dict[str, str] = {}
    for style, entity, value in asked:
        placeholder = of_request.placeholder(style, entity, value)
        same = identity(entity, value)
        assert identity(entity, given_out.setdefault(placeholder, value)) == same
    assert {pair.placeholder: pair.value for pair in of_request.pairs} == given_out


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize(
    ("entity", "spellings"),
    [
        ("EMAIL_ADDRESS", ["Jane.Doe@Corp.test", "jane.doe@corp.test"]),
        ("PERSON", ["Jane Doe", "JANE DOE", "Jane  Doe", "Jane\nDoe", "Jane\u00a0Doe"]),
        ("PHONE_NUMBER", ["+1 212 736 5000", "+1 (212) 736-5000", "12127365000", "+1.212.736.5000"]),
        ("CREDIT_CARD", ["4111" * 4, " ".join(["4111"] * 4), "-".join(["4111"] * 4)]),
        ("CH_AHV", ["756.1234.5678.97", "7561234567897"]),
        ("IBAN_CODE", ["DE89 3704 0044 0532 0130 00", "de89370400440532013000"]),
    ],
)
def test_another_spelling_has_the_same_placeholder_and_the_first_one_is_kept(
    style: Style, entity: str, spellings: list[str]
) -> None:
    of_request = Pseudonymiser(KEY, SCOPE)
    assert len({of_request.placeholder(style, entity, value) for value in spellings}) == 1
    assert [pair.value for pair in of_request.pairs] == spellings[:1]


@pytest.mark.parametrize(
    ("entity", "one", "other"),
    [("IP_ADDRESS", "1.11.1.1", "11.1.1.1"), ("DATE_OF_BIRTH", "1.11.1990", "11.1.1990")],
)
def test_separators_that_part_numbers_are_part_of_the_value(entity: str, one: str, other: str) -> None:
    assert tag(entity, one) != tag(entity, other)


@pytest.mark.parametrize("entity", sorted(entities.groups()["secrets"]))
def test_secrets_of_another_case_or_spacing_are_other_secrets(entity: str) -> None:
    assert len({tag(entity, value) for value in ("aB-1 2", "ab-1 2", "aB1 2", "aB-1  2")}) == 4


@given(some_style, st.sampled_from(ENTITIES), some_value)
@settings(max_examples=100, deadline=None)
def test_a_tag_is_another_in_another_scope_or_under_another_key(
    style: Style, entity: str, value: str
) -> None:
    mine = tag(entity, value)
    assert mine != tag(entity, value, "user:bob")
    assert mine != derive(derivation_key(b"o" * 32), SCOPE, Style.TAG, entity, value)


def test_scope_entity_and_value_do_not_run_into_each_other() -> None:
    assert tag("A", "b", "s\0A") != tag("A", "A\0b", "s")
    assert tag("A_B", "c") != tag("A", "B_c").replace("A_", "A_B_")


def test_more_values_than_a_range_has_are_still_told_apart() -> None:
    of_request = Pseudonymiser(KEY, SCOPE)
    values = [f"10.{n // 250}.{n % 250}.1" for n in range(1500)]
    made = [of_request.placeholder(Style.SURROGATE, "IP_ADDRESS", value) for value in values]
    assert len(set(made)) == len(values)
    assert sum(is_placeholder(text, frozenset({"IP_ADDRESS"})) for text in made) == len(values)
    assert made[-1].startswith("IP_ADDRESS_")


def test_a_surrogate_that_another_value_of_the_scope_has_is_not_given_out_again() -> None:
    first = derive(KEY, SCOPE, Style.SURROGATE, "IP_ADDRESS", "10.1.1.1")
    for taken in ({first: "10.9.9.9"}, {}):
        of_request = Pseudonymiser(KEY, SCOPE, taken, () if taken else (first,))
        assert of_request.placeholder(Style.SURROGATE, "IP_ADDRESS", "10.1.1.1") != first
    of_request = Pseudonymiser(KEY, SCOPE, {first: "10.1.1.1"}, (first,))
    assert of_request.placeholder(Style.SURROGATE, "IP_ADDRESS", "10.1.1.1") == first


def test_findings_of_placeholders_are_set_apart() -> None:
    mine, name = tag("PASSWORD", "hunter2"), "Ada Belaham"
    key = "PROD_" + "abcdefghijkl"  # looks like a tag, and is of no entity
    text = f"password: {mine}, for {name} at jane@corp.test, {key}"
    document = Document((Segment(text, Role.USER, "p", BODY, 0, len(text), "utf8"),))

    def found(value: str, entity: str) -> Finding:
        start = text.index(value)
        return Finding(0, start, start + len(value), entity, 1.0, "test")

    mail = found("jane@corp.test", "EMAIL_ADDRESS")
    others = [mail, found(key, "KNOWN_SECRET")]
    findings = [found(mine, "PASSWORD"), found(name, "PERSON"), *others]
    left, apart = set_apart(findings, document, frozenset({"PASSWORD", "PERSON"}), {name: "Jane Doe"})
    assert (left, apart) == (others, {mine, name})


FRAMES = (
    "{}",
    "Please write to {} today.",
    "call {} now",
    "Dear Mr {},",
    "name: {}",
    "IBAN {}",
    "SSN: {}",
    "passport number {}",
    "password: {}",
    '"api_key": "{}"',
    "Authorization: Bearer {}",
)


def test_detectors_leave_a_tag_alone_or_take_all_of_it() -> None:
    """Behind ``password:`` or ``Bearer`` anything is found; it is then set apart as a whole."""
    texts = [
        FRAMES[(position + turn) % len(FRAMES)].format(tag(entity, str(turn)))
        for position, entity in enumerate(ENTITIES)
        for turn in (0, 4)
    ]
    engine = Engine(DetectorConfig(entities=frozenset(ENTITIES)))
    for text, matches in zip(texts, engine.scan(texts), strict=True):
        for match in matches:
            assert is_placeholder(text[match.start : match.end], frozenset(ENTITIES)), (text, match.entity)
