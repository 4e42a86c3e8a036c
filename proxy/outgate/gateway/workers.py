"""The supervisor: several workers behind the same sockets, each replaced when it ends or hangs.

It binds the sockets and keeps them, so that a worker that ends takes no waiting connection with it; it answers for
metrics and health of the whole; it sees no traffic, and imports nothing of the proxy core. A worker accepts once it
can inspect, so the whole is ready while one accepts, and none that does has a problem.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from outgate import metrics_sharing
from outgate.catalogue import Catalogue
from outgate.gateway import notify, pac, signals
from outgate.gateway.health import HealthServer
from outgate.gateway.pidfile import Pidfile
from outgate.gateway.problem import GatewayError
from outgate.gateway.seats import Seats
from outgate.gateway.shares import share_of
from outgate.gateway.sockets import Sockets
from outgate.gateway.worker_process import WorkerProcess
from outgate.metrics import Metrics
from outgate.metrics_running import WorkerEnd
from outgate.settings import Settings
from outgate.settings.sections import SettingsError
from outgate.settings.workers import cores

log = logging.getLogger("outgate")

_BACK_OFF = (0.1, 10.0)  # seconds before a worker is replaced: at first, at most
_MANY = 5  # ends of one worker within
_WITHIN = 60.0  # seconds, after which it is no use to go on
_LOOK = 0.2  # seconds between two looks at who is ready

Load = Callable[[], Settings]


class Supervisor:
    """Serves with ``settings.workers.number`` workers. ``run`` returns when it was told to stop."""

    def __init__(self, settings: Settings, load: Load) -> None:
        """``load`` reads the settings anew, for a restart of the workers."""
        self.settings = settings
        self.workers: list[WorkerProcess] = []
        self.ways_in: list[str] = []
        self.health: HealthServer | None = None
        self._load = load
        self._number = settings.workers.number
        self._ends: list[deque[float]] = [deque(maxlen=_MANY) for _ in range(self._number)]
        self._seats = 2 * self._number + 1  # while they are restarted, one more than there are
        self._cores = cores()
        self._broken: str | None = None
        self._stop, self._now = asyncio.Event(), asyncio.Event()
        self._rolling = False
        self._lives: set[asyncio.Task[Any]] = set()

    async def run(self, on_ready: Callable[[Supervisor], None] | None = None) -> None:
        """Start, serve, stop. Raises GatewayError, when it cannot start or the workers cannot be kept alive."""
        settings = self.settings
        with Pidfile(settings.state_dir):
            metrics_sharing.share(settings.state_dir / "metrics", afresh=True)
            self._metrics = Metrics()
            try:
                self._sockets = Sockets.bound(settings.tcp_addresses)
            except OSError as error:
                raise GatewayError(
                    f"listen: {error.filename}: {error.strerror}. Choose another address."
                ) from None
            self._memory = Seats.made(self._seats)
            self._board = Seats(self._memory, 0)
            try:
                if settings.metrics:
                    file = pac.served(settings, Catalogue.load(extra=settings.catalogue))
                    self.health = HealthServer.started(self._metrics, self.ready, settings.metrics, pac=file)
                signals.handle(
                    SIGHUP=self.reload, SIGUSR2=self.restart, SIGTERM=self._asked, SIGINT=self._asked
                )
                await self._serve(on_ready)
            finally:
                if self.health:
                    self.health.close()
                self._sockets.close()
                os.close(self._memory)
        if self._broken:
            raise GatewayError(self._broken)

    def ready(self) -> tuple[bool, list[str]]:
        """Whether requests are accepted, and can be inspected by all who accept. Callable from any thread."""
        serving = self._serving()
        problems = [f"worker {one.slot}: {why}" for one in serving if not one.ready for why in one.problems]
        if self._stop.is_set():
            problems = ["it is about to end"]
        elif not serving:
            problems = ["no worker accepts connections yet"]
            problems += [
                f"worker {one.slot} waits for {one.waits_for}" for one in list(self.workers) if one.waits_for
            ]
        return not problems, problems

    def reload(self) -> None:
        """Have all workers load the policy anew."""
        for one in self.workers:
            one.tell("reload")

    def restart(self) -> None:
        """Replace the workers one by one, by such that read the settings as they are now."""
        if self._rolling or self._stop.is_set():
            log.warning("the workers are being replaced already")
        else:
            self._later(self._roll())

    def stop(self) -> None:
        """End ``run`` once what is under way is over."""
        self._stop.set()

    def _asked(self) -> None:
        """To end. Whoever asks twice does not want to wait."""
        if self._stop.is_set():
            self._now.set()
        else:
            notify.tell("STOPPING=1")
            log.info("finishing what is under way; ask again to stop at once")
        self.stop()

    # --- the life of all ---------------------------------------------------------------------

    async def _serve(self, on_ready: Callable[[Supervisor], None] | None) -> None:
        stopping = asyncio.create_task(self._stop.wait())
        self._later(self._watch())
        try:
            # The first goes ahead: it makes what all of them need, and what keeps it from starting is told once.
            first = await self._start(0)
            accepting = asyncio.create_task(first.accepting.wait())
            life = self._later(self._live(first, alone=True))
            asking = self._later(notify.more_time(lambda: bool(first.waits_for)))
            await asyncio.wait({accepting, life, stopping}, return_when="FIRST_COMPLETED")
            accepting.cancel()
            asking.cancel()
            if first.accepting.is_set() and not self._stop.is_set():
                for slot in range(1, self._number):
                    self._later(self._live(await self._start(slot)))
                self.ways_in = first.ways_in
                self._later(notify.signs_of_life())
                notify.tell("READY=1")
                if on_ready:
                    on_ready(self)
                await stopping
        finally:
            self._stop.set()
            stopping.cancel()
            await self._end()

    async def _end(self) -> None:
        drain = self.settings.workers.drain
        ending = asyncio.gather(*(one.end("stop", drain) for one in self.workers), return_exceptions=True)
        hurry = asyncio.create_task(self._now.wait())
        waiting: list[asyncio.Future[Any]] = [ending, hurry]
        await asyncio.wait(waiting, return_when="FIRST_COMPLETED")
        if self._now.is_set():
            await asyncio.gather(*(one.end("now", 0) for one in self.workers), return_exceptions=True)
        hurry.cancel()
        for task in self._lives:
            task.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        for one in self.workers:
            one.kill()

    async def _watch(self) -> None:
        while True:
            self._metrics.workers_ready(sum(one.ready for one in self._serving()))
            await asyncio.sleep(_LOOK)

    def _serving(self) -> list[WorkerProcess]:
        return [one for one in list(self.workers) if one.accepting.is_set() and not one.leaving]

    # --- the life of one ---------------------------------------------------------------------

    async def _start(self, slot: int) -> WorkerProcess:
        taken = {one.seat for one in self.workers}
        seat = next(number for number in range(self._seats) if number not in taken)
        descriptors = self._sockets.descriptors()
        order = {
            "number": slot,
            "settings": share_of(self.settings, self._number).model_dump(mode="json", exclude_unset=True),
            "sockets": descriptors,
            "seats": self._memory,
            "seat": seat,
            "core": self._core(slot),
        }
        handed = [self._memory, *(descriptor for _, _, descriptor in descriptors)]
        worker = await WorkerProcess.start(order, handed, ",".join(map(str, self._cores)))
        self.workers.append(worker)
        return worker

    def _core(self, slot: int) -> int | None:
        alone = (
            self.settings.workers.own_core and sys.platform == "linux" and self._number <= len(self._cores)
        )
        return self._cores[slot] if alone else None

    async def _live(self, worker: WorkerProcess, *, alone: bool = False) -> None:
        """Until it ends; then another takes its place, unless it was to end. ``alone``: none did start yet."""
        how = await worker.ended(self.settings.workers.stall)
        self.workers.remove(worker)
        self._board.leave(worker.seat)
        await asyncio.to_thread(metrics_sharing.process_ended, worker.pid)
        if worker.leaving or self._stop.is_set():
            return
        started = worker.accepting.is_set()
        if alone and not started:
            self._broken = worker.problem or f"the first worker ended while it was starting: {how}"
            self.stop()
            return
        reason: WorkerEnd = "hang" if worker.hung else "crash" if started else "start"
        self._metrics.worker_ended(reason)
        log.error("worker %d ended: %s; it is replaced", worker.slot, how)
        await self._replace(worker.slot, how)

    async def _replace(self, slot: int, how: str) -> None:
        ends = self._ends[slot]
        ends.append(time.monotonic())
        recent = sum(1 for end in ends if ends[-1] - end < _WITHIN)
        if recent >= _MANY:
            self._broken = f"worker {slot} ended {recent} times within {_WITHIN:g} seconds, at last: {how}"
            self.stop()
            return
        await asyncio.sleep(min(_BACK_OFF[0] * 2 ** (recent - 1), _BACK_OFF[1]))
        if not self._stop.is_set() and not self._in(slot):  # a successor may have come meanwhile
            try:
                self._later(self._live(await self._start(slot)))
            except OSError as error:
                await self._replace(slot, f"it cannot be started: {error.strerror}")

    # --- all of them, one by one -------------------------------------------------------------

    async def _roll(self) -> None:
        self._rolling = True
        try:
            self._renew()
            for slot in range(self._number):
                await self._succeed(slot)
            log.info("all workers were replaced")
        except (SettingsError, GatewayError, OSError) as error:
            log.error("the workers are left as they are: %s", getattr(error, "message", error))
        finally:
            self._rolling = False

    def _renew(self) -> None:
        """Take over the settings as they are now. Raises SettingsError when they cannot be, for running workers."""
        new = self._load()
        kept = ("tcp_addresses", "metrics", "state_dir")
        changed = [name for name in kept if getattr(new, name) != getattr(self.settings, name)]
        if new.workers.number != self._number:
            changed.append("workers")
        if changed:
            raise SettingsError(f"{', '.join(changed)}: stop and start the proxy to change this")
        self.settings = new

    async def _succeed(self, slot: int) -> None:
        """Start a worker's successor, and have the worker leave once that accepts. Raises GatewayError, OSError."""
        successor = await self._start(slot)
        ended = asyncio.create_task(successor.ended(self.settings.workers.stall))
        accepting = asyncio.create_task(successor.accepting.wait())
        await asyncio.wait({ended, accepting}, return_when="FIRST_COMPLETED")
        accepting.cancel()
        if not successor.accepting.is_set():
            self.workers.remove(successor)
            self._board.leave(successor.seat)
            if not self._in(slot):
                self._later(self._replace(slot, ended.result()))
            raise GatewayError(f"worker {slot} could not be replaced: {ended.result()}")
        ended.cancel()
        self._later(self._live(successor))
        for one in self._in(slot):
            if one is not successor:
                await one.end("leave", self.settings.workers.drain)

    def _in(self, slot: int) -> list[WorkerProcess]:
        return [one for one in self.workers if one.slot == slot and not one.leaving]

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._lives.add(task)
        task.add_done_callback(self._lives.discard)
        return task
