"""Company data goes to the company's own accounts: what the provider receives, and what it is told."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import openai
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from e2e.conftest import Proxy, proxies
from e2e.raw import Http2, head, opened, read_answer
from e2e.ways import CLEAN, chat
from outgate.audit import AuditEvent
from outgate.catalogue.accounts import fingerprint
from patience import eventually
from providers.bedrock import Account, converse
from providers.standin import Server

OURS, THEIRS = ("sk-made-up-" + name * 8 for name in ("ours", "them"))
GOOGLE = "made-up-" * 4 + "google"
ORGANIZATION = "org-MadeUpAcme"
UUID = "00000000-aaaa-4bbb-8ccc-0123456789ab"
ACCOUNT = "609629065308"  # of ASIAY34FZKBOKMUTVV7A, which was published with it
POLICY = f"""
version: 1
on_error: allow
allowed_accounts:
  openai:
    accounts: [organization:{ORGANIZATION}, "key:{fingerprint(OURS.encode())}"]
    message: "Not an account of ours: {{account}}. See {{help_url}}."
  anthropic: {{accounts: "organization:{UUID}"}}
  chatgpt: {{accounts: "workspace:{UUID}"}}
  google-ai: {{accounts: "key:{fingerprint(GOOGLE.encode())}"}}
  bedrock: {{accounts: "account:{ACCOUNT}"}}
  mistral: {{unlisted: audit}}
help_url: https://help.corp.example/ai
rules:
  - {{name: cards, detect: [CREDIT_CARD], action: redact}}
  - {{name: seen, when: {{account: "organization:*"}}, action: audit}}
"""
OPENAI, MESSAGES = "https://api.openai.com/v1/chat/completions", "https://api.anthropic.com/v1/messages"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def one_for_all(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("accounts")) as make:
        yield make(POLICY)


@pytest.fixture
def proxy(one_for_all: Proxy) -> Proxy:
    one_for_all.stand_in.reset()
    return one_for_all


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def post(proxy: Proxy, url: str, *headers: tuple[str, str], body: bytes = CLEAN) -> int:
    with proxy.client() as client:
        return client.post(url, content=body, headers=[*JSON.items(), *headers]).status_code


def told(proxy: Proxy, header: str) -> list[bytes]:
    """All that the provider received under a header's name, however it is written."""
    plain = header.encode()
    return [v for k, v in proxy.received[-1].headers if k.lower().replace(b"_", b"-") == plain]


def recorded(proxy: Proxy, *accounts: str) -> AuditEvent:
    """The last event of a request that told these accounts."""
    found: list[AuditEvent] = []

    def is_there() -> bool:
        found[:] = [event for event in proxy.events(0) if event.accounts == accounts]
        return bool(found)

    assert eventually(is_there)
    return found[-1]


def test_a_listed_key_goes_on_with_its_body_as_it_came_and_the_provider_is_told_whom_to_serve(
    proxy: Proxy,
) -> None:
    assert post(proxy, OPENAI, *bearer(OURS).items()) == 200
    assert proxy.received[-1].body == CLEAN
    assert proxy.received[-1].header("authorization") == f"Bearer {OURS}"
    assert told(proxy, "openai-allowed-organization-ids") == [ORGANIZATION.encode()]


def test_another_key_is_refused_once_in_the_providers_shape(proxy: Proxy) -> None:
    requests: list[Any] = []
    with proxy.client(event_hooks={"request": [requests.append]}) as http:
        client = openai.OpenAI(api_key=THEIRS, http_client=http)
        with pytest.raises(openai.PermissionDeniedError) as caught:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    named = f"key:{fingerprint(THEIRS.encode())}"
    assert f"Not an account of ours: {named}. See https://help.corp.example/ai." in str(caught.value)
    assert len(requests) == 1
    assert proxy.received == []


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", f"Bearer {OURS}"), ("Authorization", f"Bearer {THEIRS}")],
        [("Authorization", f"Bearer {OURS}, Bearer {THEIRS}")],
        [("Authorization", f"Bearer {OURS}"), ("OpenAI-Organization", "org-SomebodyElse")],
        [("Authorization", f"Bearer {OURS}"), ("OpenAI-Organization", f"{ORGANIZATION}, org-SomebodyElse")],
        [("OpenAI-Organization", ORGANIZATION), ("openai-organization", "org-SomebodyElse")],
        [("Authorization", "Basic b3VyczpzZWNyZXQtbWFkZS11cA==")],
        [
            ("Authorization", f"Bearer {OURS}"),
            ("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{THEIRS}"),
        ],
    ],
    ids=[
        "none",
        "two keys",
        "one header",
        "organization",
        "list",
        "two organizations",
        "password",
        "protocol",
    ],
)
def test_every_account_that_a_request_tells_has_to_be_listed(
    proxy: Proxy, headers: list[tuple[str, str]]
) -> None:
    assert post(proxy, OPENAI, *headers) == 403
    assert proxy.received == []


