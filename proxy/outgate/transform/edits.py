"""Decisions applied to the raw bytes of an exchange: only what was decided changes.

Owns the order of edits and the joining of bytes. What stands in for a value is ``operators``; how
an edited string is spelled in its place is the segment's codec in ``wire``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from outgate.model import (
    BODY,
    TARGET,
    Action,
    Decision,
    Document,
    Exchange,
    Finding,
    Pair,
    Part,
    Record,
    Segment,
    Style,
)
from outgate.transform import operators, places
from outgate.transform.fingerprints import Fingerprints
from outgate.transform.placeholders import Pseudonymiser
from outgate.wire import json_document
from outgate.wire.spelling import Edit, json_text
from outgate.wire.text_codecs import CODECS


class UneditableError(Exception):
    """A rule asks to edit what is signed or opaque; the exchange can only be blocked.

    ``place`` is fit to be told; ``records`` are those of the whole exchange.
    """

    def __init__(self, place: str, rule: str | None, records: tuple[Record, ...] = ()) -> None:
        super().__init__(f"{place} cannot be edited")
        self.place = place
        self.rule = rule
        self.records = records


class InconsistentError(Exception):
    """Spans that do not fit the document they are said to lie in; nothing may leave on their word."""


@dataclass(frozen=True, slots=True)
class Edited:
    """The parts that changed (None or absent: as they came), and what may be told of every decision."""

    body: bytes | None = None
    target: bytes | None = None
    headers: Mapping[int, bytes] = field(default_factory=dict)  # index in Exchange.headers -> new value
    records: tuple[Record, ...] = ()
    pairs: tuple[Pair, ...] = ()  # the placeholders that were put in


@dataclass(slots=True)
class _Span:
    """A stretch of one segment's text that is to be replaced as a whole."""

    start: int
    end: int
    action: Action
    style: Style
    entity: str
    longest: int  # code points of the finding that gave entity and style


def apply(
    exchange: Exchange,
    body: bytes,
    document: Document,
    decisions: Sequence[Decision],
    key: bytes,
    *,
    edit: bool = True,
    pseudonymiser: Pseudonymiser | None = None,
    fingerprints: Fingerprints | None = None,
) -> Edited:
    """Edit what ``decisions`` say, and record every one of them. ``body`` is decoded of its content encoding.

    With ``edit=False`` there are only the records (the exchange is blocked, no byte of it leaves).
    ``fingerprints`` are this document's, where some are known already. Without a ``pseudonymiser`` what asks
    for a placeholder is redacted. Linear in the sizes of the edited parts and in the number of decisions.
    Raises UneditableError, and InconsistentError when spans lie outside their segment or segments of a part
    overlap.
    """
    if not decisions:
        return Edited()
    fingerprints = fingerprints or Fingerprints(document.segments, key)
    told = _Teller(
        document, decisions, key, pseudonymiser, fingerprints, lambda part: _raw(exchange, body, part)
    )
    records = tuple(told.record(decision) for decision in decisions)
    if not edit:
        return Edited(records=records)
    by_segment: dict[int, list[Decision]] = {}
    for decision in decisions:
        if decision.action.edits:
            index = decision.finding.segment
            if not document.segments[index].editable:
                raise UneditableError(told.place(decision.finding), decision.rule, records)
            by_segment.setdefault(index, []).append(decision)
    by_part: dict[Part, list[tuple[Segment, list[Edit]]]] = {}
    for index, asked in sorted(by_segment.items()):  # a placeholder's value is spelled as it first stands
        segment = document.segments[index]
        spans = _merged(asked)
        texts = [told.replacement(span, segment.text[span.start : span.end]) for span in spans]
        found = [(span.start, span.end, text) for span, text in zip(spans, texts, strict=True)]
        by_part.setdefault(segment.part, []).append((segment, found))
    rewritten = {part: _rewrite(_raw(exchange, body, part), changes) for part, changes in by_part.items()}
    return Edited(
        body=rewritten.get(BODY),
        target=rewritten.get(TARGET),
        headers={part.index: value for part, value in rewritten.items() if part.kind == "header"},
        records=records,
        pairs=pseudonymiser.pairs if pseudonymiser else (),
    )


# The text of what is read as a document, by codec.
_READ: Mapping[str, Callable[[bytes], str]] = {
    "json_document": json_text,
    "json_value": lambda raw: raw.decode("utf-8"),
}


