"""``outgate run`` with several workers, as the program that a user starts."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from e2e.ways import free_port
from outgate.audit.log import path_of
from outgate.audit.read import Filter, reader_of
from outgate.catalogue import Catalogue
from outgate.gateway import ca
from outgate.settings import Settings
from providers.standin import HOSTS, Server, StandIn, client_context

SOURCES = Path(__file__).parents[2] / "proxy"
URL = "https://api.openai.com/v1/chat/completions"
POLICY = """
version: 1
rules:
  - {name: project words, detect: [PROJECT], action: redact}
detectors:
  words:
    - {entity: PROJECT, words: [Bluebird]}
"""


@dataclass
class Fleet:
    """A supervisor that runs."""

    process: subprocess.Popen[bytes]
    stand_in: StandIn
    config: Path
    root: Path
    port: int
    health: int
    systemd: socket.socket  # hears what it says of itself

    @property
    def settings(self) -> Settings:
        return Settings.load(self.config)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.health}/{path}", trust_env=False, timeout=30)

    def log(self) -> str:
        return (self.config.parent / "log").read_text()

    def metric(self, name: str) -> float:
        """The sum over all labels."""
        lines = (line for line in self.get("metrics").text.splitlines() if line.startswith(name))
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def workers(self) -> set[int]:
        """Process ids."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return set(map(int, children))

    def events(self) -> list[str]:
        """The ids of what is in the audit log."""
        reader = reader_of(path_of(self.settings))
        try:
            return [event.id for event in reader.latest(100_000, Filter())]
        finally:
            reader.close()

    def client(self) -> httpx.Client:
        return httpx.Client(
            proxy=f"http://127.0.0.1:{self.port}",
            verify=client_context(self.root),
            timeout=60,
            trust_env=False,
        )

    def until(self, condition: Callable[[], Any], within: float = 90) -> None:
        end = time.monotonic() + within
        while True:
            with contextlib.suppress(httpx.TransportError):
                if condition():
                    return
            assert time.monotonic() < end and self.process.poll() is None
            time.sleep(0.2)

    def said(self) -> list[bytes]:
        """What systemd was told."""
        told = []
        self.systemd.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                told.append(self.systemd.recv(1000))
        return told

    def ready(self, count: int = 2) -> None:
        self.until(lambda: self.metric("outgate_workers_ready ") == count)


@contextlib.contextmanager
def fleet(server: Server, folder: Path, **settings: Any) -> Iterator[Fleet]:
    """Two workers that are ready."""
    with begun(server, folder, **settings) as running:
        running.ready()
        yield running


@contextlib.contextmanager
def begun(server: Server, folder: Path, **settings: Any) -> Iterator[Fleet]:
    """Two workers that are starting; told to stop at the end, if they were not before. None leaves a setting out."""
    state, policy, config = folder / "state", folder / "policy.yaml", folder / "outgate.yaml"
    ca.create(state / "ca", Catalogue.load().constraint_names())
    policy.write_text(POLICY)
    port, health = free_port(), free_port()
    values: dict[str, Any] = {
        "listen": f"127.0.0.1:{port}",
        "metrics": f"127.0.0.1:{health}",
        "policies": [str(policy)],
        "state_dir": str(state),
        "routes": dict.fromkeys(HOSTS, f"127.0.0.1:{server.stand_in.port}"),
        "extra_roots": [str(server.root)],
        "detection": {"workers": 2, "deadline": 60, "inline": 0},
        **settings,
    }
    config.write_text(yaml.safe_dump({name: value for name, value in values.items() if value is not None}))
    command = [sys.executable, "-m", "outgate", "run", "--config", str(config), "--workers", "2"]
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(str(folder / "notify"))
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "NOTIFY_SOCKET": str(folder / "notify")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    running = Fleet(process, server.stand_in, config, state / "ca" / ca.ROOT, port, health, notified)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            finally:
                process.kill()
        notified.close()


@dataclass
class Traffic:
    """Clients that ask and ask, each over a connection that it keeps, until they are told to stop."""

    fleet: Fleet
    streamed: bool = False
    answered: Counter[str] = field(default_factory=Counter)  # of each question, by its words
    broken: list[httpx.TransportError] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def flowing(self, clients: int) -> Iterator[Traffic]:
        threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        try:
            self.fleet.until(lambda: self.answered.total() >= 2 * clients)
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join(90)

    def _ask(self, client_number: int) -> None:
        with self.fleet.client() as client:
            number = 0
            while not self._over.is_set():
                number += 1
                words = f"{client_number}.{number}" + (" streamed" if self.streamed else "")
                try:
                    answer = client.post(URL, json=question(words, stream=self.streamed))
                except httpx.TransportError as error:
                    self.broken.append(error)
                    continue
                assert answer.status_code == 200, answer.text
                assert not self.streamed or answer.text.endswith("[DONE]\n\n")
                self.answered[words] += 1
                time.sleep(0.1)


def question(words: str, *, stream: bool = False) -> dict[str, Any]:
    """A chat with something in it that has to be taken out."""
    return {"model": "m", "stream": stream, "messages": [{"role": "user", "content": f"Bluebird {words}"}]}


def received(stand_in: StandIn) -> Counter[str]:
    """What came of each question, by its words. Fails for one that was not inspected."""
    found: Counter[str] = Counter()
    for one in list(stand_in.received):
        content = json.loads(one.body)["messages"][0]["content"]
        assert content.startswith("[REDACTED PROJECT] "), content
        found[content.removeprefix("[REDACTED PROJECT] ")] += 1
    return found
