"""Policies that change while the proxy runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from outgate.policy import Policy, PolicyError, load
from outgate.policy.watch import PolicyWatch
from outgate.rollout.lineup import Lineup


async def test_a_policy_that_cannot_take_effect_is_told_like_one_that_cannot_be_loaded(
    tmp_path: Path,
) -> None:
    """Its budgets cannot be counted, say: the old one judges on, and who watches for failures has to see it."""
    file = tmp_path / "policy.yaml"
    failures: asyncio.Queue[PolicyError] = asyncio.Queue()

    def lineup() -> Lineup:
        policy: Policy = load([file])
        return Lineup(policy)

    async def change(_lineup: Lineup) -> None:
        raise OSError("sk-made-up-words of another room")

    file.write_text("version: 1\nrules: []\n")
    before = lineup()
    file.write_text("version: 1\nrules: []\nhelp_url: https://help.example/\n")
    watch = PolicyWatch(lineup, change, failures.put_nowait, current=before)
    watching = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(20):
            error = await failures.get()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert "cannot take effect: OSError" in str(error)
    assert "sk-made-up" not in str(error)
