"""Events for other programs: JSON lines, CSV for spreadsheets, OCSF for a SIEM. A line at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal

from outgate.audit.event import AuditEvent
from outgate.audit.ocsf import ocsf

Format = Literal["jsonl", "csv", "ocsf"]
FORMATS: Final[tuple[Format, ...]] = ("jsonl", "csv", "ocsf")
# A cell that begins so is a formula to a spreadsheet (OWASP, "CSV Injection").
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS: Final = (
    *("time", "id", "client", "user", "groups", "device", "provider", "jurisdiction", "region", "format"),
    *("model", "model_origin", "method", "host", "path", "status", "outcome", "rule", "rules", "would_block"),
    *("reason", "policy", "request_bytes", "inspected_bytes", "response_bytes", "streamed", "websocket"),
    *("findings_total", "findings", "uninspectable", "seconds", "accounts"),
)


def export(events: Iterable[AuditEvent], form: Format) -> Iterator[str]:
    """``events`` as lines, without their ends."""
    if form == "csv":
        return _csv(events)
    told: Callable[[AuditEvent], Any] = ocsf if form == "ocsf" else AuditEvent.to_json
    return (json.dumps(told(event), ensure_ascii=False) for event in events)


def _csv(events: Iterable[AuditEvent]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="")
    for row in _rows(events):
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _rows(events: Iterable[AuditEvent]) -> Iterator[list[str]]:
    yield list(_COLUMNS)
    for event in events:
        values = event.to_json()
        values |= {name: "; ".join(values[name]) for name in ("groups", "rules", "accounts")}
        values["findings"] = "; ".join(
            f"{found.entity} {found.action} {found.place} {found.fingerprint}".rstrip()
            for found in event.findings
        )
        values["uninspectable"] = "; ".join(f"{one.media_type} {one.place}" for one in event.uninspectable)
        values["seconds"] = values["seconds"].get("exchange")
        yield [_cell(values[name]) for name in _COLUMNS]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
