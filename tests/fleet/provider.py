"""A provider that keeps every byte it gets, and answers with the last thing that was said, whole or as a stream."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from pathlib import Path
from typing import Any

from providers.standin import certificates

PIECE = 7  # characters in an event: placeholders are cut into several
PAUSE = 0.01  # seconds between events, so that streams are under way when something is stopped


class Provider:
    """Runs in a thread. ``wire`` has what each connection brought, ``bodies`` the same by request."""

    def __init__(self, folder: Path) -> None:
        self.root, certificate, key = certificates(folder)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self.wire: list[bytearray] = []
        self.bodies: list[dict[str, Any]] = []
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self._tls, limit=2**20)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = bytearray()
        self.wire.append(kept)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                kept += head
                length = next(
                    int(line[15:])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                )
                while length:
                    data = await reader.read(min(length, 2**16))
                    if not data:
                        return
                    kept += data
                    length -= len(data)
                asked = json.loads(kept[kept.rindex(b"\r\n\r\n") + 4 :])
                self.bodies.append(asked)
                await self._answer(asked, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def _answer(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        said = asked["messages"][-1]["content"]
        if not asked.get("stream"):
            message = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
            body = json.dumps(
                {"id": "c", "object": "chat.completion", "choices": [message], "usage": usage}
            ).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
            writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
            return
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for start in range(0, len(said), PIECE):
            delta = {"index": 0, "delta": {"content": said[start : start + PIECE]}, "finish_reason": None}
            event = json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [delta]})
            _chunk(writer, f"data: {event}\n\n".encode())
            await writer.drain()
            await asyncio.sleep(PAUSE)
        _chunk(writer, b"data: [DONE]\n\n")
        _chunk(writer, b"")
        await writer.drain()


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
