"""The proxies that are compared: stock mitmdump, and Outgate with more and more switched on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Target

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "proxy")}
GATE_ONLY = "version: 1\nrules: [{name: record, action: audit}]\n"
NAMES = "version: 1\nrules: [{name: names, detect: [names], action: audit}]\n"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Running:
    """A proxy that listens."""

    title: str
    target: Target
    process: subprocess.Popen[bytes]
    started: float  # seconds from start to listening

    def memory(self) -> float:
        """Resident megabytes of the main process."""
        return memory_of(self.process.pid)

    def processor(self) -> float:
        """Seconds of processor time that the main process has used."""
        return processor_of(self.process.pid)

    def serving(self) -> list[int]:
        """The processes that serve: a supervisor's workers, or the one that there is."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        workers = [
            int(child)
            for child in children
            if b"gateway.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        return workers or [pid]


def memory_of(pid: int) -> float:
    """Resident megabytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor_of(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A child for as long as it is needed."""
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT, cwd=ROOT
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()


@contextmanager
def mitmdump(
    title: str, folder: Path, upstream: int, source: int, root: Path, *more: str
) -> Iterator[Running]:
    """Stock mitmdump without a script; the source of the tunnel is ignored, as a user would have it."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "mitmdump"), "-q", "-p", str(port)]
    for option in (
        f"confdir={folder}",
        f"ssl_verify_upstream_trusted_ca={root}",
        f"ignore_hosts=127.0.0.1:{source}",
        *more,
    ):
        command += ["--set", option]
    with process(command) as child:
        seconds = wait_for(port)
        trusted = folder / "mitmproxy-ca-cert.pem"
        yield Running(title, Target(port, f"localhost:{upstream}", trusted), child, seconds)


@contextmanager
def outgate(
    title: str,
    folder: Path,
    upstream: int,
    source: int,
    root: Path,
    policy: str | None,
    **settings: object,
) -> Iterator[Running]:
    """Outgate under ``policy`` (None: the default one), api.openai.com routed to the upstream."""
    folder.mkdir(mode=0o700)
    port = free_port()
    values: dict[str, object] = {
        "listen": f"127.0.0.1:{port}",
        "metrics": f"127.0.0.1:{free_port()}",
        "connect_ports": [443, source],
        "state_dir": str(folder / "state"),
        "routes": {"api.openai.com": f"127.0.0.1:{upstream}"},
        "extra_roots": [str(root)],
        "detection": {"workers": 1, "deadline": 60},
        **settings,
    }
    if policy:
        (folder / "policy.yaml").write_text(policy)
        values["policies"] = [str(folder / "policy.yaml")]
    file = folder / "outgate.yaml"
    file.write_text(json.dumps(values))
    command = [sys.executable, "-m", "outgate"]
    subprocess.run(
        [*command, "ca", "init", "--config", str(file)],
        env=ENVIRONMENT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with process([*command, "run", "--config", str(file)]) as child:
        seconds = wait_for(port)
        if policy is None:
            wait_for_patterns(folder / "state" / "patterns")
        trusted = folder / "state" / "ca" / "root.pem"
        yield Running(title, Target(port, "api.openai.com:443", trusted), child, seconds)


def wait_for_patterns(folder: Path) -> None:
    """Return when the patterns are compiled, which a new installation does in the background."""
    started = time.perf_counter()
    while not any(folder.glob("*.hs")):
        if time.perf_counter() - started > 120:
            raise SystemExit("the patterns were not compiled")
        time.sleep(0.1)
    time.sleep(1)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> float:
    """Seconds until somebody listens."""
    started = time.perf_counter()
    while time.perf_counter() - started < 60:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return time.perf_counter() - started
        except OSError:
            time.sleep(0.005)
    raise SystemExit("a proxy did not start")
