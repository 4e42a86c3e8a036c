"""Options that several commands have."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from outgate.ages import seconds

config_option = click.option("--config", type=click.Path(path_type=Path), help="Settings file.")
json_option = click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
policies_option = click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Policy file; again for more.",
)


def age(_context: click.Context, _option: click.Parameter, value: str | None) -> timedelta | None:
    """An option's value as how long ago, or from now."""
    if value is None:
        return None
    found = seconds(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not an age such as 30m, 12h, 7d, 2w")
    return timedelta(seconds=found)
