"""``outgate report risk``: what went to AI services in a time, as a page, as JSON, or in a few lines."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outgate.cli.audit_options import log_of, moment
from outgate.cli.options import json_option
from outgate.settings import Settings

if TYPE_CHECKING:
    from outgate.policy import Policy
    from outgate.reports.beside import Beside, FalseAlarms

_OWN = 0o600
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="What went to AI services, what was done with it, and what to act on.")
@click.option(
    "--since",
    "--from",
    "since",
    callback=moment,
    default="7d",
    show_default=True,
    metavar="AGE|DATE",
    help="Its beginning: 30m, 12h, 7d, 2w, or a date (UTC).",
)
@click.option(
    "--to", "until", callback=moment, metavar="AGE|DATE", help="Its end, not included; default: now."
)
@click.option("--html", "page", type=_FILE, metavar="FILE", help="A page of its own, for people.")
@json_option
@click.option("--region", "regions", multiple=True, metavar="NAME|CODE", help="Home; default: the settings'.")
@click.option("--people", "by_person", is_flag=True, help="Name people; without it they are counted.")
@click.option("--file", "path", type=_FILE, help="The audit log, instead of the settings'.")
@click.pass_obj
def command(
    settings: Settings,
    since: datetime,
    until: datetime | None,
    page: Path | None,
    as_json: bool,
    regions: tuple[str, ...],
    by_person: bool,
    path: Path | None,
) -> None:
    """Say what went to AI services, of what kinds, where to, what was done, and what to act on.

    Without --html or --json in a few lines. People are counted; --people names them.
    """
    from outgate.audit.read import Filter, reader_of
    from outgate.reports import kinds
    from outgate.reports.assess import assess
    from outgate.reports.counts import Counts

    home = kinds.region(regions or settings.reports.region)
    counts = Counts(by_person=by_person)
    reader = reader_of(path or log_of(settings))
    try:
        for event in reader.select(Filter(since=since, until=until)):
            counts.add(event)
    finally:
        reader.close()
    report = assess(counts, _beside(settings, since, until), settings.reports, home)
    if page is not None:
        from outgate.reports.page import page as drawn

        _write(page, drawn(report))
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        _brief(report)
        click.echo(
            f"\nThe whole report: {page}" if page else "\nThe whole report: --html report.html, or --json"
        )


def _beside(settings: Settings, since: datetime, until: datetime | None) -> Beside:
    from outgate.audit import shadow
    from outgate.catalogue import Catalogue
    from outgate.reports.beside import Beside, ShadowHost

    catalogue = Catalogue.load(extra=settings.catalogue)
    policy = _policy(settings, catalogue)
    return Beside(
        since=since,
        until=until,
        made=datetime.now(UTC),
        mode=policy.mode if policy else None,
        policy=f"{policy.name} ({policy.hash[:12]})" if policy else "",
        retention_days=settings.audit.max_age_days,
        providers=dict(catalogue.providers),
        shadow=tuple(
            ShadowHost(seen.host, seen.people, seen.connections, seen.sent, seen.received)
            for seen in shadow.read(shadow.path_of(settings), since)
        ),
        false_alarms=_false_alarms(settings, since),
        budgets=frozenset(budget.name for budget in policy.budgets) if policy else frozenset(),
    )


def _false_alarms(settings: Settings, since: datetime) -> tuple[FalseAlarms, ...]:
    from outgate.cli.asking import store_of
    from outgate.reports.beside import FalseAlarms

    if not settings.feedback_path.exists():
        return ()
    store = store_of(settings)
    try:
        return tuple(FalseAlarms(*tally) for tally in store.tallies(since))
    finally:
        store.close()


def _policy(settings: Settings, catalogue: Any) -> Policy | None:
    """The policy in force; None where it cannot be read, which a report survives."""
    from outgate.policy import PolicyError, load
    from outgate.rollout.loading import policies

    try:
        return load(policies(settings), run_commands=False, providers=catalogue.providers.values())
    except PolicyError:
        click.echo(
            "The policy cannot be loaded; the report does without it. See `outgate policy check`.", err=True
        )
        return None


def _write(path: Path, text: str) -> None:
    """For its owner alone: with --people it has names, and without them still a company's weak places."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, _OWN), "w", encoding="utf-8") as stream:
        path.chmod(_OWN)  # it may have been there before
        stream.write(text)


def _brief(report: dict[str, Any]) -> None:
    totals, period = report["totals"], report["period"]
    if not totals["exchanges"]:
        click.echo("In this time the audit log has no request to an AI service.")
        return
    found = totals["findings"]
    click.echo(f"{period['first_day']} to {period['last_day']} (UTC)")
    click.echo(
        f"{totals['exchanges']:,} requests of {totals['people']:,} people: {totals['stopped']:,} stopped, "
        f"{totals['changed']:,} changed, {totals['noted']:,} left with findings, {totals['clean']:,} without"
    )
    click.echo(
        f"{found['all']:,} findings: {found['stopped']:,} stopped, {found['taken_out']:,} taken out, "
        f"{found['left']:,} left"
    )
    for number, one in enumerate(report["act_on"], 1):
        click.echo(f"\n{number}. " + click.style(one["title"], bold=True))
        click.echo(f"   {one['why']}\n   {one['next']}")
