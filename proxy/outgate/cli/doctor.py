"""``outgate doctor``: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import click

from outgate.catalogue import Catalogue
from outgate.gateway import ca
from outgate.policy import load
from outgate.settings import Settings

Check = Callable[[Settings], str]


class _Problem(Exception):
    """A check that failed; the message says what is wrong and how to mend it."""


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file.")
@click.option("--offline", is_flag=True, help="Do not look whether providers can be reached.")
def command(config: Path | None, offline: bool) -> None:
    """Check settings, CA, catalogue, policy, model, ports and upstream. Exit code 1 when something is wrong."""
    settings = Settings.load(config)
    checks: dict[str, Check] = {
        "clients": _clients,
        "CA": _ca,
        "catalogue": _catalogue,
        "policy": _policy,
        "port": lambda s: _port(s.listen, "--listen"),
        "metrics port": lambda s: _port(s.metrics, "--metrics") if s.metrics else "not asked for",
    }
    if not offline:
        checks["upstream"] = _upstream
    failed = 0
    for name, check in checks.items():
        try:
            told, good = check(settings), True
        except Exception as error:
            told, good = getattr(error, "message", None) or str(error) or type(error).__name__, False
            failed += 1
        mark = click.style("ok  ", fg="green") if good else click.style("MEND", fg="red")
        click.echo(f"{mark}  {name:13} {told}")
    sys.exit(1 if failed else 0)


def _clients(settings: Settings) -> str:
    return "connections allowed from " + ", ".join(map(str, settings.client_networks))


def _ca(settings: Settings) -> str:
    status = ca.check(settings.ca_dir)
    uncovered = status.uncovered(Catalogue.load(extra=settings.catalogue).constraint_names())
    if uncovered:
        raise _Problem(f"may not sign {len(uncovered)} hosts of the catalogue: run `outgate ca rotate`")
    if status.days_left < 30:
        raise _Problem(f"{status.days_left:.0f} days left: run `outgate ca rotate`")
    return f"good for {status.days_left:.0f} days; clients trust {settings.ca_dir / ca.ROOT}"


def _catalogue(settings: Settings) -> str:
    return f"{len(Catalogue.load(extra=settings.catalogue).providers)} providers"


def _policy(settings: Settings) -> str:
    providers = Catalogue.load(extra=settings.catalogue).providers.values()
    policy = load(settings.policies, providers=providers)
    if policy.missing:
        entity, what = next(iter(policy.missing.items()))
        raise _Problem(f"{entity}: {what}")
    return f"{len(policy.rules)} rules, mode {policy.mode}, on_error {policy.on_error}, all detectors there"


def _port(address: str, option: str) -> str:
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            told = (
                f"{address}: {error.strerror}. If that is not Outgate itself, choose another with {option}."
            )
            raise _Problem(told) from None
    return f"{address} is free"


def _upstream(settings: Settings) -> str:
    route = settings.routes.get("api.openai.com", settings.parent or "api.openai.com:443")
    host, _, port = route.removeprefix("http://").removeprefix("https://").rstrip("/").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError as error:
        told = f"{route}: {error.strerror or error}. Set `parent:` to your company's proxy if there is one."
        raise _Problem(told) from None
    return f"{route} can be reached"
