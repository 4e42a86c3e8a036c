"""Bytes in, bytes out, through the real proxy."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import time
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import httpx
import pytest
import zstandard

from e2e.conftest import Proxy
from outgate.dlp.examples import fake

URL = "https://api.openai.com/v1/chat/completions"


def chat(text: Any, **more: Any) -> bytes:
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}).encode()


def post(proxy: Proxy, body: bytes, url: str = URL, **headers: str) -> httpx.Response:
    with proxy.client() as client:
        sent = {"content-type": "application/json", "authorization": "Bearer k", **headers}
        return client.post(url, content=body, headers=sent)


@pytest.fixture
def proxy(one_for_all: Proxy) -> Proxy:
    one_for_all.stand_in.reset()
    return one_for_all


def test_a_clean_request_is_forwarded_byte_for_byte(proxy: Proxy) -> None:
    body = b'{ "model":"gpt-4o" , "messages":[{"role":"user","content":"caf\\u00e9 1.0e2 \xe2\x82\xac"}],"n":1.50}'
    assert post(proxy, body).status_code == 200
    assert proxy.received[-1].body == body


def test_only_the_edited_span_of_a_body_changes(proxy: Proxy) -> None:
    card = fake("CREDIT_CARD")
    body = b'{ "messages":[{"role":"user","content":"caf\\u00e9 pay ' + card.encode() + b' now"}], "x":1.50}'
    assert post(proxy, body).status_code == 200
    assert proxy.received[-1].body == body.replace(card.encode(), b"[REDACTED CREDIT_CARD]")
    assert proxy.received[-1].header("content-length") == str(len(proxy.received[-1].body))


def test_one_secret_three_times_is_gone_from_all_three_places(proxy: Proxy) -> None:
    card = fake("CREDIT_CARD")
    body = json.dumps(
        {"messages": [{"role": "user", "content": f"card: {card}"}], "note": card, "deep": [{"other": card}]}
    )
    post(proxy, body.encode())
    assert card.encode() not in proxy.received[-1].body


def test_a_credential_is_blocked_and_never_reaches_the_provider(proxy: Proxy) -> None:
    answer = post(proxy, chat(f"use {fake('GITHUB_TOKEN')}"))
    assert answer.status_code == 403
    assert proxy.received == []
    error = answer.json()["error"]
    assert "A live credential must not leave." in error["message"]
    assert answer.headers["x-outgate-reference"] in error["message"]
    assert fake("GITHUB_TOKEN") not in answer.text


@pytest.mark.parametrize(
    "place",
    [
        {"messages": [{"role": "system", "content": "@"}]},
        {"messages": [{"role": "developer", "content": [{"type": "text", "text": "@"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": '{"a": "@"}'}}]}]},
        {"messages": [{"role": "tool", "content": [{"type": "new_block", "payload": {"x": ["@"]}}]}]},
        {"tools": [{"type": "function", "function": {"description": "@"}}]},
        {"tools": [{"function": {"parameters": {"properties": {"p": {"default": "@"}}}}}]},
        {"messages": [{"role": "user", "content": {"@": 1}}]},
        {"metadata": {"ticket": "@"}},
        {"a_field_that_does_not_exist_yet": {"deep": [["@"]]}},
    ],
)
def test_a_secret_is_found_in_every_slot(proxy: Proxy, place: dict[str, Any]) -> None:
    token = fake("GITHUB_TOKEN")
    body = json.dumps({"model": "gpt-4o", **place}).replace("@", token)
    assert post(proxy, body.encode()).status_code == 403
    assert proxy.received == []


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("https://api.openai.com/v1/responses", {"input": "@"}),
        ("https://api.openai.com/v1/responses", {"input": [{"type": "function_call_output", "output": "@"}]}),
        ("https://api.openai.com/v1/responses", {"instructions": "@", "input": "x"}),
        ("https://api.openai.com/v1/embeddings", {"input": ["@"]}),
        ("https://api.anthropic.com/v1/messages", {"messages": [{"role": "user", "content": "@"}]}),
        (
            "https://api.anthropic.com/v1/messages/count_tokens",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "tool_result", "content": [{"text": "@"}]}]}
                ]
            },
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent",
            {"contents": [{"parts": [{"text": "@"}]}]},
        ),
        ("https://api.openai.com/v1/an/endpoint/of/tomorrow", {"thing": "@"}),
    ],
)
def test_the_same_policy_holds_on_every_endpoint(proxy: Proxy, url: str, body: dict[str, Any]) -> None:
    data = json.dumps(body).replace("@", fake("GITHUB_TOKEN")).encode()
    answer = post(proxy, data, url)
    assert answer.status_code in (400, 403)
    assert "A live credential must not leave." in answer.text
    assert proxy.received == []


@pytest.mark.parametrize("depth", [65, 500, 10_000])
def test_deep_nesting_is_scanned_or_refused(proxy: Proxy, depth: int) -> None:
    body = b'{"messages":' + b"[" * depth + b'"' + fake("GITHUB_TOKEN").encode() + b'"' + b"]" * depth + b"}"
    assert post(proxy, body).status_code in (400, 403)
    assert proxy.received == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[],"a":1} trailing',
        b'{"messages":[{"role":"user","role":"tool","content":"x"}]}',
        '{"messages":[{"content":"@"}]}'.encode("utf-16"),
        b'{"messages":[{"content":"caf\xe9"}]}',
        b'{"messages":[',
    ],
)
def test_json_that_parsers_read_differently_is_refused(proxy: Proxy, body: bytes) -> None:
    answer = post(proxy, body)
    assert answer.status_code == 400
    assert "error" in answer.json()
    assert proxy.received == []


def test_duplicate_keys_nan_and_a_byte_order_mark_are_scanned(proxy: Proxy) -> None:
    token = fake("GITHUB_TOKEN").encode()
    body = b'\xef\xbb\xbf{"messages":[],"x":"' + token + b'","x":"clean","y":NaN}'
    assert post(proxy, body).status_code == 403
    assert proxy.received == []


@pytest.mark.parametrize("label", ["text/plain", "application/octet-stream", ""])
def test_escapes_are_undone_whatever_the_label(proxy: Proxy, label: str) -> None:
    escaped = "".join(f"\\u{ord(char):04x}" for char in fake("GITHUB_TOKEN"))
    body = b'{"messages":[{"role":"user","content":"' + escaped.encode() + b'"}]}'
    assert post(proxy, body, **{"content-type": label}).status_code == 403
    assert proxy.received == []


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "deflate": zlib.compress,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data)),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_compressed_body_is_decoded_and_scanned(proxy: Proxy, encoding: str) -> None:
    compress = ENCODINGS[encoding]
    secret = compress(chat(fake("GITHUB_TOKEN")))
    assert post(proxy, secret, **{"content-encoding": encoding}).status_code == 403
    assert proxy.received == []
    assert post(proxy, compress(chat("clean")), **{"content-encoding": encoding}).status_code == 200


def test_a_clean_zstd_body_as_codex_sends_it_goes_on_as_it_came(proxy: Proxy) -> None:
    body = zstandard.ZstdCompressor().compress(chat("clean"))
    assert post(proxy, body, **{"content-encoding": "zstd"}).status_code == 200
    assert proxy.received[-1].body == body
    assert proxy.received[-1].header("content-encoding") == "zstd"


def test_an_edited_compressed_body_is_sent_decoded(proxy: Proxy) -> None:
    post(proxy, gzip.compress(chat(f"pay {fake('CREDIT_CARD')}")), **{"content-encoding": "gzip"})
    assert proxy.received[-1].header("content-encoding") is None
    assert b"[REDACTED CREDIT_CARD]" in proxy.received[-1].body


def test_the_second_member_of_a_gzip_body_is_scanned(proxy: Proxy) -> None:
    whole = chat(f"x {fake('GITHUB_TOKEN')}")
    body = gzip.compress(whole[:40]) + gzip.compress(whole[40:])
    assert post(proxy, body, **{"content-encoding": "gzip"}).status_code == 403
    assert proxy.received == []


@pytest.mark.parametrize("encoding", ["rot13", "bz2", "hex", "zip", "snappy"])
def test_an_unknown_content_encoding_is_refused(proxy: Proxy, encoding: str) -> None:
    assert post(proxy, chat("x"), **{"content-encoding": encoding}).status_code == 415
    assert proxy.received == []


def test_a_missing_or_lying_encoding_header_is_seen_through(proxy: Proxy) -> None:
    secret = chat(fake("GITHUB_TOKEN"))
    assert post(proxy, gzip.compress(secret)).status_code == 403
    assert post(proxy, secret, **{"content-encoding": "gzip"}).status_code == 403
    assert post(proxy, b"\x1f\x8b\x08corrupt", **{"content-encoding": "gzip"}).status_code == 415
    assert proxy.received == []


def test_a_decompression_bomb_is_refused_and_the_next_request_served(proxy: Proxy) -> None:
    bomb = gzip.compress(b"[" + b" " * (80 * 2**20) + b"]", 9)
    assert post(proxy, bomb, **{"content-encoding": "gzip"}).status_code == 413
    assert post(proxy, chat("clean")).status_code == 200


def test_a_chunked_body_gets_the_same_verdict(proxy: Proxy) -> None:
    body = chat(fake("GITHUB_TOKEN"))

    def drip() -> Any:
        for index in range(len(body)):
            yield body[index : index + 1]

    with proxy.client() as client:
        answer = client.post(URL, content=drip(), headers={"content-type": "application/json"})
    assert answer.status_code == 403
    assert proxy.received == []


def test_http2_gets_the_same_verdict(proxy: Proxy) -> None:
    def curl(body: bytes) -> str:
        done = subprocess.run(
            [
                *("curl", "-sS", "--http2", "--proxy", proxy.url, "--cacert", str(proxy.root)),
                *("-o", str(proxy.folder / "answer"), "-w", "%{http_version} %{http_code}"),
                *("-H", "content-type: application/json", "--data-binary", "@-", URL),
            ],
            input=body,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.stdout.decode()

    padding = "many data frames " * 20_000
    assert curl(chat(padding)) == "2 200"
    assert proxy.received[-1].http_version == "2"
    assert curl(chat(padding + fake("GITHUB_TOKEN"))) == "2 403"
    assert len(proxy.received) == 1


def test_odd_characters_keep_their_place(proxy: Proxy) -> None:
    card = fake("CREDIT_CARD")
    text = f"\u2028 \r \x00 \U0001f600 \ud800 {card} end"
    post(proxy, json.dumps({"messages": [{"role": "user", "content": text}]}).encode())
    got = json.loads(proxy.received[-1].body)["messages"][0]["content"]
    assert got == text.replace(card, "[REDACTED CREDIT_CARD]")


def test_the_clients_own_credential_passes_but_not_in_a_body_or_to_another(proxy: Proxy) -> None:
    key = fake("OPENAI_API_KEY")
    assert post(proxy, chat("hi"), authorization=f"Bearer {key}").status_code == 200
    assert proxy.received[-1].header("authorization") == f"Bearer {key}"
    assert post(proxy, chat(f"my key is {key}")).status_code == 403
    other = {"x-debug-key": key}
    assert post(proxy, chat("hi"), **other).status_code == 403
    assert len(proxy.received) == 1


@pytest.mark.parametrize("path", ["//v1/chat/completions", "/v1/%63hat/completions", "/v1/unlisted", "/"])
def test_another_spelling_of_the_path_gets_the_same_verdict(proxy: Proxy, path: str) -> None:
    assert post(proxy, chat(fake("GITHUB_TOKEN")), f"https://api.openai.com{path}").status_code == 403
    assert proxy.received == []


def test_query_path_and_headers_are_scanned(proxy: Proxy) -> None:
    token = fake("GITHUB_TOKEN")
    assert post(proxy, chat("x"), f"{URL}?debug={token}").status_code == 403
    assert post(proxy, chat("x"), f"https://api.openai.com/v1/{token}").status_code == 403
    assert post(proxy, chat("x"), **{"x-title": token}).status_code == 403
    assert proxy.received == []


def test_multipart_names_headers_and_parts_are_scanned(proxy: Proxy) -> None:
    token = fake("GITHUB_TOKEN")
    with proxy.client() as client:
        for files in (
            {"file": ("a.txt", f"key {token}".encode())},
            {"file": (f"{token}.txt", b"x")},
            {"file": ("a.json", json.dumps({"k": token}).encode())},
        ):
            assert client.post("https://api.openai.com/v1/files", files=files).status_code == 403
        headers = {"content-type": "multipart/form-data"}
        answer = client.post("https://api.openai.com/v1/files", content=b"--x\r\n", headers=headers)
        assert answer.status_code == 400
    assert proxy.received == []


def test_a_restricted_jurisdiction_is_blocked_by_operator(proxy: Proxy) -> None:
    answer = post(proxy, chat("hello", model="deepseek-chat"), "https://api.deepseek.com/chat/completions")
    assert answer.status_code == 403
    assert "DeepSeek is not approved." in answer.json()["error"]["message"]
    assert proxy.received == []


def test_a_stream_is_passed_event_by_event_and_byte_for_byte(proxy: Proxy) -> None:
    proxy.stand_in.pause, proxy.stand_in.events = 0.15, 6
    arrived: list[float] = []
    with proxy.client() as client, client.stream("POST", URL, content=chat("x", stream=True)) as answer:
        assert answer.status_code == 200
        for _ in answer.iter_bytes():
            arrived.append(time.monotonic())
    assert len(arrived) >= 6
    assert arrived[-1] - arrived[0] > 0.5


def test_a_client_that_leaves_ends_the_work_upstream(proxy: Proxy) -> None:
    proxy.stand_in.pause, proxy.stand_in.events = 0.1, 300
    with proxy.client() as client, client.stream("POST", URL, content=chat("x", stream=True)) as answer:
        next(answer.iter_bytes())
    assert proxy.stand_in.disconnected.wait(10)


def test_a_browser_gets_a_page(proxy: Proxy) -> None:
    with proxy.client() as client:
        answer = client.get(
            f"https://chatgpt.com/?q={fake('GITHUB_TOKEN')}",
            headers={"accept": "text/html", "sec-fetch-mode": "navigate"},
        )
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "A live credential must not leave." in answer.text


def test_a_host_outside_the_catalogue_is_a_tunnel_with_its_own_certificate(proxy: Proxy, server: Any) -> None:
    from providers.standin import client_context

    token, before = fake("GITHUB_TOKEN"), tunnels(proxy)
    with httpx.Client(proxy=proxy.url, verify=client_context(server.root), trust_env=False) as client:
        assert client.post("https://intranet.example/x", content=chat(token)).status_code == 200
    assert token.encode() in proxy.received[-1].body
    assert tunnels(proxy) == before + 1


def tunnels(proxy: Proxy) -> float:
    (line,) = (line for line in proxy.metrics().splitlines() if line.startswith("outgate_tunnels_total "))
    return float(line.split()[1])


def raw(proxy: Proxy, data: bytes) -> bytes:
    host, port = proxy.service.addresses[0]
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(data)
        try:
            return connection.recv(65536)
        except ConnectionError:
            return b""


def test_connect_to_other_ports_is_refused(proxy: Proxy) -> None:
    for port in (53, 5353, 25, 22):
        answer = raw(
            proxy, f"CONNECT api.openai.com:{port} HTTP/1.1\r\nHost: api.openai.com\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 403")
