"""A provider that answers at once with fixed bytes, so that it is not what is measured.

Three things over two ports: a short JSON answer and streams of events (TLS), and a plain source of
bytes that is read through a tunnel. The streams of ``?stream=`` say the request's own placeholder.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from collections.abc import Iterator

ANSWER = b'{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"ok"}}]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
    b'"delta":{"content":" word"},"finish_reason":null}]}\n\n'
)
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
MARK = b"Bluebird"  # should have been taken out
LEAKED = ANSWER.replace(b'"ok"', b'"no"')
PACED = b"/v1/stream/paced/"  # and the number of events
PACE = 0.2  # seconds between two of them
EVENTS = 2_000  # of one streamed answer
SOURCE = 64 * 2**20  # bytes that a tunnel carries
PLACEHOLDER = re.compile(rb"EMAIL_ADDRESS_[a-z2-7]{12}")


def _events(path: bytes, body: bytes) -> Iterator[bytes]:
    """As ``path`` asks: "clean", "placeholders" in every tenth event, the same "padded", or "short"."""
    found = PLACEHOLDER.search(body)
    name = found[0] if found else b""
    for number in range(2 if path.endswith(b"short") else EVENTS):
        word = b" word"
        if name and not path.endswith(b"clean") and number % 10 < 2:
            word = b" " + name[:17] if number % 10 == 0 else name[17:] + b" "
        event = EVENT.replace(b" word", word)
        if path.endswith(b"padded"):
            event = event.replace(b"}]}", b'}],"obfuscation":"%s"}' % (b"x" * (number % 9)))
        yield event


def _chunks(path: bytes, body: bytes) -> list[bytes]:
    return [b"%x\r\n%s\r\n" % (len(event), event) for event in _events(path, body)]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next((int(line[15:]) for line in lines if line.startswith(b"content-length")), 0)
            body = await reader.readexactly(length)
            if b"stream" not in lines[0]:
                writer.write(HEAD + (LEAKED if MARK in body else ANSWER))
                continue
            writer.write(STREAM_HEAD)
            path = lines[0].split()[1]
            if path.startswith(PACED):
                for _ in range(int(path.removeprefix(PACED))):
                    writer.write(CHUNK)
                    await writer.drain()
                    await asyncio.sleep(PACE)
                writer.write(b"0\r\n\r\n")
                continue
            same = path == b"/v1/stream"
            for chunk in [CHUNK] * EVENTS if same else _chunks(path, body):
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(0)  # one TLS record each, as a model's tokens come
            writer.write(b"0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _source(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    block = bytes(64 * 1024)
    try:
        await reader.readexactly(1)
        for _ in range(SOURCE // len(block)):
            writer.write(block)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def _serve(certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    answering = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context)
    source = await asyncio.start_server(_source, "127.0.0.1", 0)
    print(*(server.sockets[0].getsockname()[1] for server in (answering, source)), flush=True)
    await asyncio.gather(answering.serve_forever(), source.serve_forever())


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:3]))
