"""``outgate report``: what a security officer wants to know of a time, from what was recorded."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outgate.cli import report_risk
from outgate.cli.audit_options import SINCE
from outgate.cli.options import config_option, json_option
from outgate.settings import Settings

if TYPE_CHECKING:
    from outgate.audit.shadow import Seen

_PIPE_WIDTH = 200  # columns of a table that no terminal limits


@click.group(invoke_without_command=True)
@config_option
@click.pass_context
def command(context: click.Context, config: Path | None) -> None:
    """Report on what was recorded. Without a command, `risk` of the last seven days."""
    context.obj = Settings.load(config)
    if context.invoked_subcommand is None:
        with report_risk.command.make_context("risk", [], parent=context) as inner:
            report_risk.command.invoke(inner)


command.add_command(report_risk.command, "risk")


@command.command(short_help="AI services that are used and not in the catalogue.")
@SINCE
@json_option
@click.pass_obj
def shadow(settings: Settings, since: datetime | None, as_json: bool) -> None:
    """List AI services that are used unopened, for they are not in the catalogue.

    By the names of hosts alone, so some will be something else, and some are missing. Nobody is named.
    """
    from outgate.audit.shadow import path_of, read

    seen = read(path_of(settings), since)
    if as_json:
        click.echo(json.dumps([_plain(one) for one in seen], indent=2))
        return
    if not seen:
        click.echo("No connection to an AI service outside the catalogue was seen.")
        return
    _print(seen)
    click.echo(
        "\nTo have one opened and held to the policy, give it an entry in a catalogue file of your own (`catalogue:`\n"
        f"in the settings), then run `outgate ca rotate` and make the PAC file anew:\n\n{_entry(seen[0].host)}"
    )


def _plain(seen: Seen) -> dict[str, object]:
    values = dataclasses.asdict(seen)
    return values | {name: values[name].isoformat() for name in ("first", "last")}


def _print(seen: list[Seen]) -> None:
    from rich.console import Console
    from rich.table import Table

    from outgate.audit.shadow import MOST_PEOPLE

    console = Console(
        width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, emoji=False, markup=False
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("host", overflow="fold")
    for name in ("people", "connections", "sent", "received"):
        table.add_column(name, justify="right")
    for name in ("first (UTC)", "last (UTC)", "looks like one by"):
        table.add_column(name)
    for one in seen:
        people = f"{one.people:,}" + ("+" if one.people == MOST_PEOPLE else "")
        counts = (f"{count:,}" for count in (one.connections, one.sent, one.received))
        times = (f"{time:%Y-%m-%d %H:%M}" for time in (one.first, one.last))
        table.add_row(one.host, people, *counts, *times, one.rule)
    console.print(table)


def _entry(host: str) -> str:
    """A catalogue's entry for a host, to be filled in."""
    identifier = host.removeprefix("www.").replace(".", "-").replace("_", "-").strip("-")
    return (
        f"version: 1\nproviders:\n  {identifier}:\n    name: ...\n    operator: ...\n"
        f"    jurisdiction: US  # where the operator sits\n    category: chat\n    hosts: [{host}]\n"
        "    credentials: [authorization, cookie]\n    source: ...\n"
    )
