"""Whose account at a provider a request uses, as far as the request says so.

Owns the places where one may tell it (headers, query, path, host, AWS signature), as the catalogue names
them, and the fingerprint by which a key is known without being kept. What is told is read wherever it may
stand and as often as it stands there: a request with two keys tells both. Knows nothing of who may use what.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from outgate.catalogue import schema
from outgate.catalogue.paths import normalise_path
from outgate.model import Exchange, Headers, Provider
from outgate.model_accounts import Account, AccountSource, Restriction
from outgate.wire import WireError, form, sigv4
from outgate.wire.text_codecs import CODECS

KEY = "key"  # the kind whose value is a fingerprint
FINGERPRINT = r"[0-9a-f]{32}"
_SHORTEST = 20  # characters: of fewer, whoever has a fingerprint could find the key by trying
_MOST = 20  # accounts that one request tells; a request that tells more tells one that is nobody's
_SECRET = re.compile(rb"[\x21-\x7e]{20,8192}")
_SCHEME = re.compile(rb"([A-Za-z][A-Za-z0-9-]*)[ \t]+(.*)", re.DOTALL)
# AWS IAM user guide, "IAM identifiers": what access key ids begin with.
_AWS_KEY = re.compile(r"A(?:KIA|SIA)[A-Z2-7]{16}")


def sources(entry: schema.ProviderEntry) -> tuple[AccountSource, ...]:
    """Where an entry's requests tell accounts: what it states, and each header with a credential as a key."""
    stated = tuple(
        AccountSource(
            one.kind,
            place,
            (getattr(one, place) if place in ("header", "query", "path") else "").lower(),
            one.prefix,
            one.like or "",
            one.proof,
        )
        for one in entry.accounts
        for place in schema.PLACES
        if getattr(one, place)
    )
    named = {source.name for source in stated if source.place == "header" and not source.prefix}
    keys = (AccountSource(KEY, "header", name) for name in entry.credentials if name not in named)
    return (*stated, *keys)


def restrictions(entry: schema.ProviderEntry) -> tuple[Restriction, ...]:
    """The headers by which the provider itself turns away other accounts."""
    return tuple(
        Restriction(one.header, one.kind, one.like, one.form, one.separator) for one in entry.restrictions
    )


def fingerprint(key: bytes) -> str:
    """What a policy may hold of a key: 32 hexadecimal digits. Raises ValueError for what is too short, or no key.

    Not keyed, so that it is the same on every machine and can be made on any: it keeps a key secret because
    keys of APIs are long and random, and nothing shorter is taken.
    """
    if not _SECRET.fullmatch(key):
        raise ValueError(f"a key has at least {_SHORTEST} characters, without spaces")
    return hashlib.sha256(b"outgate account key\0" + key).hexdigest()[:32]


def told(provider: Provider, exchange: Exchange) -> tuple[Account, ...]:
    """Every account that a request tells, in the order of the catalogue. Linear in head and target; raises nothing."""
    try:
        return _told(provider, exchange)
    except WireError:  # more parameters than anybody reads
        return (Account(KEY, ""),)


def _told(provider: Provider, exchange: Exchange) -> tuple[Account, ...]:
    headers = exchange.opened_with if exchange.websocket else exchange.headers
    found: dict[Account, None] = {}
    signs = any(source.place == "aws" for source in provider.accounts)
    is_signed = signs and sigv4.is_signed(exchange.target, headers)
    for source in provider.accounts:
        if is_signed and source.place == "header" and source.name in sigv4.PARTS:
            continue  # a signature, which tells its account as a whole
        for value in _values(source, exchange, headers, is_signed):
            found[Account(source.kind, value, source.proof)] = None
    if len(found) > _MOST:
        return (*list(found)[:_MOST], Account(KEY, ""))
    return tuple(found)


def aws_account(access_key: str) -> str | None:
    """The AWS account, 12 digits, that an access key id is of; None for ids of before 2019 and for no ids.

    AWS answers the same question online (STS, GetAccessKeyInfo) and has not published how an id holds it:
    Tal Be'ery, "A short note on AWS KEY ID" (2023), has. An id cannot be chosen, and AWS checks the signature
    made with it, so one of another account does not pass for ours.
    """
    if not _AWS_KEY.fullmatch(access_key):
        return None
    number = int.from_bytes(base64.b32decode(access_key[4:])[:6])
    if not number >> 47:  # ids of before 2019
        return None
    account = (number & 0x7FFFFFFFFF80) >> 7
    return f"{account:012}" if account < 10**12 else None


def _values(source: AccountSource, exchange: Exchange, headers: Headers, is_signed: bool) -> Iterator[str]:
    """The accounts that stand in one place; what is empty tells none."""
    match source.place:
        case "host":
            yield _shaped(source, exchange.host.encode("latin-1", "replace"))
        case "path":
            pieces = normalise_path(exchange.path).split("/")
            for before, piece in pairwise(pieces):
                if before.lower() == source.name:
                    yield _shaped(source, piece.encode("utf-8", "replace"))
        case "aws":
            if is_signed:
                claim = sigv4.read(exchange.target, headers)
                yield (aws_account(claim.access_key) if claim else None) or ""
        case "query":
            for value in _parameters(exchange.target, source.name):
                yield from [_shaped(source, value)] if value else []
        case "header":
            for value in _items(source, headers):
                yield from [_shaped(source, value)] if value else []


def _items(source: AccountSource, headers: Headers) -> Iterator[bytes]:
    name, prefix = source.name.encode(), source.prefix.encode()
    for key, value in headers:
        if key.lower().replace(b"_", b"-") != name:  # some servers take one for the other
            continue
        if not prefix:
            yield value.strip()
            continue
        for item in value.split(b","):
            if item.strip().lower().startswith(prefix):
                yield item.strip()[len(prefix) :]


def _parameters(target: bytes, name: str) -> Iterable[bytes]:
    start = target.find(b"?") + 1
    if not start:
        return
    decode = CODECS["form"].decode
    for field in form.parse(target, start):
        if decode(target[slice(*field.name)]).lower() == name:
            yield decode(target[slice(*field.value)]).encode("utf-8", "replace")


def _shaped(source: AccountSource, value: bytes) -> str:
    """The id, or a key's fingerprint; ``""`` for what cannot be one, so that nothing else is ever told."""
    if source.like:
        text = value.decode("latin-1")
        return text if len(text) <= 128 and re.fullmatch(source.like, text, re.ASCII) else ""
    if source.name == "cookie":
        return ""  # a session, different every day, and perhaps guessable
    scheme = _SCHEME.fullmatch(value)
    if scheme and source.name == "authorization":
        if scheme[1].lower() == b"basic":
            return ""  # a password
        value = scheme[2].strip()
    try:
        return fingerprint(value)
    except ValueError:
        return ""


def restriction_value(restriction: Restriction, accounts: Iterable[str]) -> str:
    """A restriction's header value, for ids of its kind."""
    if restriction.form == "google":
        # Google Cloud, "Configure organization restrictions": JSON in base64url (RFC 4648, 5).
        listed = ", ".join(f'"organizations/{account}"' for account in accounts)
        return base64.urlsafe_b64encode(f'{{"resources": [{listed}], "options": "strict"}}'.encode()).decode()
    return restriction.separator.join(accounts)
