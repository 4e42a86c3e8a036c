"""What is told of TLS handshakes that fail, and how often."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from outgate.gateway.handshakes import Handshakes

DISTRUST = "The client does not trust the proxy's certificate for api.openai.com (tlsv1 alert unknown ca)"


class Failures:
    """Handshakes with a clock, and what they told."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.now = 0.0
        self.counted: list[str] = []
        self._caplog = caplog
        self._handshakes = Handshakes(self.counted.append, lambda: self.now)

    def client(self, error: str, sni: str | None = "api.openai.com") -> None:
        self._handshakes.tls_failed_client(self._data(error, sni))

    def server(self, error: str, sni: str | None = "api.openai.com") -> None:
        self._handshakes.tls_failed_server(self._data(error, sni))

    @property
    def told(self) -> list[str]:
        assert all(record.levelno == logging.WARNING for record in self._caplog.records)
        return [record.getMessage() for record in self._caplog.records]

    @staticmethod
    def _data(error: str, sni: str | None) -> Any:
        client = SimpleNamespace(sni=sni, peername=("10.1.2.3", 5000))
        server = SimpleNamespace(sni=sni, address=("198.51.100.7", 443))
        return SimpleNamespace(
            conn=SimpleNamespace(error=error),
            context=SimpleNamespace(client=client, server=server, layers=[None]),
        )


@pytest.fixture
def failures(caplog: pytest.LogCaptureFixture) -> Failures:
    return Failures(caplog)


def test_who_does_not_trust_the_ca_and_what_to_do_is_told(failures: Failures) -> None:
    failures.client(DISTRUST)
    (line,) = failures.told
    assert "10.1.2.3" in line and "api.openai.com" in line and "outgate ca export" in line
    assert failures.counted == ["client"]


def test_a_line_is_told_once_a_minute_for_each_host_and_every_failure_is_counted(failures: Failures) -> None:
    for _ in range(50):
        failures.client(DISTRUST)
    failures.client(DISTRUST, "api.anthropic.com")
    assert len(failures.told) == 2
    failures.now = 61
    failures.client(DISTRUST)
    assert len(failures.told) == 3
    assert len(failures.counted) == 52


def test_clients_that_name_ever_new_hosts_do_not_fill_the_memory(failures: Failures) -> None:
    for number in range(5000):
        failures.client(DISTRUST, f"{number}.openai.com")
    assert len(failures._handshakes._told) <= 1000


@pytest.mark.parametrize("sni", ["a\nforged line", "x" * 300, "\x1b[31m.openai.com", ""])
def test_a_name_that_a_client_made_up_forges_nothing(failures: Failures, sni: str) -> None:
    failures.client(DISTRUST, sni)
    (line,) = failures.told
    assert not sni or sni not in line
    assert line.isprintable()


def test_a_client_that_only_looked_is_no_failure(failures: Failures) -> None:
    failures.client("connection closed early")
    assert failures.told == [] and failures.counted == []


def test_an_upstream_certificate_that_is_not_trusted_is_told_with_the_setting(failures: Failures) -> None:
    failures.server("Certificate verify failed: unable to get local issuer certificate")
    failures.server("OpenSSL Error([('SSL routines', '', 'no shared cipher')])", "api.anthropic.com")
    first, second = failures.told
    assert "api.openai.com" in first and "extra_roots" in first
    assert "api.anthropic.com" in second and "extra_roots" not in second
    assert failures.counted == ["upstream", "upstream"]
