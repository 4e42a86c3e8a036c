"""A parent proxy as companies have them: CONNECT and absolute-form requests, and a list of what was asked."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress


class ParentProxy:
    """On a thread of its own. ``addresses`` says where each ``HOST:PORT`` that it is asked for is."""

    def __init__(self, addresses: Mapping[str, int], tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[str] = []  # "CONNECT host:port", "POST http://host/path"
        self.port = 0
        self.refuse = False
        self._addresses = addresses
        self._tls = tls
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self.asked.append(f"{method} {target}")
            host = target if method == "CONNECT" else target.split("/")[2]
            port = self._addresses.get(host)
            if self.refuse or port is None:
                writer.write(b"HTTP/1.1 403 Filtered\r\nContent-Length: 0\r\n\r\n")
            else:
                await self._join(reader, writer, port, b"" if method == "CONNECT" else head)
        writer.close()

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, first: bytes
    ) -> None:
        onward_reader, onward = await asyncio.open_connection("127.0.0.1", port)
        if first:
            onward.write(first)
        else:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        pumps = [
            asyncio.create_task(_pump(reader, onward)),
            asyncio.create_task(_pump(onward_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            onward.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
