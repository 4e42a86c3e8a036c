"""A made-up week of a made-up company, written with the code that writes real audit logs: `python docs/week.py FOLDER`.

The same week from the same seed: five hundred people, working hours, a policy in force (the shipped one), and an
incident on Thursday night, when a script sends a key again and again. Reports, their pictures and their tests are made
of it. No value is in it, only kinds and fingerprints of nothing.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from outgate.audit import AuditEvent
from outgate.audit.log import sink_of
from outgate.audit.shadow import ShadowLog, Sighting
from outgate.audit.shadow import path_of as shadow_path
from outgate.catalogue import Catalogue
from outgate.model import (
    BODY,
    Document,
    Exchange,
    Facts,
    Finding,
    Identity,
    Outcome,
    Record,
    Role,
    Segment,
    Uninspectable,
    Verdict,
)
from outgate.policy import Policy, load
from outgate.settings import Settings

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
# Provider -> model, and how many of a hundred requests go there.
WHERE = {
    "openai": ("gpt-5.1", 30),
    "anthropic": ("claude-sonnet-4-5", 30),
    "azure-openai": ("gpt-5.1-mini", 9),
    "mistral": ("mistral-large-latest", 8),
    "google-ai": ("gemini-2.5-pro", 7),
    "chatgpt": (None, 5),
    "bedrock": ("anthropic.claude-sonnet-4-5", 4),
    "groq": ("qwen3-32b", 3),
    "deepseek": ("deepseek-chat", 2),
    "perplexity": ("sonar-pro", 1),
    "moonshot": ("kimi-k2", 1),
}
GROUPS = {"engineering": 40, "support": 22, "sales": 15, "people": 8, "finance": 10, "legal": 5}
# Group -> entity, score, whose words, and in how many of a thousand requests.
FOUND: dict[str, Sequence[tuple[str, float, Role, int]]] = {
    "engineering": (
        ("IP_ADDRESS", 0.6, Role.TOOL_RESULT, 45),
        ("GENERIC_SECRET", 0.6, Role.TOOL_RESULT, 14),
        ("AWS_ACCESS_KEY_ID", 0.95, Role.USER, 3),
        ("GITHUB_TOKEN", 1.0, Role.TOOL_RESULT, 4),
        ("EMAIL_ADDRESS", 0.9, Role.TOOL_RESULT, 40),
    ),
    "support": (
        ("EMAIL_ADDRESS", 0.95, Role.USER, 160),
        ("PHONE_NUMBER", 0.7, Role.USER, 90),
        ("STREET_ADDRESS", 0.7, Role.USER, 40),
        ("CREDIT_CARD", 1.0, Role.USER, 9),
        ("IBAN_CODE", 1.0, Role.USER, 12),
    ),
    "sales": (("EMAIL_ADDRESS", 0.95, Role.USER, 120), ("PHONE_NUMBER", 0.7, Role.USER, 70)),
    "people": (
        ("DATE_OF_BIRTH", 0.7, Role.USER, 60),
        ("DE_SOCIAL_SECURITY", 0.9, Role.USER, 14),
        ("DE_TAX_ID", 0.9, Role.USER, 14),
        ("EMAIL_ADDRESS", 0.95, Role.USER, 120),
        ("DE_HEALTH_INSURANCE", 0.8, Role.USER, 8),
    ),
    "finance": (("IBAN_CODE", 1.0, Role.USER, 60), ("CREDIT_CARD", 1.0, Role.USER, 14)),
    "legal": (("STREET_ADDRESS", 0.7, Role.USER, 60), ("EMAIL_ADDRESS", 0.95, Role.USER, 80)),
}
LOOK = dict.fromkeys(range(8, 19), 10) | {7: 4, 12: 6, 19: 3, 20: 2, 21: 1}  # hour -> how busy


@dataclass(frozen=True)
class World:
    """What the week happens in."""

    catalogue: Catalogue
    policy: Policy

    @classmethod
    def made(cls, policy: Path | None = None) -> World:
        """With the shipped catalogue, and the shipped policy or another."""
        catalogue = Catalogue.load()
        paths = [policy] if policy else list(Settings(state_dir=Path("/nonexistent")).policies)
        return cls(catalogue, load(paths, run_commands=False, providers=catalogue.providers.values()))


@dataclass(frozen=True)
class Happened:
    """One exchange of the week, and what became of it."""

    exchange: Exchange
    verdict: Verdict
    status: int
    request_bytes: int
    response_bytes: int
    seconds: float
    streamed: bool


def events(
    world: World,
    *,
    start: datetime = MONDAY,
    seed: int = 7,
    people: int = 500,
    requests: int = 6000,
    days: int = 7,
) -> Iterator[AuditEvent]:
    """The events of ``happened``, as the audit log has them."""
    for one in happened(world, start=start, seed=seed, people=people, requests=requests, days=days):
        yield AuditEvent.of(
            one.exchange,
            one.verdict,
            policy_hash=world.policy.hash,
            status=one.status,
            request_bytes=one.request_bytes,
            response_bytes=one.response_bytes,
            seconds=one.seconds,
            streamed=one.streamed,
        )


def happened(
    world: World,
    *,
    start: datetime = MONDAY,
    seed: int = 7,
    people: int = 500,
    requests: int = 6000,
    days: int = 7,
) -> Iterator[Happened]:
    """The week's exchanges, in their order. ``requests``: about, in a week; with ``days`` it goes on alike."""
    dice = random.Random(seed)  # noqa: S311
    folk = [(f"p{number:04}@northwind.example", _of(dice, GROUPS)) for number in range(people)]
    number = 0
    for day in range(days):
        weekend = (start + timedelta(days=day)).weekday() >= 5
        times = sorted(
            start + timedelta(days=day, hours=_of(dice, LOOK), seconds=dice.randrange(3600))
            for _ in range(int(requests / 5 * dice.uniform(0.9, 1.1) * (0.06 if weekend else 1)))
        )
        for time in times:
            number += 1
            yield _one(world, dice, number, time, *dice.choice(folk))
        if day % 7 == 3:  # the incident: one script, one key, again and again
            for again in range(140):
                number += 1
                time = start + timedelta(days=day, hours=22, seconds=25 * again)
                yield _one(
                    world, dice, number, time, "svc-report@northwind.example", "engineering", script=True
                )


