"""mitmproxy, embedded: our own master, the few addons it needs, and options that leave no way round.

The default addons are not loaded: they cost time with every hook, and several would hand out keys or
skip the inspection. Options are set here and nowhere else; no configuration file of mitmproxy's is read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import certifi
from mitmproxy import certs, exceptions, options
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master

from outgate.catalogue import Catalogue
from outgate.gateway import core, http2, layers, modes, wireguard
from outgate.gateway import entrance as entrances
from outgate.gateway.connections import Connections
from outgate.gateway.deadlines import Deadlines
from outgate.gateway.draining import Draining
from outgate.gateway.entrance import Entrance
from outgate.gateway.handshakes import Handshakes
from outgate.gateway.hooks import Hooks
from outgate.gateway.identity import Identities
from outgate.gateway.inspection import Inspection
from outgate.gateway.loop import Connecting
from outgate.gateway.next_layer import EgressNextLayer
from outgate.gateway.pages import Pages
from outgate.gateway.problem import GatewayError
from outgate.gateway.proxy_tls import ProxyTls
from outgate.gateway.tls import EgressTlsConfig
from outgate.settings import Settings

_COMPROMISED = ("emudhra", "emudhra_old")  # options of later versions with a published CA key


def build(
    settings: Settings,
    catalogue: Catalogue,
    entrance: Entrance,
    connections: Connections,
    next_layer: EgressNextLayer,
    handshakes: Handshakes,
    pages: Pages,
    inspection: Inspection,
    proxy_tls: ProxyTls,
    identities: Identities | None,
) -> Master:
    """A master ready to run in the current event loop. Raises GatewayError."""
    quiet()
    if not isinstance(asyncio.get_running_loop(), Connecting):
        raise GatewayError("the event loop is not one that checks connections; see gateway/loop.py")
    layers.install()
    certs.CertStore.STORE_CAP = 1000
    core.install()
    http2.install()
    entrances.install()
    opts = options.Options()
    compromised = [name for name in _COMPROMISED if name in opts and getattr(opts, name)]
    if compromised:
        raise GatewayError(
            f"this mitmproxy would trust a published CA key ({compromised[0]}); install 12.2.x"
        )
    master = Master(opts, with_termlog=False)
    master.addons = Hooks(master)
    # Who may connect and where to, then who is asking, then what is said.
    who = (proxy_tls, EgressTlsConfig(), handshakes, *([identities] if identities else ()))
    deadlines = Deadlines(settings.limits)
    draining = Draining(entrance, deadlines)
    master.addons.add(
        entrance, connections, Proxyserver(), next_layer, *who, pages, inspection, draining, deadlines
    )
    if any(mode.startswith("wireguard") for mode in settings.mode):
        wireguard.make_keys(settings)
        master.addons.add(wireguard.WireGuardNames())
    try:
        opts.update(**_options(settings, catalogue))
    except exceptions.OptionsError as error:
        raise GatewayError(f"mode: {error}") from None
    return master


def _options(settings: Settings, catalogue: Catalogue) -> dict[str, Any]:
    host, _, port = settings.listen.rpartition(":")
    return {
        "confdir": str(settings.ca_dir),
        "mode": modes.specifications(settings, catalogue),
        "listen_host": host.strip("[]"),
        "listen_port": int(port),
        "rawtcp": False,
        "http2": True,
        "http3": False,
        "websocket": True,
        "ssl_insecure": False,
        "stream_large_bodies": None,
        "store_streamed_bodies": False,
        "body_size_limit": str(settings.limits.body),
        "upstream_cert": False,
        "validate_inbound_headers": True,
        "connection_strategy": "lazy",
        "ssl_verify_upstream_trusted_ca": str(_roots_file(settings)),
        "tcp_timeout": settings.limits.idle,
        "show_ignored_hosts": False,
    }


def upstream_roots(extra: Sequence[Path]) -> bytes:
    """What providers' certificates are checked against, PEM: certifi's roots, and the corporate ones beside them."""
    try:
        return b"\n".join(path.read_bytes() for path in (Path(certifi.where()), *extra))
    except OSError as error:
        raise GatewayError(f"extra_roots: {error.filename}: {error.strerror}") from None


def _roots_file(settings: Settings) -> Path:
    """The same as one file, which is how the proxy core takes it. Replaced whole: another process may read it."""
    if not settings.extra_roots:
        return Path(certifi.where())
    content = upstream_roots(settings.extra_roots)
    path = settings.state_dir / "upstream-roots.pem"
    handle, name = tempfile.mkstemp(dir=settings.state_dir)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    return Path(name).replace(path)


def quiet() -> None:
    """The proxy core's own log lines repeat raw requests, keys included: none is let out."""
    for name in ("mitmproxy", "mitmproxy.proxy", "asyncio", "hpack", "h2"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)
