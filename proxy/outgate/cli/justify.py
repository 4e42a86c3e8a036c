"""``outgate justify``: a reason for what a coaching rule blocked."""

from __future__ import annotations

from pathlib import Path

import click

from outgate.cli.asking import proxy_option, reason_option, refused, way
from outgate.cli.options import config_option
from outgate.feedback.errors import RefusedError, UnknownReferenceError


@click.command()
@click.argument("reference")
@reason_option
@config_option
@proxy_option
def command(reference: str, reason: str, config: Path | None, proxy: str | None) -> None:
    """Say why a request that was blocked may leave, where the rule asks for a reason. Then send it again.

    The reason is recorded. It counts for the same values at the same provider, for whoever was blocked.
    """
    try:
        way(config, proxy).justify(reference, reason)
    except (UnknownReferenceError, RefusedError) as error:
        refused(error.message)
    click.echo("Recorded. Send it again.")
