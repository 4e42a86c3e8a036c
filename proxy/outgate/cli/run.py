"""``outgate run``: the proxy."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outgate.cli.options import config_option, policies_option
from outgate.settings import Settings
from outgate.settings.sections import SettingsError

if TYPE_CHECKING:
    from outgate.gateway.service import Service
    from outgate.gateway.workers import Supervisor


@click.command()
@config_option
@click.option("--listen", metavar="HOST:PORT", help="Where the proxy listens; 127.0.0.1:8080.")
@click.option("--metrics", metavar="HOST:PORT", help="Metrics and health; 127.0.0.1:9464.")
@policies_option
@click.option("--clients", multiple=True, metavar="NETWORK", help="Who may connect, such as 10.0.0.0/8.")
@click.option(
    "--mode", multiple=True, help="regular, socks5, transparent, local, wireguard; with @[HOST:]PORT."
)
@click.option(
    "--reverse",
    multiple=True,
    metavar="NAME=PORT",
    help="A local port for one provider, or one host of the catalogue, as a base URL.",
)
@click.option("--parent", metavar="URL", help="A proxy that all traffic goes on to.")
@click.option("--workers", metavar="N|auto", help="Processes that serve; auto: one for each core.")
def command(
    config: Path | None,
    listen: str | None,
    metrics: str | None,
    policies: tuple[Path, ...],
    clients: tuple[str, ...],
    mode: tuple[str, ...],
    reverse: tuple[str, ...],
    parent: str | None,
    workers: str | None,
) -> None:
    """Start the proxy and run until it is told to stop (Ctrl-C, SIGTERM; SIGHUP reloads the policy).

    It finishes what is under way first; told twice, it stops at once.
    """

    def load() -> Settings:
        return Settings.load(
            config,
            listen=listen,
            metrics=metrics,
            policies=policies or None,
            clients=clients or None,
            mode=mode or None,
            reverse=_reverse(reverse),
            parent=parent,
            workers=workers,
        )

    settings = load()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=settings.log_level.upper())
    if settings.workers.number > 1:
        from outgate.gateway.workers import Supervisor

        asyncio.run(Supervisor(settings, load).run(on_ready=_say))
        return
    from outgate import metrics_sharing
    from outgate.gateway.loop import event_loop_factory
    from outgate.gateway.service import Service

    metrics_sharing.share(settings.state_dir / "metrics", afresh=True)
    with asyncio.Runner(loop_factory=event_loop_factory(settings.routes)) as runner:
        runner.run(Service(settings).run(on_ready=_say))


def _say(service: Service | Supervisor) -> None:
    for way_in in service.ways_in:
        click.echo(f"Outgate listens on {way_in}")
    if service.settings.metrics:
        click.echo(f"Metrics and health on http://{service.settings.metrics}/metrics, /healthz, /readyz")


def _reverse(items: tuple[str, ...]) -> dict[str, int] | None:
    ports: dict[str, int] = {}
    for item in items:
        name, _, port = item.partition("=")
        if not name or not port.isdecimal():
            raise SettingsError(f"--reverse {item}: NAME=PORT is expected, such as openai=8081")
        ports[name] = int(port)
    return ports or None
