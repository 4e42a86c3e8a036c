"""Events that a report has to survive: names from right to left, names without end, very many of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from outgate.audit import AuditEvent
from outgate.model import Action, Direction, Record, Role, Uninspectable

Made = Callable[..., dict[str, Any]]  # events -> their report
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
RIGHT_TO_LEFT = "\u05d3\u05e0\u05d4 \u05db\u05d4\u05df"
MARKUP = "<script>alert(1)</script>"


def record(
    entity: str = "EMAIL_ADDRESS",
    action: Action = Action.AUDIT,
    *,
    rule: str | None = "a rule",
    fingerprint: str = "ab" * 8,
    direction: Direction = Direction.REQUEST,
    score: float = 0.9,
) -> Record:
    return Record(entity, Role.USER, "messages[0].content", score, fingerprint, rule, action, direction)


def event(number: int = 1, **given: object) -> AuditEvent:
    """An event as the log has it; what is not given is a clean request of ada's to OpenAI."""
    given.setdefault("findings", ())
    values: dict[str, object] = {
        "id": f"og_{number:016x}",
        "time": MONDAY + timedelta(seconds=number),
        "client": "127.0.0.1",
        "user": "ada",
        "groups": (),
        "device": None,
        "provider": "openai",
        "jurisdiction": "US",
        "region": None,
        "format": "openai_chat",
        "model": "gpt-5.1",
        "model_origin": "US",
        "method": "POST",
        "host": "api.openai.com",
        "path": "/v1/chat/completions",
        "status": 200,
        "outcome": "forward",
        "rule": None,
        "rules": (),
        "would_block": None,
        "reason": "",
        "policy": "0" * 64,
        "request_bytes": 10,
        "inspected_bytes": 10,
        "response_bytes": 10,
        "streamed": False,
        "websocket": False,
        "seconds": {},
        "findings_total": len(given["findings"]),  # type: ignore[arg-type]
    }
    return AuditEvent(**(values | given))  # type: ignore[arg-type]


def strange() -> Iterator[AuditEvent]:
    """Many providers, long names, and names that do not go from left to right."""
    for number in range(900):
        yield event(
            number,
            time=MONDAY + timedelta(hours=number * 3),
            user=(RIGHT_TO_LEFT, "x" * 256, MARKUP, f"user {number}")[number % 4],
            groups=(RIGHT_TO_LEFT, "g" * 128, MARKUP),
            provider=f"provider-{number}",
            jurisdiction=("US", "CN", "DE", "IL", None)[number % 5],
            findings=(record(rule="r" * 200), record("ORGANIZATION", rule=MARKUP)),
            uninspectable=(Uninspectable("x", "audio/mpeg", 1, ""),),
        )
