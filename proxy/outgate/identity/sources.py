"""The administrator's sources, in their order: the first that knows who is asking decides.

Those that take credentials are asked together, where the first of them stands. Credentials that were
offered and are wrong decide, too: nobody gets in by another door after a wrong password.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from outgate.identity import certificates, directory
from outgate.identity.checking import Checker, CredentialSource
from outgate.identity.evidence import (
    NOBODY,
    Evidence,
    Known,
    Refused,
    UnavailableError,
    groups_of,
    plain,
)
from outgate.identity.files import Watched, WatchedFiles
from outgate.identity.ldap import Ldap
from outgate.identity.look_ups import LookUps
from outgate.identity.passwords import Passwords
from outgate.identity.tokens import Tokens
from outgate.model import Identity
from outgate.settings.identity import IdentitySettings, Place, Source, TrustedHeader

_Step = Callable[[Evidence], Known | Refused | None]


class Sources:
    """Says who is asking. Made within the event loop."""

    def __init__(self, settings: IdentitySettings, on_failure: Callable[[], None] = lambda: None) -> None:
        """``on_failure`` is told of files that have become bad. Raises IdentityError for one that is."""
        self.required = settings.required
        self.header_names = frozenset(
            name for source in settings.sources if source.header for name in source.header.names
        )
        self.asks_local_user = any(source.local for source in settings.sources)
        checked = tuple(filter(None, (credential_source(one, on_failure) for one in settings.sources)))
        self.checker = Checker(checked, settings.cache) if checked else None
        self._steps: list[_Step | None] = []  # None: the checker
        for source in settings.sources:
            step = _step(source)
            if step is not None:
                self._steps.append(step)
            elif None not in self._steps:
                self._steps.append(None)
        self.watched: list[Watched] = list(checked)
        path = settings.directory.file
        self._people = WatchedFiles((path,), lambda: directory.read(path), on_failure) if path else None
        if self._people:
            self.watched.append(self._people)
        server = settings.directory.ldap
        self._look_ups = LookUps(Ldap(server).find, settings.cache) if server else None

    async def identify(self, evidence: Evidence) -> Known | Refused:
        """Who is asking; NOBODY where nobody has to be known. Raises nothing of its sources."""
        found = await self._named(evidence)
        if found is None:
            return Refused("missing") if self.required else NOBODY
        if isinstance(found, Refused) or self._look_ups is None or found.identity.user is None:
            return found
        try:
            more = await self._look_ups.of(found.identity.user)
        except UnavailableError:
            return Refused("unavailable", wait=2)
        return Known(_together(found.identity, more), found.holds) if more else found

    def completed(self, identity: Identity) -> Identity:
        """With the groups and the device that the file of people gives, as it is now."""
        if self._people is None or identity.user is None:
            return identity
        more = self._people.value.get(identity.user)
        return _together(identity, more) if more else identity

    def close(self) -> None:
        """Ask nobody any more."""
        if self.checker:
            self.checker.close()

    async def _named(self, evidence: Evidence) -> Known | Refused | None:
        for step in self._steps:
            found = await self._checked(evidence) if step is None else step(evidence)
            if found is not None:
                return found
        return None

    async def _checked(self, evidence: Evidence) -> Known | Refused | None:
        assert self.checker
        if evidence.unreadable:
            return Refused("malformed")
        if evidence.credentials is None:
            return None
        return await self.checker.check(evidence.credentials, evidence.address)


def credential_source(
    source: Source, on_failure: Callable[[], None] = lambda: None
) -> CredentialSource | None:
    """What checks credentials with a source's settings; None for one that takes none. Raises IdentityError."""
    if source.htpasswd:
        return Passwords(source.htpasswd, on_failure)
    if source.ldap:
        return Ldap(source.ldap)
    return Tokens(source.tokens, on_failure) if source.tokens else None


def _step(source: Source) -> _Step | None:
    if source.certificate:
        rule = source.certificate
        return lambda evidence: (
            certificates.named(evidence.certificate, rule) if evidence.certificate is not None else None
        )
    if source.header:
        return _said_by_a_proxy(source.header)
    if source.networks:
        return _placed(source.networks)
    return _local if source.local else None


def _said_by_a_proxy(trusted: TrustedHeader) -> _Step:
    def step(evidence: Evidence) -> Known | Refused | None:
        headers = evidence.headers
        if headers is None or not evidence.placed or not _within(evidence, trusted.networks):
            return None
        said = headers.get(trusted.user, ())
        if not any(said):
            return None
        user = plain(said[0]) if len(said) == 1 else None
        devices = headers.get(trusted.device, ()) if trusted.device else ()
        if user is None or len(devices) > 1:  # a proxy that adds to what a client said, say
            return Refused("header")
        groups = [group for value in headers.get(trusted.groups or "", ()) for group in value.split(",")]
        return Known(Identity(user, groups_of(groups), plain(devices[0]) if devices else None))

    return step


def _placed(networks: dict[IPv4Network | IPv6Network, Place]) -> _Step:
    """The smallest network that an address is in."""
    ordered = sorted(networks.items(), key=lambda item: -item[0].prefixlen)
    known = [(net, Known(Identity(place.user, place.groups, place.device))) for net, place in ordered]

    def step(evidence: Evidence) -> Known | None:
        if not evidence.placed:
            return None
        return next((one for network, one in known if evidence.address in network), None)

    return step


def _local(evidence: Evidence) -> Known | None:
    return Known(Identity(evidence.local_user)) if evidence.local_user else None


def _within(evidence: Evidence, networks: Sequence[Any]) -> bool:
    return any(evidence.address in network for network in networks)


def _together(identity: Identity, more: Identity) -> Identity:
    groups = tuple(dict.fromkeys((*identity.groups, *more.groups)))
    return Identity(identity.user, groups, identity.device or more.device)
