"""``outgate review``: what people reported, and what is let through for it. For who runs the proxy, on its machine."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outgate.ages import seconds
from outgate.cli import options
from outgate.cli.asking import refused, store_of
from outgate.cli.options import config_option, json_option
from outgate.feedback.errors import FeedbackError, RefusedError
from outgate.settings import Settings

if TYPE_CHECKING:
    from outgate.audit.read import Reader
    from outgate.feedback.store import Store
    from outgate.feedback.tables import KeptException, Report
    from outgate.policy import Policy
    from outgate.rollout.lineup import Lineup

_LONGEST = 366 * 86_400  # seconds that an exception may count
_EVENTS = 1000  # of the audit log that are looked at for one value
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_by_option = click.option("--by", metavar="NAME", help="Who decides. Default: who runs this.")


@click.group()
@config_option
@click.pass_context
def command(context: click.Context, config: Path | None) -> None:
    """Look at what people reported as not sensitive, and let values pass, by their fingerprints."""
    context.obj = Settings.load(config)


@command.command(name="list", short_help="What waits, and what is in force.")
@click.option("--all", "everything", is_flag=True, help="Also what is decided, revoked and expired.")
@json_option
@click.pass_obj
def list_(settings: Settings, everything: bool, as_json: bool) -> None:
    """List the reports that wait for a decision, and the exceptions that are in force."""
    from outgate.feedback.tables import State

    with _store(settings) as store:
        reports = store.reports(None if everything else State.OPEN)
        exceptions = store.exceptions(at=None if everything else _now())
    if as_json:
        told = {"reports": list(map(_plain, reports)), "exceptions": list(map(_plain, exceptions))}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    if not reports and not exceptions:
        click.echo("Nothing waits, and no exception is in force.")
    for report in reports:
        state = "" if report.state == "open" else f", {report.state} by {report.decided_by}"
        entity = click.style(report.entity, bold=True)
        click.echo(
            f"{report.id:>5}  {entity} by {report.rule!r}, from {report.person}, {_told(report.time)}{state}"
        )
        click.echo(f"       {report.reason}")
    for one in exceptions:
        click.echo(f"exception {_line(one)}")


@command.command()
@click.argument("number", type=int)
@json_option
@click.pass_obj
def show(settings: Settings, number: int, as_json: bool) -> None:
    """Show report NUMBER: what was found where, why it is said not to be sensitive, and how often it occurs."""
    with _store(settings) as store:
        report = store.find(number)
        others = [one for one in store.reports_of(report.fingerprint) if one.id != number]
        exceptions = [one for one in store.exceptions() if one.fingerprint == report.fingerprint]
    events, persons = _occurs(settings, report.fingerprint)
    told = _plain(report) | {
        "events": events,
        "persons": persons,
        "others": list(map(_plain, others)),
        "exceptions": list(map(_plain, exceptions)),
    }
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for name in ("reference", "person", "provider", "rule", "entity", "place", "role", "score", "action"):
        click.echo(f"{name:12}{'-' if told[name] is None else told[name]}")
    click.echo(f"{'fingerprint':12}{report.fingerprint}")
    click.echo(f"{'said':12}{report.times} times, last on {_told(report.time)}: {report.reason}")
    click.echo(f"{'occurs':12}in {events} exchanges of {persons} people, of those that the audit log has")
    click.echo(f"{'state':12}{report.state}" + (f" by {report.decided_by}" if report.decided_by else ""))
    for one in others:
        click.echo(f"{'also':12}{one.person}, {one.state}: {one.reason}")
    for exception in exceptions:
        click.echo(f"{'exception':12}{_line(exception)}")


@command.command()
@click.argument("target", metavar="NUMBER|FINGERPRINT")
@click.option("--user", metavar="NAME", help="For this user.")
@click.option("--group", metavar="NAME", help="For this group.")
@click.option("--address", metavar="ADDRESS", help="For clients of this address.")
@click.option("--everyone", is_flag=True, help="For everyone. Default, for a report: who reported it.")
@click.option("--provider", metavar="ID", help="Only in what is sent to this provider.")
@click.option(
    "--for",
    "age",
    default="30d",
    show_default=True,
    metavar="TIME",
    help="How long: 12h, 30d, 8w; at most 366d.",
)
@click.option("--entity", metavar="NAME", help="What the value is, where only a fingerprint is given.")
@_by_option
@click.pass_obj
def allow(
    settings: Settings,
    target: str,
    user: str | None,
    group: str | None,
    address: str | None,
    everyone: bool,
    provider: str | None,
    age: str,
    entity: str | None,
    by: str | None,
) -> None:
    """Let a value pass: that of report NUMBER, or one that the audit log knows by its FINGERPRINT."""
    from outgate.feedback.tables import State

    span = seconds(age)
    if span is None or not 0 < span <= _LONGEST:
        raise click.BadParameter("a time such as 12h, 30d, 8w, of at most 366d", param_hint="--for")
    with _store(settings) as store:
        report = None if _FINGERPRINT.fullmatch(target) else store.find(_number(target))
        who = _who(user, group, address, everyone, report)
        _check(settings, provider, who, report)
        fingerprint = report.fingerprint if report else target
        what = entity or (report.entity if report else "")
        try:
            made = store.let_pass(fingerprint, what, who, provider, timedelta(seconds=span), _by(by), _now())
        except RefusedError as error:
            refused(error.message)
        if report:
            person = None if who == "everyone" and provider is None else report.person
            store.decide(fingerprint, person, State.ALLOWED, _by(by), _now())
        exception = next(one for one in store.exceptions() if one.id == made)
    click.echo(f"exception {_line(exception)}")


@command.command()
@click.argument("number", type=int)
@_by_option
@click.pass_obj
def reject(settings: Settings, number: int, by: str | None) -> None:
    """Say of report NUMBER that it is sensitive all the same. What passes already, `outgate review revoke` ends."""
    from outgate.feedback.tables import State

    with _store(settings) as store:
        report = store.find(number)
        store.decide(report.fingerprint, report.person, State.REJECTED, _by(by), _now())
    click.echo(f"report {number} rejected")


@command.command()
@click.argument("number", type=int)
@_by_option
@click.pass_obj
def revoke(settings: Settings, number: int, by: str | None) -> None:
    """End exception NUMBER now, in processes that run as well."""
    with _store(settings) as store:
        store.revoke(number, _by(by), _now())
    click.echo(f"exception {number} revoked")


@command.command()
@click.option("--since", "age", metavar="AGE", callback=options.age, help="Of the last 24h, 7d, 4w.")
@json_option
@click.pass_obj
def stats(settings: Settings, age: timedelta | None, as_json: bool) -> None:
    """Count reports by rule and entity: which rules raise false alarms."""
    since = None if age is None else _now() - age
    with _store(settings) as store:
        tallies = store.tallies(since)
    found = _found(settings, since)
    told = []
    for one in tallies:
        decided = one.allowed + one.rejected
        share = round(one.allowed / decided, 3) if decided else None
        told.append(one._asdict() | {"false_alarms": share, "findings": found.get(one.entity)})
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for row in told:
        alarms = "-" if row["false_alarms"] is None else f"{row['false_alarms']:.0%}"
        click.echo(
            f"{row['entity']} by {row['rule']!r}: {row['reports']} reports of {row['persons']} people, "
            f"{row['open']} open, {row['allowed']} allowed, {row['rejected']} rejected; "
            f"false alarms among those decided: {alarms}; findings of {row['entity']} in the audit log: "
            f"{'-' if row['findings'] is None else row['findings']}"
        )
    if not told:
        click.echo("Nothing was reported.")


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    store = store_of(settings)
    try:
        yield store
    finally:
        store.close()


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise click.BadParameter(
            "a report's number, or a fingerprint of 16 hex digits", param_hint="NUMBER|FINGERPRINT"
        )
    return int(text)


def _who(
    user: str | None, group: str | None, address: str | None, everyone: bool, report: Report | None
) -> str:
    named = [
        f"{kind}:{name}"
        for kind, name in (("user", user), ("group", group), ("address", address))
        if name is not None
    ]
    named += ["everyone"] if everyone else []
    if len(named) > 1 or (not named and report is None):
        raise click.UsageError("one of --user, --group, --address and --everyone is needed")
    if address is not None:
        try:
            named = [f"address:{ip_address(address)}"]
        except ValueError:
            raise click.BadParameter(f"{address!r} is no address", param_hint="--address") from None
    return named[0] if named or report is None else report.person


def _check(settings: Settings, provider: str | None, who: str, report: Report | None) -> None:
    """That the exception will have an effect. Raises PolicyError, FeedbackError."""
    from outgate.catalogue import Catalogue
    from outgate.rollout.loading import Loading

    catalogue = Catalogue.load(extra=settings.catalogue)
    if provider is not None and provider not in catalogue.providers:
        raise click.BadParameter(
            f"no provider of the catalogue is called {provider!r}", param_hint="--provider"
        )
    if report is None:
        return
    lineup = Loading(settings, catalogue.providers.values()).lineup(check_model=False, run_commands=False)
    judging = _judging(settings, lineup, who, report)
    closed = [
        track
        for track, policy in judging.items()
        if any(rule.name == report.rule and not rule.exceptions for rule in policy.rules)
    ]
    if len(closed) == len(judging):
        raise FeedbackError(
            f"The rule {report.rule!r} takes no exceptions. Change it in the policy, or reject the report."
        )
    for track in closed:
        click.echo(
            f"It has no effect on those whom the {track} policy judges: its rule takes none.", err=True
        )


def _judging(settings: Settings, lineup: Lineup, who: str, report: Report) -> Mapping[str, Policy]:
    """The policies that may judge whom an exception is for: of who reported, the one; of others, any that does."""
    from outgate.audit.record import ERASED

    judging = {name: policy for name, policy in lineup.tracks.items() if name != "shadow"}
    if who != report.person:
        return judging
    with _log(settings) as reader:  # which knows the groups
        sent = [event for event in reader.find(report.reference) if event.client != ERASED] if reader else []
    theirs = lineup.judging(*sent[-1].asker) if sent else None
    return {name: policy for name, policy in judging.items() if theirs is None or policy is theirs}


def _occurs(settings: Settings, fingerprint: str) -> tuple[int, int]:
    """In how many of the newest exchanges a value was found, and of how many people."""
    from outgate.audit.read import Filter

    with _log(settings) as reader:
        events = reader.latest(_EVENTS, Filter(fingerprint=fingerprint)) if reader else []
    return len(events), len({event.user or event.client for event in events})


def _found(settings: Settings, since: datetime | None) -> dict[str, int]:
    """How often each entity was found, as far as the audit log goes."""
    with _log(settings) as reader:
        by_entity = reader.stats(since).by_entity if reader else {}
    return {entity: sum(actions.values()) for entity, actions in by_entity.items()}


@contextmanager
def _log(settings: Settings) -> Iterator[Reader | None]:
    """The audit log; None where it is gone, or kept elsewhere."""
    from outgate.audit.log import path_of
    from outgate.audit.read import reader_of
    from outgate.audit.sink import AuditError

    try:
        reader = reader_of(path_of(settings))
    except AuditError:
        yield None
        return
    try:
        yield reader
    finally:
        reader.close()


def _plain(row: Report | KeptException) -> dict[str, Any]:
    times = ("time", "decided", "made", "expires", "revoked")
    return {
        name: _told(value) if name in times and value is not None else value
        for name, value in row._asdict().items()
    }


def _line(one: KeptException) -> str:
    provider = f" at {one.provider}" if one.provider else ""
    ended = f", revoked by {one.revoked_by}" if one.revoked else ""
    until = f"until {_told(one.expires)}, made by {one.made_by}{ended}"
    return f"{one.id}: {one.entity or 'a value'} {one.fingerprint} for {one.who}{provider} {until}"


def _told(time: int) -> str:
    from outgate.feedback.tables import moment

    return moment(time).isoformat(timespec="seconds")


def _by(name: str | None) -> str:
    return name or getpass.getuser()


def _now() -> datetime:
    return datetime.now(UTC)
