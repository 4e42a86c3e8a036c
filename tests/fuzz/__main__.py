"""``make fuzz``: text that nobody would write, through all pattern detectors, for so many minutes.

What is made: examples of every rule, documents of the evaluation, and runs of what patterns repeat, cut, doubled,
mixed, wrapped in encodings and in each other. Stops with the text's seed at an exception, at an answer that lies
outside its text, at a text that takes longer than its length allows, and when memory grows.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import random
import string
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[2] / "proxy"))

import presidio_analyzer  # noqa: F401 - first, so that it is whole: see outgate.dlp.presidio

from outgate.dlp import entities, examples
from outgate.dlp.config import DetectorConfig
from outgate.dlp.disguise import views
from outgate.dlp.engine import Engine
from outgate.dlp.patterns import rules

from ..eval import corpus

_LONGEST = 60_000  # code points of a text
# Seconds that a text may take: a fixed part, and one for each code point of it and of what it decodes to. Twenty
# times what dense text takes on a quiet machine; a quadratic pattern takes hundreds of times as long.
_FIXED, _EACH = 0.5, 60e-6
_GROWTH = 60.0  # megabytes that the process may grow by after the first minute
_ODD = "\u200b\u202e\u0301\U000e0041ａ０éßİ\ud800😀\u00a0\x00\x1c"
_MARKS = " \t\r\n.,:;=-_/\\|@+#%&?!'\"`()[]{}<>~^*$€"


class Maker:
    """Texts from seeds: the same seed, the same text."""

    def __init__(self) -> None:
        packs = [rule for pack in ("secrets", "pii") for rule in rules(pack)]
        self._examples = [examples.expand(text) for rule in packs for text in (*rule.match, *rule.ignore)]
        documents = corpus.gold("tune", 0.2), corpus.benign("tune", 0.2)
        self._documents = [document.text for kind in documents for document in kind]

    def text(self, seed: int) -> str:
        """One text of at most ``_LONGEST`` code points."""
        source = random.Random(seed)
        parts = [self._part(source) for _ in range(source.choice((1, 2, 3, 8, 40)))]
        joint = source.choice(["", " ", "\n", ",", "=", " is ", self._run(source)[:3]])
        text = joint.join(parts)
        for _ in range(source.choice((0, 0, 1, 3))):
            text = self._changed(source, text)
        return text[:_LONGEST]

    def _part(self, source: random.Random) -> str:
        kinds: list[Callable[[random.Random], str]] = [
            self._run,
            self._example,
            self._example,
            self._document,
        ]
        return source.choice(kinds)(source)

    def _example(self, source: random.Random) -> str:
        return source.choice(self._examples)

    def _document(self, source: random.Random) -> str:
        text = source.choice(self._documents)
        start = source.randrange(len(text) + 1)
        return text[start : start + source.choice((20, 200, 4000))]

    def _run(self, source: random.Random) -> str:
        """Something short, very often."""
        alphabet = source.choice(
            (string.digits, string.ascii_letters, string.hexdigits, _MARKS, _ODD, "0 ", "a.", "1-")
        )
        piece = "".join(source.choice(alphabet) for _ in range(source.choice((1, 2, 3, 9))))
        if source.random() < 0.3:
            example = source.choice(self._examples)
            piece = example[: source.randrange(1, len(example) + 1)]
        return piece * source.choice((1, 3, 30, 300, 3000))

    def _changed(self, source: random.Random, text: str) -> str:
        """``text`` cut, mixed, doubled, encoded."""
        place = source.randrange(len(text) + 1)
        data = text[:_LONGEST].encode("utf-8", "replace")
        changes: list[Callable[[], str]] = [
            lambda: text[place:],
            lambda: text[:place] + source.choice(_ODD) * source.choice((1, 50)) + text[place:],
            lambda: text[:place] + text[: place // 2] + text[place:],
            lambda: source.choice(_ODD).join(text[:5000]),
            lambda: text.upper(),
            lambda: json.dumps({"a": json.dumps(text)}),
            lambda: quote(text[:5000].encode("utf-8", "replace").decode()),
            lambda: base64.b64encode(data).decode(),
            lambda: base64.b64encode(base64.b64encode(gzip.compress(data))).decode(),
            lambda: data.hex(),
        ]
        return source.choice(changes)()[: 4 * _LONGEST]


def resident() -> float:
    """Megabytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9, help="the first text's")
    options = parser.parse_args()
    patterns = frozenset(entities.catalogue()) - entities.named(entities.known())
    maker, engine = Maker(), Engine(DetectorConfig(entities=patterns), None, "now")
    print(f"{engine.scanner}, {len(patterns)} entities, from seed {options.seed}", flush=True)
    started = time.monotonic()
    settled, slowest, texts, size, found = 0.0, (0.0, 0, 0), 0, 0, 0
    while (passed := time.monotonic() - started) < options.minutes * 60:
        seed = options.seed + texts
        text = maker.text(seed)
        begun = time.thread_time()
        matches = engine.scan([text])[0]
        taken = time.thread_time() - begun
        read = len(text) + sum(len(view.text) for view in views(text))
        for match in matches:
            assert 0 <= match.start < match.end <= len(text), (seed, match)
        texts, size, found = texts + 1, size + len(text), found + len(matches)
        slowest = max(slowest, (taken / (_FIXED + _EACH * read), seed, read))
        if taken > _FIXED + _EACH * read:
            print(f"seed {seed}: {read} code points, what is decoded included, took {taken:.2f} s")
            return 1
        if not settled and passed > min(60.0, options.minutes * 20):
            settled = resident()
        if settled and resident() > settled + _GROWTH:
            print(f"memory grew from {settled:.0f} to {resident():.0f} MB by seed {seed}")
            return 1
    share, seed, length = slowest
    print(
        f"{texts} texts, {size / 1e6:.1f} MB, {found} findings in {passed / 60:.1f} minutes: no crash, no hang"
    )
    print(f"slowest: seed {seed}, {length} code points, {share:.0%} of the time that it might take")
    print(f"resident {settled:.0f} MB after a minute, {resident():.0f} MB at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
