"""Credentials as clients send them, and names as they may be kept."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.identity.evidence import Credentials, CredentialsError, groups_of, plain, read_credentials


def basic(said: str | bytes) -> str:
    return "Basic " + base64.b64encode(said.encode() if isinstance(said, str) else said).decode()


@settings(max_examples=50)
@given(st.text())
def test_any_header_is_credentials_or_none(header: str) -> None:
    try:
        read = read_credentials(header)
    except CredentialsError as error:
        assert len(header) < 30 or header not in str(error)
    else:
        assert read.secret


@settings(max_examples=50)
@given(
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1, max_size=30),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
)
def test_a_name_and_a_password_are_read_as_they_were_said(user: str, secret: str) -> None:
    assert read_credentials(basic(f"{user}:{secret}")) == Credentials(user, secret)
    assert (
        secret not in repr(read_credentials(basic(f"{user}:{secret}"))) or secret in user or len(secret) < 9
    )


@pytest.mark.parametrize(
    "header",
    [
        *("", "Basic", "basic !", basic("ada"), basic(":x"), basic("ada:"), basic("a\nb:x"), basic(b"\xff:x")),
        *("Bearer", "Bearer x", "Bearer a.b", "Bearer a.b.c.d", "Bearer a.b.ä", "Negotiate eyJ"),
        *("Bearer a.b." + "c" * 20000, basic("ada:" + "x" * 20000), basic("ada\u200b:x"), basic(" ada:x")),
    ],
)  # fmt: skip
def test_others_are_not_read(header: str) -> None:
    with pytest.raises(CredentialsError):
        read_credentials(header)


def test_a_token_is_one_by_itself_and_in_a_passwords_place() -> None:
    token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
    assert read_credentials(f"bearer  {token}") == Credentials("", token, is_token=True)
    assert read_credentials(basic(f"anything:{token}")) == Credentials("", token, is_token=True)
    assert read_credentials(basic("ada:a.b.c")) == Credentials("ada", "a.b.c")


@pytest.mark.parametrize("name", [None, 7, "", "  ", "a\nb", "a\0", "x" * 257, "\u202eada", ["a"], b"a"])
def test_what_is_no_name_is_none(name: object) -> None:
    assert plain(name) is None


def test_groups_are_each_named_once_and_only_so_many() -> None:
    assert groups_of(["a", " a ", "b\n", "c\td", 7, None]) == ("a", "b")
    assert groups_of("staff") == ("staff",)
    assert groups_of(None) == groups_of({"a": 1}) == ()
    assert len(groups_of([f"g{number}" for number in range(5000)])) == 1000
