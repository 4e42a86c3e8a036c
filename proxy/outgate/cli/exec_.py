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

from outgate.catalogue import Catalogue
from outgate.gateway import trust
from outgate.settings import Settings

_HERE = ("localhost", "127.0.0.1", "::1")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--config", type=click.Path(path_type=Path), help="Settings file.")
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
    host, port = settings.proxy_address
    proxy = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    roots = trust.bundle(settings, given)
    variables = dict(given)
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        _set(variables, name, proxy)
    _set(variables, "NO_PROXY", ",".join(_direct(settings, given)))
    variables |= dict.fromkeys(trust.VARIABLES, str(roots))
    variables["NODE_USE_ENV_PROXY"] = "1"  # Node 22.21, 24 and later, for fetch
    variables["JAVA_TOOL_OPTIONS"] = _java(host, port, roots, given)
    return variables


def _set(variables: dict[str, str], name: str, value: str) -> None:
    """Tools disagree on the case; on Windows there is only one."""
    variables[name] = value
    if sys.platform != "win32":
        variables[name.lower()] = value


def _direct(settings: Settings, given: Mapping[str, str]) -> list[str]:
    """Hosts that are reached without the proxy: this machine, and those of before but for AI hosts."""
    before = [entry for name in ("NO_PROXY", "no_proxy") for entry in given.get(name, "").split(",")]
    wanted = [entry.strip() for entry in before if entry.strip() not in ("", *_HERE)]
    names = Catalogue.load(extra=settings.catalogue).constraint_names() if wanted else ()
    kept = []
    for entry in dict.fromkeys(wanted):
        if _covers(entry, names):
            click.echo(f"outgate: NO_PROXY: {entry} is left out, it would let AI traffic past", err=True)
        else:
            kept.append(entry)
    return [*_HERE, *kept]


def _covers(entry: str, names: tuple[str, ...]) -> bool:
    """Whether an entry of NO_PROXY takes in one of ``names`` or a host below it."""
    host = entry.lower().removeprefix("*").removeprefix(".").partition(":")[0]
    return not host or any(
        name == host or name.endswith(f".{host}") or host.endswith(f".{name}") for name in names
    )


def _java(host: str, port: int, roots: Path, given: Mapping[str, str]) -> str:
    """Java reads no other variable. What was given comes first; the command line comes after, and wins."""
    store, password = trust.java_store(roots)
    options = {
        "https.proxyHost": host,
        "https.proxyPort": str(port),
        "http.proxyHost": host,
        "http.proxyPort": str(port),
        "javax.net.ssl.trustStore": str(store),
        "javax.net.ssl.trustStorePassword": password,
        "javax.net.ssl.trustStoreType": "PKCS12",
    }
    ours = [f'-D{name}="{value}"' if " " in value else f"-D{name}={value}" for name, value in options.items()]
    return " ".join(filter(None, (given.get("JAVA_TOOL_OPTIONS"), *ours)))
