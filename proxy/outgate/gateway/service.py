"""The proxy as a service: every room put together, started, reloaded and ended in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from mitmproxy.master import Master
from mitmproxy.proxy.mode_servers import ServerInstance, WireGuardServerInstance
from mitmproxy.proxy.mode_specs import LocalMode, ProxyMode

from outgate.attachments.extractor import Extractor
from outgate.audit import AuditLog
from outgate.audit.remote import Forwarding
from outgate.audit.shadow import ShadowLog
from outgate.audit.shadow import path_of as shadow_path_of
from outgate.catalogue import Catalogue
from outgate.catalogue.shadow import Shadow
from outgate.gateway import ca, local, master, modes, pac, wireguard
from outgate.gateway.connections import Connections
from outgate.gateway.feedback import Feedback, is_ours
from outgate.gateway.handshakes import Handshakes
from outgate.gateway.health import HealthServer
from outgate.gateway.identity import Identities
from outgate.gateway.in_force import InForce
from outgate.gateway.inspection import Inspection
from outgate.gateway.next_layer import EgressNextLayer
from outgate.gateway.proxy_tls import ProxyTls
from outgate.gateway.refusals import Refusals
from outgate.gateway.report import Reporter
from outgate.gateway.shadow import ShadowWatch
from outgate.identity import files
from outgate.identity.sources import Sources
from outgate.metrics import Metrics
from outgate.policy.watch import PolicyWatch
from outgate.rollout.lineup import Lineup
from outgate.rollout.loading import Loading
from outgate.rollout.puller import Puller
from outgate.rollout.store import State
from outgate.settings import Settings
from outgate.settings.sections import SettingsError

log = logging.getLogger("outgate")

_TICK = 1.0  # seconds between looks at queue, audit and CA
_DRAIN = 10.0  # seconds for a replaced pool of workers to finish what it has


class Service:
    """One proxy process. ``run`` returns when it was told to stop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.addresses: list[tuple[str, int]] = []
        self.ways_in: list[str] = []  # the same for people: what listens where
        self.health: HealthServer | None = None
        self._stop = asyncio.Event()
        self._broken: str | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def run(self, on_ready: Callable[[Service], None] | None = None) -> None:
        """Start, serve, stop. Raises the typed error of whatever room cannot start."""
        settings = self.settings
        status = ca.check(settings.ca_dir)
        networks = settings.client_networks
        catalogue = Catalogue.load(extra=settings.catalogue)
        uncovered = status.uncovered(catalogue.constraint_names())
        if uncovered:
            log.warning(
                "the CA may not sign %d hosts of the catalogue; run `outgate ca rotate`", len(uncovered)
            )
        loading = Loading(settings, catalogue.providers.values())
        metrics = Metrics()
        puller = None
        if loading.source:
            puller = Puller(loading.source, loading.store, settings, partial(_looked, metrics, settings))
        lineup = await asyncio.to_thread(partial(puller.first, loading.lineup) if puller else loading.lineup)
        proxy_tls = ProxyTls(settings.tls)
        identities, watched = _identities(settings, catalogue, metrics, proxy_tls)
        audit = AuditLog.open(settings)
        forwarding = Forwarding.open(settings, metrics.audit_sink)
        key = fingerprint_key(settings.state_dir)
        extractor = Extractor(settings.extractor_config, metrics.attachment)
        in_force = InForce(lineup, settings, catalogue, key, metrics, extractor.extract)
        metrics.ca_days_left(status.days_left)
        reporter = Reporter(metrics, audit, required=settings.audit.on_error == "block")

        watch = PolicyWatch(loading.lineup, in_force.change, in_force.failed, current=lineup)
        parent = modes.parent_of(settings)
        shadow = ShadowLog(shadow_path_of(settings), key, settings.shadow)
        connections = Connections(
            networks,
            settings.connect_ports,
            lambda opened: metrics.tunnel_opened() if opened else metrics.tunnel_closed(),
            parent,
            _shadow_watch(settings, shadow, identities, metrics),
        )
        next_layer = EgressNextLayer(
            lambda host: catalogue.provider_of(host) is not None or is_ours(host),
            connections.tunnel,
            parent,
            identities.admits if identities else lambda _: True,
            connections.passing,
        )
        inspection = Inspection(
            lambda: in_force.judge,
            reporter,
            deadline=settings.detection.deadline + settings.attachments.deadline,
            limits=settings.limits,
        )

        feedback = Feedback(settings, key, metrics, in_force.standing, in_force.let_pass)
        try:
            handshakes = Handshakes(metrics.tls_failure)
            proxy = master.build(
                settings,
                catalogue,
                connections,
                next_layer,
                handshakes,
                feedback.pages,
                inspection,
                proxy_tls,
                identities,
            )
            if settings.metrics:
                self.health = _health(metrics, in_force, settings.metrics, _pac(settings, catalogue))
            await in_force.start()
            await feedback.in_force.refresh()
            async with self._served(proxy) as serving:
                self._signals(watch, puller)
                self._later(watch.run())
                self._later(feedback.in_force.run())
                if puller:
                    puller.start()
                self._later(_tick(metrics, in_force, audit, forwarding, settings))
                if watched:
                    self._later(files.look_at(watched))
                # What is there now stays: a collection need not look at it again.
                gc.collect()
                gc.freeze()
                if on_ready:
                    on_ready(self)
                await asyncio.wait(
                    [serving, asyncio.ensure_future(self._stop.wait())], return_when="FIRST_COMPLETED"
                )
            if self._broken:
                raise modes.GatewayError(self._broken)
        finally:  # also when it could not start: workers would keep the process
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)
            if puller:
                await asyncio.to_thread(puller.stop)
            await in_force.close()
            await extractor.close()
            feedback.close()
            if self.health:
                self.health.close()
            audit.close()
            forwarding.close()
            shadow.close()

    @asynccontextmanager
    async def _served(self, proxy: Master) -> AsyncIterator[asyncio.Task[None]]:
        """The proxy core at work: every mode listens on the way in, none on the way out."""
        local.watch(asyncio.get_running_loop(), self._break)
        serving = asyncio.create_task(proxy.run())
        try:
            await self._listening(proxy, serving)
            yield serving
        finally:
            proxy.options.update(server=False)
            proxy.shutdown()
            with suppress(asyncio.CancelledError):
                await serving

    def stop(self) -> None:
        """End ``run`` from within the loop."""
        self._stop.set()

    def _break(self, problem: str) -> None:
        """End ``run`` with an error."""
        self._broken = problem
        self.stop()

    async def _listening(self, proxy: Master, serving: asyncio.Task[None]) -> None:
        """Wait until every mode listens. Raises GatewayError when one cannot."""
        servers = proxy.addons.get("proxyserver").servers
        while not serving.done():
            failed = next((server for server in servers if server.last_exception), None)
            if failed is not None:
                problem = str(failed.last_exception)
                if isinstance(failed.mode, LocalMode):
                    problem = local.explained(problem)
                raise modes.GatewayError(f"{modes.purpose(failed.mode)}: {problem}")
            # One that asks for rights first says that it runs before it does; hence the update's end.
            if servers and not servers.is_updating and all(server.is_running for server in servers):
                if any(isinstance(server.mode, LocalMode) for server in servers):
                    await self._settled()
                self._tell(list(servers))
                return
            await asyncio.sleep(0.005)
        raise modes.GatewayError("the proxy could not start")

    async def _settled(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), local.SETTLE)
        if self._broken:
            raise modes.GatewayError(self._broken)

    def _tell(self, servers: Sequence[ServerInstance[ProxyMode]]) -> None:
        for server in servers:
            self.addresses += [address[:2] for address in server.listen_addrs]
            what = modes.purpose(server.mode)
            if isinstance(server, WireGuardServerInstance):
                what += f" ({wireguard.write_client_configuration(server, self.settings.state_dir)} is for its client)"
            where = ", ".join(modes.spelled(address) for address in server.listen_addrs)
            self.ways_in.append(f"{where}: {what}" if where else what)

    def _signals(self, watch: PolicyWatch[Lineup], puller: Puller | None) -> None:
        if sys.platform == "win32":
            return
        loop = asyncio.get_running_loop()

        def reload() -> None:
            watch.reload()
            if puller:
                puller.now()

        with suppress(RuntimeError, ValueError):  # not the main thread: whoever embeds us has the signals
            loop.add_signal_handler(signal.SIGHUP, reload)
            loop.add_signal_handler(signal.SIGTERM, self.stop)
            loop.add_signal_handler(signal.SIGINT, self.stop)

    def _later(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def fingerprint_key(state_dir: Path) -> bytes:
    """The key of fingerprints and hashes: 32 bytes, made once, readable by us alone. Raises CaError."""
    path = state_dir / "fingerprint.key"
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(32))
    ca.check_file(path)
    key = path.read_bytes()
    if len(key) != 32:
        raise ca.CaError(f"{path}: not a key of 32 bytes. Restore it, or delete it to have a new one.")
    return key


