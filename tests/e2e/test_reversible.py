"""What is pseudonymised: it leaves as a placeholder and is itself again in the answer, for whom it was made."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPSConnection
from itertools import pairwise
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from e2e.conftest import Proxy
from patience import eventually
from providers.echo import EVENTS, JSON, chat, gemini, messages, responses, said
from providers.raw import RawUpstream

MakeProxy = Callable[..., Proxy]
POLICY = """
version: 1
rules:
  - {name: people, detect: [EMAIL_ADDRESS, PHONE_NUMBER, PASSWORD], action: pseudonymise}
  - {name: cards, detect: [CREDIT_CARD], action: redact}
"""
MAIL = "ada.l@analytical-engines.org"
TEXT = f"Write to {MAIL} and ask."


@pytest.fixture
def proxy(make_proxy: MakeProxy) -> Proxy:
    return make_proxy(POLICY)


def never_left(proxy: Proxy, *values: str) -> None:
    assert proxy.received
    for request in proxy.received:
        for value in values:
            assert value.encode() not in request.body
        assert b"EMAIL_ADDRESS_" in request.body


# --- the official clients ------------------------------------------------------------------------


def openai_client(proxy: Proxy) -> openai.OpenAI:
    return openai.OpenAI(api_key="none", http_client=proxy.client(), max_retries=0)


@pytest.mark.parametrize("stream", [False, True])
def test_openai_chat(proxy: Proxy, stream: bool) -> None:
    proxy.stand_in.script = chat
    request: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": TEXT}]}
    if stream:
        chunks = list(openai_client(proxy).chat.completions.create(**request, stream=True))
        deltas = [chunk.choices[0].delta for chunk in chunks]
        content = "".join(delta.content or "" for delta in deltas)
        calls = [call for delta in deltas for call in delta.tool_calls or ()]
        arguments = "".join((call.function.arguments if call.function else "") or "" for call in calls)
    else:
        message = openai_client(proxy).chat.completions.create(**request).choices[0].message
        content, arguments = message.content, message.tool_calls[0].function.arguments
    assert content == TEXT
    assert json.loads(arguments) == {"to": TEXT}
    never_left(proxy, MAIL)


@pytest.mark.parametrize("stream", [False, True])
def test_openai_responses(proxy: Proxy, stream: bool) -> None:
    proxy.stand_in.script = responses
    client = openai_client(proxy)
    if stream:
        events = list(client.responses.create(model="gpt-4o", input=TEXT, stream=True))
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert "".join(deltas) == TEXT
        assert [event.text for event in events if event.type == "response.output_text.done"] == [TEXT]
        assert [e.response.output_text for e in events if e.type == "response.completed"] == [TEXT]
    else:
        assert client.responses.create(model="gpt-4o", input=TEXT).output_text == TEXT
    never_left(proxy, MAIL)


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic(proxy: Proxy, stream: bool) -> None:
    proxy.stand_in.script = messages
    http = httpx2.Client(proxy=proxy.url, verify=proxy.ssl, trust_env=False)
    client = anthropic.Anthropic(api_key="none", http_client=http, max_retries=0)
    request: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": TEXT}]}
    if stream:
        with client.messages.stream(**request) as streamed:
            message = streamed.get_final_message()
    else:
        message = client.messages.create(**request)
    assert message.content[0].text == TEXT
    assert message.content[1].input == {"to": TEXT}
    never_left(proxy, MAIL)


@pytest.mark.parametrize("stream", [False, True])
def test_gemini(proxy: Proxy, stream: bool) -> None:
    proxy.stand_in.script = gemini
    arguments = {"proxy": proxy.url, "verify": proxy.ssl, "trust_env": False}
    client = genai.Client(
        api_key="none", vertexai=False, http_options=types.HttpOptions(client_args=arguments)
    )
    if stream:
        answers = list(client.models.generate_content_stream(model="gemini-2.5-pro", contents=TEXT))
    else:
        answers = [client.models.generate_content(model="gemini-2.5-pro", contents=TEXT)]
    parts = [part for answer in answers for part in answer.candidates[0].content.parts]
    assert "".join(part.text or "" for part in parts) == TEXT
    assert [part.function_call.args for part in parts if part.function_call] == [{"to": TEXT}]
    never_left(proxy, MAIL)


# --- whose placeholder it is ---------------------------------------------------------------------


def ask(proxy: Proxy, text: str, address: str = "127.0.0.1") -> str:
    """What comes back of ``text``, said from an address of this machine."""
    url = httpx.URL(proxy.url)
    client = HTTPSConnection(url.host, url.port, context=proxy.ssl, source_address=(address, 0), timeout=30)
    client.set_tunnel("api.openai.com", 443)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})
    client.request("POST", "/v1/chat/completions", body, {"content-type": JSON})
    answer = client.getresponse()
    content = answer.read()
    client.close()
    assert answer.status == 200, content
    return str(json.loads(content)["choices"][0]["message"]["content"])


def placeholder(proxy: Proxy) -> str:
    """The one in the last request."""
    words = said(json.loads(proxy.received[-1].body)).split()
    (found,) = [word for word in words if word.startswith("EMAIL_ADDRESS_")]
    return found


def test_a_placeholder_is_restored_after_a_restart_although_its_value_is_not_said_again(
    make_proxy: MakeProxy,
) -> None:
    first = make_proxy(POLICY)
    first.stand_in.script = chat
    ask(first, TEXT)
    made = placeholder(first)
    second = replace(make_proxy(POLICY, state_dir=str(first.folder / "state")), root=first.root)
    assert ask(second, f"what was {made} ?") == f"what was {MAIL} ?"
    assert made.encode() in second.received[-1].body  # it left as it came


def test_another_user_gets_no_value_for_it_and_has_another_placeholder(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(POLICY)
    proxy.stand_in.script = chat
    ask(proxy, TEXT)
    made = placeholder(proxy)
    assert ask(proxy, f"what was {made} ?", "127.0.0.2") == f"what was {made} ?"
    ask(proxy, TEXT, "127.0.0.2")
    assert placeholder(proxy) != made


def test_turns_repeat_their_bytes(proxy: Proxy) -> None:
    proxy.stand_in.script = chat
    turns: list[dict[str, str]] = []
    bodies: list[bytes] = []
    for number in range(6):
        turns.append({"role": "user", "content": f"{TEXT} {number} and Roe-{number}@example-mail.org"})
        with proxy.client() as client:
            body = {"model": "m", "messages": turns}
            answer = client.post("https://api.openai.com/v1/chat/completions", json=body).json()
        bodies.append(proxy.received[-1].body.rpartition(b"]")[0])
        turns.append({"role": "assistant", "content": answer["choices"][0]["message"]["content"]})
    for before, after in pairwise(bodies):
        assert after.startswith(before)


# --- bytes and faults ----------------------------------------------------------------------------


def test_a_clean_stream_is_passed_on_byte_for_byte(proxy: Proxy) -> None:
    ask(proxy, TEXT)  # so that there is something to restore
    raw = b': hi\r\n\r\ndata: {"x":  "\\u00e9 [[ -f x ]] EMAIL_ADDRESS_"}\n\ndata: [DONE]\r\r'
    proxy.stand_in.script = lambda path, asked: (EVENTS, [raw[i : i + 3] for i in range(0, len(raw), 3)])
    with proxy.client() as client:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": TEXT}]}
        answer = client.post("https://api.openai.com/v1/chat/completions", json=body)
    assert answer.content == raw


@pytest.mark.parametrize("http2", [False, True])
def test_an_answer_that_gets_longer_is_framed_anew(proxy: Proxy, http2: bool) -> None:
    proxy.stand_in.script = chat
    with proxy.client(http2=http2) as client:
        for _ in range(3):  # the connection is used again
            body = {"model": "m", "messages": [{"role": "user", "content": TEXT}]}
            answer = client.post("https://api.openai.com/v1/chat/completions", json=body)
            assert answer.json()["choices"][0]["message"]["content"] == TEXT
    assert proxy.received[-1].header("accept-encoding") == "identity"


@pytest.mark.parametrize("on_error", ["block", "allow"])
def test_without_a_vault_the_policy_decides_and_the_value_stays_here(
    make_proxy: MakeProxy, on_error: str
) -> None:
    proxy = make_proxy(
        f"{POLICY}\non_error: {on_error}\n", vault={"store": "valkey", "url": "valkey://127.0.0.1:1"}
    )
    proxy.stand_in.script = chat
    with proxy.client() as client:
        body = {"model": "m", "messages": [{"role": "user", "content": TEXT}]}
        answer = client.post("https://api.openai.com/v1/chat/completions", json=body)
    if on_error == "block":
        assert answer.status_code == 503
        assert not proxy.received
    else:
        assert answer.json()["choices"][0]["message"]["content"] == TEXT
        never_left(proxy, MAIL)
    assert re.search(r'outgate_on_error_total\{action="\w+",reason="vault"\} [1-9]', proxy.metrics())


@pytest.mark.parametrize("style", ["tag", "surrogate"])
@pytest.mark.parametrize("kind", ["raises", "hangs"])
@pytest.mark.parametrize("on_error", ["block", "allow"])
def test_a_vault_that_breaks_or_hangs_lets_no_value_out(
    make_proxy: MakeProxy,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    on_error: str,
    kind: str,
    style: str,
) -> None:
    async def broken(*_: Any) -> None:
        if kind == "hangs":
            await asyncio.sleep(60)
        raise RuntimeError(MAIL)

    monkeypatch.setattr("outgate.gateway.restoring.PATIENCE", 0.2)
    monkeypatch.setattr("outgate.vault.Vault.remember", broken)
    monkeypatch.setattr("outgate.vault.Vault.known", broken)
    proxy = make_proxy(f"{POLICY}\non_error: {on_error}\npseudonymise: {{style: {style}}}\n")
    proxy.stand_in.script = chat
    with proxy.client() as client:
        body = {"model": "m", "messages": [{"role": "user", "content": TEXT}]}
        answer = client.post("https://api.openai.com/v1/chat/completions", json=body)
    if on_error == "block":
        assert answer.status_code == 503
        assert not proxy.received
    else:
        assert answer.json()["choices"][0]["message"]["content"] == TEXT
        assert [MAIL.encode() in request.body for request in proxy.received] == [False]
    assert 'reason="vault"' in proxy.metrics()
    assert MAIL not in caplog.text


def test_a_restorer_that_breaks_ends_the_answer_with_an_error_and_lets_nothing_more_through(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.stand_in.script = chat

    def broken(*_: Any) -> list[bytes]:
        raise RuntimeError(MAIL)

    monkeypatch.setattr("outgate.transform.answers.AnswerRestorer.feed", broken)
    with proxy.client() as client:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": TEXT}]}
        answer = client.post("https://api.openai.com/v1/chat/completions", json=body)
    head, _, error = answer.text.partition("data: ")
    assert head == "event: error\n"
    assert "could not be restored" in json.loads(error)["error"]["message"]
    assert 'outgate_on_error_total{action="allow",reason="unrestored"} 1.0' in proxy.metrics()


@pytest.mark.parametrize("begun", [True, False])
def test_a_stream_that_the_provider_breaks_off_ends_as_broken_behind_an_error_of_its_shape(
    make_proxy: MakeProxy, tmp_path: Path, begun: bool
) -> None:
    def event(text: str) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        return f"data: {json.dumps({'id': 'c', 'choices': [choice]})}\n\n".encode()

    url, told = "https://api.openai.com/v1/chat/completions", b""
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": TEXT}]}
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    with RawUpstream(tmp_path / "raw") as upstream:
        proxy = make_proxy(
            POLICY, routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)]
        )
        with proxy.client() as client:
            assert client.post(url, json=body).status_code == 200
        name = re.compile(rb"EMAIL_ADDRESS_[a-z2-7]{12}")
        assert eventually(lambda: name.search(upstream.bytes))
        made = name.findall(upstream.bytes)[0].decode()
        events = event(f"write to {made} or {made[:20]}") + event("x")[:30] if begun else b""
        chunk = b"%x\r\n%s\r\n" % (len(events), events) if events else b""
        upstream.answer = head + chunk + b"no chunk\r\n"
        with proxy.client() as client, pytest.raises(httpx.RemoteProtocolError):
            with client.stream("POST", url, json=body) as answer:
                for piece in answer.iter_raw():
                    told += piece
    *texts, error = told.decode().split("\n\n")[:-1]
    assert error.startswith("event: error\ndata: ")
    assert "ended the connection" in json.loads(error.partition("data: ")[2])["error"]["message"]
    said = [json.loads(one.partition("data: ")[2])["choices"][0]["delta"]["content"] for one in texts]
    assert "".join(said) == (f"write to {MAIL} or {made[:20]}" if begun else "")


def test_an_exchange_is_told_of_although_the_end_of_its_broken_answer_cannot_be(
    make_proxy: MakeProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> list[bytes]:
        raise RuntimeError(MAIL)

    monkeypatch.setattr("outgate.transform.answers.AnswerRestorer.broken_off", broken)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    with RawUpstream(tmp_path / "raw", head + b"no chunk\r\n") as upstream:
        proxy = make_proxy(
            POLICY, routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)]
        )
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": TEXT}]}
        with proxy.client() as client, pytest.raises(httpx.RemoteProtocolError):
            client.post("https://api.openai.com/v1/chat/completions", json=body)
        assert eventually(lambda: len(proxy.events()) == 1)


def test_a_judged_stream_that_the_provider_breaks_off_ends_behind_an_error_too(
    make_proxy: MakeProxy, tmp_path: Path
) -> None:
    choice = {"index": 0, "delta": {"content": "This is a sentence that goes on for a while. And"}}
    events = f"data: {json.dumps({'id': 'c', 'choices': [choice]})}\n\n".encode()
    later = events.replace(b"This is a sentence that goes on for a while. And", b" this is held until")
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in (events, b": ping\n\n", later))
    rule = "{name: cards, direction: response, detect: [CREDIT_CARD], action: redact}"
    with RawUpstream(tmp_path / "raw", head + chunks + b"no chunk\r\n") as upstream:
        proxy = make_proxy(
            f"version: 1\nrules: [{rule}]\n",
            routes={"api.openai.com": upstream.address},
            extra_roots=[str(upstream.root)],
        )
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
        told = b""
        with proxy.client() as client, pytest.raises(httpx.RemoteProtocolError):
            with client.stream("POST", "https://api.openai.com/v1/chat/completions", json=body) as answer:
                for piece in answer.iter_raw():
                    told += piece
    assert b"this is held" not in told
    assert b"event: error\ndata: " in told and b"ended the connection" in told


def test_an_answer_that_comes_encoded_all_the_same_is_passed_on_and_counted(proxy: Proxy) -> None:
    packed = gzip.compress(b'{"said": "nothing"}')
    proxy.stand_in.headers = [(b"content-encoding", b"gzip")]
    proxy.stand_in.script = lambda path, asked: (JSON, [packed])
    with proxy.client() as client:
        body = {"model": "m", "messages": [{"role": "user", "content": TEXT}]}
        answer = client.post("https://api.openai.com/v1/chat/completions", json=body)
    assert answer.json() == {"said": "nothing"}
    assert 'reason="unrestored"} 1.0' in proxy.metrics()


def test_in_audit_mode_nothing_is_replaced_or_restored(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(f"{POLICY}\nmode: audit\n")
    proxy.stand_in.script = chat
    assert ask(proxy, TEXT) == TEXT
    assert MAIL.encode() in proxy.received[-1].body


def test_the_vault_and_the_logs_hold_no_value_in_the_clear(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.stand_in.script = chat
    ask(proxy, TEXT)
    made = placeholder(proxy)
    for file in (proxy.folder / "state").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert MAIL.encode() not in content
            assert made.encode() not in content
    assert MAIL not in caplog.text
