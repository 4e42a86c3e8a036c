"""``make bench``, workers: what a second one adds, many streams at once, and twice as much to do as can be done.

**One and two workers.** The clients and the provider need processor time, too, and have to share the machine's with
the workers. So beside requests a second there is what a request costs whom. Where a worker has a core to itself,
workers / (its seconds a request) is what they can do; ``times`` is how much more that is with two. What the machine
allows is told beside it: no more requests than its cores have seconds for all that one costs.

**Streams.** So many at a time, each event is counted, and the workers' resident memory is printed as time goes by.

**Overload.** First what the proxy can do at most, with detection that is slow (names); then twice as many requests,
sent when they are due and not when others are done. Each answer is either right or a 503 that says when to come
again; one that was forwarded without inspection would show in its answer.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "proxy"), str(Path(__file__).parents[1])]

from bench import load, proxies  # noqa: E402
from bench.load import Target  # noqa: E402
from bench.proxies import GATE_ONLY, Running, memory_of, processor_of  # noqa: E402
from bench.upstream import MARK, PACE, PACED  # noqa: E402
from outgate.settings.workers import cores  # noqa: E402
from providers.standin import certificates  # noqa: E402

SLOW = """version: 1
rules:
  - {name: words, detect: [PROJECT], action: redact}
  - {name: names, detect: [names], action: audit}
