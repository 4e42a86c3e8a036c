"""A real proxy between real clients and a stand-in that keeps the bytes it received."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from outgate.audit import AuditEvent
from outgate.audit.log import path_of
from outgate.audit.read import Filter, reader_of
from outgate.catalogue import Catalogue
from outgate.gateway import ca
from outgate.gateway.loop import event_loop_factory
from outgate.gateway.service import Service
from outgate.settings import Settings
from providers.standin import HOSTS, Received, Server, StandIn, client_context

POLICY = """
version: 1
rules:
  - name: no restricted jurisdictions
    when: {provider.jurisdiction: [CN, RU]}
    action: block
    message: "{provider.name} is not approved."
  - name: credentials
    detect: [GITHUB_TOKEN, AWS_ACCESS_KEY_ID, PRIVATE_KEY, OPENAI_API_KEY]
    action: block
    message: A live credential must not leave.
  - name: cards
    detect: [CREDIT_CARD, IBAN_CODE]
    action: redact
  - name: project words
    detect: [PROJECT]
    action: redact
detectors:
  words:
    - {entity: PROJECT, words: [Bluebird]}
"""


@dataclass
class Proxy:
    """A running gateway and what a client needs to use it."""

    service: Service
    stand_in: StandIn
    url: str
    folder: Path
    root: Path
    policy: Path
    roots: tuple[Path, ...] = field(default=())
    loop: asyncio.AbstractEventLoop | None = None  # that it runs in, in another thread

    @property
    def ssl(self) -> Any:
        return client_context(self.root)

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(proxy=self.url, verify=self.ssl, timeout=30, trust_env=False, **options)

    def async_client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(proxy=self.url, verify=self.ssl, timeout=30, trust_env=False, **options)

    @property
    def received(self) -> list[Received]:
        return self.stand_in.received

    def metrics(self) -> str:
        assert self.service.health is not None
        host, port = self.service.health.address
        return httpx.get(f"http://{host}:{port}/metrics", trust_env=False).text

    def events(self, count: int = 1) -> list[AuditEvent]:
        """The audit log, once it holds so many events."""
        deadline = time.monotonic() + 10
        while True:
            reader = reader_of(path_of(self.service.settings))
            try:
                events = reader.latest(1000, Filter())
            finally:
                reader.close()
            if len(events) >= count:
                return events
            assert time.monotonic() < deadline, f"{len(events)} events instead of {count}"
            time.sleep(0.05)


class _Running:
    """A service in a thread with an event loop of its own."""

    def __init__(self, settings: Settings, enter: Callable[[], None] | None = None) -> None:
        self._settings = settings
        self._enter = enter  # where the thread goes first: a network namespace
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.service: Service | None = None
        self.error: BaseException | None = None

    def start(self) -> Service:
        self._thread.start()
        assert self._started.wait(30)
        if self.error:
            raise self.error
        assert self.service is not None
        return self.service

    def stop(self) -> None:
        if self._thread.is_alive() and self.service:
            with suppress(RuntimeError):  # one that could not start may end by itself meanwhile
                self._loop.call_soon_threadsafe(self.service.stop)
            self._thread.join(30)

    def _run(self) -> None:
        try:
            if self._enter:
                self._enter()
            with asyncio.Runner(loop_factory=event_loop_factory(self._settings.routes)) as runner:
                self._loop = runner.get_loop()
                runner.run(self._serve())
        except BaseException as error:
            self.error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        service = Service(self._settings)
        self.service = service
        await service.run(on_ready=lambda _: self._started.set())


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("standin"))
    server.start()
    yield server
    server.stop()


@contextmanager
def proxies(server: Server, parent: Path) -> Iterator[Callable[..., Proxy]]:
    """What makes proxies with their files under ``parent``, all stopped at the end."""
    running: list[_Running] = []

    def make(policy: str = POLICY, *, enter: Callable[[], None] | None = None, **settings: Any) -> Proxy:
        folder = parent / f"proxy{len(running)}"
        folder.mkdir()
        file = folder / "policy.yaml"
        file.write_text(policy)
        state = folder / "state"
        ca.create(state / "ca", Catalogue.load().constraint_names())
        values: dict[str, Any] = {
            "listen": "127.0.0.1:0",
            "metrics": "127.0.0.1:0",
            "policies": [str(file)],
            "state_dir": str(state),
            "routes": dict.fromkeys(HOSTS, f"127.0.0.1:{server.stand_in.port}"),
            "extra_roots": [str(server.root)],
            "detection": {"workers": 1, "deadline": 20},
            **settings,
        }
        if "policy_source" in settings:
            del values["policies"]
        config = folder / "outgate.yaml"
        config.write_text(yaml.safe_dump(values))
        run = _Running(Settings.load(config), enter)
        running.append(run)
        service = run.start()
        host, port = service.addresses[0]
        root, url = state / "ca" / ca.ROOT, f"http://{host}:{port}"
        return Proxy(service, server.stand_in, url, folder, root, file, loop=run._loop)

    server.stand_in.reset()
    try:
        yield make
    finally:
        for run in running:
            run.stop()


@pytest.fixture
def make_proxy(server: Server, tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    with proxies(server, tmp_path) as make:
        yield make


@pytest.fixture
def proxy(make_proxy: Callable[..., Proxy]) -> Proxy:
    return make_proxy()


@pytest.fixture(scope="module")
def one_for_all(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy for a module none of whose tests changes it or makes another: two would share mitmproxy's options."""
    with proxies(server, tmp_path_factory.mktemp("one_for_all")) as make:
        yield make()
