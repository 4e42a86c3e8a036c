"""Amazon Bedrock's part of the stand-in: whose signature a request has, and answers that repeat its words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from providers.standin import Received
from unit.transform.made_amazon_answers import message

HOST = "bedrock-runtime.us-east-1.amazonaws.com"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/us-east-1/bedrock/aws4_request, SignedHeaders=(\S+), Signature=(\w+)"
)


@dataclass(frozen=True)
class Account:
    """Somebody who can sign. ``secret`` is made up."""

    key: str
    secret: str
    token: str | None = None

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.key, self.secret, self.token)

    def signed(self, request: Received) -> bool:
        """Whether a request has this account's valid signature over what arrived, as AWS would see it."""
        found = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
        if found is None or found[1] != self.key or request.header("x-amz-security-token") != self.token:
            return False
        names = found[3].split(";")
        assert {"host", "x-amz-date"} <= set(names)
        again = AWSRequest(request.method, f"https://{HOST}{request.path}", data=request.body)
        headers = {"host": HOST} | {k.decode().lower(): v.decode() for k, v in request.headers}
        for name in names:
            again.headers[name] = headers[name]
        assert all(name in names for name in headers if name.startswith("x-amz-"))
        again.context["timestamp"] = request.header("x-amz-date")
        signer = SigV4Auth(self.credentials, "bedrock", "us-east-1")
        text = signer.string_to_sign(again, signer.canonical_request(again))
        return bool(signer.signature(text, again) == found[4])


def converse(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
    """Converse: the words of the last message again; streamed, a character an event."""
    words = asked["messages"][-1]["content"][-1]["text"]
    if not path.endswith("-stream"):
        said = {"role": "assistant", "content": [{"text": words}]}
        usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
        answer = {
            "output": {"message": said},
            "stopReason": "end_turn",
            "usage": usage,
            "metrics": {"latencyMs": 1},
        }
        return "application/json", [json.dumps(answer).encode()]
    events: list[tuple[str, dict[str, Any]]] = [
        ("messageStart", {"role": "assistant"}),
        *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": sign}}) for sign in words),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
    ]
    return "application/vnd.amazon.eventstream", [
        message(kind, json.dumps(row).encode()) for kind, row in events
    ]
