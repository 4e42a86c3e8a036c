"""``outgate ca``: the certificate authority."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from outgate.catalogue import Catalogue
from outgate.cli.options import config_option
from outgate.gateway import ca
from outgate.settings import Settings

_TRUST = """To trust it:
  Debian, Ubuntu   sudo cp {path} /usr/local/share/ca-certificates/outgate.crt && sudo update-ca-certificates
  Fedora, RHEL     sudo cp {path} /etc/pki/ca-trust/source/anchors/outgate.pem && sudo update-ca-trust
  macOS            sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {path}
  Windows          certutil -addstore Root {path}
  Firefox          Settings, Certificates, Authorities, Import
  all of it        outgate setup --dry-run
  one command      outgate exec -- COMMAND
"""


@click.group()
def command() -> None:
    """Make, show, export and renew the certificate authority."""


@command.command(short_help="Make a root, and an intermediate below it.")
@config_option
@click.option("--if-missing", is_flag=True, help="Do nothing when there is one already.")
def init(config: Path | None, if_missing: bool) -> None:
    """Make a root, and an intermediate that can sign the catalogue's hosts only."""
    settings = Settings.load(config)
    if if_missing and ca.exists(settings.ca_dir):
        ca.check(settings.ca_dir)
        return
    ca.create(settings.ca_dir, Catalogue.load(extra=settings.catalogue).constraint_names())
    click.echo(f"Made a CA in {settings.ca_dir}. Clients have to trust {settings.ca_dir / ca.ROOT}.")
    click.echo(f"Only `outgate ca rotate` needs {ca.ROOT_KEY}: keep it elsewhere, it can sign any name.")


@command.command()
@config_option
def show(config: Path | None) -> None:
    """What the CA is, and how long it is good for."""
    settings = Settings.load(config)
    status = ca.check(settings.ca_dir)
    click.echo(f"root         {status.subject}")
    click.echo(f"SHA-256      {status.fingerprint}")
    click.echo(f"root until   {status.root_expires:%Y-%m-%d}")
    click.echo(f"signs until  {status.expires:%Y-%m-%d} ({status.days_left:.0f} days)")
    click.echo(f"signs        {len(status.names)} names and what is under them")
    uncovered = status.uncovered(Catalogue.load(extra=settings.catalogue).constraint_names())
    if uncovered:
        click.echo(f"not covered  {', '.join(uncovered)}: run `outgate ca rotate`")
        sys.exit(1)


@command.command(short_help="Write the root certificate, never a key.")
@config_option
@click.option("--der", is_flag=True, help="DER, as Windows and Android want it, instead of PEM.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def export(config: Path | None, der: bool, file: Path | None) -> None:
    """Write the root certificate to FILE, or to standard output. No key is ever written.

    With FILE it also says how this system's programs are made to trust it.
    """
    settings = Settings.load(config)
    certificate = ca.root_certificate(settings.ca_dir, der=der)
    if file is None:
        click.echo(certificate, nl=False)
    else:
        file.write_bytes(certificate)
        click.echo(_TRUST.format(path=file), nl=False)


@command.command()
@config_option
@click.option("--root", is_flag=True, help="Make a new root as well: every client has to trust it anew.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def rotate(config: Path | None, root: bool, yes: bool) -> None:
    """A new intermediate for today's catalogue, under the same root."""
    settings = Settings.load(config)
    names = Catalogue.load(extra=settings.catalogue).constraint_names()
    if root:
        if not yes:
            click.confirm("Every client will have to trust the new root. Go on?", abort=True)
        ca.rotate_root(settings.ca_dir, names)
    else:
        ca.rotate(settings.ca_dir, names)
    click.echo(f"Renewed the CA in {settings.ca_dir}. Restart the proxy to use it.")
