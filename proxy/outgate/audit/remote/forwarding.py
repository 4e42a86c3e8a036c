"""All sinks on other machines that the settings ask for."""

from __future__ import annotations

import time
from types import ModuleType

from outgate.audit.log import path_of
from outgate.audit.remote.forwarder import Forwarder, Watch
from outgate.audit.remote.sink import RemoteSink
from outgate.audit.sink import AuditError
from outgate.audit.stored import Stored
from outgate.settings import Settings
from outgate.settings.audit import AnySink, Otlp, Postgres, Syslog


class Forwarding:
    """The threads of one process; none, when there are no such sinks."""

    def __init__(self, forwarders: tuple[Forwarder, ...]) -> None:
        self._forwarders = forwarders

    @classmethod
    def open(cls, settings: Settings, watch: Watch) -> Forwarding:
        """Start to send. ``watch`` is called in the threads, and by ``tell``. Raises AuditError, SettingsError."""
        path = path_of(settings)
        forwarders = tuple(
            Forwarder(sink.name or sink.type, path, sink_of(sink), sink.batch, watch)
            for sink in settings.audit.sinks
        )
        for forwarder in forwarders:
            forwarder.start()
        return cls(forwarders)

    def tell(self) -> None:
        """Tell the watch how each of them stands now."""
        for forwarder in self._forwarders:
            forwarder.tell()

    def close(self, deadline: float = 5.0) -> None:
        """Stop, within ``deadline`` seconds; what was not sent is at the next start."""
        end = time.monotonic() + deadline
        for forwarder in self._forwarders:
            forwarder.stop()
        for forwarder in self._forwarders:
            forwarder.join(max(0.0, end - time.monotonic()))


def copy_of(settings: Settings, name: str, log: bytes) -> Stored:
    """What the sink called ``name`` has of the log with this id. Raises AuditError."""
    for sink in settings.audit.sinks:
        if (sink.name or sink.type) == name and isinstance(sink, Postgres):
            stored: Stored = _postgres().StoredPostgres(sink, log)
            return stored
    raise AuditError(f"audit.sinks: no sink of type postgres is called {name!r}")


def sink_of(settings: AnySink) -> RemoteSink:
    """The sink that a section asks for. A sink's protocol is imported when it is wanted. Raises AuditError."""
    if isinstance(settings, Syslog):
        from outgate.audit.remote.syslog import SyslogSink

        return SyslogSink(settings)
    if isinstance(settings, Otlp):
        from outgate.audit.remote.otlp import OtlpSink

        return OtlpSink(settings)
    remote: RemoteSink = _postgres().PostgresSink(settings)
    return remote


def _postgres() -> ModuleType:
    try:
        from outgate.audit.remote import postgres
    except ImportError:
        raise AuditError("audit.sinks: postgres needs the extra `outgate[postgres]`") from None
    return postgres
