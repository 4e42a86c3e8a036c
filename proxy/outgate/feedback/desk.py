"""Where a person asks about an exchange of theirs, and says something of it; and an administrator about anybody's.

An exchange is what the audit log has of it. It is told to the person who sent it, that is the same user or, where
nobody is identified, the same address; to anybody else it does not exist. Owns what may be said of what. Used by the
proxy's pages and by commands on its machine alike.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outgate.audit import AuditEvent
from outgate.audit.read import reader_of
from outgate.audit.record import ERASED
from outgate.audit.sink import AuditError
from outgate.catalogue import Catalogue
from outgate.feedback import reasons
from outgate.feedback.errors import FeedbackError, RefusedError, UnknownReferenceError
from outgate.feedback.reasons import Detect
from outgate.feedback.store import Store
from outgate.feedback.tables import Justification, moment
from outgate.model import Action, Direction, Identity, IPAddress, Record
from outgate.policy import Policy
from outgate.policy.exceptions import EXCEPTION, person

REFERENCE = re.compile(r"og_[0-9a-f]{16}")
_MOST = 100  # findings of one exchange that are told of, and can be reported
_ON_ITS_WAY = 0.4  # seconds until an exchange that is just over is in the log
_READERS = 2  # of the audit log at a time
_NOBODY = "Who sent it was erased from the audit log, and with them what values are known by."

Find = Callable[[str], Sequence[AuditEvent]]  # by reference; waits for a disk. Raises FeedbackError


@dataclass(frozen=True, slots=True)
class Standing:
    """By what people are answered now."""

    policy: Policy
    catalogue: Catalogue
    detect: Detect
    key: bytes  # of fingerprints
    why: str  # as in pipeline.Rules


Stands = Callable[
    [Identity, IPAddress], Standing
]  # by what somebody is answered: who judges them, judged this


@dataclass(frozen=True, slots=True)
class Case:
    """One exchange, as it is told."""

    event: AuditEvent
    person: str
    message: str  # for the person who is blocked, by the policy as it is now
    findings: tuple[Record, ...]
    reported: Mapping[str, str]  # fingerprint -> what became of the person's report of it
    reasons: tuple[Justification, ...]  # that the person gave
    coached: bool  # a reason would let a repeat pass
    what_to_do: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data, in a stable order."""
        event = self.event
        names = (
            "outcome",
            "status",
            "rule",
            "reason",
            "provider",
            "jurisdiction",
            "model",
            "method",
            "host",
            "path",
        )
        return {
            "reference": event.id,
            "time": event.time.astimezone(UTC).isoformat(timespec="seconds"),
            "person": self.person,
            **{name: getattr(event, name) for name in names},
            "message": self.message,
            "findings": [
                {"number": number}
                | {name: getattr(one, name) for name in Record.__slots__}
                | {"reported": self.reported.get(one.fingerprint)}
                for number, one in enumerate(self.findings, 1)
            ],
            "findings_total": event.findings_total,
            "uninspectable": [f"{one.place}: {one.reason or one.media_type}" for one in event.uninspectable],
            "reasons": [
                {
                    "reason": one.reason,
                    "until": moment(one.expires).isoformat(timespec="seconds"),
                    "counts": moment(one.expires) > datetime.now(UTC),
                    "given_by": one.given_by,
                }
                for one in self.reasons
            ],
            "coached": self.coached,
            "what_to_do": list(self.what_to_do),
        }


def in_log(path: Path) -> Find:
    """Finds in the audit log ``path``."""

    def find(reference: str) -> Sequence[AuditEvent]:
        try:
            reader = reader_of(path)
            try:
                return reader.find(reference)
            finally:
                reader.close()
        except AuditError as error:
            raise FeedbackError(error.message) from None
        except (OSError, sqlite3.Error) as error:
            raise FeedbackError(f"{path}: the audit log cannot be read ({type(error).__name__}).") from None

    return find


