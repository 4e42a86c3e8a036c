"""Whose account a request tells: every place, every spelling, and never a key."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_exchanges import EXCHANGE
from outgate.catalogue import Catalogue, told_accounts
from outgate.catalogue.accounts import aws_account, fingerprint, restriction_value
from outgate.model import Exchange
from outgate.model_accounts import Account, Restriction

CATALOGUE = Catalogue.load()
KEY = "made-up-" * 4
NAMED = f"key:{fingerprint(KEY.encode())}"


def exchange(
    *headers: tuple[str, str], target: str = "/v1/x", host: str = "api.example", **more: object
) -> Exchange:
    raw = tuple((name.encode(), value.encode("latin-1")) for name, value in headers)
    return replace(EXCHANGE, host=host, target=target.encode("latin-1"), headers=raw, **more)  # type: ignore[arg-type]


def told(provider: str, *headers: tuple[str, str], **more: str) -> list[str]:
    return list(map(str, told_accounts(CATALOGUE.providers[provider], exchange(*headers, **more))))


@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION", "authorization"])
@pytest.mark.parametrize("value", [f"Bearer {KEY}", f"bearer\t {KEY} ", f"Token {KEY}", KEY])
def test_a_key_is_told_by_its_fingerprint_however_it_is_written(name: str, value: str) -> None:
    assert told("groq", (name, value)) == [NAMED]


@pytest.mark.parametrize(
    "value", ["Basic " + KEY, "short", f"Bearer {KEY} more", f"Bearer {KEY}é", "Bearer x"]
)
def test_what_could_be_guessed_or_is_no_key_has_no_fingerprint(value: str) -> None:
    assert told("groq", ("authorization", value)) == ["key:?"]


def test_a_session_cookie_is_told_and_has_no_fingerprint() -> None:
    assert told("claude-web", ("cookie", f"sessionKey={KEY}")) == ["key:?"]


def test_what_is_empty_tells_nothing() -> None:
    assert told("openai", ("openai-organization", ""), ("authorization", " ")) == []


@pytest.mark.parametrize(
    "target",
    [
        "/v1/projects/ours/locations/eu/publishers/google/models/m:generateContent",
        "//v1/%70rojects/ours/locations/eu",
        "/v1/Projects/ours/x",
        "/v1/projects/theirs/../ours/x",
    ],
)
def test_a_project_stands_in_the_path_as_the_server_reads_it(target: str) -> None:
    assert told("vertex-ai", target=target) == ["project:ours"]


def test_every_project_in_a_path_and_beside_it_is_told() -> None:
    both = told("vertex-ai", ("x-goog-user-project", "theirs"), target="/v1/projects/a-b-c/projects/other")
    assert both == ["project:a-b-c", "project:other", "project:theirs"]


def test_a_value_of_another_shape_is_not_repeated() -> None:
    assert told("openai", ("openai-organization", "4111 1111 1111 1111")) == ["organization:?"]
    assert told("vertex-ai", target="/v1/projects/kim.roe@northwind.example/x") == ["project:?"]


def test_an_azure_resource_is_its_whole_host_for_elsewhere_the_first_label_may_be_anothers() -> None:
    for host in ("acme-eu.openai.azure.com", "acme-eu.eastus2.models.ai.azure.com"):
        assert told("azure-openai", host=host) == [f"resource:{host}"]


def test_a_header_is_known_by_an_underscore_too() -> None:
    headers = (("OpenAI-Organization", "org-Ours"), ("OpenAI_Organization", "org-Theirs"))
    assert told("openai", *headers) == ["organization:org-Ours", "organization:org-Theirs"]


def test_messages_of_a_websocket_are_of_whom_opened_it() -> None:
    opened = ((b"Authorization", f"Bearer {KEY}".encode()),)
    message = exchange(websocket=True, connection="c", opened_with=opened)
    assert list(map(str, told_accounts(CATALOGUE.providers["openai"], message))) == [NAMED]


# --- AWS ------------------------------------------------------------------------------------------


def signed(key: str) -> tuple[str, str]:
    scope = f"{key}/20260101/us-east-1/bedrock/aws4_request"
    parts = f"Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    return "Authorization", f"AWS4-HMAC-SHA256 {parts}"


DATE = ("x-amz-date", "20260101T000000Z")


def test_an_aws_account_is_read_of_the_key_ids_that_were_published_with_theirs() -> None:
    assert aws_account("ASIAY34F" + "ZKBOKMUTVV7A") == "609629065308"
    assert aws_account("AKIAIOSF" + "ODNN7EXAMPLE") is None  # of before 2019
    for wrong in (
        "",
        "AKIA",
        "AKIAQNZG" + "KIQY56JQ7WM1",
        "AROAQNZG" + "KIQY56JQ7WML",
        "akiaqnzgkiqy56jq7wml",
    ):
        assert aws_account(wrong) is None


def test_a_signed_request_tells_its_account_and_its_token_is_no_key_of_its_own() -> None:
    key = "ASIAY34F" + "ZKBOKMUTVV7A"
    assert told("bedrock", signed(key), DATE, ("x-amz-security-token", KEY)) == ["account:609629065308"]
    assert told("bedrock", signed(key), DATE, ("x-api-key", KEY)) == ["account:609629065308", NAMED]


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ([signed("AKIAIOSF" + "ODNN7EXAMPLE"), DATE], "/"),
        ([signed("ASIAY34F" + "ZKBOKMUTVV7A"), DATE, ("authorization", f"Bearer {KEY}")], "/"),
        ([signed("ASIAY34F" + "ZKBOKMUTVV7A")], "/"),
        ([("authorization", "AWS4-ECDSA-P256-SHA256 Credential=x")], "/"),
        ([], "/?X-Amz-Signature=00&X-Amz-Credential=ASIAY34F"),
    ],
    ids=["old", "two", "undated", "other", "presigned"],
)
def test_a_signature_that_tells_no_account_is_nobodys(headers: list[tuple[str, str]], target: str) -> None:
    assert told("bedrock", *headers, target=target) == ["account:?"]


# --- anything -------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["authorization", "x-api-key", "x-goog-api-key", "cookie", "x-goog-user-project", "X"]
)
HEADERS = st.lists(st.tuples(NAMES, st.text(st.characters(max_codepoint=255), max_size=80)), max_size=40)


@given(
    st.sampled_from(sorted(CATALOGUE.providers)),
    HEADERS,
    st.text(st.characters(max_codepoint=255), max_size=80),
)
def test_whatever_a_request_holds_what_it_tells_is_short_and_of_its_shape(
    name: str, headers: list[tuple[str, str]], target: str
) -> None:
    provider = CATALOGUE.providers[name]
    shapes = {(source.kind, source.like or "[0-9a-f]{32}") for source in provider.accounts}
    found = told_accounts(provider, exchange(*headers, target=f"/{target}"))
    assert len(found) <= 21
    for account in found:
        assert not account.value or any(
            account.kind == kind and re.fullmatch(like, account.value) for kind, like in shapes
        )


@given(HEADERS)
def test_a_key_more_is_always_told(headers: list[tuple[str, str]]) -> None:
    provider = CATALOGUE.providers["openai"]
    found = told_accounts(provider, exchange(*headers, ("authorization", f"Bearer {KEY}")))
    assert NAMED in map(str, found) or Account("key", "") in found


def test_a_request_with_more_keys_than_anybody_has_tells_one_that_is_nobodys() -> None:
    many = [("authorization", f"Bearer {KEY}{number:04}") for number in range(500)]
    found = told("openai", *many)
    assert len(found) == 21
    assert found[-1] == "key:?"


# --- the shipped catalogue ------------------------------------------------------------------------


def test_every_header_with_a_credential_is_read() -> None:
    for provider in CATALOGUE.providers.values():
        read = {source.name for source in provider.accounts if source.place == "header"}
        assert provider.credential_headers <= read, provider.id


def test_what_a_provider_is_told_is_what_it_documents() -> None:
    listed = {
        (name, restriction.header): restriction_value(restriction, ["a", "b"])
        for name, provider in CATALOGUE.providers.items()
        for restriction in provider.restrictions
    }
    google = listed.pop(("vertex-ai", "x-goog-allowed-resources"))
    assert json.loads(base64.urlsafe_b64decode(google)) == {
        "resources": ["organizations/a", "organizations/b"],
        "options": "strict",
    }
    assert listed == {
        ("openai", "openai-allowed-organization-ids"): "a,b",
        ("anthropic", "anthropic-allowed-org-ids"): "a,b",
        ("claude-web", "anthropic-allowed-org-ids"): "a,b",
        ("chatgpt", "chatgpt-allowed-workspace-id"): "a,b",
        ("gemini-web", "x-googapps-allowed-domains"): "a,b",
        ("gemini-code-assist", "x-geminicodeassist-allowed-domains"): "a,b",
        ("github-copilot", "sec-github-allowed-enterprise"): "a, b",
    }


def test_no_restriction_is_a_header_that_a_client_needs() -> None:
    for provider in CATALOGUE.providers.values():
        for restriction in provider.restrictions:
            assert isinstance(restriction, Restriction)
            assert restriction.header not in provider.credential_headers
            assert not restriction.header.startswith("x-amz-")  # a signature would have to cover it
