"""``outgate budgets``: what was used of the policy's budgets, and by whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from outgate.cli.options import config_option, json_option
from outgate.settings import Settings

if TYPE_CHECKING:
    from outgate.budgets import Standing
    from outgate.catalogue import Catalogue
    from outgate.model import Facts
    from outgate.policy import Policy
    from outgate.policy.budget import Budget, Holder

_MOST = 20_000  # events of the audit log, the last ones, that are asked who there is


class _Asked(NamedTuple):
    """Whom the options name."""

    user: str | None
    groups: tuple[str, ...]
    provider: str | None
    model: str | None
    client: str | None


@click.group()
@config_option
@click.pass_context
def command(context: click.Context, config: Path | None) -> None:
    """See what was used of the policy's budgets."""
    context.obj = Settings.load(config)


@command.command(short_help="Who has used how much of what.")
@click.option("--user", metavar="NAME", help="Of one user.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Of a group; again for more.")
@click.option("--provider", metavar="ID", help="Of one provider of the catalogue.")
@click.option("--model", metavar="NAME", help="Of one model.")
@click.option("--client", metavar="ADDRESS", help="Of one client.")
@json_option
@click.pass_obj
def show(
    settings: Settings,
    user: str | None,
    groups: tuple[str, ...],
    provider: str | None,
    model: str | None,
    client: str | None,
    as_json: bool,
) -> None:
    """What was used of each budget in the window that is now, by whom, and when it begins anew.

    No counter knows whose it is. So this asks for those whom the options name and, where a value is not named, for
    those whom the audit log of this machine has lately seen.
    """
    from outgate.catalogue import Catalogue
    from outgate.gateway.service import fingerprint_key
    from outgate.policy import load

    catalogue = Catalogue.load(extra=settings.catalogue)
    if provider is not None and provider not in catalogue.providers:
        raise click.UsageError(f"--provider: no provider of the catalogue is called {provider!r}")
    policy = load(settings.policies, run_commands=False, providers=catalogue.providers.values())
    asked = _Asked(user, groups, provider, model, client)
    holders: dict[tuple[str, Holder], Budget] = {}
    try:
        for facts in (*_named(asked, catalogue), *_seen(asked, settings, catalogue)):
            for budget in policy.budgets:
                if budget.applies(facts):
                    holders |= {(budget.name, holder): budget for holder in budget.holders(facts)}
    except ValueError:
        raise click.UsageError(f"--client: {client!r} is not an address") from None
    key = fingerprint_key(settings.state_dir)
    rows = list(_rows(holders, asyncio.run(_standings(holders, settings, policy, key))))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        _print(rows)


def _named(asked: _Asked, catalogue: Catalogue) -> Iterator[Facts]:
    """Requests of whom the options name, to every provider if they name none."""
    providers = [asked.provider] if asked.provider else list(catalogue.providers)
    for provider in providers:
        yield _facts(catalogue, provider, asked, datetime.now(UTC), asked.client or "0.0.0.0")  # noqa: S104


def _seen(asked: _Asked, settings: Settings, catalogue: Catalogue) -> Iterator[Facts]:
    """Requests as the audit log has them, of whom the options do not rule out."""
    from outgate.audit.log import path_of
    from outgate.audit.read import Filter, reader_of

    if settings.audit.sink == "none" or not path_of(settings).exists():
        return
    reader = reader_of(path_of(settings))
    try:
        events = reader.latest(_MOST, Filter(provider=asked.provider))
    finally:
        reader.close()
    told = {(e.user, e.groups, e.provider, e.model, e.client): e.time for e in events}
    for (user, groups, provider, model, client), time in told.items():
        wanted = (
            asked.user in (None, user) and asked.model in (None, model) and asked.client in (None, client)
        )
        if (
            wanted
            and provider is not None
            and provider in catalogue.providers
            and set(asked.groups) <= set(groups)
        ):
            with suppress(ValueError):
                one = _Asked(user, groups, provider, model, client)
                yield _facts(catalogue, provider, one, time, client)


def _facts(catalogue: Catalogue, provider: str, asked: _Asked, time: datetime, client: str) -> Facts:
    from outgate.model import Facts, Identity

    return Facts(
        provider=catalogue.providers[provider],
        region=None,
        model=asked.model,
        model_origin=catalogue.model_origin(asked.model),
        host=catalogue.base_host(provider) or "",
        path="/",
        method="POST",
        identity=Identity(asked.user, asked.groups),
        client=ip_address(client),
        time=time,
    )


async def _standings(
    holders: dict[tuple[str, Holder], Budget], settings: Settings, policy: Policy, key: bytes
) -> Sequence[Standing]:
    from outgate.budget_pipeline import charge_of
    from outgate.budgets import BudgetError, key_of

    if not policy.budgets or not holders:
        return ()
    if settings.budget_config.store == "memory":
        raise BudgetError("budgets.store: memory: no other process can see it, and it ends with the proxy")
    ledger = settings.budget_config.open(key)
    try:
        charges = [charge_of(budget, holder, key_of(key)) for (_, holder), budget in holders.items()]
        return await ledger.standing(charges)
    finally:
        await ledger.close()


def _rows(
    holders: dict[tuple[str, Holder], Budget], standings: Sequence[Standing]
) -> Iterator[dict[str, object]]:
    """One for each limit of which something was used."""
    from outgate.policy.budget import lasting

    for ((name, holder), budget), standing in zip(holders.items(), standings, strict=True):
        for unit, most in budget.limits.items():
            used = standing.used.get(unit, 0)
            if used or not budget.per:
                yield {
                    "budget": name,
                    "for": dict(zip(budget.per, holder, strict=True)),
                    "unit": unit.value,
                    "used": used,
                    "limit": most,
                    "window": lasting(budget.window),
                    "resets": standing.ends.isoformat(timespec="seconds"),
                }


def _print(rows: Sequence[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        click.echo("nothing was used of any budget by anybody who is known here")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("budget", "for", "of", "used", "limit", "begins anew"):
        table.add_column(
            heading, justify="right" if heading in ("used", "limit") else "left", overflow="fold"
        )
    for row in rows:
        whose = row["for"]
        assert isinstance(whose, dict)
        told = ", ".join(f"{part} {'not known' if value is None else value}" for part, value in whose.items())
        cells = (row["budget"], told or "all together", row["unit"], row["used"], row["limit"], row["resets"])
        # What a client has made up may stand here: nothing of it is markup, or moves a cursor.
        table.add_row(*(Text("".join(c if c.isprintable() else "?" for c in str(cell))) for cell in cells))
    Console().print(table)
