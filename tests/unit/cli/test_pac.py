"""``outgate pac``, run by a real engine: it says "proxy" for the catalogue's hosts and for no others."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from outgate.catalogue import Catalogue
from outgate.catalogue.hosts import REGION
from outgate.cli.pac import command as pac
from programs import program

ENGINE = """
const vm = require("vm"), [script, hosts] = JSON.parse(require("fs").readFileSync(0));
const sandbox = vm.createContext({});
vm.runInContext(script, sandbox);
process.stdout.write(JSON.stringify(hosts.map(host => sandbox.FindProxyForURL(`https://${host}/`, host))));
"""

OWN = """
providers:
  acme:
    name: Acme AI
    operator: Acme
    jurisdiction: DE
    category: self-hosted
    hosts: [ai.acme.example, .models.acme.example, "{region}.gpu.acme.example", ".eu-{region}.pool.acme.example"]
    regions: [north]
    source: made up
"""


def answers(script: str, hosts: list[str]) -> list[str]:
    """What the script says for each host."""
    done = subprocess.run(
        [program("node"), "-e", ENGINE],
        input=json.dumps([script, hosts]),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(pac, ["--config", "outgate.yaml", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def near(host: str) -> Iterator[str]:
    """Hosts that look like this one, some of which are the catalogue's and most of which are not."""
    first, _, rest = host.partition(".")
    yield from (host, host.upper(), f"{host}.", f"a.{host}", f"a.b.{host}", rest)
    yield from (f"x{host}", f"{host}x", f"{host}.evil.example", f"{first}-{rest}", f"{first}.{first}.{rest}")
    yield from (host.replace(".", "-", 1), host.replace(".", "x", 1), f"{first}x.{rest}", f"{first}_.{rest}")


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(OWN)
    Path("outgate.yaml").write_text("catalogue: own.yaml\nlisten: 127.0.0.1:8888\n")


def test_it_routes_the_catalogues_hosts_and_no_others() -> None:
    catalogue = Catalogue.load(extra=Path("own.yaml"))
    spelt = [
        ".".join(pattern.labels).replace(REGION, region)
        for pattern in catalogue.hosts()
        for region in (*pattern.regions, "a-region-to-come")
    ]
    common = ["example.com", "localhost", "127.0.0.1", "[::1]", "constructor", "__proto__", "toString", "com"]
    hosts = sorted({name for host in spelt for name in near(host)} | {*common})
    expected = ["PROXY 127.0.0.1:8888" if catalogue.provider_of(host) else "DIRECT" for host in hosts]
    said = answers(printed(), hosts)
    assert [(h, a) for h, a, e in zip(hosts, said, expected, strict=True) if a != e] == []
    assert said.count("DIRECT") > 1000 < len(said) - said.count("DIRECT")


def test_several_proxies_are_asked_in_their_order_and_nothing_goes_round_them() -> None:
    script = printed("--proxy", "one.corp.example:8080", "--proxy", "[2001:db8::7]:3128")
    assert answers(script, ["api.openai.com"]) == ["PROXY one.corp.example:8080; PROXY [2001:db8::7]:3128"]


def test_where_the_settings_say_so_hosts_are_reached_directly_when_no_proxy_answers() -> None:
    Path("outgate.yaml").write_text(
        "pac: {proxies: ['one.corp.example:8080', 'two.corp.example:8080'], when_unreachable: direct}\n"
    )
    script = printed()
    assert answers(script, ["api.openai.com", "example.com"]) == [
        "PROXY one.corp.example:8080; PROXY two.corp.example:8080; DIRECT",
        "DIRECT",
    ]
    Path("outgate.yaml").write_text("pac: {proxies: ['one.corp.example:8080']}\n")
    assert answers(printed(), ["api.openai.com"]) == ["PROXY one.corp.example:8080"]


def test_it_is_written_for_engines_of_every_age() -> None:
    script = printed()
    code = re.sub(r"^//.*", "", script, flags=re.MULTILINE)
    assert not re.search(r"\b(const|let)\b|=>|`|,\s*[}\]]", code)
    assert script.isascii()


@pytest.mark.parametrize(
    "address", ["8080", "proxy", 'a:1"; evil("', "a:1; DIRECT", "http://a:1", "a:123456"]
)
def test_an_address_that_is_not_host_and_port_is_refused(address: str) -> None:
    assert CliRunner().invoke(pac, ["--proxy", address]).exit_code == 2


def test_a_proxy_that_listens_everywhere_has_to_be_named() -> None:
    Path("outgate.yaml").write_text("listen: 0.0.0.0:8080\n")
    done = CliRunner().invoke(pac, ["--config", "outgate.yaml"])
    assert done.exit_code == 2
    assert "--proxy" in done.stderr


def test_a_proxy_with_a_certificate_of_its_own_is_spoken_to_over_tls(tmp_path: Path) -> None:
    (tmp_path / "outgate.yaml").write_text("tls: {certificate: proxy.pem, key: proxy.key}\n")
    config = ["--config", str(tmp_path / "outgate.yaml")]
    done = CliRunner().invoke(pac, [*config, "--proxy", "proxy.corp.example:8080"])
    assert done.exit_code == 0, done.output
    assert 'var PROXY = "HTTPS proxy.corp.example:8080";' in done.output