class Desk:
    """Asked by ``who``: a person (``exceptions.person``), or None for an administrator, who acts for anybody."""

    def __init__(self, find: Find, store: Store, thread: Executor, standing: Stands) -> None:
        """``thread``: the one that the store is used in."""
        self._find, self._store, self._thread, self._standing = find, store, thread, standing
        self._readers = asyncio.Semaphore(_READERS)

    async def case(self, reference: str, who: str | None) -> Case:
        """What there is to tell. Raises UnknownReferenceError, FeedbackError."""
        event = await self._event(reference, who)
        standing, whose = self._standing(*event.asker), _person(event)
        findings = tuple(one for one in event.findings if one.rule is not None)[:_MOST]
        reported, given = await self._in_thread(self._said, event.id, whose, findings)
        coached = _refusal(event, standing.policy) is None
        return Case(
            event,
            whose,
            _message(event, standing),
            findings,
            reported,
            given,
            coached,
            tuple(_what_to_do(event, standing.policy, coached)),
        )

    async def not_sensitive(
        self, reference: str, who: str | None, reason: str, number: int | None = None
    ) -> int:
        """Report that a finding, by its number, or all of them are not sensitive; how many that was news of.

        Raises RefusedError, and as ``case``.
        """
        event = await self._event(reference, who)
        if event.client == ERASED:
            raise RefusedError(_NOBODY)
        standing = self._standing(*event.asker)
        findings = [one for one in event.findings if one.rule is not None][:_MOST]
        if number is not None:
            if not 1 <= number <= len(findings):
                raise RefusedError(f"There is no finding {number}.")
            findings = [findings[number - 1]]
        said = {
            one.fingerprint: one
            for one in findings
            if one.action is not Action.ALLOW and not (one.rule or "").startswith(EXCEPTION)
        }
        if not said:
            raise RefusedError("Nothing was found there that anything was done about.")
        text = await reasons.redacted(reason, event.findings, standing.detect, standing.key)
        whose, now = _person(event), datetime.now(UTC)
        kept = (event.id, whose, event.provider, list(said.values()), text, now)
        return await self._in_thread(self._store.report, *kept)

    async def justify(self, reference: str, who: str | None, reason: str, *, by: str = "") -> None:
        """Give a reason why what coaching rules blocked may leave. ``by``: who gives it, if not the person.

        Raises RefusedError, and as ``case``.
        """
        event = await self._event(reference, who)
        standing = self._standing(*event.asker)
        if (refusal := _refusal(event, standing.policy)) is not None:
            raise RefusedError(refusal)
        rules = {rule.name: rule.coach for rule in standing.policy.rules}
        values = {
            (one.rule, one.fingerprint): coach.seconds
            for one in _blocked(event)
            if one.rule is not None and (coach := rules[one.rule]) is not None
        }
        text = await reasons.redacted(reason, event.findings, standing.detect, standing.key)
        whose, now = _person(event), datetime.now(UTC)
        kept = (event.id, whose, event.provider or "", values, text, by or whose, now)
        await self._in_thread(self._store.justify, *kept)

    async def _event(self, reference: str, who: str | None) -> AuditEvent:
        unknown = UnknownReferenceError(f"No exchange of yours has the reference {reference[:40]!r}.")
        if not REFERENCE.fullmatch(reference):
            raise unknown
        for last in (False, True):
            async with self._readers:
                found = await asyncio.to_thread(self._find, reference)
            for event in reversed(found):
                if who is None or (event.client != ERASED and who == _person(event)):
                    return event
            if not last:  # nor can anybody tell by the time it takes whether it is another's
                await asyncio.sleep(_ON_ITS_WAY)
        raise unknown

    def _said(
        self, reference: str, whose: str, findings: Sequence[Record]
    ) -> tuple[dict[str, str], tuple[Justification, ...]]:
        reported = {
            report.fingerprint: report.state
            for fingerprint in {one.fingerprint for one in findings}
            for report in self._store.reports_of(fingerprint)
            if report.person == whose
        }
        given = tuple(one for one in self._store.justifications(reference) if one.person == whose)
        return reported, given

    async def _in_thread[**P, T](self, work: Callable[P, T], *values: P.args, **_named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *values)


def _person(event: AuditEvent) -> str:
    """Who sent it; nobody, where that was erased."""
    return ERASED if event.client == ERASED else person(*event.asker)


def _blocked(event: AuditEvent) -> list[Record]:
    return [
        one for one in event.findings if one.action is Action.BLOCK and one.direction is Direction.REQUEST
    ]


def _refusal(event: AuditEvent, policy: Policy) -> str | None:
    """Why no reason would let a repeat pass; None where one would."""
    if event.client == ERASED:
        return _NOBODY
    blocked = _blocked(event)
    coaching = {rule.name for rule in policy.rules if rule.coach is not None}
    if event.outcome != "block" or not blocked or event.provider is None:
        return "Nothing of it was blocked for which a reason counts."
    strict = sorted({one.rule or "" for one in blocked} - coaching)
    if event.rule not in coaching and event.rule not in strict:
        strict.append(event.rule or "")
    if strict:
        return f"The rule {strict[0]!r} takes no reasons."
    return None


def _message(event: AuditEvent, standing: Standing) -> str:
    """What the rule that blocked says, of the policy as it is now."""
    rule = next((one for one in standing.policy.rules if one.name == event.rule), None)
    provider = standing.catalogue.providers.get(event.provider or "")
    if event.outcome != "block" or rule is None or provider is None or event.client == ERASED:
        return ""
    facts = replace(event.facts(provider), why_url=f"{standing.why}{event.id}")
    caught = {one.entity for one in event.findings if one.rule == rule.name}
    return rule.message.fill(facts, rule=rule.name, entities=caught, help_url=standing.policy.help_url)


def _what_to_do(event: AuditEvent, policy: Policy, coached: bool) -> Sequence[str]:
    told = []
    match event.outcome:
        case "forward":
            told.append("It was let through.")
        case "edit":
            told.append("It was let through, with what was found edited.")
        case "refuse":
            why = event.reason.replace("_", " ") or "unknown"
            told.append(
                f"It could not be inspected ({why}): send it in another form, or tell whoever runs the proxy."
            )
        case _ if event.findings:
            told.append("Take out what was found, at the places that are named, and send it again.")
    if coached:
        told.append(
            f'If it may leave all the same, say why, and send it again: outgate justify {event.id} --reason "..."'
        )
    if event.findings and event.client != ERASED:
        told.append(
            f'If it is not sensitive, say so: outgate feedback {event.id} --not-sensitive --reason "..."'
        )
    if policy.help_url:
        told.append(f"Ask for access: {policy.help_url}")
    return told
