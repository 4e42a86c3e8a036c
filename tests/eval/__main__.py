"""``make eval``: detection held against gold, beside stock Presidio and detect-secrets.

python -m tests.eval                              the set `score` and the floors; exit 1 when one is broken
python -m tests.eval --set tune --tools outgate --entity PERSON --show-misses 20 --show-false 20
python -m tests.eval --write-floors               store what was measured as floors
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "proxy"))
# One core for every tool: a numeric library's own threads would count for more than one.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

from . import corpus, floors, report
from .document import Document
from .score import Reading, Result, read, sample, score
from .system_files import system_files
from .tools import DetectSecrets, Outgate, Presidio, Tool

# Bytes of gold and of benign text that a tool reads at size 1, so that the whole takes some three minutes on one
# core; of Outgate's none is left out.
_SHARE = {"presidio": (300_000, 350_000), "detect-secrets": (700_000, 900_000)}
_SYSTEM = {"outgate": 300_000, "presidio": 100_000, "detect-secrets": 200_000}
_MAKERS: dict[str, Callable[[], Tool]] = {
    "outgate": Outgate,
    "presidio": Presidio,
    "detect-secrets": DetectSecrets,
}


def main() -> int:
    """Run the command; its exit code."""
    options = _options()
    started = time.perf_counter()
    gold = list(corpus.gold(options.set, options.size))
    benign = list(corpus.benign(options.set, options.size))
    _introduce(options.set, gold, benign)
    results: list[Result] = []
    for name in options.tools:
        tool = _MAKERS[name]()
        results.extend(_results(tool, gold, benign, options.size, options.system))
        print(f"  {name} done after {time.perf_counter() - started:.0f} s", file=sys.stderr)
    _print(results, options)
    if options.json:
        options.json.write_text(json.dumps(report.as_json(results), indent=1, ensure_ascii=False), "utf-8")
    return _floors(results[0], options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.eval", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", choices=("tune", "score"), help="default: score; with examples: tune")
    parser.add_argument("--size", type=float, default=1.0, help="of the corpora; floors are for 1")
    parser.add_argument(
        "--entity",
        action="append",
        default=[],
        help="only this entity's rows, by kind of text too; SECRET for all credentials",
    )
    parser.add_argument(
        "--tools",
        type=lambda text: text.split(","),
        default=list(_MAKERS),
        help="outgate,presidio,detect-secrets",
    )
    parser.add_argument("--show-misses", type=int, default=0, metavar="N", help="examples an entity")
    parser.add_argument("--show-false", type=int, default=0, metavar="N", help="examples an entity")
    parser.add_argument("--kinds", action="store_true", help="recall of every kind of secret")
    parser.add_argument(
        "--system", action=argparse.BooleanOptionalAction, default=True, help="files of this machine too"
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--write-floors", action="store_true")
    options = parser.parse_args()
    shows = bool(options.show_misses or options.show_false)
    options.set = options.set or ("tune" if shows else "score")
    if shows and options.set == "score":
        parser.error(
            "examples are shown of the set tune only: what is tuned on the set score is measured by nothing"
        )
    if unknown := set(options.tools) - set(_MAKERS):
        parser.error(f"no such tool: {', '.join(sorted(unknown))}")
    if options.write_floors and not _has_floors(options):
        parser.error("floors are those of Outgate on the set score at size 1")
    return options


def _has_floors(options: argparse.Namespace) -> bool:
    return options.set == "score" and options.size == 1.0 and options.tools[0] == "outgate"


def _introduce(which: str, gold: list[Document], benign: list[Document]) -> None:
    spans = sum(not span.optional for document in gold for span in document.spans)
    print(
        f"set {which}: {len(gold)} documents of {_bytes(gold) / 1e3:.0f} kB with {spans} sensitive values; "
        f"{len(benign)} benign documents of {_bytes(benign) / 1e3:.0f} kB"
    )


def _bytes(documents: list[Document]) -> int:
    return sum(len(document.text.encode()) for document in documents)


def _results(
    tool: Tool, gold: list[Document], benign: list[Document], size: float, system: bool
) -> list[Result]:
    if tool.name in _SHARE:
        of_gold, of_benign = _SHARE[tool.name]
        gold, benign = sample(gold, int(of_gold * size)), sample(benign, int(of_benign * size))
    others = list(system_files(int(_SYSTEM[tool.name] * size))) if system else []
    readings, seconds = read(tool, [*gold, *benign])
    more, _ = read(tool, others)
    if not isinstance(tool, Presidio):
        return [_joined(tool.name, tool, readings, more, seconds, 0.0)]
    return [
        _joined("presidio, from 0.4", tool, readings, more, seconds, 0.4),
        _joined("presidio, as it is", tool, readings, more, seconds, 0.0),
    ]


def _joined(
    name: str, tool: Tool, readings: list[Reading], more: list[Reading], seconds: float, least: float
) -> Result:
    result = score(name, tool, readings, seconds, least)
    result.system = score(name, tool, more, 0.0, least).system
    return result


def _print(results: list[Result], options: argparse.Namespace) -> None:
    wanted = frozenset(options.entity)
    print("wrong: per 100 kB of benign text. Presidio and detect-secrets read a sample (kB read).\n")
    print(report.entities(results, wanted))
    for result in results if wanted else ():
        print()
        print(report.places(result, wanted))
    if not wanted:
        print()
        print(report.kinds_of_text(results, "benign", lambda result: result.benign))
        if options.system:
            print()
            print(report.kinds_of_text(results, "system files", lambda result: result.system))
        print()
        print(report.secrets(results[0], options.kinds))
    if options.show_misses or options.show_false:
        for result in results:
            print(f"\n--- {result.tool}")
            print(report.examples(result, wanted, options.show_misses, options.show_false))


def _floors(result: Result, options: argparse.Namespace) -> int:
    if options.write_floors:
        floors.write(result)
        print(f"\nfloors written to {floors.FILE}")
        return 0
    if not _has_floors(options):
        return 0
    problems = floors.broken(result, floors.load())
    print("\n" + ("\n".join(["Below the floors:", *problems]) if problems else "All floors hold."))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
