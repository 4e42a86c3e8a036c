"""The container: what its files say, as far as that shows without a daemon to build and run it."""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatch
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from outgate.gateway.health import HealthServer
from outgate.metrics import Metrics
from outgate.settings import Settings
from programs import program

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "Dockerfile").read_text()
BUILD, FINAL = re.split(r"^FROM .*$", re.sub(r"\\\n", "", TEXT), flags=re.MULTILINE)[1:]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICE = COMPOSE["services"]["outgate"]


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run(
        [program("hadolint"), "--no-color", DEPLOY / "Dockerfile"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_everything_is_installed_by_hash_and_nothing_is_compiled() -> None:
    locked, own = re.findall(r"^RUN pip .*", BUILD, re.MULTILINE)
    assert "--require-hashes" in locked and "--only-binary :all:" in locked
    assert "-r requirements/run.lock" in locked
    assert "--no-index" in own and "--no-deps" in own
    lock = (ROOT / "requirements" / "run.lock").read_text()
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=\S)", lock.strip()))


def test_what_is_shipped_is_not_root_and_can_install_nothing() -> None:
    assert re.findall(r"^USER (.*)", FINAL, re.MULTILINE) == ["10001"]
    assert FINAL.index("\nUSER ") < FINAL.index("\nENTRYPOINT ")
    assert "--uid 10001" in FINAL
    assert not re.search(r"\b(pip|apt-get|curl)\b", FINAL)
    assert "venv --without-pip /opt/outgate" in BUILD


def test_the_ca_is_made_by_a_step_of_its_own_and_never_by_the_way() -> None:
    assert 'ENTRYPOINT ["outgate"]\nCMD ["run"]' in FINAL
    instructions = "\n".join(line for line in TEXT.splitlines() if not line.startswith("#"))
    assert "ca init" not in instructions
    assert "command" not in SERVICE and "entrypoint" not in SERVICE


def test_the_build_is_given_what_it_copies_and_no_state() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    given = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)", BUILD + FINAL, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == given
    assert all((ROOT / source).exists() for source in copied)
    for secret in (".git", ".venv", "outgate.yaml", ".env", "state"):
        assert not any(fnmatch(secret, pattern) for pattern in given)


def test_the_containers_settings_listen_for_a_list_of_clients_and_keep_state_in_the_volume() -> None:
    settings = Settings.load(DEPLOY / "container.yaml")
    assert settings.listen.startswith("0.0.0.0:")
    assert re.findall(r"^EXPOSE (.*)", FINAL, re.MULTILINE) == [
        f"{settings.listen.rpartition(':')[2]} {str(settings.metrics).rpartition(':')[2]}"
    ]
    assert f"\nVOLUME {settings.state_dir}\n" in FINAL
    assert f"outgate:{settings.state_dir}" in SERVICE["volumes"]
    allowed = settings.clients
    assert allowed is not None
    for address, expected in (("127.0.0.1", True), ("172.17.0.1", True), ("203.0.113.9", False)):
        assert any(ip_address(address) in network for network in allowed) is expected
    assert not any(network.prefixlen == 0 for network in allowed)


def test_compose_gives_the_proxy_no_more_than_it_needs() -> None:
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in SERVICE["security_opt"]
    assert SERVICE["tmpfs"] == ["/tmp"]
    assert SERVICE["ulimits"] == {"core": 0}  # no prompt and no key in a core file
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        for mount in service["volumes"]:
            source, _, rest = mount.partition(":")
            if source.startswith("."):
                assert (DEPLOY / source).exists(), mount
                assert rest.endswith(":ro"), mount
            else:
                assert source in COMPOSE["volumes"], mount
        assert "build" in service or re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"])


def test_docker_compose_takes_the_file() -> None:
    command = [program("docker"), "compose", "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    if subprocess.run([*command[:2], "version"], capture_output=True).returncode:
        pytest.skip("docker has no compose plugin here")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ready", [True, False])
def test_the_health_check_says_whether_the_proxy_is_ready(
    ready: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r'^HEALTHCHECK .*CMD \["python", "-c", "(.*)"\]$', FINAL, re.MULTILINE)
    assert found
    exporter = HealthServer(Metrics(), lambda: (ready, ["not yet"]), "127.0.0.1:0")
    exporter.start()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # as Docker's client hands proxies on
    try:
        code = found[1].replace("9464", str(exporter.address[1]))
        done = subprocess.run([sys.executable, "-c", code], timeout=30, capture_output=True)
    finally:
        exporter.close()
    assert (done.returncode == 0) is ready
