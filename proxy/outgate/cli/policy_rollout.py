"""``outgate policy status``, ``promote`` and ``shadow``: how far a roll-out is on this machine, and how it goes on."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from outgate.cli.options import json_option
from outgate.settings import Settings

if TYPE_CHECKING:
    from outgate.rollout.lineup import Lineup
    from outgate.rollout.status import Status


@click.command()
@json_option
@click.pass_obj
def status(config: Any, as_json: bool) -> None:
    """Say which policies are in force, for whom, and where they came from.

    Exit code 1 if something is wrong: the source, the release that is kept, or a proxy that judges by another one.
    """
    from outgate.catalogue import Catalogue
    from outgate.rollout.status import status as look

    settings = Settings.load(config)
    found = look(settings, Catalogue.load(extra=settings.catalogue).providers.values())
    facts, wrong = _facts(found)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        for name, told in facts.items():
            if told not in (None, "", []):
                colour = "red" if name in wrong else None
                click.secho(f"{name:10}{', '.join(told) if isinstance(told, list) else told}", fg=colour)
    sys.exit(1 if wrong else 0)


def _facts(found: Status) -> tuple[dict[str, Any], set[str]]:
    """What is told, and which of it is wrong."""
    state, lineup = found.state, found.lineup
    facts: dict[str, Any] = {"source": found.source or "the settings"}
    if lineup is not None:
        facts["release"] = lineup.release
        for name, policy in lineup.tracks.items():
            facts[name] = f"{policy.hash[:12]}  {policy.name}, {len(policy.rules)} rules, mode {policy.mode}"
        if lineup.members is not None:
            facts["canary is"] = _who(lineup)
    facts["policy"] = found.problem
    if state is not None:
        facts["looked"] = _time(state.looked) if state.looked else "never with a good answer"
        facts["expires"] = _time(state.expires) if state.expires else None
        facts["problem"] = state.problem
        facts["stale"] = "news may be held back from this machine" if found.stale else None
    if found.running is None:
        facts["running"] = "no proxy answers" if lineup else None
    else:
        facts["running"] = [f"{track} {' '.join(hashes)}" for track, hashes in sorted(found.running.items())]
        facts["behind"] = list(found.behind)
    return facts, {name for name in ("policy", "problem", "stale", "behind") if facts.get(name)}


def _who(lineup: Lineup) -> str:
    assert lineup.members is not None
    given = lineup.members.spec
    told = [f"groups {', '.join(given.groups)}"] if given.groups else []
    told += [f"users {', '.join(given.users)}"] if given.users else []
    told += [f"{given.percent:g} % of all"] if given.percent else []
    return "; ".join(told)


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S UTC}"


@click.command()
@click.option("--undo", is_flag=True, help="Have it judge those again that it is meant for.")
@click.pass_obj
def promote(config: Any, undo: bool) -> None:
    """Have the canary's policy judge everybody on this machine, until there is another canary.

    For a fleet, publish a release whose policy for everybody it is.
    """
    from outgate.catalogue import Catalogue
    from outgate.rollout import RolloutError
    from outgate.rollout.loading import Loading

    settings = Settings.load(config)
    loading = Loading(settings, Catalogue.load(extra=settings.catalogue).providers.values())
    if undo:
        loading.store.promote("")
        click.echo("no canary judges everybody")
        return
    lineup = loading.lineup()
    if lineup.canary is None:
        raise RolloutError("There is no canary to promote. `outgate policy status` says what is in force.")
    loading.store.promote(lineup.canary.hash)
    click.echo(f"{lineup.canary.hash[:12]} ({lineup.canary.name}) judges everybody on this machine")


@click.command()
@click.option("--by", type=click.Choice(["rule", "provider", "entity"]), help="Sum up by one thing.")
@click.option("--all", "every", is_flag=True, help="Also of shadow policies before this one.")
@json_option
@click.option("--reset", is_flag=True, help="Forget what was counted.")
@click.pass_obj
def shadow(config: Any, by: str | None, every: bool, as_json: bool, reset: bool) -> None:
    """Say what the shadow policy would have done otherwise: what it would block, let out, or treat differently.

    Each difference has references of exchanges, for `outgate audit show`.
    """
    from outgate.catalogue import Catalogue
    from outgate.rollout import RolloutError
    from outgate.rollout.differences import Differences, told
    from outgate.rollout.loading import Loading

    settings = Settings.load(config)
    loading = Loading(settings, Catalogue.load(extra=settings.catalogue).providers.values())
    table = Differences(loading.store)
    if reset:
        table.forget()
        click.echo("forgotten")
        return
    current = "" if every else _shadow_hash(loading.lineup(check_model=False))
    if not every and not current:
        raise RolloutError("There is no shadow policy (`rollout: {shadow: {policies: [draft.yaml]}}`).")
    rows = told(table.read(current), by)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        click.echo("no difference was met")
        return
    shown = Table(box=None, header_style="bold")
    for column in rows[0]:
        shown.add_column(column.replace("_", " "), justify="right" if column == "count" else "left")
    for row in rows:
        shown.add_row(*(" ".join(v[:2]) if isinstance(v, list) else str(v) for v in row.values()))
    Console(soft_wrap=True).print(shown)


def _shadow_hash(lineup: Lineup) -> str:
    return lineup.shadow.hash if lineup.shadow else ""