detectors: {words: [{entity: PROJECT, words: [Bluebird]}]}
"""
BATCH = 200  # requests between two looks at the clock
QUEUE = 16  # requests that may wait for detection while there are too many


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=float, default=60, help="of streams, and of overload; a third for the rest"
    )
    parser.add_argument("--streams", type=int, default=200, help="at a time")
    parser.add_argument("--only", default="tso", help="letters: throughput, streams, overload")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        root, certificate, key = certificates(folder)
        program = str(Path(load.__file__).with_name("upstream.py"))
        provider = stack.enter_context(proxies.process([sys.executable, program, str(certificate), str(key)]))
        assert provider.stdout is not None
        upstream, source = map(int, provider.stdout.readline().split())
        outgate = partial(proxies.outgate, upstream=upstream, source=source, root=root)
        if "t" in options.only:
            one = stack.enter_context(outgate("1 worker", folder / "1", policy=GATE_ONLY, workers=1))
            two = stack.enter_context(outgate("2 workers", folder / "2", policy=GATE_ONLY, workers=2))
            wait_for_workers(two, 2)
            throughput([one, two], provider.pid, options.seconds / 3)
            if "s" in options.only:
                streams(two, options.streams, options.seconds)
        elif "s" in options.only:
            two = stack.enter_context(outgate("2 workers", folder / "2", policy=GATE_ONLY, workers=2))
            wait_for_workers(two, 2)
            streams(two, options.streams, options.seconds)
        if "o" in options.only:
            detection = {"workers": 1, "deadline": 10, "queue_limit": QUEUE}
            slow = stack.enter_context(outgate("slow", folder / "o", policy=SLOW, detection=detection))
            asyncio.run(overload(slow.target, options.seconds))


def wait_for_workers(running: Running, count: int) -> None:
    """Return when all are there and have had time to begin."""
    started = time.monotonic()
    while len(running.serving()) < count:
        if time.monotonic() - started > 120:
            raise SystemExit("the workers did not start")
        time.sleep(0.2)
    time.sleep(5)


# --- one and two workers ---------------------------------------------------------------------


@dataclass
class Turn:
    """What was done in one, and what a request cost (seconds of processor time)."""

    rate: float
    workers: float
    others: float


def throughput(running: list[Running], provider: int, seconds: float) -> None:
    """Turns of each, so that a machine that slows down slows both."""
    taken: list[list[Turn]] = [[] for _ in running]
    end = time.monotonic() + seconds
    for proxy in running:
        asyncio.run(load.requests(proxy.target, load.body(2_000), BATCH))  # for warming up
    while time.monotonic() < end or not taken[-1]:
        for own, proxy in zip(taken, running, strict=True):
            own.append(turn(proxy, provider))
    print(
        f"{'2 kB requests':16}{'a second':>10}{'worker ms':>11}{'others ms':>11}{'could do':>10}{'allowed':>10}"
    )
    could = []
    for number, (own, proxy) in enumerate(zip(taken, running, strict=True), 1):
        rate, workers, others = (
            statistics.median(getattr(one, name) for one in own) for name in ("rate", "workers", "others")
        )
        could.append(number / workers)
        allowed = min(number / workers, len(cores()) / (workers + others))
        print(
            f"{proxy.title:16}{rate:>10.0f}{workers * 1e3:>11.2f}{others * 1e3:>11.2f}"
            f"{could[-1]:>10.0f}{allowed:>10.0f}"
        )
    ratio = statistics.median(two.rate / one.rate for one, two in zip(*taken, strict=True))
    print(
        f"two are {could[1] / could[0]:.2f} times one, where each has a core to itself; {ratio:.2f} times here, where "
        f"clients and provider share the {len(cores())} cores with them"
    )


def turn(proxy: Running, provider: int) -> Turn:
    def used() -> tuple[float, float]:
        return sum(map(processor_of, proxy.serving())), processor_of(provider) + time.process_time()

    before, started = used(), time.perf_counter()
    asyncio.run(load.requests(proxy.target, load.body(2_000), BATCH * 2))
    seconds = time.perf_counter() - started
    workers, others = (now - then for now, then in zip(used(), before, strict=True))
    return Turn(BATCH * 2 / seconds, workers / BATCH / 2, others / BATCH / 2)


# --- streams ---------------------------------------------------------------------------------


def streams(proxy: Running, count: int, seconds: float) -> None:
    """Many at a time, for so long; each has to be whole."""
    pids = proxy.serving()
    print(f"{count} streams at a time, {1 / PACE:g} events a second each; resident MB of the workers")
    events = max(1, int(seconds / PACE))

    async def run() -> int:
        looking = asyncio.create_task(_look(pids, seconds))
        done = await asyncio.gather(*(_stream(proxy.target, events) for _ in range(count)))
        looking.cancel()
        return sum(done)

    started = time.perf_counter()
    total = asyncio.run(run())
    if total != count * events:
        raise SystemExit(f"streams lost events: {total} of {count * events}")
    taken = time.perf_counter() - started
    print(f"{total} events in {taken:.0f} s, none lost; {sum(map(memory_of, pids)):.0f} MB at the end")


async def _look(pids: list[int], seconds: float) -> None:
    for step in range(1000):
        print(
            f"  {step * seconds / 10:5.1f} s {' '.join(f'{memory_of(pid):7.1f}' for pid in pids)}", flush=True
        )
        await asyncio.sleep(seconds / 10)


async def _stream(target: Target, events: int) -> int:
    data = load.body(200)
    reader, writer = await target.open()
    writer.write(target.head(f"{PACED.decode()}{events}", len(data)) + data)
    seen, count = b"", 0
    while not seen.endswith(b"0\r\n\r\n"):
        got = await reader.read(65536)
        if not got:
            raise SystemExit("a stream was cut")
        joined = seen + got
        count += joined.count(b"data: ") - seen.count(b"data: ")
        seen = joined[-8:]
    writer.close()
    return count


# --- overload --------------------------------------------------------------------------------


@dataclass
class Pool:
    """Connections that are kept for the next request, and what came of requests."""

    target: Target
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    taken: dict[int, list[float]] = field(default_factory=dict)  # status -> seconds
    wrong: Counter[str] = field(default_factory=Counter)

    async def ask(self, number: int) -> None:
        data = _text(number)
        started = time.perf_counter()
        try:
            reader, writer = self.idle.pop() if self.idle else await self.target.open()
            writer.write(self.target.head("/v1/chat/completions", len(data)) + data)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = next(
                int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length")
            )
            answer = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.wrong[type(error).__name__] += 1
            return
        status = int(head[9:12])
        if b'"no"' in answer:
            self.wrong["forwarded without inspection"] += 1
        elif status == 503 and b"\nretry-after:" not in head:
            self.wrong["503 that does not say when to come again"] += 1
        elif status not in (200, 503):
            self.wrong[f"status {status}"] += 1
        self.taken.setdefault(status, []).append(time.perf_counter() - started)
        self.idle.append((reader, writer))


def _text(number: int) -> bytes:
    """A request with names to look for, and a word to take out."""
    serial = str(number).encode().translate(bytes.maketrans(b"0123456789", b"abcdefghij"))
    person = b"Ask %s Miller in Springfield about %s %s, please. " % (serial.title(), MARK, serial)
    return load.body(1_000).replace(load.SERIAL, person * 5)


async def overload(target: Target, seconds: float) -> None:
    """Twice what it can do, for so long."""
    pool, numbers = Pool(target), iter(range(time.monotonic_ns() // 10**6 % 10**8, 10**9))
    while len(pool.taken.get(200, ())) < 5:  # a model is loaded first
        await pool.ask(next(numbers))
    pool = Pool(target)
    end = time.monotonic() + max(3.0, seconds / 4)

    async def again() -> None:
        while time.monotonic() < end:
            await pool.ask(next(numbers))

    started = time.perf_counter()
    await asyncio.gather(*(again() for _ in range(4)))
    rate = len(pool.taken.get(200, ())) / (time.perf_counter() - started)
    print(f"it can do {rate:.0f} requests a second; now {2 * rate:.0f} a second for {seconds:g} s")
    pool = Pool(target)
    asking: set[asyncio.Task[None]] = set()
    started, due = time.perf_counter(), 0.0
    while due < seconds:
        asking.add(asyncio.create_task(pool.ask(next(numbers))))
        due += 1 / (2 * rate)
        await asyncio.sleep(max(0.0, started + due - time.perf_counter()))
    await asyncio.gather(*asking)
    for status, taken in sorted(pool.taken.items()):
        taken.sort()
        p50, p99 = (taken[int(len(taken) * part)] * 1e3 for part in (0.5, 0.99))
        print(f"  {status}: {len(taken):6}  p50 {p50:7.0f} ms  p99 {p99:7.0f} ms")
    print(f"  wrong: {dict(pool.wrong) or 0}")
    if pool.wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    os.environ.pop("http_proxy", None)
    main()
