"""Requests that are signed for AWS: what needs an edit leaves with a valid signature or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anthropic
import boto3
import httpx2
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
BODY = json.dumps({"messages": [{"role": "user", "content": [{"text": TEXT}]}]}).encode()


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


def messages(text: str) -> list[Any]:
    return [{"role": "user", "content": [{"text": text}]}]


def sent(proxy: Proxy, account: Account, *, http2: bool = False, **changed: Any) -> Any:
    """The answer to a request that is signed, and then changed."""
    headers = {"Content-Type": "application/json"}
    request = AWSRequest("POST", f"https://{HOST}{PATH}", headers=headers, data=BODY)
    SigV4Auth(account.credentials, "bedrock", "us-east-1").add_auth(request)
    changed = {"content": BODY, "headers": dict(request.headers)} | changed
    with proxy.client(http2=http2) as http:
        return http.post(f"https://{HOST}{PATH}", **changed)


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
    assert (event.rule, event.status) == ("people", 403)
    assert 'outgate_blocked_total{rule="people"} 1.0' in proxy.metrics()
    assert said(proxy, OURS, "nothing to see") == "nothing to see"
    assert OURS.signed(proxy.received[-1])


def test_what_our_own_credentials_signed_is_signed_anew_after_an_edit_and_its_answer_restored(
    make: MakeProxy,
) -> None:
    proxy = make(aws={"sign": True})
    assert said(proxy, OURS) == TEXT
    answer = client(proxy, OURS).converse_stream(modelId=MODEL, messages=messages(TEXT))
    deltas = [
        event["contentBlockDelta"]["delta"] for event in answer["stream"] if "contentBlockDelta" in event
    ]
    assert "".join(delta["text"] for delta in deltas) == TEXT
    assert sent(proxy, OURS, http2=True).json()["output"]["message"]["content"] == [{"text": TEXT}]
    assert len(proxy.received) == 3
    for request in proxy.received:
        assert MAIL.encode() not in request.body and b"EMAIL_ADDRESS_" in request.body
        assert OURS.signed(request)
    assert 'outgate_signed_anew_total{provider="bedrock"} 3.0' in proxy.metrics()
    assert said(proxy, THEIRS, "nothing to see") == "nothing to see"  # of whomever: left alone
    assert THEIRS.signed(proxy.received[-1])


def test_who_cannot_sign_gets_no_signature_of_ours_for_a_request_that_asks_for_an_edit(
    make: MakeProxy,
) -> None:
    proxy = make(aws={"sign": True})
    answers = [
        sent(proxy, THEIRS),
        sent(proxy, replace(OURS, secret="guessed")),
        sent(proxy, OURS, content=BODY.replace(b"and ask", b"and more")),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert proxy.received == []
    assert sent(proxy, OURS, headers={"authorization": "Bearer made-up"}).status_code == 200
    assert proxy.received[-1].header("authorization") == "Bearer made-up"


def test_an_access_key_that_is_lent_our_signature_leaves_with_it_and_without_its_own_token(
    make: MakeProxy,
) -> None:
    proxy = make(aws={"sign": True, "lend_to": [THEIRS.key]})
    assert said(proxy, replace(THEIRS, token="theirs")) == TEXT
    (request,) = proxy.received
    assert OURS.signed(request)
    assert THEIRS.key not in str(request.headers) and "theirs" not in str(request.headers)


def test_a_client_that_signs_every_header_keeps_its_signature_or_gets_one_of_its_own_again(
    make: MakeProxy,
) -> None:
    proxy = make(aws={"sign": True})
    proxy.stand_in.script = None
    http = httpx2.Client(proxy=proxy.url, verify=proxy.ssl, trust_env=False)
    claude = anthropic.AnthropicBedrock(
        aws_access_key=OURS.key,
        aws_secret_key=OURS.secret,
        aws_session_token=OURS.token,
        aws_region="us-east-1",
        http_client=http,
        max_retries=0,
    )
    for text in ("nothing to see", TEXT):
        claude.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": text}])
        assert OURS.signed(proxy.received[-1])
    clean, edited = proxy.received
    assert "accept-encoding" in (clean.header("authorization") or "")
    assert edited.header("accept-encoding") == "identity"
    assert MAIL.encode() not in edited.body
