"""Requests that the library under us would refuse in its own words, or hang on: answered, counted, bounded."""

from __future__ import annotations

import json
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import h2.config
import h2.connection
import h2.events
import httpx2
import openai
import pytest

from e2e.conftest import Proxy
from e2e.raw import Http2, connect, head, is_closed, opened, plain, read_answer
from e2e.test_traffic import URL, chat, post
from outgate.dlp.examples import fake
from outgate.gateway import core
from patience import eventually
from providers.raw import OK, RawUpstream
from providers.standin import Server, client_context

TRAILERS = b"X-Sum: 1\r\nX-Note: %s\r\n\r\n"


@pytest.fixture
def small(make_proxy: Callable[..., Proxy]) -> Proxy:
    return make_proxy(limits={"body": 20_000})


def pieces(total: int) -> Iterator[bytes]:
    for _ in range(total // 5000):
        yield b"x" * 5000


def is_told_once(proxy: Proxy, provider: str) -> None:
    (event,) = proxy.events()
    assert (event.status, event.reason, event.provider) == (413, "too_large", provider)
    assert (event.method, event.path) == (
        "POST",
        "/v1/chat/completions" if provider == "openai" else "/v1/messages",
    )
    assert 'outgate_on_error_total{action="block",reason="too_large"} 1.0' in proxy.metrics()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [20_005, 3_000_000])
def test_a_body_over_the_limit_is_refused_in_the_providers_shape(
    small: Proxy, chunked: bool, size: int
) -> None:
    with small.client() as client:
        answer = client.post(URL, content=pieces(size + 5000) if chunked else b"x" * size)
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.headers["x-outgate-reference"] in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert small.received == []
    is_told_once(small, "openai")


@pytest.mark.parametrize("length", [{"Content_Length": "1000000"}, {"Transfer_Encoding": "chunked"}])
def test_a_body_over_the_limit_is_refused_without_waiting_for_its_end(
    small: Proxy, length: dict[str, str]
) -> None:
    with opened(small) as tls:
        tls.settimeout(15)
        tls.sendall(head(**length) + (b"%x\r\n" % 1_000_000 if "Transfer_Encoding" in length else b""))
        tls.sendall(b"x" * (1 if "Content_Length" in length else 20_001))
        assert read_answer(tls).startswith(b"HTTP/1.1 413")


def test_a_body_over_the_limit_is_refused_over_http2_and_the_connection_goes_on(small: Proxy) -> None:
    with opened(small, alpn=["h2"]) as tls:
        client = Http2(tls)
        large, fine = client.request(), client.request()
        client.send(large, b"x" * 300_000)
        client.send(fine, chat("clean"))
        client.wait(large, fine)
    assert client.statuses == {large: 413, fine: 200}
    assert client.reset == set()
    assert json.loads(client.bodies[large])["error"]["code"] == "outgate"
    assert len(small.received) == 1


def test_the_clients_own_libraries_say_what_a_413_is(small: Proxy) -> None:
    messages: list[Any] = [{"role": "user", "content": "x" * 30_000}]
    with small.client() as http, pytest.raises(openai.APIStatusError, match="too large") as caught:
        openai.OpenAI(api_key="k", http_client=http).chat.completions.create(model="m", messages=messages)
    assert caught.value.status_code == 413
    options = {"proxy": small.url, "verify": small.ssl, "trust_env": False}
    with httpx2.Client(**options) as http2, pytest.raises(anthropic.RequestTooLargeError, match="too large"):
        client = anthropic.Anthropic(api_key="k", http_client=http2)
        client.messages.create(model="m", max_tokens=1, messages=messages)
    assert [event.provider for event in small.events(2)] == ["openai", "anthropic"]


