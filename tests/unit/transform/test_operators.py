"""What takes a value's place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.model import Action
from outgate.transform.operators import fingerprint, mask, replacement

KEY = b"k" * 32
EDITING = (Action.REDACT, Action.MASK, Action.HASH)
CARD = "4111" + "1111" * 3


def spaced(number: str) -> str:
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def test_redact_names_the_entity_and_nothing_of_the_value() -> None:
    assert replacement(Action.REDACT, "CREDIT_CARD", CARD, KEY) == "[REDACTED CREDIT_CARD]"


def test_a_masked_card_keeps_its_layout_and_last_four_digits() -> None:
    assert mask("CREDIT_CARD", spaced(CARD)) == "**** **** **** 1111"


@pytest.mark.parametrize(
    ("entity", "value", "masked"),
    [
        ("US_SSN", "078-05-1120", "***-**-**20"),
        ("IBAN_CODE", "DE89 3704 0044 0532 0130 00", "**** **** **** **** **30 00"),
        ("PHONE_NUMBER", "+1 (555) 010-9999", "+* (***) ***-**99"),
        ("CREDIT_CARD", "4111_1111", "*******11"),
        ("PIN_CODE", "123", "***"),
        ("EMPLOYEE", "1234 5678", "**** **78"),
    ],
)
def test_a_masked_number_keeps_at_most_a_quarter_of_its_characters(
    entity: str, value: str, masked: str
) -> None:
    assert mask(entity, value) == masked


def test_a_masked_address_keeps_only_its_top_level_domain() -> None:
    assert mask("EMAIL_ADDRESS", "jane.doe@mail.example.org") == "****@****.org"


def test_a_top_level_domain_that_is_most_of_the_address_is_masked_too() -> None:
    assert mask("EMAIL_ADDRESS", "a@b.museum") == "****@****"


@pytest.mark.parametrize("entity", ["PASSWORD", "GENERIC_SECRET", "AWS_SECRET_KEY", "ACCESS_TOKEN_ID"])
def test_a_masked_credential_shows_no_character_even_when_it_is_all_digits(entity: str) -> None:
    assert set(mask(entity, "1234567890123456")) == {"*"}


def test_a_masked_name_tells_only_the_class_of_its_length() -> None:
    assert mask("PERSON", "Jane Doe") == mask("PERSON", "Somebody Es") == "********"
    assert len(mask("PERSON", "x" * 10_000)) == 24


@given(st.sampled_from(["CREDIT_CARD", "PERSON", "EMAIL_ADDRESS", "US_SSN", "PASSWORD"]), st.text(min_size=1))
@settings(max_examples=300, deadline=None)
def test_a_mask_never_leaves_more_than_a_quarter_of_the_letters_and_digits(entity: str, value: str) -> None:
    left = sum(map(str.isalnum, mask(entity, value)))
    assert left * 4 <= sum(map(str.isalnum, value))


def test_a_hash_is_short_and_starts_with_its_entity() -> None:
    text = replacement(Action.HASH, "PERSON", "Jane Doe", KEY)
    assert text.startswith("PERSON_")
    assert len(text) == len("PERSON_") + 12


def test_a_hash_cannot_be_looked_up_among_fingerprints() -> None:
    digits = replacement(Action.HASH, "PERSON", "Jane Doe", KEY).removeprefix("PERSON_")
    assert not fingerprint("PERSON", "Jane Doe", KEY).startswith(digits)


def test_another_key_gives_another_hash_and_fingerprint() -> None:
    other = b"o" * 32
    assert replacement(Action.HASH, "PERSON", "Jane", KEY) != replacement(
        Action.HASH, "PERSON", "Jane", other
    )
    assert fingerprint("PERSON", "Jane", KEY) != fingerprint("PERSON", "Jane", other)


@given(st.sampled_from(EDITING), st.text(min_size=1))
@settings(max_examples=100, deadline=None)
def test_the_same_value_always_gets_the_same_replacement(action: Action, value: str) -> None:
    assert replacement(action, "PERSON", value, KEY) == replacement(action, "PERSON", value, KEY)


@pytest.mark.parametrize("action", [action for action in Action if action not in EDITING])
def test_an_action_that_replaces_nothing_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="replacement"):
        replacement(action, "PERSON", "Jane", KEY)


def test_a_card_has_one_fingerprint_however_it_is_spaced() -> None:
    spellings = [CARD, spaced(CARD), spaced(CARD).replace(" ", "-"), spaced(CARD).replace(" ", "\u00a0")]
    fullwidth = "".join(chr(ord(digit) + 0xFEE0) for digit in CARD)
    split = "\u200b".join(CARD)
    assert len({fingerprint("CREDIT_CARD", value, KEY) for value in [*spellings, fullwidth, split]}) == 1


def test_a_name_has_one_fingerprint_in_any_case_and_spacing() -> None:
    assert fingerprint("PERSON", "Jane  DOE", KEY) == fingerprint("PERSON", "jane\ndoe", KEY)


def test_two_values_have_two_fingerprints_and_so_have_two_entities() -> None:
    assert fingerprint("PERSON", "a b", KEY) != fingerprint("PERSON", "ab", KEY)
    assert fingerprint("PERSON", "Jane", KEY) != fingerprint("LOCATION", "Jane", KEY)


def test_a_fingerprint_is_sixteen_hex_digits_even_of_a_lone_surrogate() -> None:
    assert len(bytes.fromhex(fingerprint("PERSON", "a\ud800b", KEY))) == 8
