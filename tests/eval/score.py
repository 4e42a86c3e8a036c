"""One tool over documents: what is counted, and how long it took."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .document import Document, Span
from .identifiers import BY_ENTITY
from .match import NAMES, SECRET, Found, Tally, judge, row_of
from .tools import Tool

JUDGED = frozenset(BY_ENTITY) | NAMES | {
    SECRET, "CREDIT_CARD", "IBAN_CODE", "CRYPTO", "EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS", "MAC_ADDRESS",
    "STREET_ADDRESS", "DATE_OF_BIRTH",
}  # fmt: skip
_BY_LANGUAGE = NAMES | {"STREET_ADDRESS", "PHONE_NUMBER", "DATE_OF_BIRTH"}
_AROUND = 45  # code points of an example before and after what it is about


@dataclass(slots=True)
class Volume:
    """Wrong findings in so many bytes of benign text."""

    bytes: int = 0
    names: int = 0
    others: int = 0

    def rate(self, names: bool) -> float:
        """Wrong findings per 100 kB."""
        return (self.others + (self.names if names else 0)) * 100_000 / self.bytes if self.bytes else 0.0


@dataclass(slots=True)
class Result:
    """All that is counted of one tool."""

    tool: str
    supported: frozenset[str]
    rows: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    kinds: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))  # of secrets
    places: dict[tuple[str, str], Tally] = field(
        default_factory=lambda: defaultdict(Tally)
    )  # row, kind of text
    benign: dict[str, Volume] = field(default_factory=lambda: defaultdict(Volume))
    system: dict[str, Volume] = field(default_factory=lambda: defaultdict(Volume))
    documents: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def total(self, which: dict[str, Volume]) -> Volume:
        """All kinds of benign text together."""
        volumes = which.values()
        return Volume(
            sum(v.bytes for v in volumes), sum(v.names for v in volumes), sum(v.others for v in volumes)
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tool found in one document."""

    document: Document
    findings: Sequence[Found]


def read(tool: Tool, documents: Iterable[Document]) -> tuple[list[Reading], float]:
    """The tool's findings in every document, and the seconds of one processor that finding them took."""
    readings: list[Reading] = []
    started = time.process_time()
    for document in documents:
        readings.append(Reading(document, tool.find(document)))
    return readings, time.process_time() - started


def score(name: str, tool: Tool, readings: Iterable[Reading], seconds: float, least: float = 0.0) -> Result:
    """Hold findings of at least ``least`` against the gold."""
    result = Result(
        name, frozenset(row_of(entity, tool.secrets) for entity in tool.entities), seconds=seconds
    )
    for reading in readings:
        document = reading.document
        size = len(document.text.encode())
        result.documents += 1
        result.bytes += size
        findings = [
            f for f in reading.findings if f.score >= least and row_of(f.entity, tool.secrets) in JUDGED
        ]
        gold, judged = judge(document, findings, tool.secrets, tool.lenient)
        if document.benign:
            (result.system if document.system else result.benign)[document.kind].bytes += size
        for span, is_found in gold:
            _count_gold(result, document, span, is_found, findings, tool.secrets)
        for finding, is_right in judged:
            _count_finding(result, document, finding, is_right, tool.secrets)
    return result


def _count_gold(
    result: Result,
    document: Document,
    span: Span,
    is_found: bool,
    findings: Sequence[Found],
    secrets: frozenset[str],
) -> None:
    row = row_of(span.entity, secrets)
    name = row_name(row, document)
    tallies = [result.rows[name], result.places[name, document.kind]]
    if row == SECRET:
        kind = result.kinds[span.entity]
        tallies.append(kind)
        kind.right += any(
            f.entity == span.entity and f.start < span.end and f.end > span.start for f in findings
        )
    for tally in tallies:
        tally.spans += 1
        tally.found += is_found
        if not is_found:
            over = sorted({f.entity for f in findings if f.start < span.end and f.end > span.start})
            tally.missed_examples.append(
                f"{span.entity:24} {document.id:24} found: {', '.join(over) or 'nothing':28} "
                + _excerpt(document.text, span.start, span.end)
            )


def _count_finding(
    result: Result, document: Document, finding: Found, is_right: bool, secrets: frozenset[str]
) -> None:
    row = row_of(finding.entity, secrets)
    name = row_name(row, document)
    tally, place = result.rows[name], result.places[name, document.kind]
    if is_right:
        tally.right += 1
        place.right += 1
        return
    example = f"{finding.entity:24} {document.kind:20} {finding.score:.2f} " + _excerpt(
        document.text, finding.start, finding.end
    )
    if not document.benign:
        tally.wrong += 1
        place.wrong += 1
        tally.wrong_examples.append(example)
        return
    volume = (result.system if document.system else result.benign)[document.kind]
    if row in NAMES:
        volume.names += 1
    else:
        volume.others += 1
    if not document.system:
        tally.benign += 1
        tally.wrong_examples.append(example)


def row_name(row: str, document: Document) -> str:
    """What is written otherwise in other languages than English is counted apart; the model is an English one."""
    return f"{row} (not English)" if row in _BY_LANGUAGE and document.language != "en" else row


def sample(documents: Sequence[Document], budget: int) -> list[Document]:
    """Some of ``documents``, about ``budget`` bytes, always the same ones."""
    size = sum(len(document.text) for document in documents)
    return [d for d in documents if random.Random(f"sample|{d.id}").random() * size <= budget]


def _excerpt(text: str, start: int, end: int) -> str:
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    return f"…{before}⟦{text[start:end]}⟧{after}…".replace("\n", "⏎")
