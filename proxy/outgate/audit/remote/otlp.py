"""OpenTelemetry: log records to a collector, OTLP over HTTP in its JSON encoding.

As the protocol's specification says (opentelemetry-proto, docs/specification.md): 429, 502, 503 and 504 are tried
again, after ``Retry-After`` or with growing pauses; what a collector refuses as bad data, or in a partial
success, is not. Other answers are mostly a mistake in settings (a token, a path): there we wait and go on
trying, so that no event is lost to it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import urllib3

from outgate import __version__
from outgate.audit.chain import Entry
from outgate.audit.checkpoint import Checkpoint
from outgate.audit.remote.sink import Unavailable, context_of, values_of
from outgate.settings.audit import Otlp

_LARGEST_ANSWER: Final = 64 * 1024  # bytes
_LARGEST: Final = 16 * 2**20  # bytes of a request; a collector should take 20 MiB
_BAD_DATA: Final = frozenset((400, 413, 422))
_LONGEST_PAUSE: Final = 300.0  # seconds that a server may ask for
# severityNumber and severityText of the log data model, by outcome.
_SEVERITY: Final = {
    "block": (13, "WARN"),
    "refuse": (13, "WARN"),
    "edit": (10, "INFO2"),
    "forward": (9, "INFO"),
}
_TOLD: Final = (
    "id",
    "user",
    "provider",
    "jurisdiction",
    "model",
    "outcome",
    "rule",
    "status",
    "findings_total",
)


class OtlpSink:
    """Sends to one collector."""

    def __init__(self, settings: Otlp) -> None:
        """Raises AuditError or SettingsError for certificates or a token that cannot be used."""
        self._url = settings.url
        self._headers = {
            **settings.headers,
            "Content-Type": "application/json",
            "User-Agent": f"Outgate/{__version__}",
        }
        if settings.token is not None:
            self._headers["Authorization"] = f"Bearer {settings.token.read()}"
        context = context_of(settings.tls) if settings.url.startswith("https:") else None
        self._pool = urllib3.PoolManager(
            num_pools=1, timeout=settings.timeout, retries=False, ssl_context=context, maxsize=1
        )

    def send(self, entries: Sequence[Entry], checkpoint: Checkpoint | None) -> int:
        body = json.dumps(_request(entries, checkpoint)).encode()
        if len(body) > _LARGEST and len(entries) > 1:
            return self._in_halves(entries, checkpoint)
        status, answer, retry_after = self._post(body)
        if status == 200:
            return _rejected(answer, len(entries))
        if status in _BAD_DATA:
            return self._in_halves(entries, checkpoint) if len(entries) > 1 else len(entries)
        raise Unavailable(f"the collector answered {status}", _seconds(retry_after))

    def close(self) -> None:
        self._pool.clear()

    def _in_halves(self, entries: Sequence[Entry], checkpoint: Checkpoint | None) -> int:
        """One that is refused must not take those around it along."""
        middle = len(entries) // 2
        return self.send(entries[:middle], None) + self.send(entries[middle:], checkpoint)

    def _post(self, body: bytes) -> tuple[int, bytes, str]:
        try:
            answer = self._pool.request(
                "POST",
                self._url,
                body=body,
                headers=self._headers,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            data = answer.read(_LARGEST_ANSWER)
            if answer.read(1):  # it goes on: the connection cannot serve again
                answer.close()
            answer.release_conn()
            return answer.status, data, answer.headers.get("Retry-After", "")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"the collector: {type(error).__name__}") from None


def _request(entries: Sequence[Entry], checkpoint: Checkpoint | None) -> dict[str, Any]:
    """An ExportLogsServiceRequest. The entries are of one log."""
    log = entries[0].log.hex() if entries else checkpoint.log.hex() if checkpoint else ""
    records = [_record(entry) for entry in entries]
    if checkpoint is not None:
        records.append(_checkpoint_record(checkpoint))
    resource = {
        "service.name": "outgate",
        "service.version": __version__,
        "service.instance.id": log,
        "host.name": socket.gethostname(),
    }
    scope = {"name": "outgate.audit", "version": __version__}
    logs = {"scope": scope, "logRecords": records}
    return {"resourceLogs": [{"resource": {"attributes": _attributes(resource)}, "scopeLogs": [logs]}]}


def _record(entry: Entry) -> dict[str, Any]:
    values = values_of(entry)
    number, text = _SEVERITY.get(str(values.get("outcome")), (9, "INFO"))
    place = {"log.record.uid": f"{entry.log.hex()}:{entry.seq}", "outgate.hash": entry.hash.hex()}
    told = {f"outgate.{name}": values[name] for name in _TOLD if values.get(name) is not None}
    return {
        "timeUnixNano": _nanoseconds(str(values["time"])),
        "severityNumber": number,
        "severityText": text,
        "eventName": f"outgate.{values.get('entry', 'exchange')}",
        "body": _any(values),
        "attributes": _attributes(place | told),
    }


def _checkpoint_record(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "timeUnixNano": _nanoseconds(checkpoint.time),
        "severityNumber": 9,
        "severityText": "INFO",
        "eventName": "outgate.checkpoint",
        "body": _any(checkpoint.to_json()),
        "attributes": [],
    }


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _any(value)} for name, value in values.items()]


def _any(value: Any) -> dict[str, Any]:
    """An AnyValue. 64-bit integers are strings in JSON."""
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list() | tuple():
            return {"arrayValue": {"values": [_any(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": _attributes(value)}}
        case None:
            return {}
    return {"stringValue": str(value)}


def _nanoseconds(time: str) -> str:
    return str(round(datetime.fromisoformat(time).timestamp() * 1000) * 1_000_000)


def _rejected(answer: bytes, most: int) -> int:
    """How many records a collector says that it will not take."""
    try:
        partial = json.loads(answer).get("partialSuccess") or {}
        return max(0, min(most, int(partial.get("rejectedLogRecords") or 0)))
    except (ValueError, TypeError, AttributeError):
        return 0


def _seconds(retry_after: str) -> float | None:
    return (
        min(float(retry_after), _LONGEST_PAUSE) if retry_after.isascii() and retry_after.isdigit() else None
    )