def _looked(metrics: Metrics, settings: Settings, state: State, result: str) -> None:
    """The source of policies was looked at."""
    assert settings.policy_source is not None
    stale = state.stale(time.time(), settings.policy_source.stale_after)
    metrics.rollout.source(result, looked=state.looked, stale=stale, version=state.version)


def _shadow_watch(
    settings: Settings, shadow: ShadowLog, identities: Identities | None, metrics: Metrics
) -> ShadowWatch | None:
    """Who notices unopened AI services; None where the settings want none listed. Raises CatalogueError."""
    if not settings.shadow.record:
        return None
    user_of = identities.user_of if identities else lambda _: None
    return ShadowWatch(Shadow.load().suspect, user_of, shadow.add, metrics.shadow_connection)


def _identities(
    settings: Settings, catalogue: Catalogue, metrics: Metrics, proxy_tls: ProxyTls
) -> tuple[Identities | None, list[files.Watched]]:
    """Who says who is asking, if anybody does, and what may change meanwhile. Raises IdentityError."""
    if not settings.identity.sources:
        return None, proxy_tls.watched
    sources = Sources(settings.identity, lambda: metrics.identity_refused("file"))
    basic, bearer = sources.checker is not None, sources.checker is not None and sources.checker.takes_tokens
    refusals = Refusals(catalogue, basic=basic, bearer=bearer)
    identities = Identities(sources, proxy_tls.certificate_of, refusals, metrics.identity_refused)
    return identities, [*proxy_tls.watched, *sources.watched]


