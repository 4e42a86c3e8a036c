"""AI services outside the catalogue: their connections stay unopened, and are counted by name."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from e2e.conftest import Proxy, proxies
from e2e.raw import connect
from e2e.ways import Curl, chat, free_port, roots
from outgate.audit.shadow import path_of
from outgate.catalogue import Catalogue
from outgate.cli.report import command
from outgate.dlp.examples import fake
from patience import eventually
from providers.standin import Server

HOSTS = ("api.acme.ai", "app.acme.ai", "intranet.example", "acme-copilot.example")


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("shadow")) as make:
        port = server.stand_in.port
        routes = dict.fromkeys(
            (*HOSTS, "203.0.113.7", "acme.openai.example", "api.openai.com"), f"127.0.0.1:{port}"
        )
        yield make(routes=routes, mode=["regular", f"socks5@127.0.0.1:{free_port()}"])


def shown(proxy: Proxy) -> dict[str, Any]:
    """``outgate report shadow --json``, by host."""
    config = str(proxy.folder / "outgate.yaml")
    done = CliRunner().invoke(command, ["--config", config, "shadow", "--json"])
    assert done.exit_code == 0, done.output
    return {one["host"]: one for one in json.loads(done.stdout)}


def through(proxy: Proxy, host: str, *options: str, way: int = 0) -> None:
    """A TLS connection of curl's, with a certificate that is the server's own: nobody opened it."""
    address, port = proxy.service.addresses[way]
    lead = ("-x", f"http://{address}:{port}") if way == 0 else ("--socks5-hostname", f"{address}:{port}")
    curl = Curl((*lead, "-k", *options), roots(proxy, proxy.root))
    proxy.stand_in.reset()
    body = chat(fake("GITHUB_TOKEN"))
    assert curl.post(f"https://{host}/x", body).status == 200
    assert proxy.received[-1].body == body


def counted(proxy: Proxy) -> float:
    line = next(
        line for line in proxy.metrics().splitlines() if line.startswith("outgate_shadow_connections_total")
    )
    return float(line.split()[1])


def test_a_tunnel_to_what_looks_like_an_ai_service_is_listed_with_what_went_over_it(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    before, host = counted(proxy), "app.acme.ai"
    with caplog.at_level(logging.WARNING, "outgate"):
        for way in (0, 1, 0):
            through(proxy, host, way=way)
        assert eventually(lambda: shown(proxy).get(host, {}).get("connections") == 3)
    assert counted(proxy) == before + 3
    assert eventually(lambda: shown(proxy)[host]["received"] > 1000)
    one = shown(proxy)[host]
    assert one["rule"] == "the top-level domain of AI"
    assert one["people"] == 1
    assert one["first"] <= one["last"]
    assert one["sent"] > 3 * len(chat(fake("GITHUB_TOKEN")))
    told = [record.getMessage() for record in caplog.records if host in record.getMessage()]
    assert len(told) == 1
    assert "`outgate report shadow`" in told[0]


def test_another_tunnel_is_not(proxy: Proxy) -> None:
    before = counted(proxy)
    through(proxy, "intranet.example")
    assert counted(proxy) == before
    assert "intranet.example" not in shown(proxy)


def test_a_name_in_the_client_hello_alone_is_enough(proxy: Proxy) -> None:
    host = "acme-copilot.example"
    through(proxy, host, "--connect-to", f"{host}:443:203.0.113.7:443")
    assert eventually(lambda: host in shown(proxy))
    assert "203.0.113.7" not in shown(proxy)


def test_what_is_opened_is_not_listed(proxy: Proxy) -> None:
    before = counted(proxy)
    with proxy.client() as client:
        assert (
            client.post("https://api.openai.com/v1/chat/completions", content=chat("hi")).status_code == 200
        )
    assert counted(proxy) == before
    assert "api.openai.com" not in shown(proxy)


def test_people_are_told_apart_and_none_is_named(proxy: Proxy) -> None:
    for address in ("127.0.0.3", "127.0.0.4"):
        through(proxy, "acme.openai.example", "--interface", address)
    assert eventually(lambda: shown(proxy).get("acme.openai.example", {}).get("people") == 2)
    folder = path_of(proxy.service.settings).parent
    kept = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"127.0.0.3" not in kept
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, folder / "shadow.db")] == ["0o700", "0o600"]


def test_a_client_hello_that_cannot_be_read_is_counted_by_the_name_that_was_asked_for(proxy: Proxy) -> None:
    before = counted(proxy)
    with connect(proxy, "api.acme.ai:443") as connection:
        connection.sendall(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
        assert eventually(lambda: counted(proxy) == before + 1)


def test_the_list_is_a_table_for_people_and_says_how_one_is_opened(proxy: Proxy, tmp_path: Path) -> None:
    through(proxy, "api.acme.ai")
    assert eventually(lambda: "api.acme.ai" in shown(proxy))
    done = CliRunner().invoke(command, ["--config", str(proxy.folder / "outgate.yaml"), "shadow"])
    assert done.exit_code == 0
    assert "the top-level domain of AI" in done.stdout
    entry = done.stdout[done.stdout.index("version: 1") :]
    own = tmp_path / "catalogue.yaml"
    own.write_text(entry)
    assert Catalogue.load(extra=own).provider_of(next(iter(shown(proxy)))) is not None
    empty = CliRunner().invoke(
        command, ["--config", str(proxy.folder / "outgate.yaml"), "shadow", "--since", "2999-01-01"]
    )
    assert "No connection" in empty.stdout
