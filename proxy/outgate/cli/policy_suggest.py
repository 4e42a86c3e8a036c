"""``outgate policy suggest``: a policy that is proposed from what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outgate.cli.audit_options import log_of, moment
from outgate.settings import Settings

if TYPE_CHECKING:
    from outgate.audit import AuditEvent
    from outgate.reports.suggest import Effect, Suggestion

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Propose a policy from what was recorded, and say what it would do.")
@click.option(
    "--since",
    callback=moment,
    default="7d",
    show_default=True,
    metavar="AGE|DATE",
    help="From then on: 30m, 12h, 7d, 2w, or a date (UTC).",
)
@click.option("--region", "regions", multiple=True, metavar="NAME|CODE", help="Home; default: the settings'.")
@click.option("--file", "path", type=_FILE, help="The audit log, instead of the settings'.")
@click.pass_context
def command(context: click.Context, since: datetime, regions: tuple[str, ...], path: Path | None) -> None:
    """Print a policy with rules for what still leaves, and what they would have done since.

    It includes the policy in force, and is nowhere weaker than that, as if it were enforced. Run it best after some
    days of `mode: audit`; read it, save it, and try it with `outgate policy check`, `diff` and a canary.
    """
    from outgate.audit.read import Filter, reader_of
    from outgate.catalogue import Catalogue
    from outgate.policy import load
    from outgate.reports import kinds
    from outgate.reports.suggest import suggest
    from outgate.rollout.loading import policies

    settings = Settings.load(context.obj)
    providers = dict(Catalogue.load(extra=settings.catalogue).providers)
    in_force = policies(settings)
    policy = load(in_force, run_commands=False, providers=providers.values())
    log = path or log_of(settings)

    def events() -> Iterator[AuditEvent]:
        reader = reader_of(log)
        try:
            yield from reader.select(Filter(since=since))
        finally:
            reader.close()

    home = kinds.region(regions or settings.reports.region)
    for line in _lines(suggest(events, policy, in_force, providers, home), since):
        click.echo(line)


def _lines(made: Suggestion, since: datetime) -> Iterator[str]:
    from outgate.reports.kinds import kinds
    from outgate.reports.suggest import Effect, written

    yield f"# Proposed by `outgate policy suggest` on {datetime.now(UTC):%Y-%m-%d}, from {made.exchanges:,} requests"
    yield f"# of {made.people:,} people since {since:%Y-%m-%d %H:%M} UTC. Read it before you use it."
    yield "#"
    yield f"# The policy in force, enforced:  {_effect(made.before)}"
    yield f"# ... with the rules below:       {_effect(made.after)}"
    if made.remains:
        left = ", ".join(
            f"{kinds()[kind].title.lower()} {count:,}" for kind, count in made.remains.most_common()
        )
        yield f"# What would still leave:         {left}"
    if made.dropped:
        yield "# Left alone, since the policy in force is stricter about them somewhere:"
        yield f"#   {', '.join(made.dropped)}"
    if not made.rules:
        yield "# There is nothing to add: what was found and matters does not leave under the policy in force."
    for rule in made.rules:
        yield "#"
        yield f"# {rule.name}: {rule.note}"
        yield f"#   {_effect(made.by_rule.get(rule.name, Effect()))}"
    yield ""
    yield written(made.rules, made.include).rstrip()


def _effect(effect: Effect) -> str:
    return (
        f"{effect.outcomes['block']:,} requests blocked, {effect.outcomes['edit']:,} changed, of "
        f"{len(effect.people):,} people; findings: {effect.fates['stopped']:,} stopped, "
        f"{effect.fates['taken_out']:,} taken out, {effect.fates['left']:,} left"
    )
