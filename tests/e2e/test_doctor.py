"""``outgate doctor``: what it says of an installation that works, and of each thing that can be wrong with one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from e2e.conftest import POLICY, Proxy
from e2e.ways import free_port
from outgate.catalogue import Catalogue
from outgate.cli.doctor import command
from outgate.dlp.config import DEFAULT_NER_MODEL
from outgate.gateway import ca, checkup, trust
from outgate.gateway.checkup import Result
from outgate.rollout.loading import Loading
from outgate.rollout.puller import Puller
from outgate.settings import Settings
from providers.parent import ParentProxy
from providers.standin import Server

NAMES = POLICY.replace("[PROJECT]", "[PERSON]")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority") / "ca"
    ca.create(folder, Catalogue.load().constraint_names())
    return folder


Check = Callable[..., list[Result]]


@pytest.fixture
def check(server: Server, authority: Path, tmp_path: Path) -> Check:
    """The results of a check-up; with no ``values``, of an installation that works."""

    def run(policy: str = POLICY, **values: Any) -> list[Result]:
        (tmp_path / "policy.yaml").write_text(policy)
        settings: dict[str, Any] = {
            "listen": f"127.0.0.1:{free_port()}",
            "metrics": f"127.0.0.1:{free_port()}",
            "state_dir": tmp_path,
            "ca_dir": authority,
            "policies": [tmp_path / "policy.yaml"],
            "routes": {"api.openai.com": f"127.0.0.1:{server.stand_in.port}"},
            "extra_roots": [server.root],
            **values,
        }
        if "policy_source" in values:
            del settings["policies"]
        return list(checkup.checkup(Settings.model_validate(settings)))

    return run


def told(results: list[Result], name: str, state: str) -> str:
    """The text of the one check ``name`` that came out as ``state``."""
    (result,) = (result for result in results if result.name == name and result.state == state)
    return result.told


def test_an_installation_that_works_has_nothing_to_mend(check: Check) -> None:
    results = check()
    assert [result for result in results if result.state == "mend"] == []
    assert {result.name for result in results} == {
        *("clients", "CA", "trust", "catalogue", "policy", "model", "detectors", "attachments", "port"),
        *("upstream", "vault", "budgets"),
    }
    assert "shows a certificate that we trust" in told(results, "upstream", "ok")


def test_the_command_ends_with_1_when_something_is_to_mend(authority: Path, tmp_path: Path) -> None:
    config = tmp_path / "outgate.yaml"
    values = {
        "listen": f"127.0.0.1:{free_port()}",
        "metrics": None,
        "ca_dir": str(authority),
        "state_dir": ".",
    }
    config.write_text(yaml.safe_dump(values))
    good = CliRunner().invoke(command, ["--config", str(config), "--offline"])
    assert good.exit_code == 0, good.output
    assert "upstream" not in good.output
    config.write_text(yaml.safe_dump({**values, "ca_dir": str(tmp_path / "none")}))
    bad = CliRunner().invoke(command, ["--config", str(config), "--offline"])
    assert bad.exit_code == 1
    assert "MEND  CA" in bad.output
    assert "Run `outgate ca init`" in bad.output


def test_a_ca_that_ends_soon_is_to_be_renewed(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_SOON", 1000)
    assert "days left: run `outgate ca rotate`" in told(check(), "CA", "mend")


def test_trust_is_looked_for_in_the_systems_store(
    check: Check, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "outgate ca export" in told(check(), "trust", "note")
    monkeypatch.setattr(trust, "_SYSTEM_FILES", (str(authority / ca.ROOT),))
    assert told(check(), "trust", "ok") == "this system trusts our root"


def test_the_model_is_told_of_by_what_the_policy_wants(check: Check) -> None:
    assert "looks for no names" in told(check(), "model", "note")
    assert f"{DEFAULT_NER_MODEL} for PERSON" in told(check(NAMES), "model", "ok")
    missing = check(NAMES + "  ner_model: not_installed\n")
    assert "PERSON: it needs the named-entity model 'not_installed'" in told(missing, "model", "mend")
    assert "outgate[ner]" in told(missing, "model", "mend")
    assert "PERSON" in told(missing, "detectors", "mend")


def test_a_policy_with_a_mistake_is_told_with_its_place(check: Check) -> None:
    assert "policy.yaml:5:" in told(
        check(POLICY.replace("provider.jurisdiction", "provider.country")), "policy", "mend"
    )


# --- ports ---------------------------------------------------------------------------------------


def test_a_port_that_another_program_has_is_told(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        problem = told(check(listen=f"127.0.0.1:{port}"), "port", "mend")
    assert problem.startswith(f"127.0.0.1:{port} (HTTP proxy): Address already in use. Choose another")


def test_every_way_in_has_its_port_checked(check: Check) -> None:
    ports = [free_port() for _ in range(3)]
    results = check(
        mode=["regular", f"socks5@{ports[0]}", f"wireguard@{ports[1]}"], reverse={"openai": ports[2]}
    )
    free = {result.told for result in results if result.name == "port"}
    assert f"127.0.0.1:{ports[0]} (SOCKS 5 proxy) is free" in free
    assert f"127.0.0.1:{ports[1]}/udp (WireGuard) is free" in free
    assert f"127.0.0.1:{ports[2]} (base URL of api.openai.com) is free" in free
    assert "has no one host" in told(check(reverse={"azure-openai": ports[2]}), "modes", "mend")


def test_outgate_itself_on_its_ports_is_nothing_to_mend(
    check: Check, make_proxy: Callable[..., Proxy]
) -> None:
    proxy = make_proxy()
    assert proxy.service.health
    metrics = "{}:{}".format(*proxy.service.health.address)
    listen = proxy.url.removeprefix("http://")
    ports = [result for result in check(listen=listen, metrics=metrics) if result.name == "port"]
    assert [result.state for result in ports] == ["ok", "ok"]
    assert all("Outgate is running" in result.told for result in ports)
    other = [result for result in check(metrics=metrics) if result.name == "port"]
    assert "not with these settings" in told(other, "port", "note")


# --- upstream ------------------------------------------------------------------------------------


@pytest.fixture
def parent(server: Server) -> Iterator[ParentProxy]:
    parent = ParentProxy({"api.openai.com:443": server.stand_in.port})
    parent.start()
    yield parent
    parent.stop()


def test_a_certificate_that_is_not_trusted_is_told_with_its_remedy(check: Check) -> None:
    problem = told(check(extra_roots=[]), "upstream", "mend")
    assert "certificate" in problem
    assert "`extra_roots`" in problem


@pytest.mark.parametrize(
    ("route", "what"),
    [("127.0.0.1:1", "Connection refused"), ("no-such-host.invalid:443", "the name cannot be looked up")],
)
def test_a_provider_that_is_not_reached_is_told(check: Check, route: str, what: str) -> None:
    problem = told(check(routes={"api.openai.com": route}), "upstream", "mend")
    assert what in problem
    assert "Set `parent`" in problem


def test_the_parent_is_the_way_that_is_tried(check: Check, parent: ParentProxy) -> None:
    url = f"http://127.0.0.1:{parent.port}"
    assert f"api.openai.com by parent {url} can be reached" in told(check(parent=url), "upstream", "ok")
    parent.refuse = True
    assert "it answers `HTTP/1.1 403 Filtered`" in told(check(parent=url), "upstream", "mend")
    dead = f"http://127.0.0.1:{free_port()}"
    assert f"by parent {dead}: Connection refused. Is it up?" in told(check(parent=dead), "upstream", "mend")


def test_the_hosts_of_base_urls_are_what_is_tried(check: Check, server: Server) -> None:
    to = f"127.0.0.1:{server.stand_in.port}"
    results = check(reverse={"anthropic": free_port()}, routes={"api.anthropic.com": to})
    assert told(results, "upstream", "ok").startswith(f"api.anthropic.com by {to}")


def test_credentials_to_sign_with_are_told_by_their_access_key_id_or_missed(
    check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    secret = "made-up-" * 5
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA" + "MADEUP" * 2 + "OURS")
    results = check(aws={"sign": True})
    assert told(results, "AWS", "ok") == f"signs anew what AKIA{'MADEUP' * 2}OURS signed"
    assert secret not in str(results)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "get-caller-identity" in told(check(aws={"sign": True}), "AWS", "mend")
    assert "no profile 'absent'" in told(check(aws={"sign": True, "profiles": ["absent"]}), "AWS", "mend")


def test_the_users_file_and_the_proxys_certificate_are_looked_at(
    check: Check, server: Server, tmp_path: Path
) -> None:
    users, key = tmp_path / "users", tmp_path / "proxy.key"
    users.write_text(f"ada:$2b$12${'a' * 53}\n")
    users.chmod(0o600)
    key.write_bytes(server.key.read_bytes())
    key.chmod(0o600)
    values = {
        "identity": {"sources": [{"htpasswd": users}]},
        "tls": {"certificate": server.certificate, "key": key},
    }
    assert told(check(**values), "identity", "ok") == f"1 users in {users}"
    assert "ends in 6 days" in told(check(**values), "TLS", "mend")
    users.chmod(0o644)
    key.chmod(0o644)
    assert "chmod o-rwx" in told(check(**values), "identity", "mend")
    assert "chmod o-rwx" in told(check(**values), "TLS", "mend")


def test_a_source_of_policies_that_gives_none_is_told_with_why(check: Check, tmp_path: Path) -> None:
    source = {"git": str(tmp_path / "nowhere.git")}
    assert "`outgate run` gets one when it starts" in told(check(policy_source=source), "source", "note")
    settings = Settings.model_validate({"state_dir": tmp_path, "policy_source": source})
    loading = Loading(settings)
    assert loading.source is not None
    loading.store.prepare()
    Puller(loading.source, loading.store, settings).look()
    mended = told(check(policy_source=source), "source", "mend")
    assert "nowhere.git" in mended
    assert "Nothing is in force" in mended
    assert "which something else keeps up to date" in told(
        check(policy_source={"directory": tmp_path}), "source", "ok"
    )
