"""``outgate audit``: the audit log, read."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outgate.audit.read import Filter, Reader, Stats, as_json, reader_of
from outgate.cli import audit_chain
from outgate.cli.audit_options import OUTCOMES, SINCE, AuditFiles, filters
from outgate.cli.options import config_option

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from outgate.audit.event import AuditEvent

_POLL = 0.5  # seconds
_COLOURS = {"forward": "green", "edit": "yellow", "block": "red", "refuse": "magenta"}
_PIPE_WIDTH = 200  # columns of a table that no terminal limits


_JSON = click.option("--json", "as_lines", is_flag=True, help="JSON, for programs.")


@click.group()
@config_option
@click.option(
    "--file", "path", type=click.Path(path_type=Path), help="The audit log, instead of the settings'."
)
@click.pass_context
def command(ctx: click.Context, config: Path | None, path: Path | None) -> None:
    """Read the audit log: who sent what kind of data where, and what was done. Never what the data was."""
    ctx.obj = AuditFiles(config, path)


@command.command()
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(0), help="Events.")
@click.option("-f", "--follow", is_flag=True, help="Go on with those to come.")
@filters
@_JSON
@click.pass_obj
def tail(
    files: AuditFiles,
    count: int,
    follow: bool,
    provider: str | None,
    outcome: str | None,
    entity: str | None,
    fingerprint: str | None,
    since: datetime | None,
    as_lines: bool,
) -> None:
    """The latest events."""
    wanted = Filter(provider, outcome, entity, fingerprint, since)
    reader = reader_of(files.log)
    try:
        poll = reader.follow(wanted) if follow else None
        _show_lines(reader.latest(count, wanted) if count else [], as_lines, header=True)
        while poll is not None:
            time.sleep(_POLL)
            _show_lines(poll(), as_lines, header=False)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        reader.close()


@command.command(short_help="Everything about one exchange.")
@click.argument("reference")
@_JSON
@click.pass_obj
def show(files: AuditFiles, reference: str, as_lines: bool) -> None:
    """Everything about the exchange with a REFERENCE id (the one that a blocked client was told)."""
    events = _read(files.log, lambda reader: reader.find(reference))
    if not events:
        click.echo(f"No exchange has the reference {reference}.", err=True)
        sys.exit(1)
    if as_lines:
        _echo(as_json(events))
        return
    console = _console()
    for event in events:
        _show_event(console, event)


@command.command(short_help="How many exchanges and findings.")
@SINCE
@_JSON
@click.pass_obj
def stats(files: AuditFiles, since: datetime | None, as_lines: bool) -> None:
    """How many exchanges and findings: by provider, entity, action, rule and day."""
    counted: Stats = _read(files.log, lambda reader: reader.stats(since))
    if as_lines:
        click.echo(json.dumps(dataclasses.asdict(counted), ensure_ascii=False))
        return
    console = _console()
    console.print(f"{counted.exchanges} exchanges, {counted.findings} findings")
    if counted.by_provider:
        console.print(_cross("provider", counted.by_provider, OUTCOMES))
    if counted.by_day:
        console.print(_cross("day", dict(sorted(counted.by_day.items())), OUTCOMES))
    if counted.by_rule:
        console.print(_list("blocked by", "exchanges", counted.by_rule))
    if counted.by_entity:
        console.print(_cross("entity", counted.by_entity, sorted(counted.by_action)))
    if counted.by_action:
        console.print(_list("action", "findings", counted.by_action))


for _command in audit_chain.COMMANDS:
    command.add_command(_command)


def _read[T](path: Path, ask: Callable[[Reader], T]) -> T:
    reader = reader_of(path)
    try:
        return ask(reader)
    finally:
        reader.close()


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _console() -> Console:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(width=None if terminal else _PIPE_WIDTH, highlight=False, emoji=False, markup=False)


def _show_lines(events: list[AuditEvent], as_lines: bool, *, header: bool) -> None:
    if as_lines:
        _echo(as_json(events))
    elif events or header:
        _console().print(_lines(events, header=header))
    sys.stdout.flush()


def _lines(events: Iterable[AuditEvent], *, header: bool) -> Table:
    from rich.table import Table
    from rich.text import Text

    # Widths are fixed, so that the lines that come later stand under the same heads.
    table = Table(box=None, show_header=header, header_style="bold", pad_edge=False)
    for name, width in (("time (UTC)", 19), ("reference", 19), ("who", 16), ("provider", 14), ("model", 22)):
        table.add_column(name, width=width, no_wrap=True, overflow="ellipsis")
    table.add_column("outcome", width=8, no_wrap=True)
    table.add_column("findings", overflow="fold")
    for event in events:
        table.add_row(
            Text(f"{event.time.astimezone(UTC):%Y-%m-%d %H:%M:%S}", "dim"),
            Text(event.id),
            Text(event.user or event.client),
            Text(event.provider or event.host),
            Text(event.model or ""),
            _outcome(event.outcome),
            Text(_summary(event)),
        )
    return table


def _summary(event: AuditEvent) -> str:
    counted = Counter((found.entity, str(found.action)) for found in event.findings)
    parts = [
        f"{entity} {action}" + (f" x{count}" if count > 1 else "")
        for (entity, action), count in counted.items()
    ]
    if event.findings_total > len(event.findings):
        parts.append(f"and {event.findings_total - len(event.findings)} more")
    noted = ", ".join(event.rules)
    for word, said in (
        ("by", event.rule),
        ("noted:", noted),
        ("would block:", event.would_block),
        ("failed:", event.reason),
    ):
        if said:
            parts.append(f"{word} {said}")
    return ", ".join(parts)


def _show_event(console: Console, event: AuditEvent) -> None:
    from rich.table import Table
    from rich.text import Text

    facts = Table.grid(padding=(0, 2))
    values = event.to_json()
    findings = values.pop("findings")
    for item in values.pop("uninspectable"):
        facts_of = (item["media_type"], f"{item['size']} bytes", item["reason"].replace("_", " "))
        values[f"uninspectable {item['place']}"] = ", ".join(filter(None, facts_of))
    values |= {name: ", ".join(values[name]) for name in ("groups", "rules", "accounts")}
    values["seconds"] = ", ".join(f"{stage} {taken:.6f}" for stage, taken in values["seconds"].items())
    for name, value in values.items():
        if value is not None and value != "":
            told = _outcome(event.outcome) if name == "outcome" else Text(str(value))
            facts.add_row(Text(name.replace("_", " "), "bold"), told)
    console.print(facts)
    if findings:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in findings[0]:
            table.add_column(name, overflow="fold")
        for finding in findings:
            table.add_row(*(Text("" if value is None else str(value)) for value in finding.values()))
        console.print()
        console.print(table)


def _outcome(outcome: str) -> Text:
    from rich.text import Text

    return Text(outcome, _COLOURS.get(outcome, ""))


def _cross(name: str, rows: dict[str, dict[str, int]], columns: Iterable[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    wanted = [column for column in columns if any(column in counts for counts in rows.values())]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(name)
    for column in (*wanted, "all"):
        table.add_column(column, justify="right")
    for row, counts in rows.items():
        numbers = [str(counts.get(column, 0)) for column in wanted]
        table.add_row(Text(row), *numbers, str(sum(counts.values())))
    return table


def _list(name: str, unit: str, rows: dict[str, int]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(name)
    table.add_column(unit, justify="right")
    for row, count in sorted(rows.items(), key=lambda item: -item[1]):
        table.add_row(Text(row), str(count))
    return table
