"""How ``outgate policy diff`` shows a comparison: laxer in red, stricter in green."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from outgate.model import Direction

if TYPE_CHECKING:
    from outgate.model import Exchange, Verdict
    from outgate.policy.cases import Inspect
    from outgate.policy.diff import Change, Comparison
    from outgate.policy.worlds import Where

_COLOURS = {"laxer": "red", "stricter": "green", "same": "yellow"}
_SIGNS = {"laxer": "-", "stricter": "+", "same": "~"}
_MOST = 6  # names that are listed before the rest is counted
_OUTCOMES = {"forward": 0, "edit": 1, "block": 2, "refuse": 2}


def print_comparison(comparison: Comparison) -> None:
    """What the rules and settings of the two policies do differently."""
    for setting in comparison.settings:
        _line(setting.direction.value, f"{setting.name}: {setting.old} -> {setting.new}")
    for entity in comparison.detectors:
        _line("laxer", f"{entity}: the old policy's own detectors for it are not all there any more")
    for change in comparison.changes:
        _line(change.direction.value, f"{change.old.value} -> {change.new.value}: {_what(change)}")
        for where in change.where:
            click.echo(f"      {_where(where)}")
    if not (comparison.settings or comparison.detectors or comparison.changes):
        click.echo("no rule decides otherwise")


async def print_cases(exchanges: Mapping[str, Exchange], old: Inspect, new: Inspect) -> bool:
    """Cases of which another verdict comes; whether more leaves in one of them."""
    laxer = False
    for name, exchange in exchanges.items():
        before, after = await old(exchange), await new(exchange)
        if _told(before) == _told(after):
            continue
        gone, came = _OUTCOMES[before.outcome.value], _OUTCOMES[after.outcome.value]
        kept = _left(before, exchange) == _left(after, exchange)
        direction = "laxer" if came < gone else "stricter" if came > gone else "same" if kept else "laxer"
        laxer = laxer or direction == "laxer"
        _line(direction, f"case {name!r}: {_told(before)} -> {_told(after)}")
    return laxer


def _told(verdict: Verdict) -> str:
    actions = sorted({f"{record.entity} {record.action.value}" for record in verdict.records})
    by = f" by {verdict.rule!r}" if verdict.rule else ""
    return f"{verdict.outcome.value}{by}" + (f" ({', '.join(actions)})" if actions else "")


def _left(verdict: Verdict, exchange: Exchange) -> bytes:
    return exchange.body if verdict.body is None else verdict.body


def _line(direction: str, text: str) -> None:
    click.secho(f"{_SIGNS[direction]} {direction:<9} {text}", fg=_COLOURS[direction])


def _what(change: Change) -> str:
    if not change.entities:
        return "requests as a whole"
    roles = f" in {', '.join(role.value for role in change.roles)}" if change.roles else ""
    scores = f" with score {change.scores}" if change.scores else ""
    answers = " of answers" if change.of is Direction.RESPONSE else ""
    return _some(change.entities, "entities") + roles + answers + scores


def _where(where: Where) -> str:
    told = [f"to {_some(where.providers, 'providers') if where.providers else 'every provider'}"]
    if where.origins:
        told.append(f"models from {_some(where.origins, 'countries')}")
    if where.circumstances:
        told.append("when " + " or ".join(label or "nothing else is known" for label in where.circumstances))
    return ", ".join(told)


def _some(names: Sequence[str], kind: str) -> str:
    shown = ", ".join(names[:_MOST])
    return shown if len(names) <= _MOST else f"{shown} and {len(names) - _MOST} more {kind}"
