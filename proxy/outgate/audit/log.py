"""Takes events and has them written: never waits for a disk, never grows without bound, tells what it lost.

One thread of its own drains a bounded queue into a sink. When the sink fails, what it could not
write is kept and tried again, the queue fills, and what finds no room is counted as dropped. All
of that can be asked, so the gateway can stop forwarding when ``audit.on_error`` says so. What waits
is also in memory that outlives the process (``pending``): a killed one's events are its successor's.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from outgate.audit.event import AuditEvent
from outgate.audit.jsonl import JsonlSink
from outgate.audit.pending import Left, Pending
from outgate.audit.read import Filter, reader_of
from outgate.audit.signing import make_key, signer_of
from outgate.audit.sink import AuditError, Retention, Sink
from outgate.audit.sqlite import SqliteSink
from outgate.settings import Settings

QUEUE_LIMIT = 20_000  # events
INTERVAL = 0.1  # seconds between two commits, at least; an event is on disk after twice that, at most
_TIDY = 10.0  # seconds between two looks at what is too old
_REMEMBERED = 10_000  # events that are looked through for those that a killed process had written
_RETRY = (0.25, 5.0)  # seconds until the next try: first, and at most
_FAILURES = (OSError, AuditError, sqlite3.Error)
_log = logging.getLogger(__name__)

OnError = Literal["allow", "block"]
Watch = Callable[[bool, int], None]  # (healthy, events dropped since the last call)


class AuditLog:
    """The audit log of one process."""

    def __init__(
        self,
        sink: Sink | None,
        *,
        on_error: OnError = "allow",
        watch: Watch = lambda _healthy, _dropped: None,
        queue_limit: int = QUEUE_LIMIT,
        path: Path | None = None,
    ) -> None:
        """Open ``sink`` (None: keep no log) and start writing.

        With the ``path`` of its file, what waits to be written outlives this process, and what another one left is
        written first.

        ``watch`` is told, in the writing thread, of every change of health and of every loss. Raises
        AuditError for a file that must not be used, and with ``on_error="block"`` for one that cannot
        be; with ``"allow"`` the latter is tried again until it can.
        """
        self.on_error = on_error
        self._sink = sink
        self._watch = watch
        self._limit = queue_limit
        self._path = path
        self._pending: Pending | None = None
        self._handing_on = threading.Lock()  # the queue and what is pending are the same events
        self._queue: deque[AuditEvent] = deque()
        self._batch: deque[AuditEvent] = deque()  # taken from the queue, not yet on disk
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._problem: str | None = None
        self._dropped = 0
        self._told = (True, 0)
        self._thread = threading.Thread(target=self._run, name="outgate-audit", daemon=True)
        if sink is not None:
            self._open(sink)
            self._thread.start()

    @classmethod
    def open(cls, settings: Settings, *, watch: Watch = lambda _healthy, _dropped: None) -> AuditLog:
        """The log that the settings ask for. Raises AuditError."""
        return cls(sink_of(settings), on_error=settings.audit.on_error, watch=watch, path=path_of(settings))

    def record(self, event: AuditEvent) -> None:
        """Have an event written, soon. Returns at once; callable from any thread."""
        if self._sink is None:
            return
        if len(self._queue) >= self._limit or self._closing.is_set():
            self._dropped += 1
        else:
            with self._handing_on:
                self._queue.append(event)
                if self._pending is not None:
                    self._pending.put(event)
        if not self._wake.is_set():
            self._wake.set()

    @property
    def healthy(self) -> bool:
        """Whether events are being written, and there is room for more."""
        return self._problem is None and len(self._queue) < self._limit

    @property
    def problem(self) -> str | None:
        """Why not, for people."""
        if self._problem is None and len(self._queue) >= self._limit:
            return "events come faster than they can be written"
        return self._problem

    @property
    def dropped(self) -> int:
        """Events lost since the start."""
        return self._dropped

    def close(self, deadline: float = 5.0) -> None:
        """Write what is waiting, for at most ``deadline`` seconds; what is left then counts as dropped."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(deadline)
        self._abandoned.set()
        lost = len(self._queue) + len(self._batch)
        if lost:
            self._dropped += lost
            self._queue.clear()
            _log.error("%d audit events were lost at the end: %s", lost, self._problem or "no time was left")
            self._tell()
        with self._handing_on:
            if self._pending is not None:
                self._pending.close(remove=not lost)

    # --- the writing thread ------------------------------------------------------------------

    def _run(self) -> None:
        assert self._sink is not None
        sink, pause, next_tidy = self._sink, _RETRY[0], 0.0
        while True:
            closing = self._closing.is_set()
            try:
                if self._problem is not None:
                    sink.open()
                if self._path is not None and not closing:
                    self._take_over(self._path, sink)
                    self._path = None  # once
                self._drain(sink)
                self._settle()
                self._recovered()
                pause = _RETRY[0]
            except _FAILURES as error:
                self._failed(error)
                (self._abandoned if closing else self._closing).wait(pause)
                pause = _RETRY[0] if closing else min(pause * 2, _RETRY[1])
            finally:
                self._tell()
            if self._abandoned.is_set() or (closing and not self._queue and not self._batch):
                _end(sink)
                return
            if self._problem is not None:
                continue
            if time.monotonic() >= next_tidy:
                next_tidy = time.monotonic() + (INTERVAL if _tidy(sink) else _TIDY)
            self._wake.wait(max(0.0, next_tidy - time.monotonic()))
            self._wake.clear()
            self._closing.wait(INTERVAL)

    def _open(self, sink: Sink) -> None:
        try:
            sink.open()
        except (OSError, sqlite3.Error) as error:
            if self.on_error == "block":
                raise AuditError(f"the audit log cannot be written: {error}") from error
            self._failed(error)

    def _take_over(self, path: Path, sink: Sink) -> None:
        """Write what processes that are no more have left, and keep what waits where it outlives this one."""
        left = Left(path.parent)
        try:
            if left.events:
                reader = reader_of(path)
                try:
                    known = {event.id for event in reader.latest(_REMEMBERED, Filter())}
                finally:
                    reader.close()
                events = deque(event for event in left.events if event.id not in known)
                _log.warning("%d audit events of a process that ended are written now", len(events))
                while events:
                    sink.write(events)
            left.done()
        finally:
            left.release()
        try:
            pending = Pending(path.parent)
        except OSError as error:
            _log.warning("what waits to be written would not outlive this process: %s", error.strerror)
            return
        with self._handing_on:
            self._pending = pending
            for event in self._queue:
                pending.put(event)

    def _settle(self) -> None:
        """All of the batch is written: if nothing has come since, nothing is pending."""
        with self._handing_on:
            if self._pending is not None and not self._queue:
                self._pending.clear()

    def _drain(self, sink: Sink) -> None:
        while self._batch or self._queue:
            while self._queue and len(self._batch) < 1000:
                self._batch.append(self._queue.popleft())
            try:
                sink.write(self._batch)
            except _FAILURES:
                raise
            except Exception:
                self._write_singly(sink)

    def _write_singly(self, sink: Sink) -> None:
        """An event that cannot be written must not keep those around it from being so."""
        while self._batch:
            event = deque([self._batch[0]])
            try:
                sink.write(event)
            except _FAILURES:
                raise
            except Exception as error:
                self._dropped += 1
                _log.error("an audit event could not be written: %s", type(error).__name__)
            self._batch.popleft()

    def _failed(self, error: Exception) -> None:
        problem = error.message if isinstance(error, AuditError) else f"{type(error).__name__}: {error}"
        if self._problem is None:
            _log.error("the audit log cannot be written, trying again: %s", problem)
        self._problem = problem

    def _recovered(self) -> None:
        if self._problem is not None:
            self._problem = None
            _log.warning("the audit log is being written again; %d events were lost so far", self._dropped)

    def _tell(self) -> None:
        healthy, dropped = self.healthy, self._dropped
        if (healthy, dropped) != self._told:
            before, self._told = self._told, (healthy, dropped)
            self._watch(healthy, dropped - before[1])


def path_of(settings: Settings) -> Path:
    """The file of the audit log. By default in a folder of its own, closed to others."""
    name = "audit.jsonl" if settings.audit.sink == "jsonl" else "audit.db"
    return settings.audit.path or settings.state_dir / "audit" / name


def sink_of(settings: Settings) -> Sink | None:
    """The sink that the settings ask for, not yet open. Raises AuditError over its key."""
    audit = settings.audit
    retention = Retention(seconds=audit.max_age_days * 86_400, size=audit.max_bytes)
    if audit.sink == "none":
        return None
    make_key(settings)
    kind = SqliteSink if audit.sink == "sqlite" else JsonlSink
    return kind(path_of(settings), retention, signer_of(settings))


def _end(sink: Sink) -> None:
    try:
        sink.finish()
    except _FAILURES as error:
        _log.warning("the end of the audit log could not be signed: %s", error)
    sink.close()


def _tidy(sink: Sink) -> bool:
    """Whether there is more to remove. A failure here loses nothing; one that lasts shows when writing."""
    try:
        return sink.tidy(time.time())
    except _FAILURES as error:
        _log.debug("old audit events could not be removed now: %s", error)
        return False
