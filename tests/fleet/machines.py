"""The machines of the fleet: HAProxy with the shipped configuration, Valkey, PostgreSQL, and the proxies."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from e2e.ways import free_port
from fleet.provider import Provider
from fleet.users import HOST, address_of
from outgate.catalogue import Catalogue
from outgate.gateway import ca
from programs import program, valkey_server
from providers.collectors import Database

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
FEW = "few"
LIMIT = 5  # requests of the one user who has few
POLICY = f"""
version: 1
on_error: block
rules:
  - {{name: credentials, detect: [GITHUB_TOKEN], action: block}}
  - {{name: project words, detect: [PROJECT], action: redact}}
  - {{name: people, detect: [EMAIL_ADDRESS], action: pseudonymise}}
detectors: {{words: [{{entity: PROJECT, words: [Bluebird]}}]}}
budgets:
  - {{name: an hour, per: identity.user, limit: {{requests: 1000000}}, window: 30d}}
  - {{name: few, per: identity.user, when: {{identity.user: few}}, limit: {{requests: {LIMIT}}}, window: 30d}}
"""


@dataclass
class Server:
    """A program that can be killed, stopped and started again, at the same address."""

    name: str
    command: list[str]
    port: int
    answers: Callable[[], bool]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdout=log, stderr=log, env={**os.environ, **self.environment}
            )

    def wait(self, within: float = 90) -> None:
        """Until it answers."""
        end = time.monotonic() + within
        while not self.answers():
            assert self._process is not None
            gone = self._process.poll()
            if gone is not None or time.monotonic() > end:
                raise AssertionError(f"{self.name} does not answer ({gone}):\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """In order."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(60)
        finally:
            process.kill()


@dataclass
class Fleet:
    """What runs."""

    folder: Path
    provider: Provider
    database: Database
    valkey: Server
    haproxy: Server
    proxies: list[Server]
    configs: list[Path]
    root: Path
    port: int


@contextmanager
def fleet(folder: Path, provider: Provider, database: Database, users: tuple[str, ...]) -> Iterator[Fleet]:
    """All of them, ready; stopped at the end."""
    valkey = _valkey(folder)
    shared = _shared(folder)
    proxies, configs, ports = [], [], []
    for number in range(3):
        home = folder / f"proxy{number}"
        shutil.copytree(shared, home / "state")
        port, health = free_port(), free_port()
        config = home / "outgate.yaml"
        config.write_text(
            yaml.safe_dump(_settings(home / "state", port, health, provider, database, valkey, users))
        )
        (home / "policy.yaml").write_text(POLICY)
        proxies.append(
            Server(
                f"proxy {number}",
                [sys.executable, "-m", "outgate", "run", "--config", str(config)],
                port,
                lambda health=health: _ready(health),  # type: ignore[misc]
                folder / f"proxy{number}.log",
                {"PYTHONPATH": str(ROOT / "proxy")},
            )
        )
        configs.append(config)
        ports.append((port, health))
    haproxy = _haproxy(folder, ports)
    running = [valkey, *proxies, haproxy]
    try:
        for server in running:
            server.start()
        for server in running:
            server.wait()
        yield Fleet(
            folder,
            provider,
            database,
            valkey,
            haproxy,
            proxies,
            configs,
            shared / "ca" / ca.ROOT,
            haproxy.port,
        )
    finally:
        for server in reversed(running):
            server.kill()


def _shared(folder: Path) -> Path:
    """What all proxies have the same: CA, key of the vault, key of fingerprints."""
    state = folder / "shared"
    ca.create(state / "ca", Catalogue.load().constraint_names())
    (state / "vault").mkdir(mode=0o700)
    for path, key in (
        ("vault/vault.key", os.urandom(32).hex().encode()),
        ("fingerprint.key", os.urandom(32)),
    ):
        (state / path).write_bytes(key)
        (state / path).chmod(0o600)
    state.chmod(0o700)
    return state


def _settings(
    state: Path,
    port: int,
    health: int,
    provider: Provider,
    database: Database,
    valkey: Server,
    users: tuple[str, ...],
) -> dict[str, Any]:
    password = state / "db.password"
    password.write_text((database.folder / "password").read_text())
    password.chmod(0o600)
    people = {f"{address_of(number)}/32": {"user": user} for number, user in enumerate(users)}
    return {
        "listen": f"127.0.0.1:{port}",
        "metrics": f"127.0.0.1:{health}",
        "state_dir": str(state),
        "policies": [str(state.parent / "policy.yaml")],
        "proxy_protocol": ["127.0.0.1/32"],
        "clients": ["127.0.1.0/24"],
        "identity": {"required": True, "sources": [{"networks": people}]},
        "routes": {HOST: f"127.0.0.1:{provider.port}"},
        "extra_roots": [str(provider.root)],
        "detection": {"workers": 1, "deadline": 60},
        "attachments": {"workers": 1},
        "vault": {"store": "valkey", "url": f"valkey://127.0.0.1:{valkey.port}"},
        "audit": {
            "sinks": [
                {
                    "type": "postgres",
                    "database": "postgres",
                    "address": f"localhost:{database.port}",
                    "password": {"file": str(password)},
                    "tls": {"roots": str(database.root)},
                }
            ]
        },
    }


def _valkey(folder: Path) -> Server:
    """What was said to be written is there after a restart: otherwise a vault would forget."""
    data, port = folder / "valkey", free_port()
    data.mkdir()
    command = [valkey_server(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(data)]
    command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
    return Server("Valkey", command, port, lambda: _pongs(port), folder / "valkey.log")


def _haproxy(folder: Path, proxies: list[tuple[int, int]]) -> Server:
    """The shipped file, but for the addresses and that it is quicker to notice."""
    text, front = CONFIGURATION.read_text(), free_port()
    script = folder / "proxy.pac"
    script.write_text("")
    names = ("one 10.0.0.11", "two 10.0.0.12", "three 10.0.0.13")
    changes = {
        f"server {name}:8080": f"server {name.split()[0]} 127.0.0.1:{port} check port {health}"
        for name, (port, health) in zip(names, proxies, strict=True)
    } | {
        "check port 9464 inter 2s": "inter 500ms",
        "bind :8080": f"bind 127.0.0.1:{front}",
        "bind :8081": f"bind 127.0.0.1:{free_port()}",
        "bind 127.0.0.1:8404": f"bind 127.0.0.1:{free_port()}",
        "file /etc/haproxy/proxy.pac": f"file {script}",
    }
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file = folder / "haproxy.cfg"
    file.write_text(text)
    command = [program("haproxy"), "-db", "-f", str(file)]
    return Server("HAProxy", command, front, lambda: True, folder / "haproxy.log")


def _ready(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def _pongs(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False
