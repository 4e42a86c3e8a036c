"""What ``outgate policy explain`` finds out of an exchange, and how it tells it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from outgate.catalogue import Catalogue
    from outgate.model import Exchange, Finding, Segment, Verdict
    from outgate.policy import Policy
    from outgate.policy.exceptions import Exceptions
    from outgate.policy.explain import Explanation
    from outgate.settings import Settings


async def explained(
    policy: Policy, catalogue: Catalogue, exchange: Exchange, settings: Settings
) -> tuple[Verdict, Explanation | None]:
    """The verdict, and its explanation unless the exchange could not be read."""
    from outgate.attachments.extractor import Extractor
    from outgate.dlp.engine import Engine
    from outgate.dlp.inline import detect_with
    from outgate.model import Direction, Document
    from outgate.pipeline import Rules, inspect
    from outgate.policy.explain import explain as explain_
    from outgate.rollout.inspections import LIMIT
    from outgate.transform.fingerprints import Fingerprints
    from outgate.transform.placeholders import set_apart

    inner = detect_with(Engine(policy.detectors))
    seen: list[tuple[Sequence[Segment], Sequence[Finding]]] = []

    async def detect(segments: Sequence[Segment]) -> Sequence[Finding]:
        findings = policy.sought(await inner(segments), Direction.REQUEST)
        seen.append((segments, findings))
        return findings

    key, exceptions = _in_force(settings)
    async with Extractor(settings.extractor_config) as extractor:
        rules = Rules(catalogue, policy, key, LIMIT, exceptions)
        verdict = await inspect(exchange, rules, detect, extract=extractor.extract)
    if verdict.facts is None:
        return verdict, None
    segments, findings = seen[0] if seen else ((), ())
    document = Document(tuple(segments), uninspectable=verdict.uninspectable)
    if verdict.scope:
        findings, _ = set_apart(findings, document, policy.pseudonymised, {})
    fingerprints = Fingerprints(document.segments, key)
    return verdict, explain_(
        policy, verdict.facts, document, findings, exceptions=exceptions, fingerprint=fingerprints
    )


def _in_force(settings: Settings) -> tuple[bytes, Exceptions]:
    """What is excepted on this machine, and the key of its fingerprints, where anything was ever said."""
    from outgate.policy.exceptions import NONE
    from outgate.rollout.inspections import KEY

    if not settings.feedback_path.exists():
        return KEY, NONE
    from outgate.cli.asking import store_of
    from outgate.gateway.service import fingerprint_key

    store = store_of(settings)
    try:
        return fingerprint_key(settings.state_dir), store.in_force(datetime.now(UTC))[0]
    finally:
        store.close()


def print_explanation(policy: Policy, verdict: Verdict, explanation: Explanation | None) -> None:
    colour = {"block": "red", "refuse": "red", "edit": "yellow", "forward": "green"}
    click.echo(f"policy  {policy.name} ({policy.hash[:12]}), mode {policy.mode}")
    if verdict.facts:
        facts = verdict.facts
        click.echo(f"to      {facts.provider.name} ({facts.provider.id}, {facts.provider.jurisdiction})")
        click.echo(f"model   {facts.model or 'not known'} (origin {facts.model_origin or 'not known'})")
        if policy.asks_accounts:
            click.echo(f"account {', '.join(map(str, facts.accounts)) or 'not known'}")
    told = " ".join(
        filter(None, (verdict.outcome.value, verdict.rule and f"by {verdict.rule!r}", verdict.reason))
    )
    click.echo(f"verdict {click.style(told, fg=colour[verdict.outcome.value], bold=True)}")
    if verdict.scope:
        click.echo(f"scope   {verdict.scope.replace('\n', ', ')} (whose placeholders come back as values)")
    if verdict.would_block:
        click.echo(f"        in enforce mode {verdict.would_block!r} would block it")
    if verdict.message:
        click.echo(f"        {verdict.message}")
    for noted in verdict.rules:
        if noted.startswith("justification:"):
            click.echo(f"        a reason was given: outgate why {noted.partition(':')[2]}")
    if explanation is None:
        return
    if explanation.accounts:
        click.echo(f"\nallowed_accounts: {explanation.accounts}")
    if explanation.gates:
        click.echo("\nthe request as a whole")
        for step in explanation.gates:
            _print_step(step.matched, step.rule.action.value, step.rule.name, step.why)
    if explanation.budgets:
        click.echo("\nbudgets that it counts for")
        for one in explanation.budgets:
            _print_step(one.counts, one.budget.action.value, one.budget.name, one.why)
    for number, story in enumerate(explanation.findings, 1):
        finding, segment = story.finding, story.segment
        entity = click.style(finding.entity, bold=True)
        click.echo(f"\nfinding {number}: {entity}, score {finding.score:.2f}, by {finding.detector}")
        click.echo(f"  in {segment.place} ({segment.role}), characters {finding.start} to {finding.end}")
        for step in story.steps:
            _print_step(step.matched, step.rule.action.value, step.rule.name, step.why)
        if story.excepted:
            _print_step(True, "allow", story.excepted, "the value may leave, whatever the rule says")
        if story.rule is None:
            click.echo("  no rule is about it: it is let through")
    if not explanation.findings and verdict.outcome.value != "block":
        click.echo("\nnothing was found")


def _print_step(matched: bool, action: str, name: str, why: str) -> None:
    mark = click.style("=>", fg="cyan", bold=True) if matched else "  "
    line = f"{action:<7} {name}" + (f": {why}" if why else "")
    click.echo(f"  {mark} {line if matched else click.style(line, dim=True)}")
