"""``make bench``: Outgate beside stock mitmdump, in turns, on the same machine in the same run.

Every round goes to each proxy in turn, and what is printed is the median of the rounds, so that a
machine that slows down for a while slows all of them. ``of (a)`` is the median of the ratios within
the rounds. ``cpu ms`` is processor time of the proxy's main process for each request: it tells the
same story where the machine is noisy.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "proxy"), str(Path(__file__).parents[1])]

from bench import load, proxies  # noqa: E402
from bench.proxies import GATE_ONLY, NAMES, Running  # noqa: E402
from providers.standin import certificates  # noqa: E402


@dataclass
class Round:
    """One proxy's turn."""

    rate: float  # requests, events or megabytes a second
    p50: float = 0.0  # milliseconds
    p99: float = 0.0
    processor: float = 0.0  # milliseconds a request


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each proxy")
    parser.add_argument("--requests", type=int, default=400, help="of 2 kB in a turn")
    parser.add_argument("--memory", type=int, default=20_000, help="requests for the memory figure; 0: none")
    parser.add_argument("--only", default="abcd", help="letters of the proxies to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        run(Path(name), stack, options)


def run(folder: Path, stack: ExitStack, options: argparse.Namespace) -> None:
    root, certificate, key = certificates(folder)
    provider = stack.enter_context(
        proxies.process(
            [sys.executable, str(Path(load.__file__).with_name("upstream.py")), str(certificate), str(key)]
        )
    )
    assert provider.stdout is not None
    upstream, source = map(int, provider.stdout.readline().split())
    stock = proxies.mitmdump("(a) stock mitmdump, no script", folder / "a", upstream, source, root)
    running = [stack.enter_context(stock)]
    kinds = {
        "(b) Outgate, no detectors": GATE_ONLY,
        "(c) Outgate, default policy": None,
        "(d) Outgate, names (NER)": NAMES,
    }
    running += [
        stack.enter_context(proxies.outgate(title, folder / title[1], upstream, source, root, policy))
        for title, policy in kinds.items()
        if title[1] in options.only
    ]
    # Without this option mitmdump holds an answer until its last event.
    streaming = stack.enter_context(
        proxies.mitmdump(
            "(a) mitmdump, told to stream", folder / "s", upstream, source, root, "stream_large_bodies=1"
        )
    )
    fast = [proxy for proxy in running if proxy.title[1] in "ab"]
    count = options.requests
    print(f"{'':34}{'':>12}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'cpu ms':>8}{'of (a)':>8}")
    compare("2 kB", running, lambda p: requests(p, 2_000, count), options.rounds)
    compare("100 kB", running, lambda p: requests(p, 100_000, max(count // 8, 24)), options.rounds)
    compare(
        "SSE events",
        [streaming, *fast[1:]],
        lambda p: Round(asyncio.run(load.events(p.target, 8))),
        options.rounds,
    )
    compare("tunnel MB", fast, lambda p: Round(asyncio.run(load.tunnel(p.target, source))), options.rounds)
    for proxy in fast[1:]:
        memory(proxy, options.memory)


def compare(what: str, running: Sequence[Running], turn: Callable[[Running], Round], rounds: int) -> None:
    """Turns of every proxy, and a row for each."""
    taken: list[list[Round]] = [[] for _ in running]
    for number in range(rounds + 1):
        for place, proxy in enumerate(running):
            slow = proxy.title[1] in "cd"
            if slow and number > max(1, rounds // 3):
                continue
            done = turn(proxy)
            if number:  # the first is for warming up
                taken[place].append(done)
    for proxy, own in zip(running, taken, strict=True):
        ratio = statistics.median(mine.rate / base.rate for mine, base in zip(own, taken[0], strict=False))
        row = [
            statistics.median(getattr(one, name) for one in own)
            for name in ("rate", "p50", "p99", "processor")
        ]
        print(
            f"{proxy.title:34}{what:>12}{row[0]:>10.0f}{row[1]:>9.2f}{row[2]:>9.2f}{row[3]:>8.2f}{ratio:>8.2f}",
            flush=True,
        )


def requests(proxy: Running, size: int, count: int) -> Round:
    """``count`` requests of ``size`` bytes."""
    before, started = proxy.processor(), time.perf_counter()
    taken = sorted(asyncio.run(load.requests(proxy.target, load.body(size), count)))
    seconds, used = time.perf_counter() - started, proxy.processor() - before
    return Round(count / seconds, taken[count // 2] * 1e3, taken[int(count * 0.99)] * 1e3, used / count * 1e3)


def memory(proxy: Running, count: int) -> None:
    """Resident memory before and after many more requests."""
    print(f"{proxy.title}: listening after {proxy.started:.2f} s; resident {proxy.memory():.0f} MB", end="")
    for _ in range(4 if count else 0):
        asyncio.run(load.requests(proxy.target, load.body(2_000), count // 4))
        print(f", {proxy.memory():.0f}", end="", flush=True)
    print(f" MB over {count} more requests" if count else "")


if __name__ == "__main__":
    main()
