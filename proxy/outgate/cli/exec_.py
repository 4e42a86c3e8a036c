"""``outgate exec``: one command with the proxy and the CA set for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from outgate.cli.options import config_option
from outgate.gateway import trust
from outgate.settings import Settings
from outgate.setup.environment import variables as variables_of


@click.command(context_settings={"ignore_unknown_options": True})
@config_option
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [ARGS]...")
def command(config: Path | None, arguments: tuple[str, ...]) -> None:
    """Run a command whose HTTPS traffic goes through the proxy. Exits as the command does."""
    settings = Settings.load(config)
    variables = environment(settings)
    host, port = settings.proxy_address
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        click.echo(f"outgate: nothing listens on {host}:{port}; start it with `outgate run`", err=True)
    try:
        _become(arguments, variables)
    except FileNotFoundError:
        click.echo(f"outgate: {arguments[0]}: command not found", err=True)
        sys.exit(127)
    except OSError as error:
        click.echo(f"outgate: {arguments[0]}: {error.strerror}", err=True)
        sys.exit(126)


def _become(arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    """Be the command from now on: its exit code, its signals and its terminal are its own."""
    if sys.platform == "win32":  # has no such call; Ctrl-C reaches the command by itself
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(subprocess.run(arguments, env=variables, check=False).returncode)  # noqa: S603
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ours would be handed on, and Python's is to ignore it
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execvpe(arguments[0], arguments, variables)  # noqa: S606


def environment(settings: Settings, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """``given`` with the proxy and its CA for the tools that we know of. Raises CaError, SettingsError."""
    roots = trust.bundle(settings, given)
    variables, left_out = variables_of(settings, roots, given, store=trust.java_store(roots))
    for entry in left_out:
        click.echo(f"outgate: NO_PROXY: {entry} is left out, it would let AI traffic past", err=True)
    return {**given, **variables}
