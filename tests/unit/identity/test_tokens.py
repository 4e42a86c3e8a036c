"""Tokens of an issuer: which are good, for how long, and with which keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from outgate.identity.evidence import Credentials, IdentityError, Known, Refused, UnavailableError
from outgate.identity.tokens import Tokens
from outgate.model import Identity
from outgate.settings.identity import Tokens as Settings
from providers import issuer
from providers.issuer import AUDIENCE, NAME, Issuer


@pytest.fixture(scope="module")
def signs() -> Issuer:
    made = Issuer()
    made.add("first")
    made.add("second", rsa_key=True)
    return made


@pytest.fixture
def keys(signs: Issuer, tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(signs.key_set()))
    path.chmod(0o644)
    return path


def source(keys: Path, **more: Any) -> Tokens:
    return Tokens(Settings(issuer=NAME, audience=(AUDIENCE,), jwks_file=keys, **more))


def told(tokens: Tokens, token: str) -> Known | Refused:
    return tokens.check(Credentials("", token, is_token=True))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def by_hand(head: dict[str, Any], signature: bytes | None = None, **claims: Any) -> str:
    """A token that no library would make."""
    given = {"iss": NAME, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 60, **claims}
    signed = f"{part(head)}.{part(given)}"
    if signature is not None:
        signature = hmac.digest(signature, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(signature or b'').rstrip(b'=').decode()}"


def test_claims_say_who_it_is(keys: Path, signs: Issuer) -> None:
    names = {"user": "email", "groups": "realm.roles", "device": "https://corp.example/device"}
    tokens = source(keys, **names)
    claims = {
        "email": "ada@corp.example",
        "realm": {"roles": ["a", "b\tc", "a"]},
        names["device"]: "laptop-7",
    }
    known = told(tokens, signs.token(**claims))
    assert isinstance(known, Known)
    assert known.identity == Identity("ada@corp.example", ("a",), "laptop-7")
    assert told(tokens, signs.token(sub="ada", email=None)) == Refused("token")
    assert told(tokens, signs.token(email=["a@b.example"])) == Refused("token")
    assert told(tokens, signs.token(email="a\nb")) == Refused("token")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": "soon"},
        {"lasts": -60},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"iss": "https://login.corp.example.evil.example"},
        {"iss": None},
        {"head": {"typ": "dpop+jwt"}},
        {"head": {"kid": "third"}},
        {"head": {"crit": ["b64"], "b64": False}},
    ],
    ids=lambda claims: ",".join(claims),
)
def test_another_token_is_nobodys(keys: Path, signs: Issuer, claims: dict[str, Any]) -> None:
    assert isinstance(told(source(keys), signs.token()), Known)
    assert told(source(keys), signs.token(**claims)) == Refused("token")


def test_a_token_cannot_choose_how_it_is_checked(keys: Path, signs: Issuer) -> None:
    public = signs.keys["second"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    tokens = source(keys)
    for algorithm in ("none", "None", "HS256", "", None, 7, "RS256"):
        for kid in ("first", "second"):
            for secret in (None, b"", public, public.strip(), keys.read_bytes()):
                forged = by_hand({"alg": algorithm, "kid": kid}, secret)
                assert told(tokens, forged) == Refused("token")
    own = {"alg": "ES256", "jwk": signs.published("first"), "jku": "https://evil.example/jwks.json"}
    assert told(tokens, by_hand(own)) == Refused("token")


def test_only_listed_algorithms_are_used(keys: Path, signs: Issuer) -> None:
    tokens = source(keys, algorithms=("ES256",))
    assert isinstance(told(tokens, signs.token("first")), Known)
    assert told(tokens, signs.token("second")) == Refused("token")


@pytest.mark.parametrize("published", [{"use": "enc"}, {"alg": "ES384"}, {"key_ops": ["sign"]}])
def test_a_key_that_is_published_for_something_else_is_none(
    keys: Path, signs: Issuer, published: dict[str, Any]
) -> None:
    keys.write_text(json.dumps({"keys": [{**signs.published("first"), **published}]}))
    assert told(source(keys), signs.token("first")) == Refused("token")


def test_the_only_key_that_fits_needs_no_name(keys: Path, signs: Issuer) -> None:
    nameless = signs.token("first", head={"kid": None})
    assert isinstance(told(source(keys), nameless), Known)
    other = {**signs.published("first"), "kid": "other"}
    keys.write_text(json.dumps({"keys": [signs.published("first"), other]}))
    assert told(source(keys), nameless) == Refused("token")


def test_a_token_holds_until_it_ends(keys: Path, signs: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    known = told(source(keys, leeway=0), signs.token(lasts=60))
    assert isinstance(known, Known) and known.holds()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert not known.holds()


def test_a_key_that_was_taken_out_of_the_file_is_good_no_more(keys: Path, signs: Issuer) -> None:
    tokens = source(keys)
    keys.write_text(json.dumps({"keys": [signs.published("second")]}))
    tokens.look()
    assert tokens.version == 1
    assert told(tokens, signs.token("first")) == Refused("token")
    assert isinstance(told(tokens, signs.token("second")), Known)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"keys": []}', '{"keys": [{"kty": "oct"}]}', "\xff", '{"keys": 7}']
)
def test_a_file_that_is_no_key_set_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(content, "latin-1")
    with pytest.raises(IdentityError, match="not a key set"):
        source(path)


# --- from a server -------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Issuer]:
    made = Issuer()
    made.add("first")
    with issuer.served(made):
        yield made


def fetching(server: Issuer, **more: Any) -> Tokens:
    return Tokens(Settings(issuer=NAME, audience=(AUDIENCE,), jwks_url=server.url, timeout=5, **more))


def test_keys_are_fetched_once_and_again_for_a_new_one_but_not_for_any_name(server: Issuer) -> None:
    tokens = fetching(server)
    for _ in range(3):
        assert isinstance(told(tokens, server.token()), Known)
    assert server.asked == 1
    for number in range(20):
        assert told(tokens, server.token(head={"kid": f"made-up-{number}"})) == Refused("token")
    assert server.asked == 1
    server.add("next")
    assert told(tokens, server.token("next")) == Refused("token")  # not so soon
    assert tokens._client
    tokens._client._last_successful_fetch = time.monotonic() - 31
    assert isinstance(told(tokens, server.token("next")), Known)
    assert server.asked == 2


def test_without_keys_nobody_can_say_and_old_ones_serve_until_they_are_too_old(
    server: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.down = True
    tokens = fetching(server, refresh=600)
    with pytest.raises(UnavailableError, match=r"login\.corp\.example"):
        told(tokens, server.token())
    server.down = False
    assert isinstance(told(tokens, server.token()), Known)
    server.down, start = True, time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: start + 400)
    tokens.look()
    tokens.look()
    assert caplog.text.count("until they are too old") == 1
    assert isinstance(told(tokens, server.token()), Known)
    monkeypatch.setattr(time, "monotonic", lambda: start + 700)
    with pytest.raises(UnavailableError):
        told(tokens, server.token())


def test_keys_are_fetched_before_they_are_too_old(server: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = fetching(server, refresh=600)
    tokens.look()
    assert server.asked == 0  # nobody has come with a token
    told(tokens, server.token())
    start = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: start + 301)
    tokens.look()
    tokens.look()
    assert server.asked == 2
