"""A real server, and an empty place of each kind."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from vault_places import Place, Server

from programs import valkey_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real server, for all tests."""
    pytest.importorskip("valkey", reason="valkey is not installed (pip install 'outgate[valkey]')")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        command = [valkey_server(), "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
            try:
                _await_answer(port)
                yield Server(f"valkey://127.0.0.1:{port}", Path(folder))
            finally:
                running.terminate()


def _await_answer(port: int) -> None:
    for _ in range(500):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(7) == b"+PONG\r\n":
                    return
        except OSError:
            time.sleep(0.01)
    raise AssertionError("the server does not answer")


async def _emptied(url: str) -> None:
    from valkey.asyncio import Valkey

    async with Valkey.from_url(url) as client:
        await client.flushall()


@pytest_asyncio.fixture(params=["memory", "sqlite", "valkey"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """An empty place of each kind."""
    if request.param == "valkey":
        url = request.getfixturevalue("server").url
        await _emptied(url)
        found = Place("valkey", url)
    else:
        found = Place(request.param, str(tmp_path / "vault" / "vault.db"))
    yield found
    await asyncio.gather(*(store.close() for store in found.stores))
