"""HAProxy before the proxy, with the shipped configuration."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from e2e.conftest import Proxy
from e2e.raw import read_answer
from outgate.cli.pac import command as pac
from programs import program

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy" / "haproxy.cfg"


BALANCER = "127.0.0.3"


@pytest.fixture
def proxy(make_proxy: Callable[..., Proxy]) -> Proxy:
    return make_proxy(proxy_protocol=[f"{BALANCER}/32"], clients=["127.0.0.1/32", "127.0.0.9/32"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def haproxy(folder: Path, **changes: str) -> Iterator[None]:
    """HAProxy with the shipped file, but for the addresses in ``changes``."""
    text = CONFIGURATION.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file = folder / "haproxy.cfg"
    file.write_text(text)
    checked = subprocess.run(
        [program("haproxy"), "-c", "-f", file], capture_output=True, text=True, timeout=30
    )
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr
    with (folder / "haproxy.log").open("w+") as log:
        running = subprocess.Popen([program("haproxy"), "-db", "-f", file], stdout=log, stderr=log)
        time.sleep(1)  # it listens, and two checks of the proxy that is down have failed
        try:
            assert running.poll() is None, (folder / "haproxy.log").read_text()
            yield
        finally:
            running.terminate()
            running.wait(10)


def addresses(proxy: Proxy, folder: Path, *, clients: str = "127.0.0.0/8") -> tuple[dict[str, str], int, int]:
    """What to change in the file for this proxy; the ports of the front end and of the PAC file."""
    assert proxy.service.health is not None
    health = proxy.service.health.address
    while httpx.get("http://{}:{}/readyz".format(*health), trust_env=False).status_code != 200:
        time.sleep(0.1)  # its workers are starting; checks would fail
    front, web = free_port(), free_port()
    script = folder / "proxy.pac"
    script.write_text(CliRunner().invoke(pac, ["--proxy", "proxy.corp.example:8080"]).stdout)
    changes = {
        # From another address than clients have: what it sends from there has to begin with a PROXY header.
        "server one 10.0.0.11:8080": f"server one 127.0.0.1:{proxy.service.addresses[0][1]} source {BALANCER}",
        "server two 10.0.0.12:8080": f"server two 127.0.0.2:{free_port()}",  # nobody is there
        "server three 10.0.0.13:8080": f"server three 127.0.0.2:{free_port()}",
        "bind 127.0.0.1:8404": f"bind 127.0.0.1:{free_port()}",
        "check port 9464 inter 2s": f"check port {health[1]} inter 200ms",
        "bind :8080": f"bind 127.0.0.1:{front}",
        "bind :8081": f"bind 127.0.0.1:{web}",
        "127.0.0.0/8 10.0.0.0/8": clients,
        "file /etc/haproxy/proxy.pac": f"file {script}",
    }
    return changes, front, web


def ask(proxy: Proxy, port: int, text: str) -> httpx.Response:
    """A chat through whoever listens on ``port``."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    with httpx.Client(proxy=f"http://127.0.0.1:{port}", verify=proxy.ssl, trust_env=False) as client:
        return client.post("https://api.openai.com/v1/chat/completions", json=body)


def said_to(port: int, source: str) -> bytes:
    """What a client with this address is answered."""
    with socket.create_connection(("127.0.0.1", port), 15, source_address=(source, 0)) as one:
        one.sendall(b"GET http://api.openai.com/v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n")
        return read_answer(one)


def test_requests_through_it_are_inspected_and_a_proxy_that_is_down_gets_none(
    proxy: Proxy, tmp_path: Path
) -> None:
    changes, front, _ = addresses(proxy, tmp_path)
    with haproxy(tmp_path, **changes):
        for number in range(6):
            assert ask(proxy, front, f"Bluebird {number}").status_code == 200
        bodies = [received.body.decode() for received in proxy.received]
        assert said_to(front, "127.0.0.9").startswith(b"HTTP/1.1")
        assert said_to(front, "127.0.0.8") == b""  # whom HAProxy lets through, and Outgate's `clients` do not
    assert {str(event.client) for event in proxy.events(7)} == {"127.0.0.1", "127.0.0.9"}
    assert len(bodies) == 6
    assert all("[REDACTED PROJECT]" in body and "Bluebird" not in body for body in bodies)


def test_who_is_not_on_its_list_does_not_get_through(proxy: Proxy, tmp_path: Path) -> None:
    changes, front, _ = addresses(proxy, tmp_path, clients="10.0.0.0/8")
    with haproxy(tmp_path, **changes):
        with pytest.raises(httpx.TransportError):
            ask(proxy, front, "hello")
    assert proxy.received == []


def test_it_serves_the_pac_file_as_browsers_expect_it(proxy: Proxy, tmp_path: Path) -> None:
    changes, _, web = addresses(proxy, tmp_path)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with haproxy(tmp_path, **changes), opener.open(f"http://127.0.0.1:{web}/proxy.pac", timeout=5) as answer:
        kind, text = answer.headers["content-type"], answer.read().decode()
    assert kind == "application/x-ns-proxy-autoconfig"
    assert 'var PROXY = "PROXY proxy.corp.example:8080";' in text
