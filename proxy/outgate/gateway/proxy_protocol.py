"""Who a load balancer's client is: the PROXY header before a connection's first byte, versions 1 and 2.

The format is HAProxy's ("The PROXY protocol", doc/proxy-protocol.txt); it is read by the library of that
name. Only a balancer of the settings' networks is asked, and it has to answer: see ``entrance``.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address

from proxyprotocol import ProxyProtocolIncompleteError
from proxyprotocol.detect import ProxyProtocolDetect
from proxyprotocol.result import ProxyResultIPv4, ProxyResultIPv6, ProxyResultLocal, ProxyResultUnknown

DEADLINE = 5.0  # seconds for the header; a balancer sends it with its first packet
_LINE = 107  # bytes of a header of version 1, at most (proxy-protocol.txt, 2.1)
_MOST = 4096  # bytes of one of version 2: addresses, and what may be said of its TLS behind them
_HEADER = ProxyProtocolDetect()

Told = tuple[IPv4Address | IPv6Address, int]  # address and port


class ProxyProtocolError(Exception):
    """There is no header, or none that says who the client is."""


async def client_of(reader: asyncio.StreamReader, seconds: float = DEADLINE) -> Told | None:
    """Read the header, within so many seconds.

    None: the balancer speaks for itself (LOCAL, a check), or does not know (UNKNOWN). Raises ProxyProtocolError.
    """
    try:
        async with asyncio.timeout(min(seconds, DEADLINE)):
            return _told(await _read(reader))
    except ProxyProtocolError:
        raise
    except Exception as error:  # whatever hostile bytes make a parser raise
        raise ProxyProtocolError(type(error).__name__) from None


async def _read(reader: asyncio.StreamReader) -> object:
    data = b""
    while True:
        try:
            return _HEADER.unpack(data)
        except ProxyProtocolIncompleteError as more:
            wanted = more.want_read.want_bytes or 1  # a line is read byte by byte: what follows is not ours
        if len(data) + wanted > (_LINE if data.startswith(b"PROXY") else _MOST):
            raise ProxyProtocolError("too long")
        data += await reader.readexactly(wanted)


def _told(result: object) -> Told | None:
    match result:
        case ProxyResultLocal() | ProxyResultUnknown():
            return None
        case ProxyResultIPv4(protocol=None | socket.SOCK_STREAM, source=source):
            return source
        case ProxyResultIPv6(protocol=None | socket.SOCK_STREAM, source=(address, port)):
            return address.ipv4_mapped or address, port
    raise ProxyProtocolError("not an address of TCP")
