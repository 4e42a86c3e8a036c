"""Syslog: RFC 5424 messages, over TLS (RFC 5425), TCP (RFC 6587), UDP (RFC 5426) or a local daemon's socket.

Syslog acknowledges nothing but the end of a connection: a receiver of TLS answers our close_notify with its own
(RFC 5425, 4.4), and by then has read what came before it. So over TLS and TCP each batch has a connection of its
own, and counts as delivered when the other side has ended it in order. Over UDP, and to a daemon's socket, what
is sent counts as delivered.

A message is JSON in ASCII, with the reference and the place in the chain as structured data.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, Final

from outgate.audit.chain import Entry
from outgate.audit.checkpoint import Checkpoint
from outgate.audit.remote.sink import Unavailable, context_of, values_of
from outgate.settings.audit import Syslog

LARGEST: Final = 8192  # bytes that receivers should take (RFC 5425, 4.3.1)
_NOTICE: Final = 5  # severities of RFC 5424
_SEVERITY: Final = {"block": 4, "refuse": 4, "edit": 5, "forward": 6}
_TOLD: Final = ("id", "user", "provider", "outcome", "rule")  # as structured data
_UNSAFE = re.compile(r'(["\\\]])')


class SyslogSink:
    """Sends to one server."""

    def __init__(self, settings: Syslog) -> None:
        """Raises AuditError for certificates that cannot be used."""
        self._settings = settings
        self._host, _, port = settings.address.rpartition(":")
        self._host = self._host.strip("[]")
        self._port = int(port) if port.isdigit() else 0
        self._tls = context_of(settings.tls) if settings.transport == "tls" else None

    def send(self, entries: Sequence[Entry], checkpoint: Checkpoint | None) -> int:
        messages = list(self._messages(entries, checkpoint))
        try:
            if self._settings.transport in ("udp", "unix"):
                self._each(messages)
            else:
                self._stream(messages)
        except ssl.SSLCertVerificationError as error:
            raise Unavailable(f"the server's certificate: {error.verify_message}") from None
        except (OSError, EOFError) as error:
            raise Unavailable(
                f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"
            ) from None
        return 0

    def close(self) -> None:
        """There is nothing to let go of between two batches."""

    def _stream(self, messages: Sequence[bytes]) -> None:
        timeout = self._settings.timeout
        with closing(socket.create_connection((self._host, self._port), timeout)) as connection:
            if self._tls is None:
                connection.sendall(b"".join(map(_counted, messages)))
                connection.shutdown(socket.SHUT_WR)
                end = time.monotonic() + timeout
                while connection.recv(4096):  # a receiver has nothing to say
                    if time.monotonic() > end:
                        raise TimeoutError("the receiver does not end the connection")
                return
            with closing(self._tls.wrap_socket(connection, server_hostname=self._host)) as secure:
                secure.sendall(b"".join(map(_counted, messages)))
                secure.unwrap()  # waits for the other side's close_notify; raises without one

    def _each(self, messages: Sequence[bytes]) -> None:
        if self._settings.transport == "unix":
            address: Any = self._settings.address
            family = socket.AF_UNIX
        else:
            family, _, _, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as connection:
            connection.settimeout(self._settings.timeout)
            connection.connect(address)
            for message in messages:
                connection.send(message)

    def _messages(self, entries: Sequence[Entry], checkpoint: Checkpoint | None) -> Iterator[bytes]:
        for entry in entries:
            values = values_of(entry)
            told = {name: str(values[name]) for name in _TOLD if values.get(name)}
            told |= {"log": entry.log.hex(), "seq": str(entry.seq), "hash": entry.hash.hex()}
            kind = str(values.get("outcome") or values.get("entry") or "-")
            yield self._message(_SEVERITY.get(kind, _NOTICE), str(values["time"]), kind, told, values)
        if checkpoint is not None:
            place = {"log": checkpoint.log.hex(), "seq": str(checkpoint.seq), "hash": checkpoint.hash.hex()}
            yield self._message(_NOTICE, checkpoint.time, "checkpoint", place, checkpoint.to_json())

    def _message(
        self, severity: int, time: str, kind: str, told: dict[str, str], values: dict[str, Any]
    ) -> bytes:
        settings = self._settings
        data = " ".join(f'{name}="{_escaped(value)}"' for name, value in told.items())
        head = (
            f"<{settings.facility * 8 + severity}>1 {time} {_hostname()} outgate - {kind[:32]}"
            f" [outgate@{settings.enterprise} {data}] "
        ).encode()
        text = json.dumps(values).encode()
        if len(head) + len(text) > LARGEST and "findings" in values:
            text = json.dumps(_shortened(values)).encode()
        return (head + text)[:LARGEST]


def _shortened(values: dict[str, Any]) -> dict[str, Any]:
    """An event that is too large for a message: how many findings of which kind, instead of each."""
    counted = Counter(f"{found['entity']} {found['action']}" for found in values["findings"])
    return values | {"findings": [], "uninspectable": [], "findings_by_kind": dict(counted.most_common(50))}


def _counted(message: bytes) -> bytes:
    """A message in a stream: octet counting (RFC 5425, 4.3; RFC 6587, 3.4.1)."""
    return b"%d %b" % (len(message), message)


def _escaped(value: str) -> str:
    return _UNSAFE.sub(r"\\\1", value)


def _hostname() -> str:
    with suppress(OSError):
        name = socket.gethostname()
        if name and name.isascii() and name.isprintable() and " " not in name:
            return name[:255]
    return "-"
