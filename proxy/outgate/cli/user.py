"""``outgate user``: who may show a password to the proxy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from outgate.cli.options import config_option
from outgate.settings import Settings
from outgate.settings.sections import SettingsError


def _in_a_file(command: Callable[..., None]) -> Callable[..., Any]:
    """With the options that say which htpasswd file, which the command gets as ``file``."""

    def run(*, config: Path | None, file: Path | None, **arguments: str) -> None:
        command(file or _of_settings(Settings.load(config)), **arguments)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    named = click.option(
        "--file", type=click.Path(path_type=Path), help="htpasswd file; default: the settings'."
    )
    return config_option(named(run))


def _of_settings(settings: Settings) -> Path:
    files = [source.htpasswd for source in settings.identity.sources if source.htpasswd]
    if len(files) != 1:
        raise SettingsError(f"identity.sources: {len(files)} htpasswd files. Say which one with --file.")
    return files[0]


@click.group()
def command() -> None:
    """Look after the htpasswd file of `identity.sources`. A proxy that runs takes changes over within seconds."""


@command.command(short_help="Add a user, or change a password.")
@click.argument("name")
@_in_a_file
def add(file: Path, name: str) -> None:
    """Ask for NAME's password (at a terminal twice; else it is a line of standard input) and keep its hash."""
    from outgate.identity import passwords

    passwords.check_name(name)
    if sys.stdin.isatty():
        secret = click.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True)
    else:
        secret = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    new = passwords.put(file, name, secret)
    click.echo(f"{name} {'added' if new else 'has a new password'}")


@command.command(name="list", short_help="Who is in it.")
@_in_a_file
def list_(file: Path) -> None:
    """Print every user's name, one a line."""
    from outgate.identity import passwords

    for name in sorted(passwords.read(file)):
        click.echo(name)


@command.command(short_help="Take a user out.")
@click.argument("name")
@_in_a_file
def remove(file: Path, name: str) -> None:
    """Take NAME out. Connections that NAME has opened are refused from then on, too."""
    from outgate.identity import passwords

    passwords.remove(file, name)
    click.echo(f"{name} removed")
