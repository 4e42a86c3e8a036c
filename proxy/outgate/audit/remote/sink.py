"""What a sink on another machine is, and what can go wrong with it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from outgate.audit import record
from outgate.audit.chain import Entry
from outgate.audit.checkpoint import Checkpoint
from outgate.audit.sink import AuditError
from outgate.disk.private import check_file
from outgate.settings.audit import Tls

UNREADABLE: Final = "unreadable"  # in the place of a note's kind


class Unavailable(Exception):
    """Nothing could be sent now; ``message`` says why, and holds nothing of an event."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """``retry_after``: seconds that the server asks to be left alone for."""
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class RemoteSink(Protocol):
    """Used by one thread."""

    def send(self, entries: Sequence[Entry], checkpoint: Checkpoint | None) -> int:
        """Deliver entries, and a checkpoint that covers the last of them or some before it.

        Returns when the server has them, with how many of them it refused for good. Raises Unavailable,
        having delivered all, some or none: they are sent again.
        """

    def close(self) -> None:
        """Let go of the connection. Never raises."""


def values_of(entry: Entry) -> dict[str, Any]:
    """The fields of an entry as an auditor reads them: an exchange's, a note's, or that it cannot be read.

    There is always a ``time``. An entry that was tampered with must not keep those after it from being sent.
    """
    try:
        values = json.loads(entry.public)
        datetime.fromisoformat(values["time"])
        if "entry" in values:
            return dict(values)
        return record.joined(values, None if entry.personal is None else json.loads(entry.personal))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {"entry": UNREADABLE, "time": "1970-01-01T00:00:00.000Z"}


def context_of(tls: Tls) -> ssl.SSLContext:
    """How a server proves who it is, and how we do. Raises AuditError."""
    try:
        context = ssl.create_default_context(cafile=tls.roots)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.certificate is not None and tls.key is not None:
            check_file(tls.key, AuditError)
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(file) for file in (tls.roots, tls.certificate, tls.key) if file)
        raise AuditError(f"audit.sinks: {files}: {error.strerror or 'not what is expected'}") from None
    return context
