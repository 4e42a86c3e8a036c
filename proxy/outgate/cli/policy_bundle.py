"""``outgate policy bundle``: make, sign, check and look into a bundle of policies."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outgate.cli.options import age
from outgate.settings import Settings

if TYPE_CHECKING:
    from outgate.rollout.bundle import Manifest

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW = click.Path(dir_okay=False, path_type=Path)


@click.group(name="bundle")
def command() -> None:
    """Make, sign and check bundles: releases of a policy for `policy_source: {url: ...}`."""


@command.command()
@click.argument("private", type=_NEW)
@click.argument("public", type=_NEW)
def keygen(private: Path, public: Path) -> None:
    """Make a pair of keys: PRIVATE signs bundles and stays with you, PUBLIC goes to the proxies (`keys`)."""
    from outgate.rollout import signing

    signing.keygen(private, public)
    click.echo(f"{private} signs bundles; whoever has it decides what leaves. {public} is for the proxies.")


@command.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("bundle", type=_NEW)
@click.option(
    "--version", type=click.IntRange(1), required=True, help="Higher than that of every bundle before."
)
@click.option(
    "--expires", metavar="AGE", callback=age, help="Offered later than in 12h, 30d, 8w, it is not taken."
)
@click.option("--key", type=_FILE, help="Private key to sign it with, too.")
@click.option("--no-test", is_flag=True, help="Do not try the policies first.")
@click.pass_context
def build(
    context: click.Context,
    folder: Path,
    bundle: Path,
    version: int,
    expires: timedelta | None,
    key: Path | None,
    no_test: bool,
) -> None:
    """Make BUNDLE (.tar.gz or .zip) of the policies in FOLDER, once they load and their own cases hold.

    FOLDER has policy.yaml, or a release.yaml that says which files are for whom. Exit code 1 if a case fails.
    """
    from outgate.rollout import signing
    from outgate.rollout.bundle import pack
    from outgate.rollout.release import gathered

    if not no_test and _problems(folder, context):
        context.exit(1)
    now = datetime.now(UTC).replace(microsecond=0)
    ends = now + expires if expires is not None else None
    packed = pack(gathered(folder), version, now, ends, as_zip=bundle.suffix == ".zip")
    bundle.write_bytes(packed)
    click.echo(f"{bundle}: version {version}, {len(packed)} bytes")
    if key is not None:
        _signed(bundle, key, signing.sign(packed, key))


@command.command()
@click.argument("bundle", type=_FILE)
@click.option("--key", type=_FILE, required=True, help="Private key, as `keygen` makes it.")
def sign(bundle: Path, key: Path) -> None:
    """Write the signature of BUNDLE beside it, to BUNDLE.sig."""
    from outgate.rollout import signing

    _signed(bundle, key, signing.sign(bundle.read_bytes(), key))


@command.command()
@click.argument("bundle", type=_FILE)
@click.option("--key", "keys", type=_FILE, multiple=True, required=True, help="Public key; again for more.")
@click.option("--no-test", is_flag=True, help="Do not try the policies.")
@click.pass_context
def verify(context: click.Context, bundle: Path, keys: tuple[Path, ...], no_test: bool) -> None:
    """Check BUNDLE as a proxy would: its signature (BUNDLE.sig), what is in it, its policies and their cases.

    Exit code 1 if it would not be taken.
    """
    import tempfile

    from outgate.rollout import RefusedError, signing
    from outgate.rollout.bundle import unpack
    from outgate.rollout.files import read_limited
    from outgate.rollout.release import laid_out

    signature = bundle.with_name(bundle.name + signing.SUFFIX)
    try:
        by = signing.verify(bundle.read_bytes(), read_limited(signature, signing.LARGEST), keys)
        found = unpack(bundle.read_bytes())
    except RefusedError as error:
        click.secho(f"{bundle}: {error.message}", fg="red", err=True)
        sys.exit(1)
    _tell(bundle, found.manifest)
    click.echo(f"signed with {by}")
    expires = found.manifest.expires
    if expires is not None and expires <= datetime.now(UTC):
        click.secho("it has expired: no proxy takes it any more", fg="red", err=True)
        sys.exit(1)
    if not no_test:
        with tempfile.TemporaryDirectory(prefix="outgate-bundle-") as folder:
            laid_out(found.files, Path(folder))
            if _problems(Path(folder), context):
                sys.exit(1)


@command.command()
@click.argument("bundle", type=_FILE)
def show(bundle: Path) -> None:
    """Tell what BUNDLE says of itself. Nothing is said of whether it is genuine: that is `verify`."""
    from outgate.rollout.bundle import unpack

    found = unpack(bundle.read_bytes())
    _tell(bundle, found.manifest)
    for name, content in sorted(found.files.items()):
        click.echo(f"  {len(content):>9}  {name}")


def _tell(bundle: Path, manifest: Manifest) -> None:
    ends = f", expires {manifest.expires:%Y-%m-%d %H:%M %Z}" if manifest.expires else ""
    click.echo(f"{bundle}: version {manifest.version}, made {manifest.created:%Y-%m-%d %H:%M %Z}{ends}")


def _signed(bundle: Path, key: Path, signature: bytes) -> None:
    from outgate.rollout import signing

    path = bundle.with_name(bundle.name + signing.SUFFIX)
    path.write_bytes(signature)
    click.echo(f"{path}: signed with {key}")


def _problems(folder: Path, context: click.Context) -> bool:
    """Whether there are any, told to whoever asks."""
    from outgate.rollout import RefusedError
    from outgate.rollout.proving import prove

    try:
        prove(folder, Settings.load(context.obj))
    except RefusedError as error:
        click.secho(error.message, fg="red", err=True)
        return True
    click.echo("its policies load, and their cases hold")
    return False
