"""The address for Prometheus and for load balancers."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from outgate.gateway import health
from outgate.gateway.health import HealthServer
from outgate.metrics import Metrics


class Readiness:
    """What the gateway would say of itself."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.raises = False

    def __call__(self) -> tuple[bool, list[str]]:
        if self.raises:
            raise RuntimeError("not today")
        return not self.problems, self.problems


@pytest.fixture
def readiness(monkeypatch: pytest.MonkeyPatch) -> Readiness:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    return Readiness()


@pytest.fixture
def server(readiness: Readiness) -> Iterator[HealthServer]:
    server = HealthServer(Metrics(), readiness, "127.0.0.1:0")
    server.start()
    yield server
    server.close()


def ask(
    server: HealthServer, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def talk(server: HealthServer, request: bytes) -> bytes:
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_metrics_are_served_as_prometheus_reads_them(server: HealthServer) -> None:
    answer, body = ask(server, "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert b"outgate_build_info{" in body


def test_metrics_are_served_as_openmetrics_when_asked(server: HealthServer) -> None:
    answer, body = ask(server, "/metrics?x=1", accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_health_is_ok_even_while_not_ready(server: HealthServer, readiness: Readiness) -> None:
    readiness.problems = ["no detectors"]
    answer, body = ask(server, "/healthz")
    assert (answer.status, body) == (200, b"ok\n")


def test_readiness_is_told_with_its_reasons(server: HealthServer, readiness: Readiness) -> None:
    assert ask(server, "/readyz")[0].status == 200
    readiness.problems = ["the policy needs PERSON", "no workers"]
    answer, body = ask(server, "/readyz")
    assert (answer.status, body) == (503, b"not ready\n- the policy needs PERSON\n- no workers\n")


def test_a_readiness_check_that_breaks_is_not_ready_and_does_not_end_the_server(
    server: HealthServer, readiness: Readiness
) -> None:
    readiness.raises = True
    answer, body = ask(server, "/readyz")
    assert answer.status == 500
    assert b"not today" not in body
    readiness.raises = False
    assert ask(server, "/readyz")[0].status == 200


def test_head_answers_with_headers_alone(server: HealthServer) -> None:
    answer, body = ask(server, "/healthz", "HEAD")
    assert (answer.status, answer.headers["content-length"], body) == (200, "3", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "BREW"])
def test_other_methods_are_refused(server: HealthServer, method: str) -> None:
    answer, _ = ask(server, "/metrics", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_pac_file_is_served_where_there_is_one(server: HealthServer, readiness: Readiness) -> None:
    assert ask(server, health.PAC)[0].status == 404
    serving = HealthServer(Metrics(), readiness, "127.0.0.1:0", pac="function FindProxyForURL() {}\n")
    serving.start()
    try:
        answer, body = ask(serving, "/proxy.pac?x")
    finally:
        serving.close()
    assert (answer.status, body) == (200, b"function FindProxyForURL() {}\n")
    assert answer.headers["content-type"] == "application/x-ns-proxy-autoconfig"


@pytest.mark.parametrize("path", ["/", "/metrics/", "/../etc/passwd", "http://other.test/metrics"])
def test_there_is_nothing_else(server: HealthServer, path: str) -> None:
    assert ask(server, path)[0].status == 404


@pytest.mark.parametrize(
    "request_",
    [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x00\x05\n\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 20_000],
)
def test_what_is_no_request_does_no_harm(server: HealthServer, request_: bytes) -> None:
    assert b" 200 " not in talk(server, request_).split(b"\n")[0]
    assert ask(server, "/healthz")[0].status == 200


def test_a_client_that_never_finishes_its_request_is_hung_up_on(
    server: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "DEADLINE", 0.2)
    assert talk(server, b"GET /healthz HTTP/1.1\r\nHost: x") == b""


def test_silent_clients_do_not_use_up_its_threads(
    server: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = threading.active_count()
    silent = [socket.create_connection(server.address, timeout=10) for _ in range(80)]
    try:
        hung_up = 0
        for connection in silent[-40:]:
            hung_up += connection.recv(1) == b""
        assert hung_up == 40
        assert threading.active_count() <= before + 32
    finally:
        for connection in silent:
            connection.close()


def test_an_address_in_use_is_an_error_at_once(server: HealthServer, readiness: Readiness) -> None:
    with pytest.raises(OSError, match="in use"):
        HealthServer(Metrics(), readiness, "{}:{}".format(*server.address))


def test_close_gives_the_address_back(readiness: Readiness) -> None:
    server = HealthServer(Metrics(), readiness, "127.0.0.1:0")
    server.start()
    server.close()
    again = HealthServer(Metrics(), readiness, "{}:{}".format(*server.address))
    again.close()
