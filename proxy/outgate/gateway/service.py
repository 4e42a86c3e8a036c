"""The proxy as a service: every room put together, started, reloaded and ended in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

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
from outgate.disk.private import check_file, make_file
from outgate.gateway import ca, local, master, modes, notify, pac, signals, wireguard
from outgate.gateway.connections import Connections
from outgate.gateway.draining import Draining
from outgate.gateway.entrance import Entrance
from outgate.gateway.feedback import Feedback, is_ours
from outgate.gateway.handshakes import Handshakes
from outgate.gateway.health import HealthServer
from outgate.gateway.identity import Identities
from outgate.gateway.in_force import InForce
from outgate.gateway.inspection import Inspection
from outgate.gateway.load import Load
from outgate.gateway.next_layer import EgressNextLayer
from outgate.gateway.problem import GatewayError
from outgate.gateway.proxy_tls import ProxyTls
from outgate.gateway.refusals import Refusals
from outgate.gateway.report import Reporter
from outgate.gateway.seats import Seats
from outgate.gateway.shadow import ShadowWatch
from outgate.gateway.sockets import Sockets
from outgate.gateway.waiting import Waiting
from outgate.identity import files
from outgate.identity.sources import Sources
from outgate.metrics import Metrics
from outgate.policy.watch import PolicyWatch
from outgate.rollout.lineup import Lineup
from outgate.rollout.loading import Loading
from outgate.rollout.puller import Puller
from outgate.rollout.store import State
from outgate.settings import Settings

log = logging.getLogger("outgate")

_IDLE = 0.25  # seconds without a sign of life after which a connection is closed at the end
_TICK = 1.0  # seconds between looks at queue, audit and CA


class Service:
    """One proxy process. ``run`` returns when it was told to stop.

    ``sockets`` are those that a supervisor hands on, with the worker's place among its ``seats``: it
    then accepts once it can inspect, and leaves metrics, health and signals to the supervisor.
    """

    def __init__(
        self, settings: Settings, *, sockets: Sockets | None = None, seats: Seats | None = None
    ) -> None:
        self.settings = settings
        self._alone = sockets is None
        self._sockets = sockets or Sockets()
        self._seats = seats
        self.addresses: list[tuple[str, int]] = []
        self.ways_in: list[str] = []  # the same for people: what listens where
        self.health: HealthServer | None = None
        self.accepting = False
        self.waiting = Waiting()
        self._stop = asyncio.Event()
        self._leave = asyncio.Event()
        self._patience = _IDLE
        self._in_force: InForce | None = None
        self._reload: Callable[[], None] = lambda: None
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
            lineup = await self.waiting.until(partial(puller.first, loading.lineup), lambda: puller.stage)
        else:
            lineup = await asyncio.to_thread(loading.lineup)
        proxy_tls = ProxyTls(settings.tls)
        identities, watched = _identities(settings, catalogue, metrics, proxy_tls)
        audit = AuditLog.open(settings)
        forwarding = Forwarding.open(settings, metrics.audit_sink)
        key = fingerprint_key(settings.state_dir)
        extractor = Extractor(settings.extractor_config, metrics.attachment)
        in_force = self._in_force = InForce(lineup, settings, catalogue, key, metrics, extractor.extract)
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
        at_work = Load(settings.limits)
        inspection = Inspection(
            lambda: in_force.judge,
            reporter,
            at_work,
            deadline=settings.detection.deadline + settings.attachments.deadline,
            limits=settings.limits,
        )

        feedback = Feedback(settings, key, metrics, in_force.standing, in_force.let_pass)
        try:
            handshakes = Handshakes(metrics.tls_failure)
            entrance = Entrance(settings, metrics, self._sockets, self._seats)
            proxy = master.build(
                settings,
                catalogue,
                entrance,
                connections,
                next_layer,
                handshakes,
                feedback.pages,
                inspection,
                proxy_tls,
                identities,
            )
            if settings.metrics and self._alone:
                pac_file = pac.served(settings, catalogue)
                self.health = HealthServer.started(metrics, self.ready, settings.metrics, pac=pac_file)
            await in_force.start()
            await feedback.in_force.refresh()
            async with self._served(proxy) as serving:
                self._reload = partial(_look, watch, puller)
                if self._alone:
                    self._take_orders()
                self._later(self._open(entrance))
                self._later(at_work.watch())
                self._later(watch.run())
                self._later(feedback.in_force.run())
                if puller:
                    puller.start()
                self._later(_tick(metrics, in_force, audit, forwarding, settings, at_work))
                if watched:
                    self._later(files.look_at(watched))
                # What is there now stays: a collection need not look at it again.
                gc.collect()
                gc.freeze()
                if on_ready:
                    on_ready(self)
                await self._until(serving, self._leave.wait())
                if self._leave.is_set() and not self._stop.is_set():
                    proxy.options.update(server=False)
                    draining: Draining = proxy.addons.get("draining")
                    await self._until(serving, draining.drain(settings.workers.drain, self._patience))
            if self._broken:
                raise GatewayError(self._broken)
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

    async def _until(self, serving: asyncio.Task[None], work: Coroutine[Any, Any, object]) -> None:
        """Until that is done, the proxy core ends, or we are to stop at once."""
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(work), asyncio.create_task(self._stop.wait())]
        await asyncio.wait([serving, *tasks], return_when="FIRST_COMPLETED")
        for task in tasks:
            task.cancel()

    async def _open(self, entrance: Entrance) -> None:
        """Accept. Where there are other workers, they have the connections until we can inspect what comes in."""
        while not self._alone and not self._can_tell():  # noqa: ASYNC110 - a matter of seconds
            await asyncio.sleep(0.02)
        entrance.open()
        self.accepting = True

    def _can_tell(self) -> bool:
        """Whether detection works, or is known not to."""
        return self._in_force is None or self._in_force.settled

    def ready(self) -> tuple[bool, list[str]]:
        """Whether requests are accepted and can be inspected, and if not, why. Callable from any thread."""
        if self._leave.is_set():
            return False, ["it is about to end"]
        return self._in_force.ready() if self._in_force else (False, ["it is starting"])

    def reload(self) -> None:
        """Load the policy anew."""
        self._reload()

    def drain(self, patience: float = _IDLE) -> None:
        """End ``run`` once what is under way is over, or ``workers.drain`` seconds have passed.

        ``patience``: seconds without a sign of life after which a connection is closed.
        """
        self._patience = patience
        self._leave.set()

    def _take_orders(self) -> None:
        """Of the system and of whoever sits before it; systemd is told how it goes."""
        signals.handle(
            SIGHUP=self.reload,
            SIGTERM=self._drain_or_stop,
            SIGINT=self._drain_or_stop,
            SIGUSR2=lambda: log.warning("there are no workers to be replaced: `workers` is 1"),
        )
        self._later(notify.signs_of_life())
        notify.tell("READY=1")

    def _drain_or_stop(self) -> None:
        """Whoever asks twice does not want to wait."""
        if self._leave.is_set():
            self.stop()
        else:
            notify.tell("STOPPING=1")
            log.info("finishing what is under way; ask again to stop at once")
            self.drain()

    def stop(self) -> None:
        """End ``run`` at once, from within the loop."""
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
                elif isinstance(failed.last_exception, OSError):
                    problem = problem.partition("\n")[0]  # then the library names an option of its own
                raise GatewayError(f"{modes.purpose(failed.mode)}: {problem}")
            # One that asks for rights first says that it runs before it does; hence the update's end.
            if servers and not servers.is_updating and all(server.is_running for server in servers):
                if any(isinstance(server.mode, LocalMode) for server in servers):
                    await self._settled()
                self._tell(list(servers))
                return
            await asyncio.sleep(0.005)
        raise GatewayError("the proxy could not start")

    async def _settled(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), local.SETTLE)
        if self._broken:
            raise GatewayError(self._broken)

    def _tell(self, servers: Sequence[ServerInstance[ProxyMode]]) -> None:
        for server in servers:
            self.addresses += [address[:2] for address in server.listen_addrs]
            what = modes.purpose(server.mode)
            if isinstance(server, WireGuardServerInstance):
                what += f" ({wireguard.write_client_configuration(server, self.settings.state_dir)} is for its client)"
            where = ", ".join(modes.spelled(address) for address in server.listen_addrs)
            self.ways_in.append(f"{where}: {what}" if where else what)

    def _later(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def fingerprint_key(state_dir: Path) -> bytes:
    """The key of fingerprints and hashes: 32 bytes, made once, readable by us alone. Raises CaError."""
    path = state_dir / "fingerprint.key"
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_file(
        path, secrets.token_bytes(32), ca.CaError
    )  # whole from the first, for whoever starts at the same time
    check_file(path, ca.CaError)
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


def _look(watch: PolicyWatch[Lineup], puller: Puller | None) -> None:
    """For a policy, at the files and at where they come from."""
    watch.reload()
    if puller:
        puller.now()


async def _tick(
    metrics: Metrics,
    in_force: InForce,
    audit: AuditLog,
    forwarding: Forwarding,
    settings: Settings,
    at_work: Load,
) -> None:
    told = 0
    while True:
        metrics.requests_under_way(len(at_work))
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
