"""Who is asking, asked at the right moment, and kept where no client can change it.

What a connection shows (its address, its certificate, its user on this machine) is looked at once.
Where a client asks for a target, its credentials come with that: with CONNECT or SOCKS once for all
that follows on the connection, without them with each request, since a proxy in front of this one
may send several people's requests over one connection. What is said inside of an opened connection
is its client's word alone, and never believed.

Owns no source of names: see ``outgate.identity``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from mitmproxy import ctx, http
from mitmproxy.connection import Client
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.layers import modes

from outgate.gateway.ahead import transport_of
from outgate.identity import local_user
from outgate.identity.evidence import (
    Credentials,
    CredentialsError,
    Evidence,
    Known,
    Refused,
    of_user,
    read_credentials,
)
from outgate.identity.sources import Sources
from outgate.model import Identity, IPAddress

log = logging.getLogger("outgate")

_KEY = "outgate.identity"
_PATIENCE = 20.0  # seconds for one answer of all sources
_END = 0.5  # seconds from telling a client that it is known no more to the end of its connection
_EVERY = 60.0  # seconds between two log lines about one address
_MOST = 1000  # addresses that are remembered for that
_NOBODY = Identity()
# Ways in by which a client says to us, as to a proxy or a server, what it wants.
PROXIES = (mode_specs.RegularMode, mode_specs.UpstreamMode)
_BY_REQUEST = (*PROXIES, mode_specs.ReverseMode)
_CREDENTIALS = "proxy-authorization"
# What stands in for an answer while sources are asked; one for all, since nobody writes to it.
_CLOSED = http.Response.make(503)

Refuse = Callable[[http.HTTPFlow, Refused], None]


def identify(flow: http.HTTPFlow) -> Identity:
    """The identity behind a request."""
    found: Identity = flow.metadata.get(_KEY, _NOBODY)
    return found


def address_of(client: Client) -> IPAddress:
    """The client's address; IPv4 addresses mapped into IPv6 are told as IPv4."""
    return address_told(client.peername)


def address_told(peername: tuple[Any, ...] | None) -> IPAddress:
    """The same of a socket's peer."""
    host = str(peername[0]).partition("%")[0] if peername else "0.0.0.0"  # noqa: S104
    address = ip_address(host)
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


@dataclass(slots=True)
class _Connection:
    """What is known of one client."""

    local_user: str | None = None
    settled: Known | Refused | None = None  # for all that is asked on it


