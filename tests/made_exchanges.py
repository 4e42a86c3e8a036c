"""Requests as they reach us, with all made up that a test does not care for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import ip_address

from outgate.model import Exchange

# To OpenAI's chat completions, of nobody known.
EXCHANGE = Exchange(
    id="og_1",
    time=datetime(2026, 11, 24, tzinfo=UTC),
    client=ip_address("127.0.0.1"),
    method="POST",
    scheme="https",
    host="api.openai.com",
    port=443,
    target=b"/v1/chat/completions",
    headers=((b"content-type", b"application/json"),),
    body=b"",
)


def chat(text: str) -> bytes:
    """The body of such a request: one message of the user's."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
