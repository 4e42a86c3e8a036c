"""``outgate restart``: have the workers of a proxy that runs replaced, one by one."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from outgate.cli.options import config_option
from outgate.settings import Settings
from outgate.settings.sections import SettingsError


@click.command()
@config_option
def command(config: Path | None) -> None:
    """Replace the workers of the proxy that runs here, one by one, without losing a request.

    The new ones read the settings anew, and run the program as it is installed now. Returns at once; the proxy's log
    tells how it goes.
    """
    if sys.platform == "win32":
        raise SettingsError("Windows has one worker: stop the proxy and start it")
    from outgate.gateway.pidfile import holder

    settings = Settings.load(config)
    found = holder(settings.state_dir)
    if found is None:
        raise SettingsError(
            f"no proxy with several workers runs with {settings.state_dir}. One of a single process is stopped "
            "and started."
        )
    os.kill(found, signal.SIGUSR2)
    click.echo(f"The workers of process {found} are being replaced.")
