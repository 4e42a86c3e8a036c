"""Sends on what the log of this machine has, to one sink, in a thread of its own.

The log is the spool: an entry is in it, on the disk, before it is sent, and a cursor beside it says how far the
sink has come. So a sink that is away, or a process that ends, loses nothing that retention has not removed. Of
several processes that write the log, one sends: the one that has the cursor's lock.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from outgate.audit import jsonl
from outgate.audit.chain import Entry
from outgate.audit.checkpoint import Checkpoint
from outgate.audit.remote.sink import RemoteSink, Unavailable
from outgate.audit.sink import AuditError
from outgate.audit.stored import Stored, stored
from outgate.disk.private import replace_file

POLL: Final = 0.5  # seconds between two looks for new entries
_LOOK: Final = 5.0  # seconds between two looks for a checkpoint, while there is no new entry
_TURN: Final = 2.0  # seconds between two tries for the lock
_RETRY: Final = (0.5, 60.0)  # seconds until the next try: first, and at most
_log = logging.getLogger(__name__)

Watch = Callable[[str, float, int, bool], None]  # (sink, seconds behind, entries lost since, failing)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a sink has come."""

    log: str = ""  # id, hexadecimal; another one: start over
    seq: int = 0
    signed: int = 0  # the number of the latest checkpoint that was sent

    @classmethod
    def load(cls, path: Path) -> Cursor:
        """What was saved; a new one when there is nothing, or nothing that can be read."""
        try:
            values = json.loads(path.read_bytes())
            return cls(str(values["log"]), int(values["seq"]), int(values["signed"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def save(self, path: Path) -> None:
        """Raises AuditError."""
        saved = {"log": self.log, "seq": self.seq, "signed": self.signed}
        replace_file(path, json.dumps(saved).encode(), AuditError)


class Forwarder:
    """One sink's thread."""

    def __init__(self, name: str, log: Path, sink: RemoteSink, batch: int, watch: Watch) -> None:
        self._name = name
        self._path = log
        self._sink = sink
        self._batch = batch
        self._watch = watch
        self._file = log.with_name(f"{log.name}.{name}.cursor")
        self._cursor = Cursor()
        self._log: Stored | None = None
        self._lock = -1
        self._problem: str | None = None
        self._waiting_since: float | None = (
            None  # when the oldest that is not yet sent happened, epoch seconds
        )
        self._next_look = 0.0  # for a checkpoint, monotonic seconds
        self._telling = threading.Lock()
        self._lost = 0  # entries, of which the watch was not told yet
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"outgate-audit-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send what is there if the sink takes it, and end; the next start goes on."""
        self._closing.set()

    def join(self, deadline: float) -> None:
        """Wait for the end, ``deadline`` seconds at most."""
        self._thread.join(deadline)

    def tell(self) -> None:
        """Tell the watch how it stands now, also when the sink keeps the thread waiting. From any thread."""
        with self._telling:
            lost, self._lost = self._lost, 0
            since = self._waiting_since
            behind = max(0.0, time.time() - since) if since is not None else 0.0
            self._watch(self._name, behind, lost, self._problem is not None)

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        pause = _RETRY[0]
        while True:
            last = self._closing.is_set()
            wait = POLL
            try:
                if self._has_turn():
                    while True:
                        if not self._step() or (self._closing.is_set() and not last):
                            break
                    self._recovered()
                    pause = _RETRY[0]
                else:
                    wait = _TURN
            except Unavailable as error:
                wait = error.retry_after or pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load only
                pause = min(pause * 2, _RETRY[1])
                self._failed(error.message)
            except (AuditError, OSError, sqlite3.Error) as error:
                wait = pause
                pause = min(pause * 2, _RETRY[1])
                self._failed(f"the log of this machine: {error}")
                self._let_go()
            except Exception as error:
                wait = pause = _RETRY[1]
                self._failed(f"unexpected {type(error).__name__}")
            finally:
                self.tell()
            if last:
                self._let_go()
                self._sink.close()
                return
            self._closing.wait(wait)

    def _has_turn(self) -> bool:
        """Whether this process is the one that sends."""
        if self._lock >= 0:
            return True
        lock = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        self._cursor = Cursor.load(self._file)
        return True

    def _let_go(self) -> None:
        """Of the log, which is opened anew; and of the turn."""
        log, self._log = self._log, None
        if log is not None:
            log.close()
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def _step(self) -> bool:
        """Send a batch. Whether there may be another."""
        if self._log is None:
            if not self._has_begun():
                return False
            self._log = stored(self._path)
        cursor = self._cursor
        entries = self._log.after(cursor.seq, self._batch)
        if not entries:
            self._waiting_since = None
            if self._is_other_log():
                return True
            self._vouch()
            return False
        first = entries[0]
        if first.log.hex() != cursor.log:
            if cursor.seq:  # the log was replaced: the new one from its start
                self._cursor = Cursor(first.log.hex())
                return True
            cursor = Cursor(first.log.hex(), first.seq - 1)
        entries = [entry for entry in entries if entry.log == first.log]
        self._waiting_since = _time(first)
        missed = first.seq - cursor.seq - 1  # retention was faster
        checkpoint = self._checkpoint(entries[-1].seq)
        refused = self._sink.send(entries, checkpoint)
        signed = checkpoint.seq if checkpoint else cursor.signed
        self._cursor = Cursor(cursor.log, entries[-1].seq, signed)
        self._cursor.save(self._file)
        self._waiting_since = None
        if missed or refused:
            with self._telling:
                self._lost += missed + refused
            gone = f"{missed} audit events were removed before they could be sent, {refused} were refused"
            _log.error("%s: %s", self._name, gone)
        return True

    def _has_begun(self) -> bool:
        """Whether there is something in the log; of an empty file nobody could say what it will be."""
        try:
            return self._path.stat().st_size > 0 or bool(jsonl.pieces(self._path))
        except FileNotFoundError:
            return False

    def _is_other_log(self) -> bool:
        """Whether the log was replaced by one that has not come as far; then the cursor is put back."""
        if self._log is None or self._cursor.seq == 0:
            return False
        head = next(iter(self._log.after(0, 1)), None)
        if head is None or head.log.hex() == self._cursor.log:
            return False
        self._cursor = Cursor(head.log.hex(), head.seq - 1)
        return True

    def _vouch(self) -> None:
        """Send a checkpoint that was signed after the last entry was sent."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK
        checkpoint = self._checkpoint(self._cursor.seq)
        if checkpoint is not None:
            self._sink.send([], checkpoint)
            self._cursor = replace(self._cursor, signed=checkpoint.seq)
            self._cursor.save(self._file)

    def _checkpoint(self, seq: int) -> Checkpoint | None:
        """The latest that covers nothing after ``seq``, if it is news."""
        if self._log is None:
            return None
        known = [one for one in self._log.checkpoints() if one.seq <= seq and one.kind == "checkpoint"]
        return known[-1] if known and known[-1].seq > self._cursor.signed else None

    def _failed(self, problem: str) -> None:
        if self._problem is None:
            _log.error("audit events cannot be sent to %s, trying again: %s", self._name, problem)
        self._problem = problem

    def _recovered(self) -> None:
        if self._problem is not None:
            self._problem = None
            _log.warning("audit events are being sent to %s again", self._name)


def _time(entry: Entry) -> float:
    try:
        return datetime.fromisoformat(json.loads(entry.public)["time"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return time.time()
