"""PROXY headers: what a balancer says, and what nobody should believe."""

from __future__ import annotations

import asyncio
import socket
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgate.gateway.proxy_protocol import ProxyProtocolError, Told, client_of

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command: int, family: int, content: bytes) -> bytes:
    """A header of version 2 as proxy-protocol.txt, 2.2 has it."""
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(content)) + content


def v4(source: str = "10.1.2.3", port: int = 4242) -> bytes:
    return struct.pack("!4s4sHH", socket.inet_aton(source), socket.inet_aton("192.0.2.1"), port, 8080)


def v6(source: str) -> bytes:
    return struct.pack("!16s16sHH", ip_address(source).packed, ip_address("2001:db8::1").packed, 4242, 8080)


def read(data: bytes) -> tuple[Told | None, bytes]:
    """What a header tells, and what is left behind it."""

    async def run() -> tuple[Told | None, bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        told = await client_of(reader)
        return told, await reader.read()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"PROXY TCP4 10.1.2.3 192.0.2.1 4242 8080\r\n", (ip_address("10.1.2.3"), 4242)),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4242 8080\r\n", (ip_address("2001:db8::7"), 4242)),
        (b"PROXY UNKNOWN\r\n", None),
        (v2(1, 0x11, v4()), (ip_address("10.1.2.3"), 4242)),
        (v2(1, 0x21, v6("2001:db8::7")), (ip_address("2001:db8::7"), 4242)),
        (v2(1, 0x21, v6("::ffff:10.1.2.3")), (ip_address("10.1.2.3"), 4242)),
        (v2(1, 0x11, v4() + b"\x04\0\x03abc"), (ip_address("10.1.2.3"), 4242)),  # and a TLV that says nothing
        (v2(0, 0x00, b""), None),
        (v2(1, 0x00, b""), None),
    ],
)
def test_the_client_is_told_and_what_follows_is_left(header: bytes, told: Told | None) -> None:
    assert read(header + b"CONNECT x") == (told, b"CONNECT x")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"CONNECT api.openai.com:443 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"PROXY TCP4 10.1.2.3 192.0.2.1 4242 8080\n",
        b"PROXY TCP4 10.1.2.3 192.0.2.1 4242\r\n",
        b"PROXY TCP4 10.1.2.300 192.0.2.1 4242 8080\r\n",
        b"PROXY TCP4 10.1.2.3 192.0.2.1 99999 8080\r\n",
        b"PROXY UDP4 10.1.2.3 192.0.2.1 4242 8080\r\n",
        b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
        v2(1, 0x12, v4()),  # a datagram
        v2(1, 0x31, b"/" + bytes(215)),  # a socket in the file system
        v2(2, 0x11, v4()),
        v2(1, 0x11, v4()[:-1]),
        v2(1, 0x11, v4())[:-3],
        v2(1, 0x11, v4() + bytes(8000)),
        v2(1, 0x11, v4() + b"\x03\0\xff"),
    ],
)
def test_what_is_no_header_of_a_client_is_refused(data: bytes) -> None:
    with pytest.raises(ProxyProtocolError):
        read(data)


def test_a_header_that_does_not_come_is_not_waited_for() -> None:
    async def run() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(v2(1, 0x11, v4())[:20])
        await client_of(reader, 0.05)

    with pytest.raises(ProxyProtocolError, match="TimeoutError"):
        asyncio.run(run())


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]),
)
def test_no_bytes_make_it_raise_anything_else(data: bytes, before: bytes) -> None:
    try:
        told, left = read(before + data)
    except ProxyProtocolError:
        return
    assert (before + data).endswith(left)
    assert told is None or told[1] < 65536
