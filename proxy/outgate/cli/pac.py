"""``outgate pac``: the PAC file for browsers and systems."""

from __future__ import annotations

import re
from pathlib import Path

import click

from outgate.catalogue import Catalogue
from outgate.cli.options import config_option
from outgate.gateway import pac
from outgate.settings import Settings
from outgate.settings.sections import SettingsError

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")


@click.command()
@config_option
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="HOST:PORT",
    help="The proxy as clients reach it; again for one that is asked when it fails. Default: `pac.proxies`.",
)
def command(config: Path | None, proxies: tuple[str, ...]) -> None:
    """Print the PAC file that sends AI hosts, and no others, to the proxy.

    Made from the catalogue: make it anew after an upgrade, and serve it where browsers look for it
    (as application/x-ns-proxy-autoconfig); the proxy itself serves it as /proxy.pac at the address of its
    metrics. When no proxy answers, AI hosts fail; nothing goes round, unless `pac.when_unreachable` is `direct`.
    """
    settings = Settings.load(config)
    for address in proxies:
        if not _ADDRESS.fullmatch(address):
            raise click.BadParameter(f"{address!r} is not HOST:PORT", param_hint="--proxy")
    try:
        text = pac.of(settings, Catalogue.load(extra=settings.catalogue).hosts(), proxies)
    except SettingsError as error:
        raise click.UsageError(error.message) from None
    click.echo(text, nl=False)
