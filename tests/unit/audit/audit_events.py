"""Events as the gateway makes them, and processes that write them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from outgate.audit import AuditEvent
from outgate.model import Action, Endpoint, Exchange, Outcome, Provider, Record, Role, Uninspectable, Verdict

VALUE = "hunter2-very-secret"
PATHS = (str(Path(sys.modules["outgate"].__file__ or "").parents[1]), str(Path(__file__).parent))


def name_of(number: int) -> str:
    return f"og_{number:016x}"


def event(
    number: int,
    *,
    time: datetime | None = None,
    rules: tuple[str, ...] = (),
    uninspectable: tuple[Uninspectable, ...] = (),
) -> AuditEvent:
    exchange = Exchange(
        id=name_of(number),
        time=time or datetime.now(UTC),
        client=ip_address("127.0.0.1"),
        method="POST",
        scheme="https",
        host="api.openai.com",
        port=443,
        target=f"/v1/{VALUE * 5}?q={VALUE}".encode(),
        headers=(),
        body=VALUE.encode(),
    )
    record = Record("GENERIC_SECRET", Role.USER, "messages[0].content", 0.9, "ab" * 8, "rule", Action.BLOCK)
    verdict = Verdict(
        Outcome.BLOCK,
        403,
        rule="rule",
        endpoint=Endpoint(Provider("openai", "OpenAI", "O", "US", "api"), "openai_chat"),
        records=(record,),
        rules=rules,
        uninspectable=uninspectable,
    )
    return AuditEvent.of(
        exchange,
        verdict,
        policy_hash="0" * 64,
        status=403,
        request_bytes=19,
        response_bytes=0,
        seconds=0.1,
    )


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that can import what is here, with pipes to it."""
    start = f"import sys; sys.path[:0] = {PATHS!r}\n"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", start + code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
