"""Budgets that a server counts for many: what it is told, and what becomes of requests while it cannot be asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from e2e.conftest import Proxy
from e2e.ways import chat
from programs import running_valkey

POLICY = """
version: 1
rules:
  - {name: project words, detect: [PROJECT], action: redact}
detectors: {words: [{entity: PROJECT, words: [Bluebird]}]}
budgets:
  - {name: hourly, per: client, limit: {requests: 2}, window: 1h}
"""
URL = "https://api.openai.com/v1/chat/completions"


async def test_a_server_counts_and_while_it_is_away_nothing_leaves_unless_the_policy_says_so(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    from valkey.asyncio import Valkey

    with ExitStack() as running:
        url = running.enter_context(running_valkey(tmp_path))
        proxy = make_proxy(POLICY, budgets={"store": "valkey", "url": url})
        async with proxy.async_client() as client:

            async def ask() -> int:
                return (await client.post(URL, content=chat("about Bluebird"))).status_code

            assert [await ask() for _ in range(3)] == [200, 200, 429]
            async with Valkey.from_url(url) as server:
                names = sorted([key async for key in server.scan_iter("*")])
                assert len(names) == 2  # the one counter, and the id of the key
                assert await server.hgetall(names[0]) == {b"requests": b"2"}
                await server.flushall()
            assert await ask() == 200  # the server alone knew
            running.close()
            arrived = len(proxy.received)
            assert await ask() == 503
            assert len(proxy.received) == arrived
            assert 'outgate_on_error_total{action="block",reason="budget"} 1.0' in proxy.metrics()

            proxy.policy.write_text(POLICY.replace("rules:", "on_error: allow\nrules:"))
            deadline = time.monotonic() + 15
            while await ask() != 200:
                assert time.monotonic() < deadline
            assert proxy.received[-1].body == chat("about [REDACTED PROJECT]")
