"""Connections before anything is read of them: whose they are, how many there may be, and how slow."""

from __future__ import annotations

import getpass
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from e2e.conftest import Proxy, proxies
from e2e.raw import head, is_closed, opened, read_answer
from e2e.test_traffic import URL, chat, post
from e2e.ways import free_port
from patience import eventually
from providers.standin import Server

OURS, BALANCER = "127.0.0.1", "127.0.0.2"
THEIRS = "10.1.2.3"  # a client that a balancer tells of
HEADER = f"PROXY TCP4 {THEIRS} 10.9.9.9 4242 8080\r\n".encode()
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CONNECT = b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n"
SOCKS = free_port()


@pytest.fixture(scope="module")
def bounded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("entrance")) as make:
        yield make(
            mode=["regular", f"socks5@127.0.0.1:{SOCKS}"],
            clients=[f"{OURS}/32", f"{THEIRS}/32", "2001:db8::/32"],
            proxy_protocol=[f"{BALANCER}/32"],
            identity={"sources": [{"local": True}]},
            limits={"connections": 6, "client_connections": 3, "requests": 1, "head": 2},
        )


@pytest.fixture
def proxy(bounded: Proxy, server: Server) -> Iterator[Proxy]:
    server.stand_in.reset()
    yield bounded
    assert eventually(lambda: connections(bounded) == 0)


def connections(proxy: Proxy) -> int:
    return int(metric(proxy, "outgate_connections_open"))


def metric(proxy: Proxy, name: str) -> float:
    found = [line for line in proxy.metrics().splitlines() if line.startswith(f"{name} ")]
    return float(found[0].split()[1]) if found else 0.0


def turned_away(proxy: Proxy, reason: str) -> float:
    return metric(proxy, f'outgate_connections_refused_total{{reason="{reason}"}}')


@contextmanager
def connection(proxy: Proxy, source: str = OURS, sent: bytes = b"", port: int = 0) -> Iterator[socket.socket]:
    host, regular = proxy.service.addresses[0]
    with socket.create_connection((host, port or regular), 15, source_address=(source, 0)) as one:
        one.sendall(sent)
        yield one


def told(source: str) -> bytes:
    """A header of version 2."""
    family, here, kind = (
        (socket.AF_INET6, "2001:db8::9", 0x21) if ":" in source else (socket.AF_INET, "10.9.9.9", 0x11)
    )
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, here)
    addresses += struct.pack("!HH", 4242, 8080)
    return SIGNATURE + struct.pack("!BBH", 0x21, kind, len(addresses)) + addresses


# --- who it is from --------------------------------------------------------------------------


@pytest.mark.parametrize("header", [HEADER, told(THEIRS)])
def test_a_balancers_client_is_who_the_balancer_says(proxy: Proxy, header: bytes) -> None:
    body = chat("hello Bluebird")
    request = f"POST {URL.replace('https', 'http')} HTTP/1.1\r\nHost: api.openai.com\r\n".encode()
    request += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with connection(proxy, BALANCER, header + request) as one:
        asked = reference(read_answer(one))
    assert eventually(lambda: (asked, THEIRS) in [(event.id, str(event.client)) for event in proxy.events(0)])


def test_a_balancers_client_is_no_user_of_this_machine_by_its_port(proxy: Proxy) -> None:
    """The socket with that port here may be another's, who asks the proxy without the balancer."""
    body = chat("hello Bluebird")
    request = f"POST {URL.replace('https', 'http')} HTTP/1.1\r\nHost: api.openai.com\r\n".encode()
    request += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with connection(proxy) as ours:
        told_of = (
            f"PROXY TCP4 {OURS} {OURS} {ours.getsockname()[1]} {proxy.service.addresses[0][1]}\r\n".encode()
        )
        with connection(proxy, BALANCER, told_of + request) as balancers:
            theirs = reference(read_answer(balancers))
        ours.sendall(request)
        here = reference(read_answer(ours))

    def users() -> dict[str, str | None]:
        return {event.id: event.user for event in proxy.events(0)}

    assert eventually(lambda: {theirs, here} <= users().keys())
    assert (users()[theirs], users()[here]) == (None, getpass.getuser())


def reference(answer: bytes) -> str:
    return answer.partition(b"x-outgate-reference: ")[2].partition(b"\r\n")[0].decode()


def test_who_is_not_on_the_list_is_not_let_in_by_a_balancer(proxy: Proxy) -> None:
    with connection(proxy, BALANCER, told("10.1.2.4") + CONNECT) as one:
        assert read_answer(one) == b""