def _pac(settings: Settings, catalogue: Catalogue) -> str | None:
    """The PAC file; none where nothing says what clients reach the proxy as, or there is no HTTP proxy."""
    try:
        return pac.of(settings, catalogue.hosts())
    except SettingsError as error:
        log.info("no PAC file is served: %s", error.message)
        return None


def _health(metrics: Metrics, in_force: InForce, address: str, pac_file: str | None) -> HealthServer:
    try:
        server = HealthServer(metrics, in_force.ready, address, pac=pac_file)
    except OSError as error:
        raise modes.GatewayError(f"metrics: {address}: {error.strerror}. Choose another address.") from None
    server.start()
    return server


async def _tick(
    metrics: Metrics, in_force: InForce, audit: AuditLog, forwarding: Forwarding, settings: Settings
) -> None:
    told = 0
    while True:
        metrics.queue_depth(in_force.queue_depth)
        metrics.detection_cache(*in_force.cached())
        metrics.audit(audit.healthy, audit.dropped - told)
        told = audit.dropped
        forwarding.tell()
        with suppress(ca.CaError):
            metrics.ca_days_left(await asyncio.to_thread(_days_left, settings))
        await asyncio.sleep(_TICK if settings.metrics else _TICK * 10)


def _days_left(settings: Settings) -> float:
    return ca.check(settings.ca_dir).days_left
