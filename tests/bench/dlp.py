"""``make bench-dlp``: how long detection takes, stock Presidio beside it in the same run. It only prints.

Texts are those of ``tests.eval`` (the set that developers look at). Every figure is of one process and one core,
but for the pool's; p50 is the median of as many runs as fit into a few seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "proxy"))

# One core for every tool, as in the evaluation; numpy reads these when it is loaded.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import presidio_analyzer  # noqa: F401 - first, so that it is whole: see outgate.dlp.presidio

from outgate.dlp import entities, examples
from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine
from outgate.dlp.pool import DetectionPool
from outgate.model import BODY, Role, Segment
from outgate.policy import load as load_policy

from ..eval import corpus
from ..eval.tools import MODEL, analyzer

SIZES = (100_000, 1_000_000)
ROOT = Path(__file__).parents[2]
_SECONDS = 4.0  # of runs for one figure
_PATIENCE = 40.0  # seconds of one run
_NAMES = entities.named(entities.known())
_PATTERNS = frozenset(entities.catalogue()) - _NAMES


_CLEAN = {"prose": ("prose",), "manuals": ("readme", "latex", "man-page"), "code": ("source-",)}
_VALUES = {  # how people write it, each a finding of its own
    "EMAIL_ADDRESS": "Write to {}. ",
    "CREDIT_CARD": "Charge the card {}. ",
    "IBAN_CODE": "Transfer it to {}. ",
    "PHONE_NUMBER": "Phone: {}. ",
    "US_SSN": "SSN {}. ",
}


@cache
def text(kind: str, size: int) -> str:
    """``size`` code points of documents: ``dense`` with findings, or clean ones of a kind."""
    if kind == "dense":
        documents = [d.text for d in corpus.gold("tune") if d.kind != "article"]
    else:
        documents = [d.text for d in corpus.benign("tune", 2.0) if d.kind.startswith(_CLEAN[kind])]
    # Interleaved, so that every piece of it is of many kinds.
    whole = "\n\n".join(documents[index] for start in range(17) for index in range(start, len(documents), 17))
    return (whole * (size // len(whole) + 1))[:size]


def with_values(count: int, size: int) -> str:
    """Clean prose with ``count`` values in it, evenly spread."""
    prose, step, done = text("prose", size), size // count, 0
    parts: list[str] = []
    for number in range(count):
        kind = list(_VALUES)[number % len(_VALUES)]
        said = _VALUES[kind].format(examples.fake(kind, number))
        end = max(done, prose.find(" ", done + step - len(said)) + 1)
        parts += [prose[done:end], said]
        done = end
    return "".join([*parts, prose[done:]])[:size]


def p50(run: Callable[[], object], seconds: float = _SECONDS, least: int = 1, most: int = 200) -> float:
    """Median seconds of a run."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < least or (time.perf_counter() < end and len(taken) < most):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def blank_presidio() -> Any:
    """Stock AnalyzerEngine with its pattern recognizers, over a pipeline that only splits words."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    analyzer()  # keeps it from the network

    class Blank(SpacyNlpEngine):
        def load(self) -> None:
            self.nlp = {"en": spacy.blank("en")}
            self.nlp["en"].max_length = 10_000_000

    engine = Blank(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.load()
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers()
    registry.remove_recognizer("SpacyRecognizer")
    return AnalyzerEngine(nlp_engine=engine, registry=registry)


def patterns() -> None:
    """Pattern detectors only: of the default policy, and of everything; by size, is it linear?"""
    default = load_policy([ROOT / "policies" / "default.yaml"]).detectors
    stock = blank_presidio()
    theirs: dict[tuple[str, int], float] = {}
    for title, wanted in (("default policy", default.entities & _PATTERNS), ("every entity", _PATTERNS)):
        engine = Engine(replace(default, entities=wanted), None, "now")
        print(
            f"\n{title + ', ' + str(len(wanted)):24}{'outgate p50':>14}{'MB/s':>8}{'findings':>10}{'presidio':>14}"
        )
        for kind in (*_CLEAN, "dense"):
            for size in SIZES:
                if not _row(kind, size, engine, stock, theirs):
                    break
        for count in (10, 50, 100, 400):
            body = with_values(count, 100_000)
            found: list[Any] = []
            ours = p50(lambda body=body, found=found, engine=engine: found.extend(engine.scan([body])))
            print(
                f"{count:>4} in prose   100 kB    {ours * 1e3:>11.2f} ms{0.1 / ours:>8.2f}{len(found[0]):>10}",
                flush=True,
            )


def _row(kind: str, size: int, engine: Engine, stock: Any, theirs: dict[tuple[str, int], float]) -> bool:
    """One size; False when a larger one would take longer than people wait."""
    body = text(kind, size)
    found: list[Any] = []
    ours = p50(lambda: found.extend(engine.scan([body])))
    row = f"{kind:8}{size / 1e3:>10.0f} kB    {ours * 1e3:>11.2f} ms{size / ours / 1e6:>8.2f}{len(found[0]):>10}"
    if (kind, size) not in theirs and theirs.get((kind, size // 10), 0.0) * 12 < _PATIENCE:
        theirs[kind, size] = p50(lambda: stock.analyze(body, "en"), most=3)
    beside = f"{theirs[kind, size] * 1e3:>11.0f} ms" if (kind, size) in theirs else f"{'not run':>14}"
    print(row + beside, flush=True)
    return ours * 10 < _PATIENCE


def names() -> None:
    """A model's names: kB/s of one core, ours and Presidio's on the same model."""
    documents = [d.text for d in corpus.gold("tune", 0.2) if d.kind in _PROSE][:120]
    size = sum(map(len, documents))
    engine = Engine(DetectorConfig(entities=_NAMES, ner_model=MODEL))
    stock = analyzer()
    wanted = ["PERSON", "LOCATION", "ORGANIZATION"]
    ours = p50(lambda: engine.scan(documents), least=2, most=5)
    apart = p50(lambda: [engine.scan([one]) for one in documents], least=2, most=5)
    theirs = p50(lambda: [stock.analyze(one, "en", entities=wanted) for one in documents], least=2, most=3)
    found = sum(len(engine.scan([one])[0]) for one in documents)
    found_by_presidio = sum(len(stock.analyze(one, "en", entities=wanted)) for one in documents)
    print(f"\nnames, {len(documents)} documents of {size / 1e3:.0f} kB, {MODEL}")
    print(f"  outgate, all in one scan   {size / ours / 1e3:>8.1f} kB/s   {found} findings")
    print(f"  outgate, a scan each       {size / apart / 1e3:>8.1f} kB/s")
    print(f"  presidio, a call each      {size / theirs / 1e3:>8.1f} kB/s   {found_by_presidio} findings")
    print(f"  ratio                      {theirs / ours:>8.2f}")


_PROSE = frozenset(
    "e-mail letter article meeting-notes medical-letter legal-letter chat ticket prompt review-of-books".split()
)


def long_line() -> None:
    """10 MB without a line break."""
    engine = Engine(DetectorConfig(entities=_PATTERNS), None, "now")
    print("\na single line of 10 MB, pattern detectors")
    shapes = {
        "minified JavaScript": "".join(
            d.text.replace("\n", "") for d in corpus.benign("tune", 2.0) if d.kind == "minified-js"
        ),
        "dense, on one line": text("dense", 1_000_000).replace("\n", " "),
        "base64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk" * 1000,
        "digits": "4242 1881 90-" * 1000,
        "one letter": "a" * 1000,
    }
    for title, part in shapes.items():
        line = part * (10_000_000 // len(part) + 1)
        tenth = p50(lambda line=line: engine.scan([line[:1_000_000]]), seconds=0)
        row = f"  {title:24}1 MB in {tenth:>7.2f} s"
        if tenth * 10 > _PATIENCE:
            print(f"{row}   10 MB not run: it would take minutes", flush=True)
            continue
        whole = p50(lambda line=line: engine.scan([line[:10_000_000]]), seconds=0)
        print(f"{row}   10 MB in {whole:>7.2f} s", flush=True)


def segment(body: str) -> Segment:
    """One message's text."""
    return Segment(body, Role.USER, "messages[0].content", BODY, 0, 0, "utf8")


