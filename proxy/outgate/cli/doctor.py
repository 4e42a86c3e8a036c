"""``outgate doctor``: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

import click

from outgate.cli.options import config_option
from outgate.settings import Settings

_MARKS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "mend": ("MEND", "red")}


@click.command()
@config_option
@click.option("--offline", is_flag=True, help="Do not look whether providers can be reached.")
def command(config: Path | None, offline: bool) -> None:
    """Check CA, trust, policy, model, detectors, ports, upstream and set-up. Exit code 1 when something is wrong."""
    settings = Settings.load(config)
    from outgate.gateway.checkup import checkup
    from outgate.setup.checkup import checkup as of_setup

    wrong = False
    for result in chain(checkup(settings, offline=offline), of_setup(settings)):
        mark, colour = _MARKS[result.state]
        click.echo(f"{click.style(mark, fg=colour)}  {result.name:10} {result.told}")
        wrong |= result.state == "mend"
    sys.exit(1 if wrong else 0)
