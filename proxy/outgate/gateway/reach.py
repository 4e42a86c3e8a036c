"""What a client elsewhere must not reach through us: this machine itself, and its cloud's metadata.

The check is on the address that a socket is about to connect to, after every look-up. So it does
not matter how the target is spelled (``127.1``, ``::ffff:7f00:1``, a name that leads here), nor that
a name server may give another answer the second time: there is no second time.

Owns which addresses are this machine's and who is confined at the moment. The event loop asks before it
connects; where the administrator's own word (a route, the parent proxy) goes before the rule, is told by others.
"""

from __future__ import annotations

import socket
from contextvars import ContextVar
from ipaddress import IPv4Network, ip_address

from outgate.model import IPAddress

# Services that trust whoever asks from the machine and are not link-local, by their vendors'
# documentation: AWS instance metadata over IPv6, Azure's WireServer, Alibaba Cloud's and Oracle's.
_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")))
_THIS_NETWORK = IPv4Network("0.0.0.0/8")  # systems take 0.0.0.0 for "here" (RFC 1122, 3.2.1.3)
_MAPPED, _COMPATIBLE, _NAT64 = 0xFFFF << 32, 0, 0x64FF9B << 96

_confined: ContextVar[bool] = ContextVar("confined", default=False)
_parent: ContextVar[str | None] = ContextVar("parent", default=None)


class OwnAddressError(OSError):
    """A confined connection would lead to this machine."""


def confine() -> None:
    """From here on, connections of the current task may not lead to this machine."""
    _confined.set(True)


def trust() -> None:
    """The administrator names the current task's target: it may be anywhere."""
    _confined.set(False)


def toward_parent(address: str) -> None:
    """The current task connects to the parent proxy at ``address``; what fails is told as that."""
    _confined.set(False)
    _parent.set(address)


def check(address: str) -> None:
    """Raises OwnAddressError when the current task may not connect to ``address``."""
    if _confined.get() and is_own(address):
        raise OwnAddressError(f"{address} is an address of the proxy's own machine")


def told(error: OSError) -> OSError:
    """``error`` of a connection that the current task could not make; the parent proxy's told as that."""
    parent = _parent.get()
    return error if parent is None else OSError(f"the parent proxy {parent} cannot be reached: {error}")


def is_own(host: str) -> bool:
    """Whether ``host``, an address, is this machine's or serves it alone. False for a name."""
    try:
        address = plain(host)
    except ValueError:
        return False
    if address.is_loopback or address.is_link_local or address.is_unspecified or address in _METADATA:
        return True
    return address in _THIS_NETWORK or _is_bound_here(address)


def plain(host: str) -> IPAddress:
    """The address that ``host`` spells, IPv4 within IPv6 undone (RFC 4291, 2.5.5; RFC 6052). Raises ValueError."""
    address = ip_address(host.strip("[]").partition("%")[0])
    if address.version == 6:
        high, low = divmod(int(address), 1 << 32)
        if high << 32 in (_MAPPED, _NAT64) or (high == _COMPATIBLE and low > 1):
            return ip_address(low)
    return address


def _is_bound_here(address: IPAddress) -> bool:
    """Every system answers for an address of its own from that very address. Sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return plain(probe.getsockname()[0]) == address
    except OSError:
        return False  # no way there at all: the connection itself will fail
