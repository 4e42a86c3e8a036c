"""Ways around a filter: each one tried, each one closed."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import ssl
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy import options

from e2e.conftest import Proxy
from e2e.raw import Http2, connect, head, is_closed, opened, plain, read_answer
from e2e.test_traffic import URL, chat, post
from outgate.catalogue import Catalogue
from outgate.dlp.examples import fake
from outgate.gateway import ca, exchanges, inspection, judge, restoring, signing
from outgate.gateway.loop import event_loop_factory
from outgate.gateway.problem import GatewayError
from outgate.gateway.service import Service
from outgate.settings import Settings
from outgate.settings.sections import SettingsError
from patience import eventually
from providers.raw import RawUpstream
from providers.standin import HOSTS, Server

PROXY = Path(inspection.__file__).parents[2]


def request_inside(proxy: Proxy, authority: str, sni: str, host: str) -> bytes:
    """A request through CONNECT ``authority`` with this SNI and Host; what came back."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    body = chat(fake("GITHUB_TOKEN"))
    with connect(proxy, authority) as tcp, context.wrap_socket(tcp, server_hostname=sni) as tls:
        tls.sendall(head(Host=host, Content_Length=str(len(body))) + body)
        return read_answer(tls)


ERRORS = [
    *(RuntimeError, TypeError, MemoryError, RecursionError, StopAsyncIteration, BaseException),
    *(SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError),
]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_inspection_that_raises_forwards_nothing(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    for error in ERRORS:

        async def broken(*_: Any, error: type[BaseException] = error, **__: Any) -> None:
            if not at_once:
                await asyncio.sleep(0.01)
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(judge, "inspect", broken)
            assert post(proxy, chat("clean")).status_code == 503, error
        assert proxy.received == []
    assert post(proxy, chat("clean")).status_code == 200  # it was those exchanges' end, and no other's


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_a_hook_that_raises_anywhere_forwards_nothing(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    body = chat("clean")
    for step in ("to_exchange", "tidy", "names_of", "apply"):
        with monkeypatch.context() as patch, opened(proxy) as tls:
            patch.setattr(exchanges, step, broken)
            tls.sendall(head(Content_Length=str(len(body))) + body)
            assert read_answer(tls).startswith(b"HTTP/1.1 503"), step
        assert proxy.received == []


def test_a_request_is_closed_before_it_is_looked_at(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the handling of the failure fails: nothing is left but what was set first."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(inspection.Inspection, "_inspect_request", broken)
    monkeypatch.setattr(inspection.Inspection, "_fail", broken)
    assert post(proxy, chat("clean")).status_code == 503
    assert proxy.received == []


def test_a_hook_that_never_ends_forwards_nothing(
    make_proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: Any, **__: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(judge, "inspect", endless)
    for room in (restoring, signing):
        monkeypatch.setattr(room, "PATIENCE", 0.2)
    proxy = make_proxy(detection={"workers": 1, "deadline": 0.5}, attachments={"deadline": 0.5})
    assert post(proxy, chat("clean")).status_code == 503
    assert proxy.received == []
    assert 'outgate_on_error_total{action="block",reason="timeout"} 1.0' in proxy.metrics()


def test_a_first_tls_record_of_two_bytes_does_not_make_it_raw(proxy: Proxy) -> None:
    context = ssl.create_default_context(cafile=str(proxy.root))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="api.openai.com")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    kind, version, payload = hello[:1], hello[1:3], hello[5:]
    split = b"".join(kind + version + len(piece).to_bytes(2) + piece for piece in (payload[:2], payload[2:]))
    with connect(proxy, "api.openai.com:443") as connection:
        connection.sendall(split[:2])
        connection.sendall(split[2:])
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                pending = outgoing.read()
                if pending:
                    connection.sendall(pending)
                incoming.write(connection.recv(65536))
        issuer = dict(item[0] for item in tls.getpeercert()["issuer"])  # type: ignore[index,misc]
        assert issuer["organizationName"] == "Outgate"  # opened, not passed through


def test_plain_bytes_to_an_ai_host_are_not_passed_on(proxy: Proxy) -> None:
    with connect(proxy, "api.openai.com:443") as connection:
        connection.sendall(b"\x00\x01\x02 not tls at all " + fake("GITHUB_TOKEN").encode() + b"\r\n\r\n")
        assert not connection.recv(4096).startswith(b"\x00")
    assert proxy.received == []


def test_three_names_in_any_order_are_refused(proxy: Proxy) -> None:
    for authority, sni, host in itertools.permutations(
        ["api.openai.com", "api.anthropic.com", "intranet.example"]
    ):
        answer = request_inside(proxy, f"{authority}:443", sni, host)
        assert answer.startswith(b"HTTP/1.1 421"), (authority, sni, host, answer[:200])
    assert proxy.received == []


def test_one_name_that_differs_is_refused(proxy: Proxy) -> None:
    for odd, other in itertools.product((0, 1, 2), ("intranet.example", "api.deepseek.com")):
        names = ["api.openai.com"] * 3
        names[odd] = other
        answer = request_inside(proxy, f"{names[0]}:443", names[1], names[2])
        assert answer.startswith(b"HTTP/1.1 421"), (names, answer[:200])
    assert proxy.received == []


def test_two_host_headers_are_refused(make_proxy: Callable[..., Proxy], tmp_path: Path) -> None:
    with RawUpstream(tmp_path / "raw") as upstream:
        proxy = make_proxy(routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)])
        for second in ("intranet.example", "api.anthropic.com"):
            with opened(proxy) as tls:
                body = chat("clean")
                tls.sendall(head(Content_Length=str(len(body)), host=second) + body)
                assert read_answer(tls).startswith(b"HTTP/1.1 4")
        assert upstream.received == []


def test_an_authority_that_differs_is_refused(proxy: Proxy) -> None:
    with opened(proxy, alpn=["h2"]) as tls:
        client = Http2(tls)
        stream = client.request("GET", "/v1/models", host="api.anthropic.com", end=True)
        client.wait(stream)
    assert client.statuses[stream] == 421
    assert proxy.received == []


def test_an_ai_host_named_only_by_sni_or_host_is_opened(proxy: Proxy) -> None:
    with connect(proxy, "intranet.example:80") as connection:
        body = chat(fake("GITHUB_TOKEN"))
        connection.sendall(head(Content_Length=str(len(body))) + body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 421")
    assert proxy.received == []


def test_a_large_chunked_body_is_never_streamed_past_the_inspection(proxy: Proxy) -> None:
    def pieces() -> Any:
        yield b'{"messages":[{"role":"user","content":"'
        for _ in range(300):
            yield b"lorem ipsum dolor " * 400
        yield fake("GITHUB_TOKEN").encode() + b'"}]}'

    with proxy.client() as client:
        answer = client.post(URL, content=pieces(), headers={"content-type": "application/json"})
    assert answer.status_code == 403
    assert proxy.received == []


def test_a_folded_header_is_joined_and_scanned(proxy: Proxy) -> None:
    token = fake("GITHUB_TOKEN")
    with opened(proxy) as tls:
        tls.sendall(head("GET", "/v1/models", X_Note=f"a\r\n {token}"))
        assert read_answer(tls).startswith(b"HTTP/1.1 403")
    with opened(proxy) as tls:
        tls.sendall(head("GET", "/v1/models", X_Note=f"a{token[:9]}\r\n\t{token[9:]}"))
        read_answer(tls)
    assert all(token.encode() not in b"".join(value for _, value in one.headers) for one in proxy.received)


def test_no_line_break_inside_a_header_reaches_the_provider(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    with RawUpstream(tmp_path / "raw") as upstream:
        proxy = make_proxy(routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)])
        for end in ("\r\n ", "\r\n\t \r\n  ", "\n ", "\r", "\r "):
            with opened(proxy, alpn=["http/1.1"]) as tls:
                tls.sendall(head("GET", "/v1/models", X_Note=f"one{end}X-Other: two"))
                assert read_answer(tls).startswith(b"HTTP/1.1 200")
            lines = upstream.received[-1].partition(b"\r\n\r\n")[0].split(b"\r\n")
            assert not any(b"\r" in line or b"\n" in line for line in lines), end
            assert not any(line.startswith((b" ", b"\t", b"X-Other")) for line in lines), end


def test_a_body_whose_length_can_be_read_in_two_ways_is_refused(proxy: Proxy) -> None:
    for framing in (
        {"Content_Length": "5", "Transfer_Encoding": "chunked"},
        {"Content_Length": "5", "content_length": "6"},
        {"Content_Length": "5, 5"},
        {"Content_Length": "+5"},
        {"Transfer_Encoding": "gzip"},
        {"Transfer_Encoding": "chunked, identity"},
        {"Transfer_Encoding": "xchunked"},
    ):
        with opened(proxy) as tls:
            rest = b"0\r\n\r\nGET /v1/other HTTP/1.1\r\nHost: api.openai.com\r\n\r\n"
            tls.sendall(head(**framing) + rest)
            answer = read_answer(tls)
            assert answer.startswith(b"HTTP/1.1 400"), (framing, answer[:200])
            assert is_closed(tls, 15)
    assert proxy.received == []


@pytest.mark.parametrize("packed", ["gzip", "deflate", "compress"])
def test_a_body_that_is_packed_by_its_transfer_encoding_is_refused(proxy: Proxy, packed: str) -> None:
    body = zlib.compress(fake("GITHUB_TOKEN").encode())[2:-4]
    fields = {"Content_Type": "application/octet-stream", "Transfer_Encoding": f"{packed}, chunked"}
    with opened(proxy) as tls:
        tls.sendall(head(**fields) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        assert read_answer(tls).startswith(b"HTTP/1.1 400")
    assert proxy.received == []


def test_credentials_for_the_proxy_and_other_hop_by_hop_fields_stay_here(proxy: Proxy) -> None:
    fields = {"proxy-authorization": "Basic eDp5", "proxy-connection": "keep-alive", "trailer": "x-sum"}
    assert post(proxy, chat("clean"), **fields).status_code == 200
    assert not fields.keys() & {name.decode().lower() for name, _ in proxy.received[-1].headers}


def test_an_answer_larger_than_a_request_may_be_passes_whole(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(limits={"body": 1024})
    proxy.stand_in.events = 500
    with proxy.client() as client:
        answer = client.post(URL, content=chat("x", stream=True))
    assert answer.content.count(b"data: ") == 501


def test_a_blocked_request_opens_no_connection_to_its_provider(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    with RawUpstream(tmp_path / "raw") as upstream:
        proxy = make_proxy(routes={"api.openai.com": upstream.address}, extra_roots=[str(upstream.root)])
        assert post(proxy, chat(fake("GITHUB_TOKEN"))).status_code == 403
        assert upstream.received == []
        assert post(proxy, chat("clean")).status_code == 200
        assert len(upstream.received) == 1


def test_a_client_may_have_many_requests_under_way_over_one_http2_connection(
    make_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    """To a provider that speaks HTTP/1.1 only, where each needs a connection of its own."""
    server = Server(tmp_path, alpn=("http/1.1",))
    server.start()
    server.stand_in.hold = True
    try:
        routes = dict.fromkeys(HOSTS, f"127.0.0.1:{server.stand_in.port}")
        proxy = make_proxy(routes=routes, extra_roots=[str(server.root)])
        with opened(proxy, alpn=["h2"]) as tls:
            client = Http2(tls)
            streams = [client.request() for _ in range(12)]
            for stream in streams:
                client.send(stream, chat("x", stream=True))
            assert eventually(lambda: server.stand_in.under_way == 12)
            server.stand_in.gate.set()
            client.wait(*streams)
        assert set(client.statuses.values()) == {200}
        assert all(body.endswith(b"data: [DONE]\n\n") for body in client.bodies.values())
    finally:
        server.stand_in.gate.set()
        server.stop()


def test_upstream_certificates_are_verified(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(extra_roots=[])
    assert post(proxy, chat("clean")).status_code == 502
    assert proxy.received == []


def test_an_upstream_certificate_of_another_host_is_refused(
    make_proxy: Callable[..., Proxy], server: Server
) -> None:
    proxy = make_proxy(routes={"api.perplexity.ai": f"127.0.0.1:{server.stand_in.port}"})
    assert post(proxy, chat("clean"), "https://api.perplexity.ai/v1/chat/completions").status_code == 502
    assert proxy.received == []


def test_the_ca_signs_no_other_host(proxy: Proxy) -> None:
    from mitmproxy.certs import CertStore

    directory = proxy.root.parent
    store = CertStore.from_store(directory, "mitmproxy", 2048)
    from cryptography import x509

    for name, accepted in (("api.openai.com", True), ("bank.example.com", False)):
        entry = store.get_cert(name, [x509.DNSName(name)])
        assert handshakes(entry, proxy, name) is accepted


def handshakes(entry: Any, proxy: Proxy, name: str) -> bool:
    from cryptography.hazmat.primitives import serialization

    pem = proxy.folder / "leaf.pem"
    key = entry.privatekey.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(entry.cert.to_pem() + entry.chain_file.read_bytes() + key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cafile=str(proxy.root))
    a_in, b_in = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(a_in, b_in, server_hostname=name)
    two = server.wrap_bio(b_in, a_in, server_side=True)
    done = [False, False]
    for _ in range(10):
        for index, side in enumerate((one, two)):
            try:
                side.do_handshake()
                done[index] = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
    return all(done)


def test_another_address_without_an_allow_list_is_refused() -> None:
    with pytest.raises(SettingsError, match="clients"):
        _ = Settings(listen="0.0.0.0:8080").client_networks
    assert Settings(listen="0.0.0.0:8080", clients=["10.0.0.0/8"]).client_networks


def test_a_client_off_the_allow_list_is_turned_away(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(clients=["10.0.0.0/8"])
    with pytest.raises((httpx.ProxyError, httpx.ReadError, httpx.RemoteProtocolError)):
        post(proxy, chat("clean"))
    assert proxy.received == []


def test_a_missing_or_open_key_file_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(ca.CaError, match="outgate ca init"):
        ca.check(tmp_path)
    ca.create(tmp_path / "ca", ["openai.com"])
    (tmp_path / "ca" / ca.SIGNING).chmod(0o644)
    with pytest.raises(ca.CaError, match="chmod 600"):
        ca.check(tmp_path / "ca")


def test_without_a_ca_nothing_starts_and_none_is_made(tmp_path: Path) -> None:
    settings = Settings(listen="127.0.0.1:0", metrics=None, state_dir=tmp_path)
    settings.ca_dir.mkdir(mode=0o700)
    with pytest.raises(ca.CaError, match="outgate ca init"):
        asyncio.run(Service(settings).run())
    assert list(settings.ca_dir.iterdir()) == []


@pytest.mark.parametrize("name", ["emudhra", "emudhra_old"])
def test_a_library_that_trusts_a_published_ca_key_refuses_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    class Later(options.Options):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.add_option(name, bool, True, "")

    monkeypatch.setattr(options, "Options", Later)
    ca.create(tmp_path / "ca", Catalogue.load().constraint_names())
    settings = Settings(listen="127.0.0.1:0", metrics=None, state_dir=tmp_path, audit={"sink": "none"})
    with asyncio.Runner(loop_factory=event_loop_factory({})) as runner:
        with pytest.raises(GatewayError, match=name):
            runner.run(Service(settings).run())


def test_an_event_loop_that_checks_no_connection_refuses_to_start(tmp_path: Path) -> None:
    ca.create(tmp_path / "ca", Catalogue.load().constraint_names())
    settings = Settings(listen="127.0.0.1:0", metrics=None, state_dir=tmp_path, audit={"sink": "none"})
    with pytest.raises(GatewayError, match="event loop"):
        asyncio.run(Service(settings).run())


@pytest.mark.parametrize("first", ["service", "master", "loop"])
def test_session_keys_are_never_logged_whatever_is_imported_first(tmp_path: Path, first: str) -> None:
    code = (
        f"import outgate.gateway.{first}; from mitmproxy.net import tls; assert tls.log_master_secret is None"
    )
    keys = dict.fromkeys(("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"), str(tmp_path / "keys"))
    environment = {**os.environ, **keys, "PYTHONPATH": str(PROXY)}
    subprocess.run([sys.executable, "-P", "-c", code], env=environment, check=True, timeout=60)


def test_alt_svc_is_taken_from_answers(proxy: Proxy) -> None:
    assert "alt-svc" not in post(proxy, chat("clean")).headers


def test_what_cannot_be_read_is_told_to_no_log(
    proxy: Proxy, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    token = fake("GITHUB_TOKEN")
    caplog.set_level(logging.DEBUG)
    post(proxy, chat(token))
    post(proxy, b"{broken " + token.encode())
    with opened(proxy) as tls:
        tls.sendall(head(X_Note=token)[:-4])  # and leaves in the middle of its head
    for junk in (b"GET /?q=%s HTTP/1.1 x\r\n\r\n", b"POST /%s HTTP/1.1\r\n: %s\r\n\r\n", b"%s\r\n\r\n"):
        with opened(proxy) as tls:
            tls.sendall(junk.replace(b"%s", token.encode()))
            assert token.encode() not in read_answer(tls)
        with plain(proxy) as tcp:
            tcp.sendall(junk.replace(b"%s", token.encode()))
            assert token.encode() not in read_answer(tcp)
    with opened(proxy, alpn=["h2"]) as tls:
        tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x08\x01\xff" + token.encode())
        assert token.encode() not in read_answer(tls)
    with opened(proxy, alpn=["h2"]) as tls:
        client = Http2(tls, careless=True)
        client.request("GET", more=[(f":{token.lower()}", "x")], end=True)
        assert token.lower().encode() not in read_answer(tls)
    output = capfd.readouterr()
    assert token.lower() not in (caplog.text + output.out + output.err).lower()
    assert not [
        record for record in caplog.records if record.name.partition(".")[0] in ("mitmproxy", "h2", "hpack")
    ]
    assert proxy.received == []