def write(folder: Path, made: Iterator[AuditEvent], *, sink: str = "sqlite") -> Settings:
    """Write them as an audit log below ``folder``; the settings that find it."""
    settings = Settings(state_dir=folder, audit={"sink": sink, "max_age_days": 36500})
    writer = sink_of(settings)
    assert writer is not None
    writer.open()
    batch: deque[AuditEvent] = deque()
    for event in made:
        batch.append(event)
        if len(batch) == 1000:
            writer.write(batch)
            batch.clear()
    if batch:
        writer.write(batch)
    writer.finish()
    writer.close()
    _write_shadow(settings)
    return settings


def _write_shadow(settings: Settings) -> None:
    log = ShadowLog(shadow_path(settings), b"made up", settings.shadow)
    for host, people in {
        "chat.example-assistant.com": 31,
        "api.llm-gateway.example": 6,
        "notes.ai.example": 2,
    }.items():
        for person in range(people):
            time = (MONDAY + timedelta(days=person % 5, hours=9)).timestamp()
            for sent in (0, 3_000_000):
                log.add(Sighting(host, "made up", f"p{person}", time, int(not sent), sent, sent * 4))
    log.close()


def _one(
    world: World,
    dice: random.Random,
    number: int,
    time: datetime,
    user: str,
    group: str,
    *,
    script: bool = False,
) -> Happened:
    name = "openai" if script else _of(dice, {name: share for name, (_, share) in WHERE.items()})
    model = WHERE[name][0]
    provider, host = world.catalogue.providers[name], world.catalogue.example_host(name) or "host.example"
    known = dice.random() > 0.06
    exchange = Exchange(
        id=f"og_{number:016x}",
        time=time,
        client=ip_address(f"10.20.0.{dice.randrange(20, 50)}"),
        method="POST",
        scheme="https",
        host=host,
        port=443,
        target=b"/v1/chat/completions",
        headers=(),
        body=b"",
        identity=Identity(user, (group,)) if known else Identity(),
    )
    endpoint = world.catalogue.identify(host, "/v1/chat/completions")
    facts = Facts(
        provider=provider,
        region=endpoint.region if endpoint else None,
        model=model,
        model_origin=world.catalogue.model_origin(model),
        host=host,
        path="/v1/chat/completions",
        method="POST",
        identity=exchange.identity,
        client=exchange.client,
        time=time,
    )
    stopped = world.policy.gate(facts).blocked_by is not None  # then nothing is looked for
    found = [] if stopped else _found(dice, group, script=script)
    segments = tuple(
        Segment("", role, f"messages[{at}].content", BODY, 0, 0, "plain")
        for at, (_, _, role) in enumerate(found)
    )
    findings = tuple(
        Finding(at, 0, 0, entity, score, "made up") for at, (entity, score, _) in enumerate(found)
    )
    kind = dice.choice(("audio/mpeg", "image/png", "application/pdf"))
    file = Uninspectable("messages[0].content[1]", kind, 90_000, dice.choice(("", "encrypted")))
    unread = (file,) if dice.random() < 0.004 else ()
    judged = world.policy.judge(facts, Document(segments, model, uninspectable=unread), findings)
    records = tuple(
        Record(
            decision.finding.entity,
            segment.role,
            segment.place,
            decision.finding.score,
            _fingerprint(dice, decision.finding.entity, script=script),
            decision.rule,
            decision.action,
        )
        for decision, segment in zip(judged.decisions, segments, strict=True)
    )
    edited = any(record.action.edits for record in records)
    reason = dice.choice(("timeout", "too_large", "bad_json", "unknown_encoding"))
    failed = reason if dice.random() < 0.002 and not script else ""
    outcome = Outcome.BLOCK if judged.blocked_by else Outcome.EDIT if edited else Outcome.FORWARD
    if failed:
        outcome, records = Outcome.REFUSE, ()
    verdict = Verdict(
        outcome,
        rule=judged.blocked_by if not failed else None,
        reason=failed,
        endpoint=replace(endpoint, provider=provider) if endpoint else None,
        facts=facts,
        records=records,
        uninspectable=unread,
        decoded_size=dice.randrange(500, 90_000),
        rules=judged.rules,
        would_block=judged.would_block,
        seconds={"detect": 0.01},
    )
    status = {Outcome.BLOCK: 403, Outcome.REFUSE: 503}.get(outcome, 200)
    return Happened(
        exchange,
        verdict,
        status,
        request_bytes=dice.randrange(500, 90_000),
        response_bytes=0 if status != 200 else dice.randrange(500, 30_000),
        seconds=dice.uniform(0.4, 20),
        streamed=dice.random() < 0.7,
    )


def _found(dice: random.Random, group: str, *, script: bool) -> list[tuple[str, float, Role]]:
    if script:
        return [("AWS_ACCESS_KEY_ID", 0.95, Role.USER)]
    found = []
    for entity, score, role, often in FOUND[group]:
        if dice.random() * 1000 < often:
            found += [(entity, score, role)] * dice.choice((1, 1, 1, 2, 4))
    return found


def _fingerprint(dice: random.Random, entity: str, *, script: bool) -> str:
    which = (
        "the script's"
        if script
        else str(dice.randrange(40 if entity.startswith(("AWS", "GITHUB")) else 3000))
    )
    return hashlib.sha256(f"{entity} {which}".encode()).hexdigest()[:16]


def _of[T](dice: random.Random, weights: dict[T, int]) -> T:
    return dice.choices(list(weights), list(weights.values()))[0]


if __name__ == "__main__":
    write(Path(sys.argv[1]), events(World.made()))