class _Teller:
    """What may be told of the findings of one exchange; each value and place is worked out once."""

    def __init__(
        self,
        document: Document,
        decisions: Iterable[Decision],
        key: bytes,
        pseudonymiser: Pseudonymiser | None,
        fingerprints: Fingerprints,
        raw: Callable[[Part], bytes],
    ) -> None:
        self._segments = document.segments
        self._raw = raw
        self._documents: dict[int, json_document.Document | None] = {}
        self._key = key
        self._pseudonymiser = pseudonymiser
        self._places: dict[str, str] = {}
        self._fingerprint = fingerprints
        self._replacements: dict[tuple[Action, str, str], str] = {}
        # A segment may be a JSON key, and so a name in its own place and in the places below it.
        self._tainted: set[str] = set()
        for decision in decisions:
            finding = decision.finding
            if not 0 <= finding.segment < len(self._segments):
                raise InconsistentError("a finding lies in no segment")
            text = self._segments[finding.segment].text
            if not 0 <= finding.start < finding.end <= len(text):
                raise InconsistentError("a finding lies outside its segment")
            self._tainted.update(said for said in self._told(finding)[1] if len(said) <= places.LIMIT)

    def place(self, finding: Finding) -> str:
        place = self._told(finding)[0]
        safe = self._places.get(place)
        if safe is None:
            safe = self._places[place] = places.safe(place, self._tainted)
        return safe

    def _told(self, finding: Finding) -> tuple[str, list[str]]:
        """Where a finding is, and the texts of the strings there: several in a string that is a document."""
        index = finding.segment
        segment = self._segments[index]
        if segment.codec not in _READ or not segment.editable:
            return segment.place, [segment.text]
        if index not in self._documents:
            raw = self._raw(segment.part)[segment.start : segment.end]
            self._documents[index] = json_document.read(_READ[segment.codec](raw))
        document = self._documents[index]
        path, texts = document.told(finding.start, finding.end) if document else ("", [segment.text])
        mark = ":" if segment.codec == "json_document" else "" if path.startswith("[") else "."
        return f"{segment.place}{mark}{path}" if path else segment.place, texts

    def record(self, decision: Decision) -> Record:
        finding = decision.finding
        segment = self._segments[finding.segment]
        return Record(
            entity=finding.entity,
            role=segment.role,
            place=self.place(finding),
            score=round(finding.score, 3),
            fingerprint=self._fingerprint(finding),
            rule=decision.rule,
            action=decision.action,
        )

    def replacement(self, span: _Span, value: str) -> str:
        action, entity = span.action, span.entity
        if action is Action.PSEUDONYMISE:
            if self._pseudonymiser is not None:
                return self._pseudonymiser.placeholder(span.style, entity, value)
            action = Action.REDACT
        known = (action, entity, value)
        text = self._replacements.get(known)
        if text is None:
            text = self._replacements[known] = operators.replacement(action, entity, value, self._key)
        return text


def _merged(decisions: Iterable[Decision]) -> list[_Span]:
    """Disjoint spans in order. Detection leaves no overlaps; if some come all the same, all of them go."""
    spans: list[_Span] = []
    for decision in sorted(decisions, key=lambda d: (d.finding.start, -d.finding.end)):
        finding, length = decision.finding, decision.finding.end - decision.finding.start
        last = spans[-1] if spans else None
        if last is None or finding.start >= last.end:
            spans.append(
                _Span(finding.start, finding.end, decision.action, decision.style, finding.entity, length)
            )
            continue
        last.end = max(last.end, finding.end)
        if last.action is not decision.action:
            last.action = Action.REDACT  # the one that leaves nothing
        if length > last.longest:
            last.entity, last.style, last.longest = finding.entity, decision.style, length
    return spans


def _raw(exchange: Exchange, body: bytes, part: Part) -> bytes:
    if part == BODY:
        return body
    if part == TARGET:
        return exchange.target
    return exchange.headers[part.index][1]


def _rewrite(raw: bytes, changes: list[tuple[Segment, list[Edit]]]) -> bytes:
    view = memoryview(raw)
    pieces: list[bytes | memoryview] = []
    position = 0
    for segment, found in sorted(changes, key=lambda change: change[0].start):
        if not position <= segment.start <= segment.end <= len(raw):
            raise InconsistentError(f"segments of the {segment.part.kind} overlap or lie outside it")
        pieces.append(view[position : segment.start])
        pieces.append(CODECS[segment.codec].rewrite(raw[segment.start : segment.end], found))
        position = segment.end
    pieces.append(view[position:])
    return b"".join(pieces)
