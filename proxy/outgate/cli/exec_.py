"""``outgate exec``: one command with the proxy and the CA set for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import certifi
import click

from outgate.gateway import ca
from outgate.settings import Settings

# Variables by which tools find roots: alone, or added to their own.
_BUNDLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
)
_EXTRAS = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--config", type=click.Path(path_type=Path), help="Settings file.")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [ARGS]...")
def command(config: Path | None, arguments: tuple[str, ...]) -> None:
    """Run a command whose HTTPS traffic goes through the proxy. Exits as the command does."""
    settings = Settings.load(config)
    try:
        result = subprocess.run(arguments, env=environment(settings), check=False)  # noqa: S603
    except FileNotFoundError:
        raise click.ClickException(f"{arguments[0]}: command not found") from None
    sys.exit(result.returncode if result.returncode >= 0 else 128 - result.returncode)


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment with the proxy and its CA. Raises CaError."""
    ca.check(settings.ca_dir)
    root = settings.ca_dir / ca.ROOT
    bundle = settings.ca_dir / "bundle.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + root.read_bytes())
    host, _, port = settings.listen.rpartition(":")
    proxy = f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{port}"  # noqa: S104
    variables = dict(os.environ)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        variables[name] = proxy
    variables |= {name: str(bundle) for name in _BUNDLES}
    variables |= {name: str(root) for name in _EXTRAS}
    variables["NODE_USE_ENV_PROXY"] = "1"
    variables.setdefault("NO_PROXY", "localhost,127.0.0.1,::1")
    variables.setdefault("no_proxy", variables["NO_PROXY"])
    return variables
