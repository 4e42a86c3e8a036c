"""Logs that were written by a sink with a key, and the commands that look at them."""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audit_events import event
from click.testing import CliRunner, Result

from outgate.audit import AuditEvent
from outgate.audit.checkpoint import Signer
from outgate.audit.jsonl import JsonlSink
from outgate.audit.sink import Retention, Sink
from outgate.audit.sqlite import SqliteSink
from outgate.audit.stored import stored
from outgate.audit.verify import Result as Verified
from outgate.audit.verify import verify
from outgate.cli.audit import command

LONG = Retention(seconds=86_400 * 365, size=2**30)


def by(number: int, user: str | None, client: str = "10.1.2.3", **others: Any) -> AuditEvent:
    """An event of somebody's."""
    return replace(
        event(number, **others), user=user, client=client, groups=("staff",), device=f"laptop-of-{user}"
    )


@dataclass
class Log:
    """A log in a folder of its own."""

    path: Path
    kind: type[SqliteSink | JsonlSink]
    signer: Signer

    @classmethod
    def of(cls, folder: Path, sink: str) -> Log:
        kind = SqliteSink if sink == "sqlite" else JsonlSink
        return cls(folder / "audit" / f"audit.{sink}", kind, Signer([os.urandom(32)]))

    def sink(self, retention: Retention = LONG) -> Sink:
        sink = self.kind(self.path, retention, self.signer)
        sink.open()
        return sink

    def write(self, *events: AuditEvent, finish: bool = True) -> None:
        sink = self.sink()
        sink.write(deque(events))
        if finish:
            sink.finish()
        sink.close()

    def verify(self, **others: Any) -> Verified:
        log = stored(self.path)
        try:
            return verify(log, self.signer.public_keys, **others)
        finally:
            log.close()

    def bytes(self) -> bytes:
        """All that lies in the log's folder."""
        return b"".join(file.read_bytes() for file in sorted(self.path.parent.iterdir()))

    def settings(self, ring: bytes) -> Path:
        """A settings file for the commands, with the key beside it."""
        key = self.path.parent / "signing.key"
        key.write_text(ring.hex() + "\n")
        key.chmod(0o600)
        name = "jsonl" if self.kind is JsonlSink else "sqlite"
        file = self.path.parent.parent / "outgate.yaml"
        file.write_text(
            f"audit: {{sink: {name}, path: {self.path}, key: {{file: {key}}}}}\n"
            f"state_dir: {file.parent / 'state'}\n"
        )
        return file


def query(log: Log, *statements: str) -> None:
    """What somebody does to a log that is a table."""
    with closing(sqlite3.connect(log.path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def lines(log: Log, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """What somebody does to one that is lines."""
    log.path.write_bytes(b"".join(change(log.path.read_bytes().splitlines(keepends=True))))


def run(settings: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--config", str(settings), *arguments])
