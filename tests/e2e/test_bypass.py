"""Ways around a filter: each one tried, each one closed."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from e2e.conftest import Proxy
from e2e.test_traffic import URL, chat, post
from outgate.dlp.examples import fake
from outgate.gateway import inspection
from outgate.settings import Settings, SettingsError


def connect(proxy: Proxy, authority: str) -> socket.socket:
    host, port = proxy.service.addresses[0]
    connection = socket.create_connection((host, port), timeout=15)
    connection.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    assert b" 200 " in answer.split(b"\r\n", 1)[0]
    return connection


def request_inside(proxy: Proxy, authority: str, sni: str, host: str) -> bytes:
    """A request through CONNECT ``authority`` with this SNI and Host; what came back."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    body = chat(fake("GITHUB_TOKEN"))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    with connect(proxy, authority) as plain, context.wrap_socket(plain, server_hostname=sni) as tls:
        tls.sendall(head.encode() + body)
        return tls.recv(65536)


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt, TypeError])
def test_a_hook_that_raises_forwards_nothing(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(inspection, "inspect", broken)
    assert post(proxy, chat("clean")).status_code == 503
    assert proxy.received == []


def test_a_hook_that_never_ends_forwards_nothing(
    make_proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: Any, **__: Any) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(inspection, "inspect", endless)
    proxy = make_proxy(detection={"workers": 1, "deadline": 0.5})
    assert post(proxy, chat("clean")).status_code == 503
    assert proxy.received == []


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


@pytest.mark.parametrize(
    ("authority", "sni", "host"),
    [
        ("api.openai.com:443", "api.openai.com", "intranet.example"),
        ("api.openai.com:443", "api.anthropic.com", "api.openai.com"),
        ("intranet.example:443", "api.openai.com", "api.openai.com"),
        ("api.openai.com:443", "api.openai.com", "api.deepseek.com"),
    ],
)
def test_hosts_that_disagree_are_refused(proxy: Proxy, authority: str, sni: str, host: str) -> None:
    answer = request_inside(proxy, authority, sni, host)
    assert answer.startswith(b"HTTP/1.1 421"), answer[:200]
    assert proxy.received == []


def test_an_ai_host_named_only_by_sni_or_host_is_opened(proxy: Proxy) -> None:
    with connect(proxy, "intranet.example:80") as connection:
        body = chat(fake("GITHUB_TOKEN"))
        head = f"POST /v1/x HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
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
    host, port = proxy.service.addresses[0]
    token = fake("GITHUB_TOKEN")
    head = f"GET http://api.openai.com/v1/models HTTP/1.1\r\nHost: api.openai.com\r\nX-Note: a\r\n {token}\r\n\r\n"
    with socket.create_connection((host, port), timeout=15) as connection:
        connection.sendall(head.encode())
        status = connection.recv(4096).split(b"\r\n", 1)[0]
    assert status.split()[1] in (b"400", b"403")
    assert proxy.received == []


def test_upstream_certificates_are_verified(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(extra_roots=[])
    assert post(proxy, chat("clean")).status_code == 502
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


def test_a_missing_or_open_key_file_refuses_to_start(make_proxy: Callable[..., Proxy], tmp_path: Any) -> None:
    from outgate.gateway import ca

    with pytest.raises(ca.CaError, match="outgate ca init"):
        ca.check(tmp_path)
    ca.create(tmp_path / "ca", ["openai.com"])
    (tmp_path / "ca" / ca.SIGNING).chmod(0o644)
    with pytest.raises(ca.CaError, match="chmod 600"):
        ca.check(tmp_path / "ca")


def test_alt_svc_is_taken_from_answers(proxy: Proxy) -> None:
    assert "alt-svc" not in post(proxy, chat("clean")).headers


def test_websocket_messages_are_judged_like_bodies(proxy: Proxy) -> None:
    from wsproto import ConnectionType, WSConnection, events

    with connect(proxy, "api.openai.com:443") as plain:
        with proxy.ssl.wrap_socket(plain, server_hostname="api.openai.com") as tls:
            ws = WSConnection(ConnectionType.CLIENT)
            tls.sendall(ws.send(events.Request(host="api.openai.com", target="/v1/realtime")))
            ws.receive_data(tls.recv(4096))
            assert any(isinstance(event, events.AcceptConnection) for event in ws.events())
            tls.sendall(ws.send(events.TextMessage('{"type":"response.create","text":"clean"}')))
            ws.receive_data(tls.recv(4096))
            assert [e.data for e in ws.events() if isinstance(e, events.TextMessage)]
            secret = '{"type":"response.create","text":"' + fake("GITHUB_TOKEN") + '"}'
            tls.sendall(ws.send(events.TextMessage(secret)))
            ws.receive_data(tls.recv(4096))
            told = "".join(e.data for e in ws.events() if isinstance(e, events.TextMessage))
            assert "A live credential must not leave." in told
    bodies = [request.body for request in proxy.received if request.method == "WEBSOCKET"]
    assert bodies == [b'{"type":"response.create","text":"clean"}']


def test_the_core_logs_nothing(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    token = fake("GITHUB_TOKEN")
    caplog.set_level(logging.DEBUG)
    post(proxy, chat(token))
    post(proxy, b"{broken " + token.encode())
    assert token not in caplog.text