def test_what_is_passed_through_unopened_may_be_of_any_size(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    with RawUpstream(tmp_path, tls=False) as upstream:
        proxy = make_proxy(limits={"body": 20_000}, routes={"intranet.example:80": upstream.address})
        with proxy.client() as client:
            assert client.post("http://intranet.example/", content=b"x" * 50_000).status_code == 200
        assert eventually(lambda: upstream.bytes.endswith(b"x" * 50_000))


# --- trailers --------------------------------------------------------------------------------


def test_trailers_of_a_request_are_dropped_and_it_is_answered_at_once(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    body, token = chat("clean"), fake("GITHUB_TOKEN").encode()
    chunked = b"%x\r\n%s\r\n0\r\n%s" % (len(body), body, TRAILERS % token)
    with RawUpstream(tmp_path / "raw") as upstream:
        proxy = make_proxy(routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)])
        with opened(proxy) as tls:
            tls.settimeout(15)
            for _ in range(2):  # and the connection is good for another
                tls.sendall(head(Transfer_Encoding="chunked", Trailer="X-Sum") + chunked)
                assert read_answer(tls).startswith(b"HTTP/1.1 200")
                upstream.answer_again()
        assert eventually(lambda: body in upstream.bytes)
        assert token not in upstream.bytes and b"x-sum" not in upstream.bytes.lower()


@pytest.mark.parametrize("alpn", ["h2", "http/1.1"])
def test_trailers_of_an_http2_request_are_dropped(
    make_proxy: Callable[..., Proxy], tmp_path: Path, alpn: str
) -> None:
    answer = OK if alpn == "http/1.1" else b""
    with RawUpstream(tmp_path / "raw", answer, alpn=alpn) as upstream:
        proxy = make_proxy(routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)])
        with opened(proxy, alpn=["h2"]) as tls:
            client = Http2(tls)
            stream = client.request()
            client.send(stream, chat("clean"), end=False)
            client.connection.send_headers(stream, [("x-note", fake("GITHUB_TOKEN"))], end_stream=True)
            client.flush()
            if alpn == "h2":
                assert eventually(lambda: h2.events.StreamEnded in map(type, at_provider(upstream)))
                assert h2.events.TrailersReceived not in map(type, at_provider(upstream))
            else:
                client.wait(stream)
                assert client.statuses == {stream: 200}
                # It answers to the head, and may not have read on yet.
                assert eventually(lambda: upstream.bytes.endswith(b"\r\n\r\n" + chat("clean")))


