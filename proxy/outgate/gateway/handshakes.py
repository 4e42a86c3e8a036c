"""TLS handshakes that failed: counted, and told to whoever can do something about it.

A client that does not trust our CA is the commonest reason for a call for help, and nothing is seen of it
but a handshake that ends. One line a host and minute, with what to do.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Literal

from mitmproxy.tls import TlsData

from outgate.gateway.proxy_tls import is_outer

_EVERY = 60.0  # seconds between two lines for the same host
_MOST = 1000  # hosts that are remembered
_HOST = re.compile(r"[a-z0-9_.-]{1,253}")
_DISTRUST = ("unknown ca", "bad certificate", "certificate unknown", "unknown certificate", "may not trust")
_LEFT_EARLY = "connection closed early"  # before the handshake: a port scan, a pre-connection
_log = logging.getLogger("outgate")

Side = Literal["client", "upstream"]


class Handshakes:
    """Tells of failures; ``on_failure`` counts them."""

    def __init__(
        self, on_failure: Callable[[Side], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_failure = on_failure
        self._clock = clock
        self._told: dict[tuple[Side, str], float] = {}

    def tls_failed_client(self, data: TlsData) -> None:
        """A client ended the handshake, or could not agree on one."""
        error = data.conn.error or ""
        if error == _LEFT_EARLY:
            return
        self._on_failure("client")
        address = data.context.server.address
        host = _plain(data.context.client.sni or (str(address[0]) if address else ""))
        peer = data.context.client.peername
        client = str(peer[0]) if peer else "a client"
        if is_outer(data.context):
            text = f"{client} and Outgate cannot agree on TLS to the proxy itself: does it trust the certificate of "
            self._tell("client", f"{client} itself", f"{text}`tls`, and show one that `client_ca` issued?")
            return
        if any(word in error.lower() for word in _DISTRUST):
            self._tell(
                "client",
                host,
                f"{client} does not trust Outgate's CA, so it cannot reach {host}. Install the root there "
                "(`outgate ca export root.pem` says how); Node, Python and Java programs may need it named "
                "(NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, REQUESTS_CA_BUNDLE, a trust store)",
            )
        elif "disconnected during the handshake" in error:
            self._tell(
                "client",
                host,
                f"{client} broke off a TLS handshake for {host}. If it always does, it does not trust Outgate's "
                "CA, or accepts one certificate only: install the root there (`outgate ca export root.pem`)",
            )
        else:
            self._tell("client", host, f"{client} and Outgate cannot agree on TLS for {host}")

    def tls_failed_server(self, data: TlsData) -> None:
        """A provider's certificate is not good, or its TLS is not ours."""
        self._on_failure("upstream")
        address = data.context.server.address
        host = _plain(data.context.server.sni or (str(address[0]) if address else ""))
        if "ertificate verify failed" in (data.conn.error or ""):
            self._tell(
                "upstream",
                host,
                f"the certificate of {host} was not issued by anyone whom Outgate trusts. If another proxy stands "
                "between, name its root in the settings: `extra_roots: [corporate-root.pem]`",
            )
        else:
            self._tell("upstream", host, f"the TLS handshake with {host} failed")

    def _tell(self, side: Side, host: str, text: str) -> None:
        now = self._clock()
        if now - self._told.get((side, host), -_EVERY) < _EVERY:
            return
        if len(self._told) >= _MOST:
            self._told.clear()
        self._told[side, host] = now
        _log.warning("%s", text)


def _plain(host: str) -> str:
    """A host name as it may be logged: a client chose it."""
    return host.lower() if _HOST.fullmatch(host.lower()) else "a host of no readable name"
