"""What is printed: tools side by side, per entity and per kind of benign text; and the same as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .match import Tally
from .score import Result, Volume

_WIDE = 28
_CELL = 21


def entities(results: Sequence[Result], wanted: frozenset[str]) -> str:
    """Recall, precision and wrong findings per 100 kB of benign text, a row an entity."""
    lines = [_line("", "spans", [result.tool for result in results])]
    lines.append(_line("entity", "", ["recall  prec.  wrong"] * len(results)))
    for name in _rows(results, wanted):
        lines.append(_line(name, str(results[0].rows[name].spans), [_cell(r, name) for r in results]))
    lines.append("")
    for title, names in (("benign, all but names", False), ("benign, all", True)):
        rates = [f"{r.total(r.benign).rate(names):>20.1f}" if r.benign else "" for r in results]
        lines.append(_line(title, "", rates))
    lines.append(_line("MB a processor second", "", [f"{r.bytes / r.seconds / 1e6:>20.3f}" for r in results]))
    lines.append(_line("kB read", "", [f"{r.bytes / 1e3:>20.0f}" for r in results]))
    return "\n".join(lines)


def _rows(results: Sequence[Result], wanted: frozenset[str]) -> list[str]:
    names = {
        name
        for result in results
        for name, tally in result.rows.items()
        if tally.spans or tally.benign or tally.wrong
    }
    chosen = [name for name in names if not wanted or name.partition(" ")[0] in wanted]
    return sorted(chosen, key=lambda name: (name != "SECRET", name))


def _cell(result: Result, name: str) -> str:
    if name.partition(" ")[0] not in result.supported and not result.rows[name].found:
        return f"{'-':>{_CELL}}"
    tally = result.rows[name]
    size = result.total(result.benign).bytes
    wrong = f"{tally.benign * 100_000 / size:.2f}" if size else "-"
    return f"{_figure(tally.recall)} {_figure(tally.precision)} {wrong:>6}".rjust(_CELL)


def _figure(value: float | None) -> str:
    return f"{value:.3f}".rjust(6) if value is not None else "     -"


def _line(title: str, spans: str, cells: Iterable[str]) -> str:
    return f"{title:{_WIDE}}{spans:>6}" + "".join(f" |{cell:>{_CELL}}" for cell in cells)


def kinds_of_text(results: Sequence[Result], title: str, which: Callable[[Result], dict[str, Volume]]) -> str:
    """Wrong findings per 100 kB, a row a kind of benign text: all but names, and with names."""
    lines = [f"{title + ', wrong per 100 kB':{_WIDE + 6}}" + "".join(f" |{r.tool:>{_CELL}}" for r in results)]
    lines.append(_line("", "", ["not names     all"] * len(results)))
    for kind in sorted({kind for result in results for kind in which(result)}):
        volumes = [which(result).get(kind, Volume()) for result in results]
        cells = [f"{v.rate(False):>9.1f} {v.rate(True):>7.1f}" if v.bytes else "-" for v in volumes]
        lines.append(_line(kind, "", cells))
    return "\n".join(lines)


def places(result: Result, wanted: frozenset[str]) -> str:
    """Of the wanted rows, recall and precision in each kind of text; the worst recall first."""
    lines = [f"{result.tool}, by kind of text"]
    for (name, kind), tally in sorted(
        result.places.items(), key=lambda item: (item[0][0], item[1].recall or 0.0, item[0][1])
    ):
        if name.partition(" ")[0] in wanted and (tally.spans or tally.wrong):
            figures = f"{_figure(tally.recall)} {_figure(tally.precision)}"
            lines.append(f"  {name:{_WIDE}}{kind:{_WIDE}}{tally.spans:>5}{figures}")
    return "\n".join(lines)


def secrets(result: Result, every: bool) -> str:
    """Recall by kind of secret, as any secret and as the right kind; the good ones only when asked for."""
    worst = sorted(result.kinds.items(), key=lambda item: (item[1].recall or 0.0, item[0]))
    shown = [(kind, tally) for kind, tally in worst if every or (tally.recall or 0.0) < 0.95]
    lines = [
        f"{result.tool}: {len(shown)} of {len(worst)} kinds of secrets"
        + ("" if every else " with recall below 0.95")
    ]
    for kind, tally in shown:
        exact = tally.right / tally.spans
        lines.append(
            f"  {kind:{_WIDE}}{tally.spans:>4} spans  found {tally.recall:.2f}  as this kind {exact:.2f}"
        )
    return "\n".join(lines)


def examples(result: Result, wanted: frozenset[str], misses: int, wrong: int) -> str:
    """Up to so many examples an entity of what was missed, and of what was found wrongly."""
    lines: list[str] = []
    for name in _rows([result], wanted):
        tally = result.rows[name]
        lines += _some(f"missed: {name}", tally.missed_examples, misses)
        lines += _some(f"wrong: {name}", tally.wrong_examples, wrong)
    return "\n".join(lines)


def _some(title: str, found: list[str], most: int) -> list[str]:
    if not found or not most:
        return []
    # Spread over all of them, so that one template does not fill the list.
    step = max(1, len(found) // most)
    return ["", f"{title} ({len(found)})", *(f"  {line}" for line in found[::step][:most])]


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """All figures of all tools."""
    return {
        result.tool: {
            "documents": result.documents,
            "bytes": result.bytes,
            "seconds": round(result.seconds, 3),
            "entities": {name: _tally(tally) for name, tally in sorted(result.rows.items())},
            "secrets": {name: _tally(tally) for name, tally in sorted(result.kinds.items())},
            "benign": {kind: _volume(volume) for kind, volume in sorted(result.benign.items())},
            "system files": {kind: _volume(volume) for kind, volume in sorted(result.system.items())},
        }
        for result in results
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "spans": tally.spans,
        "found": tally.found,
        "right": tally.right,
        "wrong": tally.wrong,
        "wrong in benign text": tally.benign,
        "recall": tally.recall,
        "precision": tally.precision,
    }


def _volume(volume: Volume) -> dict[str, Any]:
    return {"bytes": volume.bytes, "wrong": volume.others, "wrong names": volume.names}
