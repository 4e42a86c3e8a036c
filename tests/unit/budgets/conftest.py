"""A real server for counters, and an empty place of each kind of store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from budget_places import Place

from programs import running_valkey


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A real server, for all tests."""
    with TemporaryDirectory() as folder, running_valkey(Path(folder)) as url:
        yield url


@pytest_asyncio.fixture(params=["memory", "sqlite", "valkey"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """An empty place of each kind."""
    if request.param == "valkey":
        from valkey.asyncio import Valkey

        url = request.getfixturevalue("valkey_url")
        async with Valkey.from_url(url) as client:
            await client.flushall()
        found = Place("valkey", url)
    else:
        found = Place(request.param, str(tmp_path / "budgets" / "budgets.db"))
    yield found
    await asyncio.gather(*(store.close() for store in found.stores))
