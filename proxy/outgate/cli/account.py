"""``outgate account``: how a policy names an account whose key it must not hold."""

from __future__ import annotations

import sys

import click


@click.group()
def command() -> None:
    """What `allowed_accounts` in a policy calls an account."""


@command.command(short_help="What a policy may hold of an API key.")
def fingerprint() -> None:
    """Print what `allowed_accounts` calls the API key on standard input; the key itself is kept nowhere.

    The same on every machine. Fingerprints of keys that requests use stand in the audit log as well.
    """
    from outgate.catalogue.accounts import KEY
    from outgate.catalogue.accounts import fingerprint as made

    asked = sys.stdin.isatty()
    key = click.prompt("API key", hide_input=True, err=True) if asked else sys.stdin.read(16_384)
    try:
        told = made(key.strip().encode())
    except ValueError as error:
        raise click.UsageError(f"standard input: {error}") from None
    click.echo(f"{KEY}:{told}")
