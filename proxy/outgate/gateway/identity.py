"""Who is asking. For now what the connection itself shows: nobody's name, only an address.

Every other room takes an ``Identity`` from here, so that a source of names is added in one place.
"""

from __future__ import annotations

from ipaddress import ip_address

from mitmproxy.connection import Client

from outgate.model import Identity, IPAddress


def identify(client: Client) -> Identity:
    """The identity behind a connection."""
    del client  # carries no name yet
    return Identity()


def address_of(client: Client) -> IPAddress:
    """The client's address; IPv4 addresses mapped into IPv6 are told as IPv4."""
    host = str(client.peername[0]).partition("%")[0] if client.peername else "0.0.0.0"  # noqa: S104
    address = ip_address(host)
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address
