"""Values of the same shape, from ranges that are nobody's."""

from __future__ import annotations

import hashlib
import re
from ipaddress import ip_address, ip_interface, ip_network

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgate.dlp.personal.sums import luhn
from outgate.transform.operators import identity
from outgate.transform.surrogates import is_surrogate, surrogate

number = st.integers(min_value=0, max_value=2**32)


def made(entity: str, value: str, which: int) -> str:
    text = surrogate(entity, identity(entity, value), hashlib.sha256(str(which).encode()).digest())
    assert text is not None
    return text


@given(number)
def test_an_address_of_mail_is_under_a_domain_that_is_reserved(which: int) -> None:
    text = made("EMAIL_ADDRESS", "jane.doe@corp.test", which)
    assert re.fullmatch(r"[a-z2-7]{12}@example\.com", text)
    assert is_surrogate(text)


@given(number, st.sampled_from(["+1 212 736 5000", "(212) 736-5000", "+49 30 901820"]))
def test_a_telephone_number_is_one_that_is_kept_free_for_fiction(which: int, value: str) -> None:
    text = made("PHONE_NUMBER", value, which)
    assert re.fullmatch(r"\+1[2-9]\d\d55501\d\d", text)
    assert phonenumbers.is_possible_number(phonenumbers.parse(text))
    assert is_surrogate(text)
    assert is_surrogate(f"({text[2:5]}) {text[5:8]}-{text[8:]}")


@given(number, st.sampled_from(["+44 20 7219 3000", "020 7219 3000", "07911 123456"]))
def test_a_number_of_the_united_kingdom_is_one_of_those_for_drama(which: int, value: str) -> None:
    text = made("PHONE_NUMBER", value, which)
    assert phonenumbers.is_possible_number(phonenumbers.parse(text))
    assert text.startswith("+44")
    assert len(text) == 13
    assert is_surrogate(text)
    assert is_surrogate(f"0{text[3:7]} {text[7:]}")


@given(number)
def test_an_ip_address_is_one_of_documentation(which: int) -> None:
    four, six = (ip_address(made("IP_ADDRESS", value, which)) for value in ("10.1.2.3", "fe80::1"))
    networks = map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
    assert any(four in network for network in networks)
    assert six in ip_network("2001:db8::/32")
    assert is_surrogate(str(four))
    assert is_surrogate(str(six))


def test_a_network_keeps_its_length() -> None:
    assert ip_interface(made("IP_ADDRESS", "10.1.2.0/24", 1)).network.prefixlen == 24


@given(number, st.integers(min_value=13, max_value=19))
def test_a_card_has_the_length_of_one_and_is_none(which: int, length: int) -> None:
    text = made("CREDIT_CARD", "4" * length, which)
    assert re.fullmatch(rf"4\d{{{length - 1}}}", text)
    assert not luhn(text)


@given(number)
def test_a_name_has_as_many_words(which: int) -> None:
    assert re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+", made("PERSON", "Jane van Doe", which))
    assert re.fullmatch(r"[A-Z][a-z]+", made("PERSON", "Jane", which))


@pytest.mark.parametrize(
    ("entity", "value"), [("US_SSN", "078-05-1120"), ("IP_ADDRESS", "no address"), ("CREDIT_CARD", "12")]
)
def test_what_has_no_range_or_not_its_shape_has_no_surrogate(entity: str, value: str) -> None:
    assert surrogate(entity, value, bytes(32)) is None


@pytest.mark.parametrize(
    "text",
    ["jane@example.com", "+1 212 736 5000", "+44 20 7219 3000", "8.8.8.8", "2001:4860::1", "Jane", "1"],
)
def test_what_may_be_somebodys_is_no_surrogate(text: str) -> None:
    assert not is_surrogate(text)
