"""``python -m tests.fuzz.answers``: damaged answers through the restorer and the inspector, for so many minutes.

Streams and bodies of every API family with placeholders in them, cut, doubled, mixed with each other and
with noise, fed at any cuts and under any label. Stops with the seed at an exception, at an answer that
differs with its cuts, at one changed though nothing is known of it or found in it, and at one that takes too long.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "proxy"), str(Path(__file__).parents[1])]

from outgate.formats.answer_tables import TABLES  # noqa: E402
from outgate.model import Segment  # noqa: E402
from outgate.transform import answer_inspection  # noqa: E402
from outgate.transform.answer_inspection import AnswerInspector  # noqa: E402
from outgate.transform.answers import AnswerRestorer  # noqa: E402
from outgate.transform.lookahead import Edit  # noqa: E402
from outgate.transform.restore import Known  # noqa: E402
from outgate.wire import WireError, eventstream  # noqa: E402
from unit.transform.made_other_answers import APIS  # noqa: E402

_VALUES = {
    "PERSON_k3jq7x2mabcd": "Ada Example",
    "PERSON_k3": 'x"\\\n😀',
    "ann.lee@example.com": "eve@corp.test",
    "192.0.2.7": "10.1.2.3",
    "+1 555-0100": "+44 20",
}
_KNOWN, _ABSENT = Known(_VALUES), Known({"\x01never": "x"})
_LABELS = ["application/json", "application/x-ndjson", "text/plain", "", *{api.content_type for api in APIS}]
_NOISE = [
    b"\x00",
    b"\r",
    b"\n\n",
    b'"',
    b"\\",
    b"{",
    b"]",
    b"\xff",
    b"\xef\xbb\xbf",
    b"data",
    b":",
    b"[" * 300,
]
answer_inspection.STALE = 10**9  # what is still there when a text is given up depends on how fast it comes
_FIXED, _EACH = 0.2, 20e-6  # seconds for an answer, and for each byte of it when it is fed in pieces


def made(source: random.Random) -> bytes:
    """One damaged answer."""
    api = source.choice(APIS)
    words = [*_VALUES, " ", "x", "é", '"', "[["]
    texts = {
        lane: "".join(source.choices(words, k=source.randrange(6))) for lane in (*api.texts, *api.arguments)
    }
    texts |= {lane: json.dumps({"a": texts[lane]}) for lane in api.arguments}
    pieces = [(lane, texts[lane][i : i + 7]) for lane in texts for i in range(0, len(texts[lane]), 7)]
    parts = api.stream(pieces) if source.random() < 0.8 else [api.answer(texts)]
    for _ in range(source.choice((0, 1, 4))):
        parts.insert(source.randrange(len(parts) + 1), source.choice([*_NOISE, *parts]))
    data = b"".join(parts)
    for _ in range(source.choice((0, 1, 4))):
        place = source.randrange(len(data) + 1)
        data = data[:place] + source.choice(_NOISE) + data[place + source.choice((0, 1, 40)) :]
    return data


def told(name: str, label: str, known: Known, pieces: list[bytes]) -> bytes:
    """What leaves."""
    restorer = AnswerRestorer(name, label, known)
    return b"".join([piece for data in pieces for piece in restorer.feed(data)] + restorer.finish())


def inspected(name: str, label: str, pieces: list[bytes], *, finds: bool) -> bytes | None:
    """What leaves; None where it cannot be read."""

    async def judge(segments: Sequence[Segment], _: Sequence[int]) -> list[list[Edit]]:
        found = [[(one.text.find(word), word) for word in _VALUES] for one in segments]
        return [[Edit(at, at + len(word), "X") for at, word in own if finds and at >= 0] for own in found]

    async def run() -> bytes:
        inspector = AnswerInspector(name, label, judge, limit=2**24)
        return b"".join(
            [piece for data in pieces for piece in await inspector.feed(data)] + await inspector.finish()
        )

    try:
        return asyncio.run(run())
    except WireError:
        return None


def _frames(body: bytes | None, label: str) -> list[bytes]:
    """Without their order: comments, pings, empty lines and byte order marks wait for nobody."""
    if label.endswith("eventstream"):
        parser = eventstream.Parser()
        return sorted(frame.raw for frame in [*parser.feed(body or b""), *parser.finish()])
    return sorted(filter(None, re.split(rb"[\r\n]|\xef\xbb\xbf", body or b"")))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.answers", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    options = parser.parse_args()
    ending, seed, size = time.monotonic() + options.minutes * 60, options.seed, 0
    while time.monotonic() < ending:
        source = random.Random(seed)
        data = made(source)
        name, label = source.choice([*TABLES, "generic"]), source.choice(_LABELS)
        if source.random() < 0.7:
            api = source.choice(APIS)
            name, label = api.format, api.content_type
        edges = [0, *sorted(source.randrange(len(data) + 1) for _ in range(source.randrange(40))), len(data)]
        pieces = [data[start:end] for start, end in pairwise(edges)]
        begun = time.thread_time()
        try:
            assert told(name, label, _KNOWN, pieces) == told(name, label, _KNOWN, [data]), (
                "differs with its cuts"
            )
            assert told(name, label, _ABSENT, pieces) == data, "changed for nothing"
            edited = inspected(name, label, pieces, finds=True)
            at_once = inspected(name, label, [data], finds=True)
            assert _frames(edited, label) == _frames(at_once, label), "judged by its cuts"
            clean = inspected(name, label, pieces, finds=False)
            assert clean is None or _frames(clean, label) == _frames(data, label), (
                "changed though nothing was found"
            )
        except Exception:
            print(f"seed {seed}: {name}, {label!r}, {len(data)} bytes")
            raise
        if time.thread_time() - begun > _FIXED + _EACH * 3 * len(data):
            print(f"seed {seed}: {len(data)} bytes took {time.thread_time() - begun:.2f} s")
            return 1
        seed, size = seed + 1, size + len(data)
    print(f"{seed - options.seed} answers, {size / 1e6:.0f} MB, clean")
    return 0


if __name__ == "__main__":
    sys.exit(main())
