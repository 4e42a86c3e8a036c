"""``outgate redact``: standard input to standard output, with what is found taken out.

Without a policy everything that is found goes. With one, its rules decide, as they do for the words
of a user of the proxy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from outgate.catalogue import Catalogue
    from outgate.model import Action, Facts, Identity, Judgement
    from outgate.settings import Settings

# A span of the text in code points, what it is, and what is done with it.
_Span = tuple[int, int, str, "Action"]


@click.command()
@click.option("--detect", multiple=True, metavar="NAME", help="Only this entity or group; may be repeated.")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Policy file that decides instead; again for more.",
)
@click.option(
    "--provider", default="openai", show_default=True, help="With a policy: for whom the text is meant."
)
@click.option("--user", help="With a policy: who wrote it.")
@click.option("--group", "groups", multiple=True, help="With a policy: a group of theirs; again for more.")
@click.pass_context
def command(
    context: click.Context,
    detect: tuple[str, ...],
    policies: tuple[Path, ...],
    provider: str,
    user: str | None,
    groups: tuple[str, ...],
) -> None:
    """Copy standard input to standard output, sensitive data replaced by its kind. No network.

    With --policy its rules say what is redacted, masked, hashed or left as it is; what they would
    pseudonymise is redacted, for nothing comes back this way. When they block the text, nothing is
    written and the exit code is 1.
    """
    if detect and policies:
        raise click.UsageError("a policy says itself what is detected: --detect does not go with --policy")
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    if policies:
        spans, key = _by_policy(context, text, policies, provider, user, groups)
    else:
        spans, key = _everything(text, detect), b""
    # Nothing is written before everything was scanned.
    sys.stdout.buffer.write(_edited(text, spans, key).encode("utf-8", "surrogateescape"))


def _everything(text: str, detect: tuple[str, ...]) -> list[_Span]:
    from outgate.cli.scan import enabled
    from outgate.dlp.engine import Engine
    from outgate.model import Action
    from outgate.settings import Settings

    found = Engine(enabled(detect), Settings.load().patterns_dir).scan([text])[0]
    return [(match.start, match.end, match.entity, Action.REDACT) for match in found]


def _by_policy(
    context: click.Context,
    text: str,
    policies: tuple[Path, ...],
    provider: str,
    user: str | None,
    groups: tuple[str, ...],
) -> tuple[list[_Span], bytes]:
    """What the policy edits, and the key of its hashes; ends the command when it blocks."""
    from outgate.catalogue import Catalogue
    from outgate.dlp.engine import Engine
    from outgate.model import BODY, Action, Document, Finding, Identity, Role, Segment
    from outgate.policy import load
    from outgate.settings import Settings

    settings = Settings.load()
    catalogue = Catalogue.load(extra=settings.catalogue)
    policy = load(policies, check_model=True, providers=catalogue.providers.values())
    facts = _facts(catalogue, provider, Identity(user, groups))
    judgement = policy.gate(facts)
    if judgement.blocked_by is None:
        found = Engine(policy.detectors, settings.patterns_dir).scan([text])[0] if policy.entities else ()
        segment = Segment(text, Role.USER, "standard input", BODY, 0, 0, "utf8")
        findings = [Finding(0, m.start, m.end, m.entity, m.score, m.detector) for m in found]
        judgement = policy.judge(facts, Document((segment,)), findings, judgement)
    if judgement.blocked_by is not None:
        _tell_blocked(text, judgement)
        context.exit(1)
    if judgement.would_block is not None:
        click.echo(
            f"outgate: {judgement.would_block!r} would block this text, were it not audit mode", err=True
        )
    spans = [
        (d.finding.start, d.finding.end, d.finding.entity, _done_here(d.action))
        for d in judgement.decisions
        if d.action.edits
    ]
    return spans, _key(settings) if any(action is Action.HASH for *_, action in spans) else b""


def _done_here(action: Action) -> Action:
    """A placeholder would be of no use: nothing restores it."""
    from outgate.model import Action

    return Action.REDACT if action is Action.PSEUDONYMISE else action


def _facts(catalogue: Catalogue, provider: str, identity: Identity) -> Facts:
    """Of a text that is for a provider and no request to it yet: neither model nor path is known."""
    from ipaddress import ip_address

    from outgate.model import Facts
    from outgate.policy.error import near_miss

    known = catalogue.providers.get(provider)
    if known is None:
        hint = near_miss(provider, catalogue.providers)
        raise click.UsageError(
            f"no provider of the catalogue is called {provider!r}" + (hint and f"; {hint}")
        )
    return Facts(
        provider=known,
        region=None,
        model=None,
        model_origin=None,
        host=catalogue.base_host(provider) or "",
        path="/",
        method="POST",
        identity=identity,
        client=ip_address("127.0.0.1"),
        time=datetime.now(UTC),
    )


def _tell_blocked(text: str, judgement: Judgement) -> None:
    """Who blocks, and where; never what."""
    from outgate.cli.scan_files import rows
    from outgate.model import Action

    click.secho(f"outgate: nothing is written, {judgement.blocked_by!r} blocks this text", fg="red", err=True)
    blocking = [d.finding for d in judgement.decisions if d.action is Action.BLOCK]
    for row in rows("-", text, blocking):
        click.echo(f"  line {row['line']}, column {row['column']}: {row['entity']}", err=True)
    click.echo(f"  {judgement.message}", err=True)


def _key(settings: Settings) -> bytes:
    """The proxy's own, so that a value has the same hash here and there."""
    from outgate.gateway.service import fingerprint_key
    from outgate.settings.sections import SettingsError

    try:
        return fingerprint_key(settings.state_dir)
    except OSError as error:
        raise SettingsError(f"the key of hashes: {error.filename}: {error.strerror}") from None


def _edited(text: str, spans: Iterable[_Span], key: bytes) -> str:
    from outgate.transform.operators import replacement

    pieces: list[str] = []
    position = 0
    for start, end, entity, action in spans:
        pieces += [text[position:start], replacement(action, entity, text[start:end], key)]
        position = end
    return "".join((*pieces, text[position:]))
