"""Whose share a client's use is counted on, wherever something is counted by client.

Not who somebody is: two people of one site are two, with rules, placeholders and pages of their own.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network

from outgate.model import IPAddress

_PREFIX = 64  # bits of an IPv6 address that tell sites apart; the rest a host chooses itself (RFC 4291, 6177)
_HOST = (1 << (128 - _PREFIX)) - 1

Site = IPv4Address | IPv6Network


def site_of(address: IPAddress) -> Site:
    """An IPv4 address, within IPv6 as well (RFC 4291, 2.5.5.2); of IPv6 the /64, all of which one host can have."""
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Network((int(address) & ~_HOST, _PREFIX))
