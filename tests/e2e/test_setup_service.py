"""What a set-up has started at login is a proxy, wherever it is started from, and serves the PAC file for itself."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from e2e.ways import free_port
from outgate.settings import Settings
from outgate.setup.machine import Machine
from outgate.setup.session import Session

ROOT = Path(__file__).parents[2]


def test_the_command_of_the_service_starts_the_proxy_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policy.yaml").write_text("version: 1\nrules: []\n")
    (tmp_path / "mine.yaml").write_text(
        f"listen: 127.0.0.1:{free_port()}\nmetrics: 127.0.0.1:{free_port()}\nstate_dir: state\npolicies: policy.yaml\n"
    )
    monkeypatch.chdir(tmp_path)
    settings = Settings.load(Path("mine.yaml"))
    home = tmp_path / "home"
    kept = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
    }  # no manager of services
    machine = Machine("linux", home, kept)
    told = list(Session(settings, machine, Path("mine.yaml")).do(["ca", "service"]))
    assert told[0].state == "done"
    unit = (home / ".config" / "systemd" / "user" / "outgate.service").read_text()
    (line,) = (line for line in unit.splitlines() if line.startswith("ExecStart=:"))
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "outgate").mkdir(parents=True)  # what is there is not imported
    with subprocess.Popen(
        shlex.split(line.removeprefix("ExecStart=:")),
        cwd=elsewhere,
        env={"PATH": os.environ["PATH"], "HOME": str(elsewhere), "PYTHONPATH": str(ROOT / "proxy")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as proxy:
        try:
            assert f'"PROXY {settings.listen}"' in served(f"http://{settings.metrics}/proxy.pac", proxy)
        finally:
            proxy.terminate()
            proxy.communicate(timeout=60)


def served(url: str, proxy: subprocess.Popen[bytes]) -> str:
    """What is at an address, once somebody listens there."""
    deadline = time.monotonic() + 60
    while True:
        assert proxy.poll() is None, proxy.communicate()
        try:
            return httpx.get(url, trust_env=False).text
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
