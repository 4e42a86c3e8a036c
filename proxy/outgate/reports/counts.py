"""Adds up the events of an audit log, in one pass and bounded memory: what comes is one event at a time.

Memory grows with how many providers, rules, kinds and days there are, each up to a bound, and by a bit for each
person and each of these. What is beyond a bound is counted under ``OTHER``. Nobody's name is kept but to count them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from outgate.audit import AuditEvent
from outgate.model import JUSTIFICATION, Action, Direction, Record
from outgate.policy.exceptions import EXCEPTION
from outgate.reports.crowd import Crowd, Numbering
from outgate.reports.kinds import kind_of

OTHER: Final = "other"
UNKNOWN: Final = "unknown"  # what the event does not say
ACCOUNTS: Final = "allowed_accounts"  # in the place of a rule
_MOST: Final = 500  # names of one table
_REFERENCES: Final = 5  # of exchanges that an action is about


@dataclass(slots=True)
class Fates:
    """What became of findings in requests."""

    stopped: int = 0  # with the request
    taken_out: int = 0
    left: int = 0

    def add(self, fate: str, count: int = 1) -> None:
        """``fate``: a field's name."""
        setattr(self, fate, getattr(self, fate) + count)

    @property
    def all(self) -> int:
        """Of them."""
        return self.stopped + self.taken_out + self.left


@dataclass(slots=True)
class Cell:
    """Exchanges that have something in common."""

    clean: int = 0  # let through, and nothing was found
    noted: int = 0  # let through with what was found in it
    changed: int = 0
    stopped: int = 0  # by a rule, or since it could not be inspected
    people: Crowd = field(default_factory=Crowd)
    findings: Fates = field(default_factory=Fates)

    @property
    def all(self) -> int:
        """Exchanges."""
        return self.clean + self.noted + self.changed + self.stopped

    @property
    def sent(self) -> int:
        """Exchanges that reached the provider."""
        return self.clean + self.noted + self.changed


@dataclass(slots=True)
class Found:
    """An entity, or a kind."""

    fates: Fates = field(default_factory=Fates)
    exchanges: int = 0
    answers: int = 0  # findings in what models answered
    people: Crowd = field(default_factory=Crowd)
    values: Crowd = field(default_factory=Crowd)  # different ones
    receivers: set[str] = field(default_factory=set)  # providers that one left for
    references: list[str] = field(default_factory=list)  # of the latest exchanges in which one left


@dataclass(slots=True)
class Ruled:
    """What a rule did."""

    blocked: int = 0  # exchanges
    would_block: int = 0
    noted: int = 0  # exchanges that it noted or let through as a whole
    findings: Counter[str] = field(default_factory=Counter)  # by action
    people: Crowd = field(default_factory=Crowd)


class Table[T]:
    """Rows by name, up to a bound."""

    def __init__(self, kind: Callable[[], T]) -> None:
        self.rows: dict[str, T] = {}
        self._kind = kind

    def __getitem__(self, name: str) -> T:
        row = self.rows.get(name)
        if row is None:
            if len(self.rows) >= _MOST:
                name = OTHER
                if name in self.rows:
                    return self.rows[name]
            row = self.rows[name] = self._kind()
        return row


