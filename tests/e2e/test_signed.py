"""Requests that are signed for AWS: what needs an edit leaves with a valid signature or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

from e2e.conftest import Proxy
from providers.bedrock import HOST, Account, converse

MakeProxy = Callable[..., Proxy]
POLICY = """
version: 1
rules:
  - {name: people, detect: [EMAIL_ADDRESS], action: pseudonymise}
  - {name: cards, detect: [CREDIT_CARD], action: redact}
"""
MAIL = "ada.l@analytical-engines.org"
TEXT = f"Write to {MAIL} and ask."
MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
PATH = f"/model/{MODEL.replace(':', '%3A')}/converse"
OURS = Account("AKIA" + "MADEUP" * 2 + "OURS", "made-up-" * 4 + "ours", "made-up-token")
THEIRS = Account("AKIA" + "MADEUP" * 2 + "THEM", "made-up-" * 4 + "them")
LENT = {"sign": True, "lend_to": [THEIRS.key]}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where AWS's chain finds the credentials that the proxy is given."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", OURS.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OURS.secret)
    monkeypatch.setenv("AWS_SESSION_TOKEN", OURS.token or "")


@pytest.fixture
def make(make_proxy: MakeProxy) -> MakeProxy:
    def make(policy: str = POLICY, **settings: Any) -> Proxy:
        proxy = make_proxy(policy, **settings)
        proxy.stand_in.script = converse
        return proxy

    return make


def client(proxy: Proxy, account: Account) -> Any:
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id=account.key,
        aws_secret_access_key=account.secret,
        aws_session_token=account.token,
        verify=str(proxy.root),
        config=Config(proxies={"https": proxy.url}, retries={"total_max_attempts": 3}),
    )


def said(proxy: Proxy, account: Account, text: str = TEXT) -> str:
    """What Converse answers to ``text``."""
    answer = client(proxy, account).converse(modelId=MODEL, messages=messages(text))
    return str(answer["output"]["message"]["content"][0]["text"])


def messages(text: str = TEXT) -> list[Any]:
    return [{"role": "user", "content": [{"text": text}]}]


def body(text: str = TEXT) -> bytes:
    return json.dumps({"messages": messages(text)}).encode()


def signed(
    account: Account, path: str = PATH, *, service: str = "bedrock", region: str = "us-east-1", **headers: str
) -> dict[str, str]:
    """The headers of a request with ``body()``, signed as asked."""
    named = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    request = AWSRequest("POST", f"https://{HOST}{path}", headers=named, data=body())
    SigV4Auth(account.credentials, service, region).add_auth(request)
    return dict(request.headers)


def sent(proxy: Proxy, headers: dict[str, str], *, path: str = PATH, content: bytes | None = None) -> Any:
    with proxy.client() as http:
        return http.post(f"https://{HOST}{path}", content=content or body(), headers=headers)


# --- boto3 ---------------------------------------------------------------------------------------


def test_a_signed_request_that_needs_an_edit_is_blocked_with_a_clear_error_and_not_tried_again(
    make: MakeProxy,
) -> None:
    proxy = make()
    with pytest.raises(ClientError) as caught:
        said(proxy, OURS)
    error = caught.value.response
    assert error["Error"]["Code"] == "AccessDeniedException"
    assert "signed (AWS SigV4)" in error["Error"]["Message"] and "aws.sign" in error["Error"]["Message"]
    assert MAIL not in str(error)
    assert error["ResponseMetadata"]["RetryAttempts"] == 0
    assert proxy.received == []
    (event,) = proxy.events()
    assert event.rule == "people"
    assert 'outgate_blocked_total{rule="people"} 1.0' in proxy.metrics()


def test_a_signed_request_without_a_finding_leaves_with_its_own_signature(make: MakeProxy) -> None:
    proxy = make(aws=LENT)
    for account in (OURS, THEIRS):
        assert said(proxy, account, "nothing to see") == "nothing to see"
        assert account.signed(proxy.received[-1])
    assert json.loads(proxy.received[-1].body) == {"messages": messages("nothing to see")}


def test_what_our_own_credentials_signed_is_signed_anew_after_an_edit(make: MakeProxy) -> None:
    proxy = make(aws={"sign": True})
    assert said(proxy, OURS) == TEXT
    (request,) = proxy.received
    assert MAIL.encode() not in request.body and b"EMAIL_ADDRESS_" in request.body
    assert OURS.signed(request)


def test_a_stream_is_restored_after_its_request_was_signed_anew(make: MakeProxy) -> None:
    proxy = make(aws={"sign": True})
    answer = client(proxy, OURS).converse_stream(modelId=MODEL, messages=messages())
    texts = [
        event["contentBlockDelta"]["delta"]["text"]
        for event in answer["stream"]
        if "contentBlockDelta" in event
    ]
    assert "".join(texts) == TEXT
    assert OURS.signed(proxy.received[-1])
