"""From counts to a report: plain data, which is what ``--json`` prints and the page shows.

Owns what is told, in which order, and the record of transfers. What to act on first is ``advice``'s business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from outgate.reports.advice import advice
from outgate.reports.beside import Beside
from outgate.reports.counts import OTHER, UNKNOWN, Cell, Counts, Found, Table
from outgate.reports.kinds import Region, ccpa, country_name, kind_of, kinds, title_of
from outgate.reports.transfers import record_of_transfers
from outgate.settings.reports import Reports

VERSION: Final = 1  # of the JSON
FEW: Final = 5  # a group of fewer people is not told by name: its numbers would be somebody's
_MOST_DAYS = 400


def assess(counts: Counts, beside: Beside, settings: Reports, home: Region) -> dict[str, Any]:
    """The report of what was counted."""
    transfers = record_of_transfers(counts, beside, settings, home)
    report: dict[str, Any] = {
        "version": VERSION,
        "period": _period(counts, beside),
        "organisation": settings.organisation,
        "totals": _totals(counts),
        "policy": {
            "mode": beside.mode,
            "name": beside.policy,
            "would_block": counts.would_block,
            "versions": len(counts.policies),
        },
        "days": _days(counts),
        "kinds": _kinds(counts),
        "providers": _rows(counts.providers, counts, beside),
        "jurisdictions": [
            {"code": code, "name": country_name(None if code == UNKNOWN else code), **_cell(cell)}
            | {"home": code in home.countries}
            for code, cell in _sorted(counts.jurisdictions)
        ],
        "models_from": _counter(counts.models_from, country_name),
        "rules": _rules(counts),
        "groups": _groups(counts),
        "people": _people(counts),
        "not_inspected": {
            "stopped": _counter(counts.failed),
            "let_through": _counter(counts.failed_open),
            "files_sent": _counter(counts.files),
            "files_stopped": counts.files_stopped,
        },
        "exceptions": {
            "findings_excepted": counts.excepted,
            "exchanges_justified": counts.justified,
            "people_who_gave_reasons": len(counts.justified_by),
        },
        "false_alarms": None if beside.false_alarms is None else list(map(_plain, beside.false_alarms)),
        "budgets": _counter(counts.budgets + Counter(_budgets_noted(counts, beside))),
        "accounts": {"stopped": counts.accounts["stopped"], "noted": counts.accounts["noted"]},
        "shadow": None if beside.shadow is None else list(map(_plain, beside.shadow)),
        "transfers": transfers,
        "ccpa": _ccpa(counts),
        "limits": _limits(counts),
    }
    report["act_on"], report["also"] = advice(report)
    return report


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def _period(counts: Counts, beside: Beside) -> dict[str, Any]:
    def written(time: Any) -> str | None:
        return time.isoformat(timespec="seconds") if time else None

    return {
        "since": written(beside.since),
        "until": written(beside.until),
        "first_day": counts.first or None,
        "last_day": counts.last or None,
        "made": written(beside.made),
    }


def _fates(found: Any) -> dict[str, int]:
    return {"all": found.all, "stopped": found.stopped, "taken_out": found.taken_out, "left": found.left}


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "exchanges": cell.all,
        "clean": cell.clean,
        "noted": cell.noted,
        "changed": cell.changed,
        "stopped": cell.stopped,
        "people": len(cell.people),
        "findings": _fates(cell.findings),
    }


def _sorted(table: Table[Cell]) -> list[tuple[str, Cell]]:
    return sorted(table.rows.items(), key=lambda row: (row[0] == OTHER, -row[1].all, row[0]))


def _totals(counts: Counts) -> dict[str, Any]:
    return _cell(counts.all) | {
        "groups": len(counts.groups.rows),
        "providers": len(counts.providers.rows.keys() - {OTHER}),
        "unidentified_exchanges": counts.unidentified,
        "answers": sum(kind.answers for kind in counts.kinds.rows.values()),
    }


def _days(counts: Counts) -> list[dict[str, Any]]:
    """Every day from the first to the last, also those on which nothing was sent."""
    if not counts.first:
        return []
    first, last = date.fromisoformat(counts.first), date.fromisoformat(counts.last)
    first = max(first, last - timedelta(days=_MOST_DAYS - 1))
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [{"day": day.isoformat(), **_cell(counts.days.rows.get(day.isoformat(), Cell()))} for day in days]


def _found(found: Found) -> dict[str, Any]:
    return {
        "findings": _fates(found.fates),
        "answers": found.answers,
        "exchanges": found.exchanges,
        "people": len(found.people),
        "values": len(found.values),
    }


def _kinds(counts: Counts) -> list[dict[str, Any]]:
    """Kinds in which something was found, the most findings first; in each its entities."""
    entities: dict[str, list[dict[str, Any]]] = {}
    for name, found in sorted(counts.entities.rows.items(), key=lambda row: (-row[1].fates.all, row[0])):
        entities.setdefault(kind_of(name), []).append(
            {"entity": name, "title": title_of(name), **_found(found)}
        )
    rows = sorted(counts.kinds.rows.items(), key=lambda row: (-row[1].fates.all, row[0]))
    return [
        {
            "kind": name,
            "title": kinds()[name].title,
            "personal": kinds()[name].personal,
            "special": kinds()[name].special,
            **_found(found),
            "references": found.references,
            "entities": entities.get(name, []),
        }
        for name, found in rows
    ]


def _rows(table: Table[Cell], counts: Counts, beside: Beside) -> list[dict[str, Any]]:
    rows = []
    for name, cell in _sorted(table):
        provider = beside.providers.get(name)
        code = counts.operated.get(name)
        rows.append(
            {
                "provider": name,
                "name": provider.name if provider else name,
                "operator": provider.operator if provider else "",
                "jurisdiction": code,
                "country": country_name(None if code in (None, UNKNOWN, OTHER) else code),
                **_cell(cell),
                "kinds": {
                    kind: _fates(found.fates)
                    for kind, found in counts.to.get(name, Table(Found)).rows.items()
                },
            }
        )
    return rows


def _rules(counts: Counts) -> list[dict[str, Any]]:
    def done(rule: dict[str, Any]) -> int:
        return int(rule["blocked"] + rule["would_block"] + rule["noted"] + sum(rule["findings"].values()))

    rows = [
        {
            "rule": name,
            "blocked": ruled.blocked,
            "would_block": ruled.would_block,
            "noted": ruled.noted,
            "findings": dict(ruled.findings.most_common()),
            "people": len(ruled.people),
        }
        for name, ruled in counts.rules.rows.items()
    ]
    return sorted(rows, key=lambda rule: (-rule["blocked"], -done(rule), rule["rule"]))


def _groups(counts: Counts) -> dict[str, Any]:
    large = [(name, cell) for name, cell in _sorted(counts.groups) if len(cell.people) >= FEW]
    return {
        "rows": [{"group": name, **_cell(cell)} for name, cell in large],
        "not_told": len(counts.groups.rows) - len(large),
        "fewer_than": FEW,
    }


def _people(counts: Counts) -> dict[str, Any]:
    """How many, and how unevenly; names only where they were counted."""
    told: dict[str, Any] = {
        "all": len(counts.all.people),
        "with_something_left": len(counts.left_by),
        "named": None,
    }
    if counts.persons is not None:
        told["named"] = [{"person": name, **_cell(cell)} for name, cell in _sorted(counts.persons)]
    return told


def _counter(
    counter: Counter[str] | Mapping[str, int], named: Any = lambda name: name
) -> list[dict[str, Any]]:
    return [
        {"what": name, "name": named(name), "count": count}
        for name, count in sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    ]


def _budgets_noted(counts: Counts, beside: Beside) -> dict[str, int]:
    """Of budgets that only record."""
    return {
        name: row.noted for name, row in counts.rules.rows.items() if name in beside.budgets and row.noted
    }


def _ccpa(counts: Counts) -> list[dict[str, Any]]:
    rows = []
    for row in ccpa():
        found = [counts.entities.rows[name] for name in sorted(row.entities & counts.entities.rows.keys())]
        if not found:
            continue
        total = {
            name: sum(getattr(one.fates, name) for one in found)
            for name in ("all", "stopped", "taken_out", "left")
        }
        receivers = set().union(*(one.receivers for one in found))
        rows.append(
            {
                "category": row.category,
                "section": row.section,
                "findings": total,
                "disclosed_to": len(receivers),
            }
        )
    return rows


def _limits(counts: Counts) -> list[str]:
    told = []
    if counts.people.full:
        told.append("More people were seen than are told apart: numbers of people are lower bounds.")
    if counts.values.full:
        told.append(
            "More values were seen than are told apart: numbers of different values are lower bounds."
        )
    if OTHER in counts.providers.rows:
        told.append("More providers were seen than are told apart: the rest is added up as other.")
    if counts.truncated:
        told.append(
            f"{counts.truncated:,} findings are in no number here: of one exchange the log keeps so many, and no more."
        )
    if counts.erased:
        told.append(
            f"{counts.erased:,} exchanges are of people who were erased from the log: counted, but as nobody's."
        )
    return told