def at_provider(upstream: RawUpstream) -> list[h2.events.Event]:
    """What a provider's HTTP/2 library makes of the bytes it received."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    return connection.receive_data(upstream.bytes)


def test_trailers_of_an_answer_do_not_hold_it_up(make_proxy: Callable[..., Proxy], tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + TRAILERS % b"x"
    with RawUpstream(tmp_path / "raw", answer) as upstream:
        proxy = make_proxy(routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)])
        assert post(proxy, chat("clean")).json() == {}


def test_trailers_of_an_http2_answer_do_not_hold_up_an_http1_client(proxy: Proxy) -> None:
    proxy.stand_in.trailers = True
    with opened(proxy, alpn=["http/1.1", "h2"]) as tls:
        body = chat("clean", stream=True)
        tls.sendall(head(Content_Length=str(len(body)), TE="trailers") + body)
        assert read_answer(tls).endswith(b"data: [DONE]\n\n")
    assert proxy.received[-1].http_version == "2"


# --- what is no request ----------------------------------------------------------------------

BAD = {
    "two many words": b"POST /v1/chat completions HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
    "no version": b"GET /v1/models\r\n\r\n",
    "another version": b"GET /v1/models HTTP/3.0\r\nHost: api.openai.com\r\n\r\n",
    "no header name": b"GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n: x\r\n\r\n",
    "odd header name": b"GET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\nX Y: x\r\n\r\n",
    "no length": b"POST /v1/models HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: x\r\n\r\n",
    "CONNECT": b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
    "odd chunks": b"POST /v1/x HTTP/1.1\r\nHost: api.openai.com\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
}


def test_what_is_no_request_is_answered_and_counted(proxy: Proxy) -> None:
    for count, (name, bad) in enumerate(BAD.items(), 1):
        with opened(proxy) as tls:
            tls.settimeout(15)
            tls.sendall(bad)
            answer = read_answer(tls)
        assert answer.startswith(b"HTTP/1.1 400 "), (name, answer)
        assert b"mitmproxy" not in answer.lower()
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert body["error"]["type"] == "invalid_request_error"
        assert f'on_error_total{{action="block",reason="bad_request"}} {count}.0' in proxy.metrics(), name
    assert proxy.received == []


def test_a_plain_request_without_a_host_is_answered_and_counted(proxy: Proxy) -> None:
    with plain(proxy) as tcp:
        tcp.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n")
        answer = read_answer(tcp)
    assert answer.startswith(b"HTTP/1.1 400 ") and b"mitmproxy" not in answer.lower()
    assert 'outgate_on_error_total{action="block",reason="bad_request"} 1.0' in proxy.metrics()


def test_http2_that_is_none_is_ended_and_counted(proxy: Proxy) -> None:
    with opened(proxy, alpn=["h2"]) as tls:
        tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x08\x01\xffjunkjunkjunkjunk")
        assert is_closed(tls, 15)
    assert eventually(
        lambda: 'outgate_on_error_total{action="block",reason="bad_request"} 1.0' in proxy.metrics()
    )


def test_a_refused_request_with_a_known_host_is_recorded(proxy: Proxy) -> None:
    with opened(proxy) as tls:
        tls.sendall(head(Content_Length="5", Transfer_Encoding="chunked"))
        read_answer(tls)
    (event,) = proxy.events()
    assert (event.status, event.reason, event.provider) == (400, "bad_request", "openai")


def test_empty_lines_before_a_request_are_passed_over(proxy: Proxy) -> None:
    body = chat("clean")
    with opened(proxy) as tls:
        tls.settimeout(15)
        tls.sendall(b"\r\n\r\n\n" + head(Content_Length=str(len(body))) + body)
        assert read_answer(tls).startswith(b"HTTP/1.1 200")


def test_the_answer_to_a_blocked_head_request_has_no_body(proxy: Proxy) -> None:
    with opened(proxy) as tls:
        tls.settimeout(15)
        for _ in range(2):
            tls.sendall(head("HEAD", X_Note=fake("GITHUB_TOKEN")))
            answer = tls.recv(65536)
            assert answer.startswith(b"HTTP/1.1 403") and answer.endswith(b"\r\n\r\n")


# --- bounds ----------------------------------------------------------------------------------


def test_a_head_that_does_not_end_is_cut_off(proxy: Proxy) -> None:
    with opened(proxy) as tls:
        tls.sendall(head()[:-2] + b"X-A: " + b"x" * 300_000)
        assert b" 431 " in read_answer(tls).split(b"\r\n")[0]
        assert is_closed(tls, 15)


@pytest.mark.parametrize("what", ["trailers", "chunk size", "next request"])
def test_what_follows_a_request_is_not_kept_without_bound(proxy: Proxy, what: str) -> None:
    proxy.stand_in.hold = True
    body = chat("x", stream=True)
    start = {
        "trailers": head(Transfer_Encoding="chunked") + b"0\r\n",
        "chunk size": head(Transfer_Encoding="chunked") + b"1",
        "next request": head(Content_Length=str(len(body))) + body,
    }[what]
    with opened(proxy) as tls:
        tls.sendall(start)
        with pytest.raises(ConnectionError):
            for _ in range(500):
                tls.sendall(b"X-Filler: " + b"1" * 65_000)


def test_all_unfinished_bodies_together_are_bounded(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(limits={"body": 100_000, "buffered": 250_000})
    body = chat("x" * 80_000)
    with opened(proxy) as one, opened(proxy) as two, opened(proxy) as three, opened(proxy) as four:
        for tls in (one, two, three):
            tls.sendall(head(Content_Length=str(len(body))) + body[:-1])
        assert eventually(lambda: core.Share.taken == 3 * (len(body) - 1))
        four.sendall(head(Content_Length=str(len(body))) + body)
        answer = read_answer(four)
        assert answer.startswith(b"HTTP/1.1 503") and b"Too many requests" in answer
        one.close()  # which gives back its part
        for tls in (two, three):
            tls.sendall(body[-1:])
            assert read_answer(tls).startswith(b"HTTP/1.1 200")
    with opened(proxy) as tls:
        tls.sendall(head(Content_Length=str(len(body))) + body)
        assert read_answer(tls).startswith(b"HTTP/1.1 200")
    assert 'outgate_on_error_total{action="block",reason="overload"} 1.0' in proxy.metrics()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(None, id="nothing"),
        pytest.param(b"CONN", id="half a CONNECT"),
        pytest.param(
            b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n", id="no handshake"
        ),
    ],
)
def test_a_client_that_sends_no_request_is_cut_off(
    make_proxy: Callable[..., Proxy], sent: bytes | None
) -> None:
    proxy = make_proxy(limits={"head": 1})
    with plain(proxy) as tcp:
        if sent:
            tcp.sendall(sent)
        assert is_closed(tcp, 15)


def test_a_head_that_comes_byte_by_byte_is_cut_off(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(limits={"head": 2})
    with opened(proxy) as tls:
        with pytest.raises(OSError):
            for byte in head() * 3:
                tls.sendall(bytes([byte]))
                if is_closed(tls, 0.1):
                    raise ConnectionResetError


@pytest.mark.parametrize("alpn", ["h2", "http/1.1"])
def test_a_body_that_comes_byte_by_byte_is_cut_off(make_proxy: Callable[..., Proxy], alpn: str) -> None:
    proxy = make_proxy(limits={"request": 2})
    with opened(proxy, alpn=[alpn]) as tls, pytest.raises((OSError, AssertionError)):
        if alpn == "h2":
            client = Http2(tls)
            stream = client.request()
            for _ in range(80):
                client.send(stream, b"x", end=False)
                if is_closed(tls, 0.1):
                    raise ConnectionResetError
        else:
            tls.sendall(head(Content_Length="1000"))
            for _ in range(80):
                tls.sendall(b"x")
                if is_closed(tls, 0.1):
                    raise ConnectionResetError


def test_a_tunnel_and_a_slow_answer_outlive_the_deadlines_of_requests(
    make_proxy: Callable[..., Proxy], server: Server
) -> None:
    proxy = make_proxy(limits={"head": 1, "request": 1})
    proxy.stand_in.pause, proxy.stand_in.events = 0.5, 6
    with proxy.client() as client, client.stream("POST", URL, content=chat("x", stream=True)) as answer:
        assert answer.read().endswith(b"[DONE]\n\n")
    context = client_context(server.root)
    with (
        connect(proxy, "intranet.example:443") as tcp,
        context.wrap_socket(tcp, server_hostname="intranet.example") as tls,
    ):
        assert not is_closed(tls, 3)


# --- providers that cannot be reached, and TLS -------------------------------------------------


def test_a_provider_that_cannot_be_reached_is_told_in_its_shape_and_may_be_tried_again(
    make_proxy: Callable[..., Proxy],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    proxy = make_proxy(routes={"api.anthropic.com": nobody})
    answer = post(proxy, b'{"messages": []}', "https://api.anthropic.com/v1/messages")
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "api_error"
    assert "x-should-retry" not in answer.headers
    (event,) = proxy.events()
    assert (event.status, event.outcome, event.reason) == (502, "forward", "")


def test_a_provider_that_breaks_off_is_told_in_its_shape(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    with RawUpstream(tmp_path / "raw", b"nonsense\r\n\r\n") as upstream:
        proxy = make_proxy(routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)])
        answer = post(proxy, chat("clean"))
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "server_error"
    assert "nonsense" not in answer.text


def test_an_upstream_certificate_that_is_not_trusted_is_counted_and_told(
    make_proxy: Callable[..., Proxy], caplog: pytest.LogCaptureFixture
) -> None:
    proxy = make_proxy(extra_roots=[])
    for _ in range(3):
        answer = post(proxy, chat("clean"))
    assert answer.status_code == 502
    assert "certificate" in answer.json()["error"]["message"]
    assert 'outgate_tls_failures_total{side="upstream"} 3.0' in proxy.metrics()
    told = [record for record in caplog.records if "extra_roots" in record.message]
    assert [(record.levelno, "api.openai.com" in record.message) for record in told] == [
        (logging.WARNING, True)
    ]


def test_a_client_that_does_not_trust_the_ca_is_counted_and_told_what_to_do(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context()
        context.minimum_version = context.maximum_version = version
        with connect(proxy, "api.openai.com:443") as tcp, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(tcp, server_hostname="api.openai.com")
    assert eventually(lambda: 'outgate_tls_failures_total{side="client"} 3.0' in proxy.metrics())
    told = [record for record in caplog.records if "does not trust Outgate's CA" in record.message]
    assert len(told) == 1 and told[0].levelno == logging.WARNING
    assert "api.openai.com" in told[0].message and "outgate ca export" in told[0].message
