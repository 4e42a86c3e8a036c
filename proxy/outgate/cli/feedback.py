"""``outgate feedback``: that what was found is not sensitive."""

from __future__ import annotations

from pathlib import Path

import click

from outgate.cli.asking import proxy_option, reason_option, refused, way
from outgate.cli.options import config_option
from outgate.feedback.errors import RefusedError, UnknownReferenceError


@click.command()
@click.argument("reference")
@click.option(
    "--not-sensitive", is_flag=True, required=True, help="What was found is none of what it was taken for."
)
@click.option(
    "--finding",
    type=click.IntRange(1, 999),
    metavar="N",
    help="Only this one of them, as `outgate why` counts.",
)
@reason_option
@config_option
@proxy_option
def command(
    reference: str,
    not_sensitive: bool,
    finding: int | None,
    reason: str,
    config: Path | None,
    proxy: str | None,
) -> None:
    """Report what was found in a request as not sensitive. Whoever runs the proxy looks at it (`outgate review`)."""
    assert not_sensitive
    try:
        kept = way(config, proxy).not_sensitive(reference, reason, finding)
    except (UnknownReferenceError, RefusedError) as error:
        refused(error.message)
    click.echo(f"{kept} reported")
