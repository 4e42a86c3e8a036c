"""This machine's own connections, taken by the system's redirector: Outgate as a process of its own.

In a network namespace and a control group of their own, so that no process but the test's client is
ever looked at. Whoever may do that needs no ``sudo``: the one that the library asks for is a stand-in.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from e2e import namespaces, ways
from e2e.conftest import POLICY
from e2e.namespaces import PROVIDER, Network
from e2e.ways import Curl
from outgate.audit.read import Filter, reader_of
from outgate.catalogue import Catalogue
from outgate.gateway import ca
from patience import eventually
from providers.standin import HOSTS, Received, Server

ROOT = Path(__file__).parents[2]
_SUDO = '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n'
# A view of the control groups in which the group $0 is the whole tree, as the library looks for it.
_GROUP = (
    'mkdir -p "$0" && mount -t cgroup2 none "$0" && mkdir -p "$0/$1" && '
    'mount --bind "$0/$1" /sys/fs/cgroup && shift && exec "$@"'
)
_IN_GROUP = 'echo $$ > /sys/fs/cgroup/cgroup.procs && exec "$@"'


def _lacking() -> str:
    reason = namespaces.lacking("unshare", "mount", "ps")
    if not reason and "cgroup2" not in Path("/proc/filesystems").read_text():
        reason = "the system has no cgroup v2"
    if not reason and tuple(map(int, os.uname().release.split(".")[:2])) < (6, 8):
        reason = "redirection needs Linux 6.8"
    return reason


pytestmark = pytest.mark.skipif(bool(_lacking()), reason=_lacking())


@dataclass
class Running:
    process: subprocess.Popen[str]
    curl: Curl
    received: list[Received]
    state: Path

    def ended(self) -> str:
        """What it said in the end."""
        return self.process.communicate(timeout=20)[1]


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network.make()
    yield network
    network.close()


@pytest.fixture
def local(network: Network, tmp_path: Path) -> Iterator[Running]:
    server = Server(tmp_path, PROVIDER, 443, 80, network.provider.enter)
    server.start()
    state, sudo, client = tmp_path / "state", tmp_path / "bin" / "sudo", tmp_path / "bin" / "ogclient"
    ca.create(state / "ca", Catalogue.load().constraint_names())
    (tmp_path / "policy.yaml").write_text(POLICY)
    settings = {
        "mode": ["local:ogclient"],
        "metrics": None,
        "policies": ["policy.yaml"],
        "state_dir": str(state),
        "extra_roots": [str(server.root)],
        "detection": {"workers": 1, "deadline": 20},
        "identity": {"required": True, "sources": [{"local": True}]},
    }
    (tmp_path / "outgate.yaml").write_text(yaml.safe_dump(settings))
    sudo.parent.mkdir()
    sudo.write_text(_SUDO)
    sudo.chmod(0o755)
    shutil.copy(str(shutil.which("curl")), client)
    group = f"outgate-test-{os.getpid()}"
    in_group = ("unshare", "-m", "sh", "-c", _GROUP, str(tmp_path / "groups"), group)
    process = subprocess.Popen(
        [
            *network.gateway.prefix,
            *in_group,
            sys.executable,
            "-m",
            "outgate",
            "run",
            "--config",
            "outgate.yaml",
        ],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{sudo.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "proxy")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert "this machine's own connections" in process.stdout.readline()
    roots = tmp_path / "roots.pem"
    roots.write_bytes((state / "ca" / ca.ROOT).read_bytes() + server.root.read_bytes())
    resolve = [part for host in HOSTS for n in (443, 80) for part in ("--resolve", f"{host}:{n}:{PROVIDER}")]
    beside = ("nsenter", f"--mount=/proc/{process.pid}/ns/mnt", *network.gateway.prefix[1:])
    curl = Curl(resolve, roots, (*beside, "sh", "-c", _IN_GROUP, "sh"), str(client))
    yield Running(process, curl, server.stand_in.received, state)
    process.terminate()
    process.wait(20)
    server.stop()
    remove = 'mount -t cgroup2 none "$0" && rmdir "$0/$1"'
    subprocess.run(["unshare", "-m", "sh", "-c", remove, str(tmp_path / "groups"), group], check=True)


def test_connections_of_this_machine_are_judged(local: Running) -> None:
    ways.holds_to_the_policy(local.curl, local.received, "https://api.openai.com")
    ways.passes_unopened(local.curl, local.received, "https://intranet.example")
    before = len(local.received)
    answer = local.curl.post("https://api.openai.com/", ways.CLEAN, "-H", "Host: api.anthropic.com")
    assert answer.status == 421
    assert len(local.received) == before
    reader = reader_of(local.state / "audit" / "audit.db")
    assert eventually(lambda: len(reader.latest(10, Filter())) == 4)
    assert {event.user for event in reader.latest(10, Filter())} == {getpass.getuser()}
    reader.close()


def processes() -> list[str]:
    """``PID PPID`` of every process."""
    return subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_the_end_of_the_redirector_ends_outgate_with_an_error(local: Running) -> None:
    children = [int(line.split()[0]) for line in processes() if line.split()[1] == str(local.process.pid)]
    redirector = [pid for pid in children if "redirector" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert len(redirector) == 1
    os.kill(redirector[0], signal.SIGTERM)  # which it takes for a proper end
    told = local.ended()
    assert local.process.returncode == 2
    assert "the redirector has ended, and this machine's connections go past Outgate" in told
    assert "cgroup v2" in told