@pytest.mark.parametrize("sent", [CONNECT, b"\x16\x03\x01\x02\x00" + bytes(20), b"PROXY TCP4 nobody\r\n"])
def test_a_balancer_that_does_not_say_is_refused(proxy: Proxy, sent: bytes) -> None:
    before = turned_away(proxy, "proxy_protocol")
    with connection(proxy, BALANCER, sent) as one:
        assert read_answer(one) == b""
    assert turned_away(proxy, "proxy_protocol") > before


@pytest.mark.parametrize("header", [HEADER, told(THEIRS)])
def test_nobody_else_is_believed(proxy: Proxy, header: bytes) -> None:
    with connection(proxy, OURS, header + CONNECT) as one:
        assert b" 200 " not in read_answer(one)[:20]
    assert proxy.received == []


def test_a_socks_client_behind_a_balancer_is_told_of_too(proxy: Proxy) -> None:
    with connection(proxy, BALANCER, told(THEIRS) + b"\x05\x01\x00", SOCKS) as one:
        assert one.recv(2) == b"\x05\x00"
    with connection(proxy, BALANCER, b"\x05\x01\x00", SOCKS) as one:
        assert one.recv(2) == b""


# --- how many --------------------------------------------------------------------------------


def test_one_client_has_so_many_connections_and_others_have_theirs(proxy: Proxy) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connection(proxy))
        assert eventually(lambda: connections(proxy) == 3)
        with connection(proxy, OURS, CONNECT) as one:
            assert read_answer(one) == b""
        with connection(proxy, BALANCER, told(THEIRS) + CONNECT) as other:
            assert b" 200 " in other.recv(100)
    assert turned_away(proxy, "client_limit") >= 1


def test_a_host_with_a_network_of_addresses_has_as_many_connections_as_one_with_one(proxy: Proxy) -> None:
    with ExitStack() as stack:
        for number in range(3):
            stack.enter_context(connection(proxy, BALANCER, told(f"2001:db8::{number:x}:1")))
        assert eventually(lambda: connections(proxy) == 3)
        with connection(proxy, BALANCER, told("2001:db8::ffff") + CONNECT) as one:
            assert read_answer(one) == b""
        with connection(proxy, BALANCER, told("2001:db8:0:1::1") + CONNECT) as other:
            assert b" 200 " in other.recv(100)


def test_more_connections_than_there_is_room_for_wait(proxy: Proxy) -> None:
    with ExitStack() as stack:
        kept = [
            stack.enter_context(connection(proxy, source, sent))
            for source, sent in ((OURS, b""), (BALANCER, told(THEIRS)))
            for _ in range(3)
        ]
        assert eventually(lambda: connections(proxy) == 6)
        waiting = stack.enter_context(connection(proxy, OURS, CONNECT))
        waiting.settimeout(0.3)
        with pytest.raises(TimeoutError):
            waiting.recv(100)
        assert connections(proxy) == 6
        kept[0].close()
        waiting.settimeout(15)
        assert b" 200 " in waiting.recv(100)


def test_a_beginning_that_does_not_go_on_is_cut_off(proxy: Proxy) -> None:
    beginnings = [
        (BALANCER, HEADER[:20], 0),
        (BALANCER, told(THEIRS)[:20], 0),
        (OURS, b"\x05", SOCKS),
        (OURS, b"\x05\x01\x00\x05\x01", SOCKS),
        (OURS, CONNECT[:30], 0),
    ]
    with ExitStack() as stack:
        begun = [stack.enter_context(connection(proxy, *beginning)) for beginning in beginnings]
        assert connections(proxy) == len(begun)
        for one in begun:
            assert is_closed(one, 20)


# --- too much to do --------------------------------------------------------------------------


def test_one_request_too_many_is_told_to_come_again_and_not_forwarded(proxy: Proxy) -> None:
    proxy.stand_in.hold = True
    answers: list[httpx.Response] = []
    first = threading.Thread(target=lambda: answers.append(post(proxy, chat("one", stream=True))))
    first.start()
    try:
        assert eventually(lambda: len(proxy.received) == 1)
        with opened(proxy) as tls:
            body = chat("two")
            tls.sendall(head(Content_Length=str(len(body))) + body)
            refused = read_answer(tls)
            assert refused.startswith(b"HTTP/1.1 503") and b"\r\nretry-after: 2\r\n" in refused.lower()
            assert b"x-should-retry" not in refused and b'"type": "server_error"' in refused
            assert len(proxy.received) == 1
            proxy.stand_in.gate.set()
            first.join(20)
            tls.sendall(head(Content_Length=str(len(body))) + body)  # on the same connection
            assert read_answer(tls).startswith(b"HTTP/1.1 200")
    finally:
        proxy.stand_in.gate.set()
    assert answers[0].content.endswith(b"[DONE]\n\n")
    assert 'outgate_on_error_total{action="block",reason="overload"} 1.0' in proxy.metrics()
    assert eventually(lambda: metric(proxy, "outgate_requests_under_way") == 0)
