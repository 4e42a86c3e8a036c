"""Findings against gold: the rule by which something counts as found, as right, or as wrong.

**Found.** A gold span is found when findings of an acceptable entity, together, cover it: of a span of 20 code
points or more, 0.8 of its letters and digits; of a shorter one, all but one of them.

**Right and wrong.** A finding that overlaps a gold span of an acceptable entity is right. One that overlaps only
an ``optional`` span, and one that ``NEITHER`` describes, counts as neither. Every other one is wrong.

**Acceptable.** The entity itself and what ``ACCEPTED`` lists for it; a secret is found by any kind of secret.
Entities that no gold span has (URL, DATE_TIME, NRP, ...) are not judged, so no tool is blamed for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .credentials import CREDENTIALS, SECRETS
from .document import Document, Span

SECRET = "SECRET"
NAMES = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})
_LONG = 20
_SHARE = 0.8
_PASSPORTS = frozenset(
    """US_PASSPORT UK_PASSPORT IT_PASSPORT DE_PASSPORT IN_PASSPORT ES_PASSPORT KR_PASSPORT PH_PASSPORT
    ZA_PASSPORT""".split()
)
_BIRTH_NUMBERS = frozenset({"CZ_BIRTH_NUMBER", "SK_BIRTH_NUMBER"})
# What else counts as having found a gold entity.
ACCEPTED: Mapping[str, frozenset[str]] = {
    # Whose passport it is, is often told by nothing; the shapes are the same.
    **dict.fromkeys(_PASSPORTS, _PASSPORTS),
    # One number of one country that became two, called the same in both.
    **dict.fromkeys(_BIRTH_NUMBERS, _BIRTH_NUMBERS),
    "IT_IDENTITY_CARD": frozenset({"IT_PASSPORT"}),
    "IT_PASSPORT": _PASSPORTS | {"IT_IDENTITY_CARD"},
    # Presidio has dates and not dates of birth.
    "DATE_OF_BIRTH": frozenset({"DATE_TIME"}),
}
# Other names of an entity: a finding of the first is one of the second.
SAME: Mapping[str, str] = {
    "US_HEALTH_INSURANCE_MEMBER_ID": "HEALTH_INSURANCE_ID",
    "US_MEDICAL_RECORD_NUMBER": "MEDICAL_RECORD_NUMBER",
    "HEALTH_INSURANCE_NUMBER": "HEALTH_INSURANCE_ID",
    "FR_SOCIAL_SECURITY": "FR_NIR",
}
# Inside a gold span of the first these are neither right nor wrong: parts that are names themselves.
NEITHER: Mapping[str, frozenset[str]] = {
    "STREET_ADDRESS": NAMES | {"UK_POSTCODE", "CA_POSTAL_CODE", "DE_PLZ"},
    "ORGANIZATION": NAMES,
}
# Public bodies and vendors that templates mention in labels ("OpenAI key"): an organisation, if one likes.
_MENTIONED = frozenset(
    {"NHS", "DVLA", "UIDAI", "DEA", "Medicare"} | {kind.title.split()[0] for kind in CREDENTIALS}
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool says: an entity at a span of a text, with a score."""

    start: int
    end: int
    entity: str
    score: float


@dataclass(slots=True)
class Tally:
    """What is counted for one row of the table."""

    spans: int = 0
    found: int = 0
    right: int = 0
    wrong: int = 0
    benign: int = 0  # wrong findings in benign documents
    missed_examples: list[str] = field(default_factory=list)
    wrong_examples: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float | None:
        """Share of the gold spans that were found; None without any."""
        return self.found / self.spans if self.spans else None

    @property
    def precision(self) -> float | None:
        """Share of the findings in gold documents that were right; None without any."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None


def row_of(entity: str, secrets: frozenset[str]) -> str:
    """The row of the table that an entity counts in."""
    if entity in secrets or entity in SECRETS:
        return SECRET
    return SAME.get(entity, entity)


def judge(
    document: Document, findings: Iterable[Found], secrets: frozenset[str], lenient: bool = False
) -> tuple[list[tuple[Span, bool]], list[tuple[Found, bool]]]:
    """Which gold spans were found, and which findings are right; those that count as neither are left out.

    ``lenient``: any overlap finds a span. For a tool that reports lines, or the header of a key.
    """
    judged: list[tuple[Found, bool]] = []
    found = sorted(findings, key=lambda f: (f.start, f.end))
    for finding in found:
        verdict = _verdict(document, finding, secrets)
        if verdict is not None:
            judged.append((finding, verdict))
    gold = [
        (span, _is_found(document.text, span, found, secrets, lenient))
        for span in document.spans
        if not span.optional
    ]
    return gold, judged


def accepts(gold: str, entity: str, secrets: frozenset[str]) -> bool:
    """Whether a finding of ``entity`` finds a gold span of ``gold``."""
    row = row_of(entity, secrets)
    return row == row_of(gold, secrets) or row in ACCEPTED.get(gold, ())


def _verdict(document: Document, finding: Found, secrets: frozenset[str]) -> bool | None:
    neither = False
    for span in document.spans:
        if span.start >= finding.end or span.end <= finding.start:
            continue
        if accepts(span.entity, finding.entity, secrets):
            if not span.optional:
                return True
            neither = True
        inside = min(span.end, finding.end) - max(span.start, finding.start)
        if finding.entity in NEITHER.get(span.entity, ()) and inside >= _SHARE * (
            finding.end - finding.start
        ):
            neither = True
    first_word = document.text[finding.start : finding.end].split()[:1]
    if finding.entity == "ORGANIZATION" and _MENTIONED.issuperset(first_word):
        neither = True
    return None if neither else False


def _is_found(
    text: str, span: Span, findings: Sequence[Found], secrets: frozenset[str], lenient: bool
) -> bool:
    covered: set[int] = set()
    for finding in findings:
        if (
            finding.start < span.end
            and finding.end > span.start
            and accepts(span.entity, finding.entity, secrets)
        ):
            if lenient:
                return True
            covered.update(range(max(span.start, finding.start), min(span.end, finding.end)))
    letters = [index for index in range(span.start, span.end) if text[index].isalnum()]
    missing = sum(1 for index in letters if index not in covered)
    if not covered:
        return False
    if span.end - span.start >= _LONG:
        return missing <= (1 - _SHARE) * len(letters)
    return missing <= 1
