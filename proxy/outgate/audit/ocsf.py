"""An event in the words of the Open Cybersecurity Schema Framework (schema.ocsf.io), for a SIEM.

Version 1.6.0. An exchange with findings is a Data Security Finding (class 2006), one without is an HTTP Activity
(4002), both with the profiles ``host`` and ``security_control``. What the schema has no word for is under ``unmapped``.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from typing import Any, Final

from outgate import __version__
from outgate.audit.event import AuditEvent

VERSION: Final = "1.6.0"
# http_activity's activity_id; 99: another method.
_METHODS: Final = {
    name: number
    for number, name in enumerate(
        ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "PATCH"), 1
    )
}
# Outcome -> action_id, its caption, disposition_id, its caption, severity_id, its caption.
_DONE: Final = {
    "forward": (1, "Allowed", 1, "Allowed", 1, "Informational"),
    "edit": (4, "Modified", 11, "Corrected", 2, "Low"),
    "block": (2, "Denied", 2, "Blocked", 3, "Medium"),
    "refuse": (2, "Denied", 2, "Blocked", 2, "Low"),
}
_OBSERVED: Final = (3, "Observed", 17, "Logged", 2, "Low")  # something was found and let go on
_UNKNOWN: Final = (0, "Unknown", 0, "Unknown", 0, "Unknown")
_UNMAPPED: Final = (
    *("jurisdiction", "region", "format", "model", "model_origin", "outcome", "rules", "would_block"),
    *("reason", "inspected_bytes", "streamed", "websocket", "groups", "seconds", "uninspectable", "accounts"),
)


def ocsf(event: AuditEvent) -> dict[str, Any]:
    """The event as an OCSF object, without attributes that have no value."""
    done = _DONE.get(event.outcome, _UNKNOWN)
    if event.findings_total and event.outcome == "forward":
        done = _OBSERVED
    action, action_name, disposition, disposition_name, severity, severity_name = done
    values = event.to_json()
    return _without_none(
        {
            **(_finding(event) if event.findings_total else _activity(event)),
            "time": round(event.time.timestamp() * 1000),
            "action_id": action,
            "action": action_name,
            "disposition_id": disposition,
            "disposition": disposition_name,
            "severity_id": severity,
            "severity": severity_name,
            "status_id": 1 if event.outcome in ("forward", "edit") else 2,
            "status": "Success" if event.outcome in ("forward", "edit") else "Failure",
            "src_endpoint": _client(event),
            "dst_endpoint": {
                "hostname": event.host,
                "svc_name": event.provider,
                "location": {"country": event.jurisdiction}
                if event.jurisdiction and len(event.jurisdiction) == 2
                else None,
            },
            "metadata": {
                "version": VERSION,
                "product": {"name": "Outgate", "vendor_name": "Outgate", "version": __version__},
                "profiles": ["host", "security_control"],
                "uid": event.id,
                "log_name": "audit",
            },
            "unmapped": {name: values[name] for name in _UNMAPPED if values[name] not in (None, "", [], {})},
        }
    )


def _activity(event: AuditEvent) -> dict[str, Any]:
    activity = _METHODS.get(event.method, 99)
    return {
        "category_uid": 4,
        "category_name": "Network Activity",
        "class_uid": 4002,
        "class_name": "HTTP Activity",
        "activity_id": activity,
        "activity_name": event.method.capitalize() if activity != 99 else "Other",
        "type_uid": 400_200 + activity,
        "message": f"{event.method} {event.provider or event.host}: {event.outcome}",
        "http_request": {
            "http_method": event.method,
            "length": event.request_bytes,
            "url": {"hostname": event.host, "path": event.path, "scheme": "https"},
        },
        "http_response": {"code": event.status, "length": event.response_bytes} if event.status else None,
        "traffic": {
            "bytes_out": event.request_bytes,
            "bytes_in": event.response_bytes,
            "bytes": event.request_bytes + event.response_bytes,
        },
        "actor": _actor(event),
        "policy": {"uid": event.policy} if event.policy else None,
    }


def _finding(event: AuditEvent) -> dict[str, Any]:
    kinds = Counter(found.entity for found in event.findings)
    rules = sorted({found.rule for found in event.findings if found.rule})
    return {
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2006,
        "class_name": "Data Security Finding",
        "activity_id": 1,
        "activity_name": "Create",
        "type_uid": 200_601,
        "message": f"{event.findings_total} findings, {event.provider or event.host}: {event.outcome}",
        "is_alert": event.outcome in ("block", "refuse"),
        "confidence_score": round(100 * max((found.score for found in event.findings), default=0.0)),
        "finding_info": {
            "uid": event.id,
            "title": f"Sensitive data in traffic with {event.provider or event.host}",
            "types": sorted(kinds),
            "created_time": round(event.time.timestamp() * 1000),
        },
        "data_security": {
            "detection_system_id": 2,
            "detection_system": "DLP Gateway",
            "data_lifecycle_state_id": 2,
            "data_lifecycle_state": "Data in-Transit",
            "total": event.findings_total,
            "policy": {"uid": event.policy, "name": event.rule or ", ".join(rules) or None},
        },
        "actor": _actor(event),
        "resources": [
            {"name": found.place, "type": found.entity, "data": {"fingerprint": found.fingerprint}}
            for found in event.findings
        ],
    }


def _actor(event: AuditEvent) -> dict[str, Any] | None:
    return {"user": {"name": event.user}} if event.user else None


def _client(event: AuditEvent) -> dict[str, Any]:
    try:
        ip_address(event.client)
    except ValueError:
        return {"name": event.client}  # erased
    return {"ip": event.client, "name": event.device}


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, dict) and name != "unmapped" else value
        for name, value in values.items()
        if value is not None
    }
