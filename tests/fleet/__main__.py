"""``make test-fleet``: what is stopped, one after the other, and what must not have come of it.

Each proxy is killed in turn (SIGKILL), once one is stopped in order, Valkey is restarted, PostgreSQL is killed and back
after some seconds: all while people talk to a provider. Then everything is counted. It ends with an error if a byte
arrived that should have been taken out, or if something is missing that a client was told.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[2] / "proxy"), str(Path(__file__).parents[1])]

from fleet.ledger import Checks, Ledger, table  # noqa: E402
from fleet.machines import FEW, Fleet, fleet  # noqa: E402
from fleet.provider import Provider  # noqa: E402
from fleet.users import Load  # noqa: E402
from providers.collectors import database  # noqa: E402
from providers.standin import client_context  # noqa: E402

WARM = 3.0  # seconds of undisturbed traffic, for the latency before
USERS = ("ann", "bob", "cem", "dora", "eve", FEW)


async def disturb(running: Fleet, ledger: Ledger, kills: int, calm: float) -> None:
    """Stop one thing after the other, each with ``calm`` seconds of traffic before."""

    async def done(what: str, *steps: object) -> None:
        await asyncio.sleep(calm)
        ledger.happened(what)
        for step in steps:
            if callable(step):
                await asyncio.to_thread(step)
            else:
                await asyncio.sleep(float(str(step)))
        ledger.over(what)

    await asyncio.sleep(WARM)
    for number in range(kills):
        proxy = running.proxies[number % len(running.proxies)]
        await done("kill", proxy.kill, 0.5, proxy.start, proxy.wait)
        if number == 0:
            await done("Valkey restart", running.valkey.stop, running.valkey.start, running.valkey.wait)
        if number == 1:
            await done("PostgreSQL away", running.database.kill, 2.0, running.database.start)
        if number == 2:
            other = running.proxies[(number + 1) % len(running.proxies)]
            await done("stop", other.stop, other.start, other.wait)
    await asyncio.sleep(calm)


async def under_load(running: Fleet, kills: int, calm: float) -> tuple[Load, Ledger]:
    load = Load(running.port, client_context(running.root), USERS)
    ledger = Ledger()
    people = asyncio.create_task(load.run())
    try:
        await disturb(running, ledger, kills, calm)
    finally:
        load.stop()
        await asyncio.wait_for(people, 120)
    return load, ledger


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=3, help="how often a proxy is killed")
    options.add_argument("--calm", type=float, default=1.0, help="seconds of traffic before each disturbance")
    options.add_argument(
        "--keep", type=Path, help="a folder for the logs of all programs; default: none are kept"
    )
    given = options.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="outgate-fleet-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        provider = Provider(folder)
        provider.start()
        try:
            with database() as postgres, fleet(folder, provider, postgres, USERS) as running:
                load, ledger = asyncio.run(under_load(running, given.kills, given.calm))
                checks = Checks(running, load, ledger)
                failures = checks.all()
                print(table(checks, time.monotonic() - began))
        finally:
            provider.stop()
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except pytest.skip.Exception as missing:  # a program that is not installed, as the other tests have it
        print(f"make test-fleet did not run: {missing}")
