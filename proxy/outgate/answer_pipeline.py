"""The way of one answer: its bytes go in as they come from the provider, and out as far as they may go on.

The second door beside ``pipeline.inspect``, and as that one it opens no socket and reads no clock. What is judged is
what the provider sent, before placeholders are restored: a value of the client's own is not the model's word. How
frames wait and strings change is ``transform.answer_inspection``.

Where a rule may edit or block, nothing goes on that was not judged, unless the policy's ``on_error`` says so in as many
words. Where rules only record, nothing waits: the caller lets the bytes through, and feeds them at the end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from outgate.dlp import DetectionError
from outgate.model import (
    Action,
    Direction,
    Document,
    Exchange,
    Facts,
    Judgement,
    Outcome,
    Record,
    Segment,
    Uninspectable,
    Verdict,
)
from outgate.pipeline import Detect, Rules, block, facts_of, failure
from outgate.transform import edits, operators
from outgate.transform.answer_inspection import AnswerInspector, ConversationInspector, is_media
from outgate.transform.fingerprints import Fingerprints
from outgate.transform.lookahead import Edit
from outgate.transform.placeholders import set_apart
from outgate.wire import WireError, content_encoding

_MOST_RECORDS = 2_000  # different findings of one answer that are told of


def inspect_answer(
    exchange: Exchange, verdict: Verdict, rules: Rules, detect: Detect, content_type: str, encoding: str
) -> AnswerInspection | None:
    """What the answer to a request goes through on its way back; None where no rule is about it.

    ``verdict`` is the request's; ``content_type`` and ``encoding`` are the answer's headers.
    """
    facts = _facts_of(exchange, verdict, rules)
    actions = rules.policy.on_answer(facts) if facts else frozenset()
    if not actions:
        return None
    return AnswerInspection(
        exchange,
        replace(verdict, facts=facts),
        rules,
        detect,
        holds=_holds(actions),
        content_type=content_type,
        encoding=encoding,
    )


def inspect_conversation(
    exchange: Exchange, verdict: Verdict, rules: Rules, detect: Detect
) -> ConversationInspection | None:
    """What a provider's messages over a WebSocket go through; None where no rule is about them.

    ``verdict`` is that of the request that opened it, or of the client's last message.
    """
    facts = _facts_of(exchange, verdict, rules)
    actions = rules.policy.on_answer(facts) if facts else frozenset()
    if not actions:
        return None
    # No message of the client's stays for as long as the connection is open.
    exchange = replace(exchange, body=b"")
    request = Verdict(Outcome.FORWARD, endpoint=verdict.endpoint, facts=facts, scope=verdict.scope)
    return ConversationInspection(exchange, request, rules, detect, holds=_holds(actions))


def holds_answer(exchange: Exchange, verdict: Verdict, rules: Rules) -> bool:
    """Whether something may be edited or blocked in the answer to a request."""
    facts = _facts_of(exchange, verdict, rules)
    return facts is not None and _holds(rules.policy.on_answer(facts))


def _holds(actions: frozenset[Action]) -> bool:
    return not actions <= {Action.ALLOW, Action.AUDIT}


def _facts_of(exchange: Exchange, verdict: Verdict, rules: Rules) -> Facts | None:
    """What response rules can ask about; None where there are none, or the host is not in the catalogue."""
    if verdict.endpoint is None or not rules.policy.seeks(Direction.RESPONSE):
        return None
    return verdict.facts or facts_of(exchange, verdict.endpoint, Document(()), rules)


class AnswerInspection:
    """One answer: bytes in as they come, out what may go on. Once it is ``stopped``, nothing more does.

    Raises nothing of its rooms; what else goes wrong the caller tells it by ``fail``, as it does of time-outs.
    """

    def __init__(
        self,
        exchange: Exchange,
        verdict: Verdict,
        rules: Rules,
        detect: Detect,
        *,
        holds: bool,
        content_type: str = "",
        encoding: str = "",
    ) -> None:
        self._exchange, self._request, self._rules, self._detect = exchange, verdict, rules, detect
        self.holds = holds  # nothing may go on before it is judged; else it is only recorded
        self.stopped: Verdict | None = None
        self.packed = encoding.strip().lower() not in ("", "identity")  # what goes on is, too
        self._content_type, self._encoding = content_type, encoding
        self._packed = bytearray()
        self._inspector: AnswerInspector | None = None
        self._passing = is_media(content_type)
        self._size = 0
        self._media: tuple[Uninspectable, ...] = ()
        self._records: dict[tuple[object, ...], Record] = {}
        self._edited = False
        self._reason = ""
        self._would_block: str | None = None

    async def feed(self, data: bytes) -> list[bytes]:
        """What may go on now."""
        self._size += len(data)
        if self.stopped:
            return []
        if self._passing:
            return [data]
        if self.packed:
            self._packed += data
            return self.fail("too_large") if len(self._packed) > self._rules.limit else []
        return await self._through(data, last=False)

    async def finish(self) -> list[bytes]:
        """The answer is at its end: what is left of it."""
        if is_media(self._content_type):
            self._media = (Uninspectable("answer", self._content_type, self._size),)
        if self.stopped or self._passing:
            return []
        if self.packed:
            try:
                data = content_encoding.decode(
                    bytes(self._packed), self._encoding, limit=self._rules.limit
                ).data
            except WireError as error:
                return self.fail(error.reason)
            self._packed.clear()
            self.packed = False
            return await self._through(data, last=True)
        return await self._through(b"", last=True)

    def fail(self, reason: str) -> list[bytes]:
        """It cannot be inspected: ``on_error`` decides. What goes on now, where it lets it."""
        self._reason = reason
        assert self._request.endpoint is not None
        message = "The answer could not be inspected."
        verdict = failure(self._rules.policy, self._request.endpoint, 503, reason, message)
        if verdict.outcome is Outcome.REFUSE and self.holds:
            self.stopped = verdict
            return []
        self._passing = True
        rest = [bytes(self._packed), *(self._inspector.rest() if self._inspector else ())]
        self._packed.clear()
        return [piece for piece in rest if piece]

    def ending(self, error: bytes) -> bytes:
        """An error (JSON) as the last thing that is said of an answer of which something was said."""
        return self._inspector.ending(error) if self._inspector else b""

    def told(self, verdict: Verdict) -> Verdict:
        """The exchange's verdict, with what is to be told of its answer."""
        verdict = replace(
            verdict,
            records=(*verdict.records, *self._records.values()),
            uninspectable=(*verdict.uninspectable, *self._media),
            reason=verdict.reason or self._reason,
            would_block=verdict.would_block or self._would_block,
        )
        if (stop := self.stopped) is not None:
            return replace(
                verdict, outcome=stop.outcome, status=stop.status, rule=stop.rule, message=stop.message
            )
        edited = self._edited and verdict.outcome is Outcome.FORWARD
        return replace(verdict, outcome=Outcome.EDIT) if edited else verdict

    async def _through(self, data: bytes, *, last: bool) -> list[bytes]:
        try:
            if self._inspector is None:
                assert self._request.endpoint is not None
                self._inspector = self._begin(self._request.endpoint.format)
            told = await self._inspector.feed(data) if data else []
            return [*told, *(await self._inspector.finish())] if last else told
        except _AnswerBlockedError as error:
            self.stopped = block(Verdict(Outcome.BLOCK), error.judgement)
            return []
        except (WireError, DetectionError) as error:
            rest = self.fail(error.reason)
            return rest or ([data] if data and self._inspector is None and self._passing else [])

    def _begin(self, format_name: str) -> AnswerInspector:
        return AnswerInspector(format_name, self._content_type, self._judge, limit=self._rules.limit)

    async def _judge(self, segments: Sequence[Segment], new: Sequence[int]) -> Sequence[list[Edit]]:
        policy, key, facts = self._rules.policy, self._rules.key, self._request.facts
        assert facts is not None
        document = Document(tuple(segments))
        findings = policy.sought(await self._detect(segments), Direction.RESPONSE)
        findings = [finding for finding in findings if finding.end > new[finding.segment]]
        if self._request.scope:  # what stands for a value of the client's own is not the model's word
            findings, _ = set_apart(findings, document, policy.pseudonymised, {})
        fingerprints = Fingerprints(document.segments, key)
        judgement = policy.judge_answer(
            facts, document, findings, exceptions=self._rules.exceptions, fingerprint=fingerprints
        )
        found = edits.apply(
            self._exchange,
            b"",
            document,
            judgement.decisions,
            key,
            edit=False,
            fingerprints=fingerprints,
        )
        for record in found.records:
            known = (record.entity, record.fingerprint, record.role, record.rule, record.action)
            if len(self._records) < _MOST_RECORDS:
                self._records.setdefault(known, replace(record, direction=Direction.RESPONSE))
        if judgement.blocked_by is not None:
            raise _AnswerBlockedError(judgement)
        self._would_block = self._would_block or judgement.would_block
        changes: list[list[Edit]] = [[] for _ in segments]
        for decision in judgement.decisions:
            if decision.action.edits:
                finding = decision.finding
                value = segments[finding.segment].text[finding.start : finding.end]
                text = operators.replacement(decision.action, finding.entity, value, key)
                changes[finding.segment].append(Edit(finding.start, finding.end, text))
                self._edited = True
        return changes