def test_an_organization_that_the_provider_holds_the_key_to_is_enough(proxy: Proxy) -> None:
    assert post(proxy, OPENAI, *bearer(THEIRS).items(), ("OpenAI-Organization", ORGANIZATION)) == 200
    event = recorded(proxy, f"organization:{ORGANIZATION}", f"key:{fingerprint(THEIRS.encode())}")
    assert (event.outcome, event.rules) == ("forward", ("seen",))


@pytest.mark.parametrize("version", ["http/1.1", "h2"])
def test_a_client_neither_sets_nor_drops_what_the_provider_is_told(proxy: Proxy, version: str) -> None:
    body = chat("clean")
    names = ("anthropic-allowed-org-ids", "anthropic_allowed_org_ids")
    with opened(proxy, "api.anthropic.com", alpn=[version]) as tls:
        if version == "h2":
            client = Http2(tls)
            more = [(name, "f" * 36) for name in (*names, names[0])] + [("x-api-key", THEIRS)]
            stream = client.request(path="/v1/messages", host="api.anthropic.com", more=more)
            client.send(stream, body)
            client.wait(stream)
            assert client.statuses == {stream: 200}
        else:
            fields = {"Host": "api.anthropic.com", "Content_Length": str(len(body)), "x_api_key": THEIRS}
            request = head(path="/v1/messages", **fields, Connection=f"keep-alive,  {names[0].title()}")
            own = b"".join(b"%s: %s\r\n" % (name.title().encode(), b"f" * 36) for name in (*names, names[0]))
            tls.sendall(request.replace(b"\r\n\r\n", b"\r\n" + own + b"\r\n") + body)
            assert read_answer(tls).startswith(b"HTTP/1.1 200")
    assert told(proxy, names[0]) == [UUID.encode()]
    assert proxy.received[-1].body == body
    assert names[0] not in (proxy.received[-1].header("connection") or "").lower()


def test_no_header_is_judged_that_the_provider_would_be_told_to_drop(proxy: Proxy) -> None:
    """What `Connection` names, the next server takes off (RFC 9110, 7.6.1): the account that was told, say."""
    body = chat("clean")
    with opened(proxy, "api.openai.com", alpn=["http/1.1"]) as tls:
        fields = {
            "Host": "api.openai.com",
            "Content-Length": str(len(body)),
            "Authorization": f"Bearer {THEIRS}",
        }
        told_of = {"OpenAI-Organization": ORGANIZATION, "Connection": "keep-alive, openai-organization"}
        tls.sendall(head(path="/v1/chat/completions", **fields, **told_of) + body)
        assert read_answer(tls).startswith(b"HTTP/1.1 200")
    assert told(proxy, "openai-organization") == [ORGANIZATION.encode()]
    assert (proxy.received[-1].header("connection") or "").lower() == "keep-alive"


def test_a_provider_that_alone_can_tell_is_left_to_check(proxy: Proxy) -> None:
    cookie = ("Cookie", "session=whoever")
    assert post(proxy, "https://chatgpt.com/backend-api/conversation", cookie) == 200
    assert told(proxy, "chatgpt-allowed-workspace-id") == [UUID.encode()]


def test_it_is_told_as_well_when_inspection_fails_and_the_policy_lets_that_pass(proxy: Proxy) -> None:
    assert post(proxy, MESSAGES, ("Content-Encoding", "rot13"), body=b"not inspected") == 200
    assert proxy.received[-1].body == b"not inspected"
    assert told(proxy, "anthropic-allowed-org-ids") == [UUID.encode()]
    # ... and what is unlisted does not leave even then.
    assert post(proxy, OPENAI, *bearer(THEIRS).items(), ("Content-Encoding", "rot13"), body=b"x") == 403


