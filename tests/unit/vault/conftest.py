"""A real server, and an empty place of each kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from vault_places import Place, Server

from programs import running_valkey


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real server, for all tests."""
    with TemporaryDirectory() as folder, running_valkey(Path(folder)) as url:
        yield Server(url, Path(folder))


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