class Counts:
    """Everything that a report is made of."""

    def __init__(self, *, by_person: bool = False) -> None:
        """``by_person``: also what each person did, by name."""
        self.all = Cell()
        self.first = self.last = ""  # days
        self.providers = Table(Cell)
        self.jurisdictions = Table(Cell)
        self.groups = Table(Cell)
        self.days = Table(Cell)
        self.persons: Table[Cell] | None = Table(Cell) if by_person else None
        self.entities = Table(Found)
        self.kinds = Table(Found)
        self.to = dict[str, Table[Found]]()  # provider -> kind
        self.rules = Table(Ruled)
        self.operated = dict[str, str]()  # provider -> jurisdiction, as recorded
        self.regions = dict[str, Counter[str]]()  # provider -> processing region -> exchanges that left
        self.models_from = Counter[str]()  # ISO country -> exchanges that left
        self.failed = Counter[str]()  # reason -> exchanges not inspected, stopped
        self.failed_open = Counter[str]()  # ... and let through all the same
        self.files = Counter[
            str
        ]()  # reason or media type -> files that nobody could read, in exchanges that left
        self.files_stopped = 0
        self.would_block = 0  # exchanges
        self.budgets = Counter[str]()  # budget -> exchanges refused with 429
        self.accounts = Counter[str]()  # "stopped", "noted" -> exchanges
        self.excepted = 0  # findings let pass by an administrator
        self.justified = 0  # exchanges let pass for a reason that a person gave
        self.justified_by = Crowd()
        self.left_by = Crowd()  # people of whom something that was found left
        self.unidentified = 0  # exchanges of nobody known
        self.policies = Counter[str]()  # hash -> exchanges
        self.truncated = 0  # findings that events do not have one by one
        self.erased = 0  # exchanges of people who were erased
        self.people, self.values = Numbering(), Numbering()

    def add(self, event: AuditEvent) -> None:
        """Count an event. The time of events is their order, about."""
        day = event.time.strftime("%Y-%m-%d")
        self.first, self.last = min(self.first or day, day), max(self.last, day)
        name = event.user or f"address {event.client}"
        erased = event.user is None and event.client == "erased"
        who = None if erased else self.people.of(name)
        self.erased += erased
        self.unidentified += event.user is None and not erased
        jurisdiction = event.jurisdiction or UNKNOWN
        provider = event.provider or UNKNOWN
        sent = event.outcome in ("forward", "edit")
        cells = [self.all, self.providers[provider], self.jurisdictions[jurisdiction], self.days[day]]
        cells += [self.groups[group] for group in dict.fromkeys(event.groups)]
        if self.persons is not None and not erased:
            cells.append(self.persons[name])
        fates = self._findings(event, provider, who, sent=sent)
        for cell in cells:
            _count(cell, event, fates, who)
        if provider in self.providers.rows:
            self.operated.setdefault(provider, jurisdiction)
        if fates.left:
            self.left_by.add(who)
        _bounded(self.policies, event.policy[:12])
        self._rules(event, who)
        self._unread(event, sent=sent)
        if sent:
            if event.model_origin:
                self.models_from[event.model_origin] += 1
            if event.region:
                _bounded(self.regions.setdefault(provider, Counter()), event.region)

    def _findings(self, event: AuditEvent, provider: str, who: int | None, *, sent: bool) -> Fates:
        fates = Fates()
        self.truncated += event.findings_total - len(event.findings)
        seen: dict[int, tuple[Found, bool]] = {}
        for record in event.findings:
            kind = kind_of(record.entity)
            rows = [self.entities[record.entity], self.kinds[kind]]
            if record.direction is Direction.RESPONSE:
                for row in rows:
                    row.answers += 1
                continue
            fate = _fate(record, sent=sent)
            fates.add(fate)
            value = self.values.of(f"{record.entity} {record.fingerprint}") if record.fingerprint else None
            rows.append(self.to.setdefault(provider, Table(Found))[kind])
            for row in rows:
                row.fates.add(fate)
                row.people.add(who)
                row.values.add(value)
                _, left = seen.get(id(row), (row, False))
                seen[id(row)] = (row, left or fate == "left")
            ruled = self.rules[record.rule] if record.rule else None
            if ruled is not None:
                if (record.rule or "").startswith(EXCEPTION):
                    self.excepted += 1
                ruled.findings[str(record.action)] += 1
                ruled.people.add(who)
        for row, left in seen.values():
            row.exchanges += 1
            if left:
                row.receivers.add(provider)
                row.references = [*row.references[1 - _REFERENCES :], event.id]
        return fates

    def _rules(self, event: AuditEvent, who: int | None) -> None:
        if event.outcome == "block" and event.rule:
            self.rules[event.rule].blocked += 1
            self.rules[event.rule].people.add(who)
            if event.status == 429:
                _bounded(self.budgets, event.rule)
        if event.would_block:
            self.would_block += 1
            self.rules[event.would_block].would_block += 1
        for rule in event.rules:
            if rule.startswith(JUSTIFICATION):
                continue
            self.rules[rule].noted += 1
            self.rules[rule].people.add(who)
        if any(rule.startswith(JUSTIFICATION) for rule in event.rules):
            self.justified += 1
            self.justified_by.add(who)
        if ACCOUNTS in (event.rule, *event.rules):
            self.accounts["stopped" if event.rule == ACCOUNTS else "noted"] += 1

    def _unread(self, event: AuditEvent, *, sent: bool) -> None:
        if event.reason:
            _bounded(self.failed_open if sent else self.failed, event.reason)
        for item in event.uninspectable:
            if sent:
                _bounded(self.files, item.reason or item.media_type)
            else:
                self.files_stopped += 1


def _fate(record: Record, *, sent: bool) -> str:
    if not sent:
        return "stopped"
    return "taken_out" if record.action.edits or record.action is Action.BLOCK else "left"


def _count(cell: Cell, event: AuditEvent, fates: Fates, who: int | None) -> None:
    match event.outcome:
        case "forward":
            if fates.all:
                cell.noted += 1
            else:
                cell.clean += 1
        case "edit":
            cell.changed += 1
        case _:
            cell.stopped += 1
    cell.people.add(who)
    cell.findings.stopped += fates.stopped
    cell.findings.taken_out += fates.taken_out
    cell.findings.left += fates.left


def _bounded(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < _MOST else OTHER] += 1