async def pool_figures(workers: int) -> None:
    """What goes through worker processes: B48, and a conversation that is sent again."""
    config = DetectorConfig(entities=frozenset(entities.catalogue()), ner_model=MODEL)
    with TemporaryDirectory() as name:
        Engine(
            replace(config, entities=_PATTERNS), Path(name), "now"
        )  # compiled before the workers ask for it
        await _pool_figures(config, Path(name), workers)


async def _pool_figures(config: DetectorConfig, folder: Path, workers: int) -> None:
    pool = DetectionPool(
        config, workers=workers, deadline=300.0, queue_limit=64, cache=2**26, inline=2**15, folder=folder
    )
    await pool.start()
    try:
        while not pool.ready:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await _latency(pool, workers)
        for kind in ("prose", "dense"):
            await _resent(pool, kind)
    finally:
        await pool.close()


async def _timed(pool: DetectionPool, texts: Sequence[str]) -> float:
    started = time.perf_counter()
    await pool.detect([segment(one) for one in texts])
    return time.perf_counter() - started


async def _latency(pool: DetectionPool, workers: int) -> None:
    dense = text("dense", 1_000_000)
    small = dense[700_000:701_000]
    for _ in range(workers * 4):
        await _timed(pool, [small])
    alone = statistics.median(
        [await _timed(pool, [dense[701_000 + i * 1000 : 702_000 + i * 1000]]) for i in range(20)]
    )
    started = time.perf_counter()
    six = [asyncio.create_task(_timed(pool, [dense[i * 50_000 : (i + 1) * 50_000]])) for i in range(6)]
    beside: list[float] = []
    while not all(task.done() for task in six):
        at = 750_000 + len(beside) * 1000
        beside.append(await _timed(pool, [dense[at : at + 1000]]))
        await asyncio.sleep(0.02)
    total = time.perf_counter() - started
    print(f"\nsix scans of 50,000 characters at once, {workers} worker(s), all detectors: {total:.2f} s")
    print(f"  1 kB alone               {alone * 1e3:>8.1f} ms")
    print(
        f"  1 kB beside them, p50    {statistics.median(beside) * 1e3:>8.1f} ms   worst {max(beside) * 1e3:.1f} ms"
    )