def test_it_is_told_as_well_with_an_edit(proxy: Proxy) -> None:
    assert post(proxy, OPENAI, *bearer(OURS).items(), body=chat("4111 1111 1111 1111")) == 200
    assert b"4111" not in proxy.received[-1].body
    assert told(proxy, "openai-allowed-organization-ids") == [ORGANIZATION.encode()]


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        (f"?key={GOOGLE}", [], 200),
        ("", [("x-goog-api-key", GOOGLE)], 200),
        (f"?key={THEIRS}", [], 403),
        (f"?key={THEIRS}", [("x-goog-api-key", GOOGLE)], 403),
        (f"?key={GOOGLE}&%6bey={THEIRS}", [], 403),
        (f"?access_token={THEIRS}", [("x-goog-api-key", GOOGLE)], 403),
        ("", [("x-goog-api-key", GOOGLE), ("x-goog-api-key", THEIRS)], 403),
        ("", [("x-goog-api-key", GOOGLE), ("Authorization", f"Bearer {THEIRS}")], 403),
    ],
)
def test_keys_in_the_query_and_in_headers_are_all_looked_at(
    proxy: Proxy, query: str, headers: list[tuple[str, str]], status: int
) -> None:
    url = f"https://generativelanguage.googleapis.com/v1beta/models/gemini-pro:generateContent{query}"
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}).encode()
    assert post(proxy, url, *headers, body=body) == status
    assert len(proxy.received) == (status == 200)


def test_a_websocket_is_held_to_it_when_it_opens_and_with_every_message(proxy: Proxy) -> None:
    url = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
    message = '{"type": "session.update"}'

    async def exchanged(key: str) -> None:
        async with connect(
            url, proxy=proxy.url, ssl=proxy.ssl, additional_headers=bearer(key), open_timeout=30
        ) as socket:
            await socket.send(message)
            await asyncio.wait_for(socket.recv(), 20)

    asyncio.run(exchanged(OURS))
    assert proxy.received[-1].body == message.encode()
    assert told(proxy, "openai-allowed-organization-ids") == [ORGANIZATION.encode()]
    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(exchanged(THEIRS))
    assert refused.value.response.status_code == 403
    assert len(proxy.received) == 1


def test_an_aws_account_is_known_by_who_signed(proxy: Proxy) -> None:
    proxy.stand_in.script = converse
    ours = Account("ASIAY34F" + "ZKBOKMUTVV7A", "made-up-" * 4, "made-up-token")
    theirs = Account("AKIAQNZG" + "KIQY56JQ7WML", "made-up-" * 4)

    def said(account: Account) -> str:
        client = boto3.client(
            "bedrock-runtime",
            region_name="us-east-1",
            aws_access_key_id=account.key,
            aws_secret_access_key=account.secret,
            aws_session_token=account.token,
            verify=str(proxy.root),
            config=Config(proxies={"https": proxy.url}, retries={"total_max_attempts": 3}),
        )
        content: Any = [{"role": "user", "content": [{"text": "hello"}]}]
        answer = client.converse(modelId="anthropic.claude-sonnet-4-20250514-v1:0", messages=content)
        return str(answer["output"]["message"]["content"][0]["text"])

    assert said(ours) == "hello"
    assert ours.signed(proxy.received[-1])
    with pytest.raises(ClientError, match="allows only its own accounts at Amazon Bedrock"):
        said(theirs)
    assert len(proxy.received) == 1


def test_where_unlisted_is_audited_nothing_changes_and_whose_account_it_was_is_recorded(proxy: Proxy) -> None:
    key = "made-up-mistral-" * 3
    assert post(proxy, "https://api.mistral.ai/v1/chat/completions", *bearer(key).items()) == 200
    assert proxy.received[-1].body == CLEAN
    event = recorded(proxy, f"key:{fingerprint(key.encode())}")
    assert (event.outcome, event.rules) == ("forward", ("allowed_accounts",))


def test_keys_stand_in_no_file_and_blocks_are_counted(proxy: Proxy) -> None:
    key = "sk-made-up-" + "once" * 8
    assert post(proxy, OPENAI, *bearer(key).items()) == 403
    event = recorded(proxy, f"key:{fingerprint(key.encode())}")
    assert (event.outcome, event.rule) == ("block", "allowed_accounts")
    assert re.search(r'outgate_blocked_total\{rule="allowed_accounts"\} [1-9]', proxy.metrics())
    kept = [path for path in proxy.folder.rglob("*") if path.is_file()]
    assert kept
    assert not any(known.encode() in path.read_bytes() for path in kept for known in (key, OURS, THEIRS))