class Identities:
    """Asks the sources; ``refuse`` answers those that may not go on, ``on_refusal`` counts them by kind."""

    def __init__(
        self,
        sources: Sources,
        certificate_of: Callable[[Client], x509.Certificate | None],
        refuse: Refuse,
        on_refusal: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.takes_passwords = sources.checker is not None
        self._sources = sources
        self._certificate_of = certificate_of
        self._refuse = refuse
        self._on_refusal = on_refusal
        self._clock = clock
        self._connections: dict[str, _Connection] = {}
        self._asking: dict[str, asyncio.Transport | None] = {}  # by flow: who is not read from meanwhile
        self._told: dict[IPAddress, float] = {}

    def done(self) -> None:
        """Ask nobody any more."""
        self._sources.close()

    # --- connections -------------------------------------------------------------------------

    async def client_connected(self, client: Client) -> None:
        """Ask what there is to ask before the client has said anything."""
        if client.error:
            return
        try:
            one = self._connections[client.id] = _Connection()
            if self._sources.asks_local_user:
                one.local_user = await _local_user(client)
            if not isinstance(client.proxy_mode, _BY_REQUEST):
                one.settled = await self._asked(client, self._evidence(client))
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._on_refusal("error")
            client.error = "it could not be told who is asking"

    def client_disconnected(self, client: Client) -> None:
        """Forget."""
        self._connections.pop(client.id, None)

    def admits(self, client: Client) -> bool:
        """Whether a connection may be passed on that nobody looks into."""
        one = self._connections.get(client.id)
        return one is not None and isinstance(one.settled, Known) and one.settled.holds()

    def user_of(self, client: Client) -> str | None:
        """Who has a tunnel, if anybody has said so."""
        one = self._connections.get(client.id)
        return one.settled.identity.user if one and isinstance(one.settled, Known) else None

    async def socks5_auth(self, data: modes.Socks5AuthData) -> None:
        """A name and a password (RFC 1929)."""
        data.valid = False
        client, password = data.client_conn, data.password
        data.password = ""
        try:
            evidence = self._evidence(client, lambda: of_user(data.username, password))
            self._connections[client.id].settled = await self._asked(client, evidence)
            data.valid = self.admits(client)
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._on_refusal("error")

    # --- requests ----------------------------------------------------------------------------

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Once for all that goes through the tunnel."""
        await self._admit(flow, tunnel=True)

    def http_connect_error(self, flow: http.HTTPFlow) -> None:
        """There is no tunnel: what comes next on the connection may be another's, and has to say who asks."""
        one = self._connections.get(flow.client_conn.id)
        if one is not None:
            one.settled = None

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """For each request that did not come through a tunnel."""
        await self._admit(flow)

    async def _admit(self, flow: http.HTTPFlow, *, tunnel: bool = False) -> None:
        """Closed first, as every request is; opened when it is known who is asking."""
        if flow.response is None:
            flow.response = _CLOSED
            try:
                await self._asked_of(flow, tunnel)
            except asyncio.CancelledError:
                raise
            except BaseException:
                self._on_refusal("error")
                with suppress(Exception):
                    self._refuse(flow, Refused("error"))
        for name in (_CREDENTIALS, *self._sources.header_names):
            flow.request.headers.pop(name, None)

    async def _asked_of(self, flow: http.HTTPFlow, tunnel: bool) -> None:
        one = self._connections[flow.client_conn.id]
        found = await self._found(flow, one.settled)
        if isinstance(found, Refused):
            self._refuse(flow, found)
            return
        flow.metadata[_KEY] = self._sources.completed(found.identity)
        if tunnel:
            one.settled = found
        flow.response = None

    async def _found(self, flow: http.HTTPFlow, settled: Known | Refused | None) -> Known | Refused:
        client, headers = flow.client_conn, flow.request.headers
        if isinstance(settled, Refused) or (settled is not None and settled.holds()):
            return settled
        if settled is not None:
            self._count(client, Refused("expired"))
            asyncio.get_running_loop().call_later(_END, _end, client)
            return Refused("expired")
        given = headers.get_all(_CREDENTIALS)
        evidence = self._evidence(
            client,
            (lambda: read_credentials(_only(given))) if given else None,
            {name: tuple(headers.get_all(name)) for name in self._sources.header_names},
        )
        self._asking[flow.id] = None
        try:
            return await self._asked(client, evidence)
        finally:
            waits = self._asking.pop(flow.id)
            if waits is not None and not waits.is_closing():
                waits.resume_reading()

    def request_ahead(self, flow: http.HTTPFlow) -> None:
        """Whom nobody knows yet sends much: it has to wait, or it would fill our memory."""
        transport = transport_of(flow.client_conn, flow.client_conn)
        if flow.id in self._asking and transport is not None:
            self._asking[flow.id] = transport
            transport.pause_reading()

    def _evidence(
        self,
        client: Client,
        read: Callable[[], Credentials] | None = None,
        headers: dict[str, tuple[str, ...]] | None = None,
    ) -> Evidence:
        credentials, unreadable = None, False
        try:
            credentials = read() if read else None
        except CredentialsError:
            unreadable = True
        return Evidence(
            address=address_of(client),
            placed=not isinstance(client.proxy_mode, mode_specs.WireGuardMode),
            certificate=self._certificate_of(client),
            local_user=self._connections[client.id].local_user,
            credentials=credentials,
            unreadable=unreadable,
            headers=headers,
        )

    async def _asked(self, client: Client, evidence: Evidence) -> Known | Refused:
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self._sources.identify(evidence)
        except TimeoutError:
            found = Refused("unavailable", wait=2)
        if isinstance(found, Refused):
            self._count(client, found)
        return found

    def _count(self, client: Client, refused: Refused) -> None:
        self._on_refusal(refused.kind)
        now, address = self._clock(), address_of(client)
        if refused.kind == "missing" or now - self._told.get(address, -_EVERY) < _EVERY:
            return  # many clients show who they are only when they are asked
        if len(self._told) >= _MOST:
            self._told.clear()
        self._told[address] = now
        log.warning(
            "%s is refused: %s%s. More of it within a minute is counted only",
            address,
            _TOLD[refused.kind],
            f", as {refused.user}" if refused.user else "",
        )


# Why somebody is refused, for the log.
_TOLD = {
    "malformed": "credentials that cannot be read",
    "password": "a wrong name or password",
    "token": "a token that is not good",
    "header": "the header that names its user has several values, or none that is a name",
    "slowed": "too many wrong credentials, from there or for this user",
    "unavailable": "who could say who it is cannot be asked",
    "expired": "what it has shown is good no more",
}


async def _local_user(client: Client) -> str | None:
    """Whose process of this machine is at the other end, if one is."""
    asking = (
        isinstance(client.proxy_mode, (*_BY_REQUEST, mode_specs.Socks5Mode))
        and address_of(client).is_loopback
    )
    if not asking and not isinstance(client.proxy_mode, mode_specs.LocalMode):
        return None
    if asking and _is_told_of(client):
        return None
    return await asyncio.to_thread(local_user.user_of, client.peername[:2], client.sockname[:2])


def _is_told_of(client: Client) -> bool:
    """Whether its address is a balancer's word: the socket that has it here may be another one, and another's."""
    writer = _writer_of(client)
    return writer is None or bool(writer.transport.get_extra_info("peername") != client.peername)


def _end(client: Client) -> None:
    """Close a connection: its client has to make another to show who it is."""
    writer = _writer_of(client)
    if writer is not None:
        writer.close()


def _writer_of(client: Client) -> Any:
    """The way to a client, while there is one."""
    handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
    left = handler.transports.get(client) if handler else None
    return left.writer if left is not None else None


def _only(values: list[str]) -> str:
    if len(values) != 1:
        raise CredentialsError("more than one")
    return values[0]
