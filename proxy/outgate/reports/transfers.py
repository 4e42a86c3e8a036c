"""The record of what went to operators outside a region: the fields of Art. 30(1) GDPR, and what Art. 44 ff. ask for.

What an organisation alone can know (purposes, contracts) is the settings' own text; what is not there is told as
missing, and never made up. Says what the log shows and gives no legal opinion.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from outgate.reports.beside import Beside
from outgate.reports.counts import OTHER, UNKNOWN, Counts, Found, Table
from outgate.reports.kinds import Region, country_name, kinds
from outgate.settings.reports import Reports

Basis = Literal["documented", "adequate", "conditional", "none"]
# Art. 32(1): what the proxy itself does.
MEASURES: Final = (
    "Requests to AI services are inspected before they leave; rules stop them or take data out of them.",
    "What is recorded of them holds no value, only kinds, places and keyed fingerprints.",
)


def record_of_transfers(counts: Counts, beside: Beside, settings: Reports, home: Region) -> dict[str, Any]:
    """The record; ``rows`` are providers that are operated outside ``home`` and were sent something."""
    rows = [
        _row(name, counts, beside, settings, home)
        for name, cell in counts.providers.rows.items()
        if cell.sent and counts.operated.get(name) not in home.countries and name != OTHER
    ]
    rows.sort(key=lambda row: (-row["personal_findings"], -row["exchanges"], row["provider"]))
    personal = [kind for kind in kinds().values() if kind.personal]
    seen = {
        kind.id
        for kind in personal
        if any(table.rows[kind.id].fates.left for table in counts.to.values() if kind.id in table.rows)
    }
    return {
        "region": home.name,
        "controller": settings.organisation,
        "contact": settings.contact,
        "data_protection_officer": settings.data_protection_officer,
        "purposes": list(settings.purposes),
        "data_subjects": list(settings.data_subjects),
        "data": [
            kind.title + (f" ({kind.special})" if kind.special else "")
            for kind in personal
            if kind.id in seen
        ],
        "rows": rows,
        "exchanges": sum(row["exchanges"] for row in rows),
        "retention_of_log_days": beside.retention_days,
        "measures": [*MEASURES, *settings.measures],
        "missing": _missing(settings),
    }


def _row(name: str, counts: Counts, beside: Beside, settings: Reports, home: Region) -> dict[str, Any]:
    cell, provider = counts.providers.rows[name], beside.providers.get(name)
    code = counts.operated.get(name, UNKNOWN)
    known = None if code == UNKNOWN else code
    found = counts.to.get(name, Table(Found)).rows
    left = {kind: found[kind].fates.left for kind in kinds() if kind in found and found[kind].fates.left}
    safeguard = settings.safeguards.get(name) or settings.safeguards.get(code, "")
    return {
        "provider": name,
        "name": provider.name if provider else "not in the catalogue" if name == UNKNOWN else name,
        "operator": provider.operator if provider else "",
        "jurisdiction": known,
        "country": country_name(known),
        "exchanges": cell.sent,
        "people": len(cell.people),
        "left": left,
        "personal_findings": sum(count for kind, count in left.items() if kinds()[kind].personal),
        "taken_out": cell.findings.taken_out,
        "basis": _basis(code, safeguard, home),
        "safeguard": safeguard,
        "condition": home.conditions.get(code, ""),
        "regions": dict(counts.regions[name].most_common()) if name in counts.regions else {},
        "retention": settings.retention.get(name, ""),
    }


def _basis(code: str, safeguard: str, home: Region) -> Basis:
    if safeguard:
        return "documented"
    if code in home.adequate:
        return "conditional" if code in home.conditions else "adequate"
    return "none"


def _missing(settings: Reports) -> list[str]:
    wanted = {
        "organisation": settings.organisation,
        "contact": settings.contact,
        "data_protection_officer": settings.data_protection_officer,
        "purposes": settings.purposes,
        "data_subjects": settings.data_subjects,
    }
    return [f"reports.{name}" for name, value in wanted.items() if not value]
