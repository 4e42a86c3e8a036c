"""Tokens (JWT, RFC 7519) of an issuer, checked with the keys that it publishes (JWKS, RFC 7517).

PyJWT does the checking. What is decided here: which algorithms may be used (asymmetric ones, as the
settings list them; a token's own word for it is only compared), that a token has to end (``exp``),
that its issuer and audience are ours, and which claims say who it is. A key set is fetched when it is
first needed, again before it is too old, and again for a key that it lacks, but not more often than
PyJWT's cool-down lets it.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
from jwt import PyJWK, PyJWKClient, PyJWKSet

from outgate.identity import files
from outgate.identity.evidence import (
    Credentials,
    IdentityError,
    Kind,
    Known,
    Refused,
    UnavailableError,
    groups_of,
    plain,
)
from outgate.model import Identity
from outgate.settings.identity import Tokens as TokenSettings

log = logging.getLogger("outgate")

_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})  # RFC 7519 5.1, RFC 9068 2.1
_KEY_TYPES = {"R": "RSA", "P": "RSA", "E": "EC"}  # by an algorithm's first letter, but for EdDSA
# What PyJWT raises over tokens and key sets that are not well made.
_BAD = (jwt.PyJWTError, TypeError, ValueError, LookupError, AttributeError, RecursionError)


class Tokens:
    """The source. ``check`` may wait for the issuer's server: for threads."""

    kind: Kind = "token"

    def __init__(self, settings: TokenSettings, on_failure: Callable[[], None] = lambda: None) -> None:
        """Raises IdentityError."""
        self._settings = settings
        self._file: files.WatchedFiles[PyJWKSet] | None = None
        self._client: PyJWKClient | None = None
        self._fetched = -float("inf")
        if settings.jwks_file is not None:
            path = settings.jwks_file
            self._file = files.WatchedFiles((path,), lambda: _key_set(path), on_failure)
        elif settings.jwks_url is not None:
            self._client = PyJWKClient(
                settings.jwks_url,
                lifespan=settings.refresh,
                timeout=settings.timeout,
                ssl_context=context(settings.ca),
            )

    @property
    def version(self) -> int:
        """Another one once the file of keys has changed."""
        return self._file.version if self._file else 0

    def look(self) -> None:
        """Read a changed file; fetch keys before those that there are become too old."""
        if self._file:
            self._file.look()
        elif self._client and 0 < self._fetched < time.monotonic() - self._settings.refresh / 2:
            try:
                self._fetch(self._client)
            except UnavailableError as error:
                self._fetched = time.monotonic() - self._settings.refresh / 2 + 30  # then again
                log.warning("%s (the keys that there are serve until they are too old)", error)

    def takes(self, credentials: Credentials) -> bool:
        """Whether these may be one of the issuer's."""
        return credentials.is_token

    def check(self, credentials: Credentials) -> Known | Refused:
        """Whose token it is. Raises UnavailableError when there are no keys to check it with."""
        settings = self._settings
        try:
            head = jwt.get_unverified_header(credentials.secret)
            algorithm = head.get("alg")
            if algorithm not in settings.algorithms or str(head.get("typ", "")).lower() not in _TYPES:
                return Refused("token")
            key = self._key(head.get("kid"), algorithm)
            if key is None:
                return Refused("token")
            claims = jwt.decode(
                credentials.secret,
                key.key,
                algorithms=[algorithm],
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway,
                options={"require": ["exp", "iss", "aud"]},
            )
        except _BAD:
            return Refused("token")
        user = plain(_claim(claims, settings.user))
        if user is None:
            return Refused("token")
        groups = groups_of(_claim(claims, settings.groups) if settings.groups else None)
        device = plain(_claim(claims, settings.device)) if settings.device else None
        until = int(claims["exp"]) + settings.leeway
        return Known(Identity(user, groups, device), lambda: time.time() < until)

    def keys(self) -> PyJWKSet:
        """The issuer's keys as they are now. Raises UnavailableError."""
        if self._file:
            return self._file.value
        assert self._client
        self._fetch(self._client)
        return self._client.get_jwk_set()

    def _key(self, name: object, algorithm: str) -> PyJWK | None:
        """The key of that name; without a name, the only one. One that is for another algorithm is none."""
        if name is not None and not isinstance(name, str):
            return None
        if self._client and name is not None:
            found = self._fetched_key(self._client, name)
            candidates = [found] if found else []
        else:
            given = self._file.value.keys if self._file else self._current().keys
            candidates = [key for key in given if name is None or key.key_id == name]
        fitting = [key for key in candidates if _fits(key, algorithm)]
        return fitting[0] if len(fitting) == 1 else None

    def _fetched_key(self, client: PyJWKClient, name: str) -> PyJWK | None:
        self._current()
        try:
            return client.get_signing_key(name)
        except jwt.PyJWKClientConnectionError as error:
            raise UnavailableError(self._told(error)) from None
        except _BAD:
            return None

    def _current(self) -> PyJWKSet:
        """Keys that are not too old; fetched, if there are none."""
        assert self._client and self._client.jwk_set_cache
        kept = self._client.jwk_set_cache.get()
        if kept is None:
            self._fetch(self._client)
        return kept or self._client.get_jwk_set()

    def _fetch(self, client: PyJWKClient) -> None:
        try:
            client.fetch_data()
        except (*_BAD, OSError) as error:
            raise UnavailableError(self._told(error)) from None
        self._fetched = time.monotonic()

    def _told(self, error: Exception) -> str:
        return f"the keys of {self._settings.issuer} cannot be had from {self._settings.jwks_url}: {error}"


def context(roots: Path | None) -> ssl.SSLContext:
    """What a server that says who somebody is has to show. Raises IdentityError."""
    try:
        return ssl.create_default_context(cafile=roots)
    except OSError as error:
        raise IdentityError(f"{roots}: no certificates that can be used: {error.strerror or error}") from None


def _key_set(path: Path) -> PyJWKSet:
    try:
        return PyJWKSet.from_json(files.read(path).decode())
    except _BAD:
        raise IdentityError(f'{path}: not a key set: {{"keys": [...]}} is expected') from None


def _fits(key: PyJWK, algorithm: str) -> bool:
    """Whether a key is published for signatures of this algorithm."""
    published: Mapping[str, Any] = key._jwk_data
    kind = "OKP" if algorithm == "EdDSA" else _KEY_TYPES[algorithm[0]]
    return (
        key.key_type == kind
        and key.public_key_use in (None, "sig")
        and published.get("alg") in (None, algorithm)
        and "verify" in published.get("key_ops", ["verify"])
    )


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, or by a path of names: names may hold dots themselves."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