class ConversationInspection(AnswerInspection):
    """What a provider says over one WebSocket: pieces are messages (``frames.Opcoded``), told of by and by.

    Where ``on_error`` lets something go on, that is what was held: what comes after it is judged again.
    """

    def __init__(
        self, exchange: Exchange, verdict: Verdict, rules: Rules, detect: Detect, *, holds: bool
    ) -> None:
        super().__init__(exchange, verdict, rules, detect, holds=holds)
        self._known: OrderedDict[tuple[object, ...], None] = OrderedDict()  # findings that were told of last
        self._is_told = False  # that it was stopped

    def heard(self, verdict: Verdict, rules: Rules) -> None:
        """A message of the client goes on: whose words the next ones answer, and by which rules they are judged."""
        before, facts = self._request, verdict.facts or self._request.facts
        if facts and before.facts and not facts.model:  # which one message of a conversation names
            facts = replace(facts, model=before.facts.model, model_origin=before.facts.model_origin)
        self._rules = rules
        self._request = replace(before, facts=facts, scope=verdict.scope or before.scope)

    def fail(self, reason: str) -> list[bytes]:
        """As of an answer, but not for good."""
        told = super().fail(reason)
        self._passing, self._inspector = False, None
        return told

    def news(self) -> Verdict | None:
        """What is to be told since the last time; None: nothing."""
        self._records = {known: record for known, record in self._records.items() if known not in self._known}
        verdict = None
        if self._records or self._reason or (self.stopped and not self._is_told):
            verdict = self.told(
                Verdict(Outcome.FORWARD, endpoint=self._request.endpoint, facts=self._request.facts)
            )
        self._known |= dict.fromkeys(self._records)
        while len(self._known) > _MOST_RECORDS:
            self._known.popitem(last=False)
        self._records, self._edited, self._reason, self._would_block = {}, False, "", None
        self._is_told = self.stopped is not None
        return verdict

    def _begin(self, format_name: str) -> AnswerInspector:
        return ConversationInspector(format_name, self._judge)


class _AnswerBlockedError(Exception):
    """A rule blocks the rest of an answer."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__("blocked")
        self.judgement = judgement
