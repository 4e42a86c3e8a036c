"""The client side of the bench: requests, streams and tunnels through an HTTP proxy on this machine."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from pathlib import Path

from bench.upstream import EVENTS, SOURCE

CONNECTIONS = 8


SERIAL = b"serial aaaaaaaaa"
_LETTERS = bytes.maketrans(b"0123456789", b"abcdefghij")  # a long number would not be clean text


def body(size: int) -> bytes:
    """A clean chat request of about ``size`` bytes, with a place for a number so that no two are the same."""
    words = "Please read this paragraph and say in one sentence what it is about. " * (size // 60)
    text = f"{SERIAL.decode()} {words[: size - 110]}"
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}).encode()


class Target:
    """One proxy, and the host that is asked for through it."""

    def __init__(self, port: int, authority: str, root: Path) -> None:
        self.port = port
        self.authority = authority
        self.host = authority.partition(":")[0]
        self._context = ssl.create_default_context(cafile=str(root))

    async def open(
        self, authority: str = "", *, tls: bool = True
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection through CONNECT."""
        authority = authority or self.authority
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        writer.write(f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer[:20]:
            raise SystemExit(f"not connected: {answer[:80]!r}")
        if tls:
            await writer.start_tls(self._context, server_hostname=self.host)
        return reader, writer

    def head(self, path: str, size: int) -> bytes:
        """The head of a POST."""
        return (
            f"POST {path} HTTP/1.1\r\nhost: {self.host}\r\n"
            f"content-type: application/json\r\ncontent-length: {size}\r\n\r\n"
        ).encode()


async def requests(target: Target, data: bytes, count: int) -> list[float]:
    """Seconds of each of ``count`` requests over a few kept connections. Each text is a new one."""
    before, _, after = (target.head("/v1/chat/completions", len(data)) + data).partition(SERIAL)
    first = time.monotonic_ns() // 1000 % 10**9
    left = iter(range(count))
    taken: list[float] = []

    async def one() -> None:
        reader, writer = await target.open()
        for number in left:
            serial = b"%09d" % ((first + number) % 10**9)
            request = b"%sserial %s%s" % (before, serial.translate(_LETTERS), after)
            started = time.perf_counter()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer[:20]:
                raise SystemExit(f"not answered: {answer[:80]!r}")
            lines = answer.lower().split(b"\r\n")
            await reader.readexactly(
                next(int(line[15:]) for line in lines if line.startswith(b"content-length"))
            )
            taken.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return taken


async def events(target: Target, streams: int) -> float:
    """Events a second of ``streams`` streamed answers at once."""
    data = body(200)

    async def one() -> None:
        reader, writer = await target.open()
        writer.write(target.head("/v1/stream", len(data)) + data)
        seen = b""
        count = 0
        while not seen.endswith(b"0\r\n\r\n"):
            got = await reader.read(65536)
            if not got:
                raise SystemExit("a stream was cut")
            count += got.count(b"data: ")
            seen = seen[-8:] + got
        if count < EVENTS * 0.99:  # an event's mark may be cut over two reads
            raise SystemExit(f"a stream lost events: {count}")
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(streams)))
    return streams * EVENTS / (time.perf_counter() - started)


async def tunnel(target: Target, source: int) -> float:
    """Megabytes a second of one tunnel."""
    reader, writer = await target.open(f"127.0.0.1:{source}", tls=False)
    started = time.perf_counter()
    writer.write(b"x")
    size = 0
    while got := await reader.read(2**18):
        size += len(got)
    writer.close()
    if size != SOURCE:
        raise SystemExit(f"a tunnel lost bytes: {size}")
    return size / 2**20 / (time.perf_counter() - started)
