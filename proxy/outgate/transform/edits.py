"""From decisions to bytes: the edits of a body, a target and headers, and the records of them all.

Only the spans that a decision edits change (invariant 3); each part is put together once, so the
cost is linear in its size. No value leaves this room except as its replacement or fingerprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from outgate.model import BODY, TARGET, Decision, Document, Exchange, Part, Record, Segment
from outgate.transform.operators import fingerprint, replacement
from outgate.wire.text_codecs import CODECS, Edit


class UneditableError(Exception):
    """An edit was asked for in a segment that must stay as it is (signed, opaque, a URL's path)."""

    def __init__(self, place: str, rule: str | None) -> None:
        super().__init__(place)
        self.place = place
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Edited:
    """New bytes of each part that changed, and one record for every decision."""

    body: bytes | None = None
    target: bytes | None = None
    headers: dict[int, bytes] = field(default_factory=dict)
    records: tuple[Record, ...] = ()


def apply(
    exchange: Exchange,
    body: bytes,
    document: Document,
    decisions: Sequence[Decision],
    key: bytes,
    *,
    edit: bool = True,
) -> Edited:
    """Apply what was decided; with ``edit=False`` only the records are made.

    Raises UneditableError.
    """
    if not decisions:
        return Edited()
    records = tuple(_record(document.segments, decision, key) for decision in decisions)
    if not edit:
        return Edited(records=records)
    by_segment: dict[int, list[Decision]] = {}
    for decision in decisions:
        if decision.action.edits:
            segment = document.segments[decision.finding.segment]
            if not segment.editable:
                raise UneditableError(segment.place, decision.rule)
            by_segment.setdefault(decision.finding.segment, []).append(decision)
    by_part: dict[Part, list[tuple[Segment, list[Edit]]]] = {}
    for index, wanted in by_segment.items():
        segment = document.segments[index]
        by_part.setdefault(segment.part, []).append((segment, _edits(segment.text, wanted, key)))
    new_body: bytes | None = None
    new_target: bytes | None = None
    headers: dict[int, bytes] = {}
    for part, changes in by_part.items():
        if part == BODY:
            new_body = _rewrite(body, changes)
        elif part == TARGET:
            new_target = _rewrite(exchange.target, changes)
        else:
            headers[part.index] = _rewrite(exchange.headers[part.index][1], changes)
    return Edited(new_body, new_target, headers, records)


def _edits(text: str, decisions: list[Decision], key: bytes) -> list[Edit]:
    """Sorted and disjoint: findings that overlap are covered by one replacement, the first one's."""
    edits: list[Edit] = []
    for decision in sorted(decisions, key=lambda d: (d.finding.start, -d.finding.end)):
        finding = decision.finding
        if edits and finding.start < edits[-1][1]:
            start, end, text_for = edits[-1]
            edits[-1] = (start, max(end, finding.end), text_for)
            continue
        value = text[finding.start : finding.end]
        edits.append((finding.start, finding.end, replacement(decision.action, finding.entity, value, key)))
    return edits


def _rewrite(raw: bytes, changes: list[tuple[Segment, list[Edit]]]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for segment, edits in sorted(changes, key=lambda change: change[0].start):
        if segment.start < position:
            raise ValueError("segments of one part overlap")
        pieces.append(raw[position : segment.start])
        pieces.append(CODECS[segment.codec].rewrite(raw[segment.start : segment.end], edits))
        position = segment.end
    pieces.append(raw[position:])
    return b"".join(pieces)


def _record(segments: Sequence[Segment], decision: Decision, key: bytes) -> Record:
    finding = decision.finding
    segment = segments[finding.segment]
    return Record(
        entity=finding.entity,
        role=segment.role,
        place=segment.place if not segment.place.endswith("(key)") else "(key)",
        score=round(finding.score, 3),
        fingerprint=fingerprint(finding.entity, segment.text[finding.start : finding.end], key),
        rule=decision.rule,
        action=decision.action,
    )