async def _resent(pool: DetectionPool, kind: str) -> None:
    whole = text(kind, 1_000_000)
    turns = [whole[i * 2000 : (i + 1) * 2000] for i in range(100)]
    history, fresh = turns[:75], turns[75:]
    first = await _timed(pool, history)
    print(f"\na conversation of 150 kB, {kind}, all detectors")
    print(f"  first time                    {first * 1e3:>9.1f} ms")
    for title, goes_on in (
        ("it goes on: 2 kB more each time", True),
        ("its last 2 kB are others each time", False),
    ):
        again: list[float] = []
        alone: list[float] = []
        for _ in range(9):
            new = fresh.pop()
            # Each new turn is measured once alone in a form of its own, so that no cache knows it already.
            alone.append(await _timed(pool, [new + " "]))
            again.append(await _timed(pool, [*history, new]))
            history += [new] if goes_on else []
        ratio = statistics.median(again) / statistics.median(alone)
        print(f"  {title}, p50 of {len(again)}")
        print(f"    2 kB of new text alone      {statistics.median(alone) * 1e3:>9.1f} ms")
        print(
            f"    all of it, resent           {statistics.median(again) * 1e3:>9.1f} ms   ratio {ratio:.2f}"
        )


def main() -> None:
    parts: dict[str, Callable[[], None]] = {
        "patterns": patterns,
        "names": names,
        "line": long_line,
        "pool": lambda: asyncio.run(pool_figures(workers=2)),
    }
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dlp", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"some of {', '.join(parts)}; default: all")
    for name in parser.parse_args().part or parts:
        parts[name]()


if __name__ == "__main__":
    main()
