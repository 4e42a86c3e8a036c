"""``make bench``, streams: what restoring costs a stream of events that goes through the whole proxy.

Two Outgates in turns, one under a policy that looks for nothing, one that restores. The provider sends both the
same bytes: the request's own placeholder (or what is like one) in every tenth event, cut over two, or in none. What
is printed is the median of the rounds; ``of it`` is the median of the ratios within the rounds, to the stream that
is passed through. The first event is timed on an idle proxy, from the request's last byte to the event's first, with
a third beside them that looks for the same as the one that restores, and redacts it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "proxy"), str(Path(__file__).parents[1])]

from bench import load, proxies  # noqa: E402
from bench.load import Target  # noqa: E402
from bench.proxies import GATE_ONLY  # noqa: E402
from providers.standin import certificates  # noqa: E402

RESTORING = "version: 1\nrules: [{name: mail, detect: [EMAIL_ADDRESS], action: pseudonymise}]\n"
REDACTING = RESTORING.replace("pseudonymise", "redact")
LIKE_ONE = "EMAIL_ADDRESS_aaaaaaaaaaaa"  # in the place of the placeholder where nothing makes one
DOMAIN = "analytical-engines.org"  # one of .example would not be found
STREAMS = 8


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="turns of each proxy")
    parser.add_argument(
        "--first", type=int, default=300, help="streams whose first event is timed, in a turn"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        root, certificate, key = certificates(folder)
        program = Path(load.__file__).with_name("upstream.py")
        provider = stack.enter_context(
            proxies.process([sys.executable, str(program), str(certificate), str(key)])
        )
        assert provider.stdout is not None
        upstream, source = map(int, provider.stdout.readline().split())
        passing, redacting, restoring = (
            stack.enter_context(proxies.outgate(title, folder / title[:4], upstream, source, root, policy))
            for title, policy in (("pass", GATE_ONLY), ("redact", REDACTING), ("restore", RESTORING))
        )
        direct = Direct(upstream, root)
        print(f"{'events a second':34}{'passed through':>16}{'restored':>12}{'of it':>8}")
        for what in ("placeholders", "padded", "clean"):
            pairs = []
            for number in range(options.rounds + 1):
                base = asyncio.run(events(passing.target, what, LIKE_ONE))
                mine = asyncio.run(events(restoring.target, what, f"ada{number}@{DOMAIN}"))
                pairs += [(base, mine)] if number else []  # the first is for warming up
            ratio = statistics.median(mine / base for base, mine in pairs)
            base, mine = (statistics.median(side) for side in zip(*pairs, strict=True))
            print(f"{TITLES[what]:34}{base:16,.0f}{mine:12,.0f}{ratio:8.2f}", flush=True)
        print(f"\n{'first event, ms':34}{'p50':>16}{'p99':>12}{'added':>8}")
        taken: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for title, target, value in (
                ("the provider itself", direct, LIKE_ONE),
                ("passed through", passing.target, LIKE_ONE),
                ("redacted on the way out", redacting.target, f"ada@{DOMAIN}"),
                ("restored", restoring.target, f"ada@{DOMAIN}"),
            ):
                taken.setdefault(title, []).extend(asyncio.run(first(target, value, options.first)))
        before = 0.0
        for title, times in taken.items():
            ordered = sorted(times)
            p50, p99 = (ordered[int(len(ordered) * share)] * 1e3 for share in (0.5, 0.99))
            print(f"{title:34}{p50:16.2f}{p99:12.2f}{p50 - before if before else 0:8.2f}")
            before = p50


TITLES = {
    "placeholders": "a placeholder in every tenth",
    "padded": "the same, padded",
    "clean": "none",
}


class Direct(Target):
    """The provider without a proxy."""

    def __init__(self, port: int, root: Path) -> None:
        super().__init__(port, "api.openai.com:443", root)
        self._trust = ssl.create_default_context(cafile=str(root))
        self._trust.check_hostname = False

    async def open(
        self, authority: str = "", *, tls: bool = True
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of its own."""
        return await asyncio.open_connection("127.0.0.1", self.port, limit=2**20, ssl=self._trust)


def request(target: Target, path: str, value: str) -> bytes:
    """A request that holds the value."""
    data = json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": f"Ask {value} again."}]}
    ).encode()
    return target.head(path, len(data)) + data


async def events(target: Target, what: str, value: str) -> float:
    """Events a second of streamed answers at once. Raises SystemExit when what was sent did not come back."""
    sent = request(target, f"/v1/chat/completions?stream={what}", value)
    count = 0

    async def one() -> None:
        nonlocal count
        reader, writer = await target.open()
        writer.write(sent)
        pieces = []
        while not b"".join(pieces[-2:]).endswith(b"0\r\n\r\n"):
            got = await reader.read(2**18)
            if not got:
                raise SystemExit("a stream was cut")
            pieces.append(got)
        writer.close()
        whole = b"".join(pieces)
        count += whole.count(b'"choices"')
        if DOMAIN in value and (value.encode() in whole) is (what == "clean"):
            raise SystemExit("a placeholder was not restored")

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(STREAMS)))
    return count / (time.perf_counter() - started)


async def first(target: Target, value: str, count: int) -> list[float]:
    """Seconds to the first event, of one stream after the other over one connection."""
    reader, writer = await target.open()
    sent = request(target, "/v1/chat/completions?stream=short", value)
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        writer.write(sent)
        await reader.readuntil(b"data: ")
        taken.append(time.perf_counter() - started)
        await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    return taken


if __name__ == "__main__":
    main()
