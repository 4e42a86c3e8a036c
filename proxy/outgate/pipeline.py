"""The way of one request: an ``Exchange`` goes in, a ``Verdict`` comes out.

No socket is opened here and no clock read that was not given, so the gateway, ``outgate scan`` and
``outgate policy test`` all use this one judgement. Detection is handed in as a coroutine: in the
gateway it is a pool of worker processes, on the command line an engine in the same process. So is
the reading of attached files.

The way back, for what rules of ``direction: response`` are about, is ``answer_pipeline``.

Nothing leaves this function as FORWARD or EDIT that was not read, scanned and judged, unless the
policy's ``on_error`` says so in as many words.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from outgate import formats
from outgate.attachments import ExtractionError
from outgate.attachments.joining import Extract, opened
from outgate.catalogue import Catalogue, normalise_path, told_accounts
from outgate.dlp import DetectionError
from outgate.model import (
    Action,
    Direction,
    Document,
    Endpoint,
    Exchange,
    Facts,
    Finding,
    Judgement,
    Outcome,
    Segment,
    Style,
    Verdict,
)
from outgate.policy import Policy
from outgate.policy.decide import UNINSPECTABLE
from outgate.policy.exceptions import NONE, Exceptions
from outgate.transform import edits, note
from outgate.transform.fingerprints import Fingerprints
from outgate.transform.placeholders import Pseudonymiser, derivation_key, set_apart
from outgate.transform.places import safe
from outgate.transform.scopes import scope_of
from outgate.wire import WireError, content_encoding, sigv4

Detect = Callable[[Sequence[Segment]], Awaitable[Sequence[Finding]]]
Known = Callable[[str], Awaitable[Mapping[str, str]]]  # a scope -> its placeholders and their values
Clock = Callable[[], float]


OVERLOAD = "overload"  # the reason of a failure: more work than there are hands for


@dataclass(frozen=True, slots=True)
class Rules:
    """What an exchange is judged by: one consistent set, swapped as a whole on a reload."""

    catalogue: Catalogue
    policy: Policy
    key: bytes  # of fingerprints and of the hash action; that of placeholders is derived from it
    limit: int  # bytes of a decoded body, at most
    exceptions: Exceptions = NONE
    why: str = ""  # what a reference is put behind to have the address at which a blocked person reads why


async def inspect(
    exchange: Exchange,
    rules: Rules,
    detect: Detect,
    *,
    extract: Extract | None = None,
    known: Known | None = None,
    clock: Clock = time.perf_counter,
) -> Verdict:
    """Judge one request to a host of the catalogue. Linear in its size; raises nothing of its rooms.

    Without ``extract`` no attachment is opened: each is told as uninspectable.

    The placeholders that are put in are the verdict's ``pairs``; before the request leaves, the caller
    has to store them under its ``scope``. ``known`` is asked only for surrogates, and what it raises
    goes to the caller.
    """
    policy, watch = rules.policy, _Stopwatch(clock)
    endpoint = rules.catalogue.identify(exchange.host, exchange.path, exchange.method)
    if endpoint is None:
        return Verdict(
            Outcome.REFUSE, 421, message="This host is not in the catalogue.", reason="unknown_host"
        )
    try:
        with watch("decode"):
            body = content_encoding.decode(
                exchange.body, exchange.header("content-encoding"), limit=rules.limit
            )
        with watch("format"):
            document = formats.read(exchange, endpoint, body.data)
        facts = facts_of(exchange, endpoint, document, rules)
        scope = _scope(exchange, rules, document)
        plain = Verdict(
            Outcome.FORWARD,
            endpoint=endpoint,
            facts=facts,
            models=document.models,
            decoded_size=len(body.data),
            stream=document.stream,
            seconds=watch.seconds,  # of every verdict that this one becomes
            body=None if body.coherent or policy.mode == "audit" else body.data,
            scope=scope,
        )
        pseudonymiser, fingerprints, written = None, None, len(document.segments)
        with watch("policy"):
            judgement = _gate(policy, facts, document, rules.catalogue)
        if judgement.blocked_by is None:
            with watch("extract"):
                document = await opened(document, body.data, extract)
            if document.uninspectable:
                plain = replace(plain, uninspectable=document.uninspectable)
            with watch("detect"):
                findings = await detect(document.segments) if policy.seeks(Direction.REQUEST) else ()
                findings = policy.sought(findings, Direction.REQUEST)
            if scope:
                matters = bool(findings) and Style.SURROGATE in policy.styles
                before = await known(scope) if known and matters else {}
                findings, taken = set_apart(findings, document, policy.pseudonymised, before)
                pseudonymiser = Pseudonymiser(derivation_key(rules.key), scope, before, taken)
            with watch("policy"):
                fingerprints = Fingerprints(document.segments, rules.key)
                judgement = policy.judge(
                    facts,
                    document,
                    findings,
                    judgement,
                    exceptions=rules.exceptions,
                    fingerprint=fingerprints,
                )
        with watch("transform"):
            verdict = _apply(
                exchange, plain, body.data, document, judgement, rules.key, pseudonymiser, fingerprints
            )
            verdict = _located(verdict, judgement, written)
            if policy.note and Style.TAG in policy.styles and not _left_alone(exchange, verdict):
                verdict = _noted(verdict, endpoint, facts.path, body.data)
    except WireError as error:
        verdict = uninspected(exchange, rules, endpoint, error.status, error.reason, error.message)
    except edits.UneditableError as error:
        verdict = replace(
            plain,
            outcome=Outcome.BLOCK,
            status=403,
            rule=error.rule,
            message=_uneditable(error),
            records=error.records,
            rules=judgement.rules,
        )
    except (DetectionError, ExtractionError) as error:
        verdict = replace(
            failure(policy, endpoint, 503, error.reason, "The inspection did not finish."),
            facts=facts,
            models=document.models,
            rules=judgement.rules,
            would_block=judgement.would_block,
            scope=scope,
        )
    return verdict if verdict.seconds is watch.seconds else replace(verdict, seconds=watch.seconds)


def _uneditable(error: edits.UneditableError) -> str:
    """What the client is told: what has to go, and how it could be let through."""
    asked = (record for record in error.records if record.rule == error.rule and record.action.edits)
    entities = ", ".join(sorted({record.entity for record in asked}))
    return (
        f"Sensitive data ({entities}) in {error.place}, which cannot be edited as the policy asks. "
        "Take it out, or send it as text."
    )


def _gate(policy: Policy, facts: Facts, document: Document, catalogue: Catalogue) -> Judgement:
    """What the gates say, also of every other model that a batch is for: the first that blocks decides."""
    judgement = policy.gate(facts)
    for each in of_models(facts, document.models, catalogue)[1:]:
        if judgement.blocked_by is not None or judgement.would_block is not None:
            break
        told = policy.gate(each)
        judgement = replace(told, rules=tuple(dict.fromkeys((*judgement.rules, *told.rules))))
    return judgement


def of_models(facts: Facts, models: Sequence[str], catalogue: Catalogue) -> list[Facts]:
    """What can be asked of a request, and the same of every other model that a batch is for."""
    others = (model for model in models if model != facts.model)
    return [
        facts,
        *(replace(facts, model=model, model_origin=catalogue.model_origin(model)) for model in others),
    ]


def _apply(
    exchange: Exchange,
    plain: Verdict,
    body: bytes,
    document: Document,
    judgement: Judgement,
    key: bytes,
    pseudonymiser: Pseudonymiser | None,
    fingerprints: Fingerprints | None,
) -> Verdict:
    """Turn what the policy said into bytes."""
    blocked = judgement.blocked_by is not None
    edited = edits.apply(
        exchange,
        body,
        document,
        judgement.decisions,
        key,
        edit=not blocked,
        pseudonymiser=pseudonymiser,
        fingerprints=fingerprints,
    )
    touched = edited.body is not None or edited.target is not None or bool(edited.headers)
    applied = replace(
        plain,
        records=edited.records,
        rules=judgement.rules,
        would_block=judgement.would_block,
        outcome=Outcome.EDIT if touched else Outcome.FORWARD,
        body=plain.body if edited.body is None else edited.body,
        target=edited.target,
        headers=edited.headers,
        pairs=edited.pairs,
    )
    return block(applied, judgement) if blocked else applied


def _left_alone(exchange: Exchange, verdict: Verdict) -> bool:
    """Whether a line to the model has no place, or would be the one thing that breaks a signature."""
    signed = verdict.outcome is Outcome.FORWARD and sigv4.is_signed(exchange.target, exchange.headers)
    return exchange.websocket or signed


def _noted(verdict: Verdict, endpoint: Endpoint, path: str, body: bytes) -> Verdict:
    """With the line to the model, in every request of a conversation, whether or not there is anything in it."""
    if verdict.outcome not in (Outcome.FORWARD, Outcome.EDIT):
        return verdict
    noted = note.added(endpoint.format, path, body if verdict.body is None else verdict.body)
    return verdict if noted is None else replace(verdict, outcome=Outcome.EDIT, body=noted)


def block(verdict: Verdict, judgement: Judgement) -> Verdict:
    """A rule blocks: which, and what the client is told."""
    return replace(
        verdict,
        outcome=Outcome.BLOCK,
        status=403,
        rule=judgement.blocked_by,
        message=judgement.message,
        coached=judgement.coached,
    )


def _located(verdict: Verdict, judgement: Judgement, written: int) -> Verdict:
    """Where in an attachment it is what blocks: nobody sees that in the message they sent.

    ``written``: how many segments stood in the request itself; those of attachments come after them.
    """
    if verdict.outcome is not Outcome.BLOCK:
        return verdict
    if verdict.rule == UNINSPECTABLE and verdict.uninspectable:
        first = verdict.uninspectable[0]
        why = f"{safe(first.place)}: {first.reason.replace('_', ' ') or 'not opened'}"
        return replace(verdict, message=f"{verdict.message} ({why})")
    places = (
        record.place
        for decision, record in zip(judgement.decisions, verdict.records, strict=True)
        if decision.finding.segment >= written and decision.rule == judgement.blocked_by
    )
    place = next(places, None)
    return verdict if place is None else replace(verdict, message=f"{verdict.message} (In {place}.)")


def uninspected(
    exchange: Exchange, rules: Rules, endpoint: Endpoint, status: int, reason: str, message: str
) -> Verdict:
    """The body could not be read, or not be looked at.

    The gates still hold: ``on_error`` opens none that they keep closed.
    """
    facts = facts_of(exchange, endpoint, Document(()), rules)
    judgement = rules.policy.gate(facts)
    failed = failure(rules.policy, endpoint, status, reason, message)
    if failed.outcome is Outcome.FORWARD and judgement.blocked_by is not None:
        failed = block(Verdict(Outcome.BLOCK, endpoint=endpoint), judgement)
    return replace(failed, rules=judgement.rules, would_block=judgement.would_block)


def failure(policy: Policy, endpoint: Endpoint, status: int, reason: str, message: str) -> Verdict:
    """Inspection failed: ``on_error`` decides, and the verdict says that it had to.

    Not of overload: whoever can make us busy would decide what is inspected. It is over soon, and told as that.
    """
    if (policy.on_error is Action.BLOCK or reason == OVERLOAD) and policy.mode == "enforce":
        return Verdict(Outcome.REFUSE, status, message=message, reason=reason, endpoint=endpoint)
    return Verdict(Outcome.FORWARD, reason=reason, message=message, endpoint=endpoint)


def _scope(exchange: Exchange, rules: Rules, document: Document) -> str:
    """Whose placeholders the request's are; ``""`` where the policy makes none."""
    if not rules.policy.styles:
        return ""
    return scope_of(rules.policy.scope, exchange, document, derivation_key(rules.key))


def facts_of(exchange: Exchange, endpoint: Endpoint, document: Document, rules: Rules) -> Facts:
    """What rules can ask about an exchange, and messages tell."""
    model = document.model or endpoint.model
    return Facts(
        provider=endpoint.provider,
        region=endpoint.region,
        model=model,
        model_origin=rules.catalogue.model_origin(model),
        host=exchange.host,
        path=normalise_path(exchange.path),
        method=exchange.method,
        identity=exchange.identity,
        client=exchange.client,
        time=exchange.time,
        accounts=told_accounts(endpoint.provider, exchange) if rules.policy.asks_accounts else (),
        reference=exchange.id,
        why_url=f"{rules.why}{exchange.id}",
    )


@dataclass(slots=True)
class _Stopwatch:
    """Seconds by stage; a stage entered twice adds up."""

    clock: Clock
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = self.clock()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + self.clock() - start
