"""A directory server (LDAP, RFC 4511): users by a search, their passwords by a bind, their groups.

ldap3 speaks the protocol. What is decided here: names go into filters escaped; an empty password,
which a server takes for a bind of nobody (RFC 4513, 5.1.2), is no password; exactly one entry has to
be found; referrals are not followed, since they would take passwords elsewhere; and who is found is
called as the directory spells it, however it was typed.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from outgate.identity import files
from outgate.identity.evidence import (
    MOST_GROUPS,
    Credentials,
    Kind,
    Known,
    Refused,
    UnavailableError,
    groups_of,
    plain,
)
from outgate.model import Identity
from outgate.settings.identity import Ldap as LdapSettings


class Ldap:
    """The source. Waits for its server: for threads. Each check has a connection of its own."""

    kind: Kind = "password"
    version = 0

    def __init__(self, settings: LdapSettings) -> None:
        """Asks nobody yet. Raises IdentityError when the password's file cannot be used."""
        self._settings = settings
        self._secret()
        url = urlsplit(settings.url)
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            ca_certs_file=str(settings.ca) if settings.ca else None,
            sni=url.hostname,
        )
        self._server = ldap3.Server(
            url.hostname,
            port=url.port,
            use_ssl=url.scheme == "ldaps",
            tls=None if settings.plain else tls,
            get_info=ldap3.NONE,
            connect_timeout=settings.timeout,
        )
        attributes = (settings.user, settings.member_of, settings.device)
        self._attributes = [name for name in attributes if name is not None]

    def look(self) -> None:
        """Nothing is kept that could be old."""

    def takes(self, credentials: Credentials) -> bool:
        """Whether these may be a user's and a password."""
        return not credentials.is_token

    def check(self, credentials: Credentials) -> Known | Refused:
        """Whose they are. Raises UnavailableError."""
        with self._searching() as connection:
            entry = self._entry(connection, credentials.user)
            if entry is None:
                return Refused("password")
            identity = self._identity(connection, entry)
            if identity is None or not self._binds(entry["dn"], credentials.secret):
                return Refused("password", identity.user if identity else None)
        return Known(identity)

    def find(self, user: str) -> Identity | None:
        """What the directory says of somebody whom another source has named. Raises UnavailableError."""
        with self._searching() as connection:
            entry = self._entry(connection, user)
            return None if entry is None else self._identity(connection, entry)

    def reach(self) -> str:
        """Who may search, once that has been shown to work. Raises UnavailableError."""
        with self._searching() as connection:
            connection.search(self._settings.base, "(objectClass=*)", ldap3.BASE, attributes=[])
            if connection.result["description"] != "success":
                raise UnavailableError(f"{self._settings.base}: {connection.result['description']}")
        return self._settings.bind_dn or "anybody"

    def _entry(self, connection: Any, user: str) -> dict[str, Any] | None:
        """The one entry of a user."""
        wanted = self._settings.filter.replace("{user}", escape_filter_chars(user))
        connection.search(self._settings.base, wanted, attributes=self._attributes, size_limit=2)
        if connection.result["description"] not in ("success", "noSuchObject", "sizeLimitExceeded"):
            raise UnavailableError(
                f"{self._settings.url}: the search says {connection.result['description']}"
            )
        found = [one for one in connection.response or () if one["type"] == "searchResEntry"]
        return found[0] if len(found) == 1 else None

    def _identity(self, connection: Any, entry: dict[str, Any]) -> Identity | None:
        settings, attributes = self._settings, entry["attributes"]
        user = plain(_first(attributes.get(settings.user)))
        if user is None:
            return None
        member_of = attributes.get(settings.member_of, []) if settings.member_of else []
        named = [_name(group) for group in _all(member_of)[:MOST_GROUPS]]
        if settings.groups is not None:
            named += self._groups(connection, entry["dn"], user)
        device = plain(_first(attributes.get(settings.device))) if settings.device else None
        return Identity(user, groups_of(named), device)

    def _groups(self, connection: Any, dn: str, user: str) -> list[object]:
        """Raises UnavailableError: without its groups, somebody might have fewer duties."""
        groups = self._settings.groups
        assert groups is not None
        wanted = groups.filter.replace("{dn}", escape_filter_chars(dn)).replace(
            "{user}", escape_filter_chars(user)
        )
        connection.search(groups.base, wanted, attributes=[groups.attribute])
        if connection.result["description"] not in ("success", "noSuchObject"):
            raise UnavailableError(f"{self._settings.url}: its groups: {connection.result['description']}")
        found = [one for one in connection.response or () if one["type"] == "searchResEntry"]
        return [_first(one["attributes"].get(groups.attribute)) for one in found]

    def _binds(self, dn: str, secret: str) -> bool:
        if not secret:
            return False
        with self._connected(dn, secret) as connection:
            connection.bind()
            said = connection.result["description"]
        if said in ("busy", "unavailable", "other", "operationsError", "timeLimitExceeded"):
            raise UnavailableError(f"{self._settings.url}: the bind says {said}")
        return bool(said == "success")

    @contextmanager
    def _searching(self) -> Iterator[Any]:
        """A connection that may search."""
        with self._connected(self._settings.bind_dn, self._secret()) as connection:
            if not connection.bind():
                said = connection.result["description"]
                raise UnavailableError(
                    f"{self._settings.url}: {self._settings.bind_dn or 'anonymous'}: {said}"
                )
            yield connection

    @contextmanager
    def _connected(self, dn: str | None, secret: str | None) -> Iterator[Any]:
        settings = self._settings
        connection = ldap3.Connection(
            self._server,
            dn,
            secret,
            authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
            auto_referrals=False,
            receive_timeout=settings.timeout,
            check_names=False,
            read_only=True,
        )
        try:
            try:
                connection.open()
                ready = settings.plain or self._server.ssl or connection.start_tls()
            except (LDAPException, OSError) as error:
                raise UnavailableError(f"{settings.url}: {error}") from None
            if not ready:
                raise UnavailableError(f"{settings.url}: it does not speak TLS")
            yield connection
        except (LDAPException, OSError) as error:
            # From here on the library's words may repeat what was sent: of them the name of the class alone.
            raise UnavailableError(f"{settings.url}: {type(error).__name__}") from None
        finally:
            with suppress(LDAPException, OSError):
                connection.unbind()

    def _secret(self) -> str | None:
        path = self._settings.password_file
        return files.read(path, secret=True).decode().rstrip("\r\n") if path else None


def _all(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _first(value: object) -> object:
    """The first of an attribute's values. Without the server's schema they may be bytes."""
    given = next(iter(_all(value)), None)
    return given.decode("utf-8", "replace") if isinstance(given, bytes) else given


def _name(group: object) -> object:
    """A group by its own name, where the attribute has its DN."""
    text = _first(group)
    if isinstance(text, str) and "=" in text:
        try:
            return parse_dn(text)[0][1]
        except LDAPException:
            return text
    return text
