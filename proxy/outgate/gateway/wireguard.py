"""WireGuard as a way in: the keys, the configuration for the client, and its name server.

The proxy core brings the protocol, in this process and without privileges. Keys are made here, so
that no one else can read them, and look-ups inside the tunnel are answered here, so that none goes on.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

import mitmproxy_rs
from mitmproxy.addons.dns_resolver import DnsResolver, GetaddrinfoFallbackResolver, Resolver
from mitmproxy.dns import DNSFlow
from mitmproxy.net import local_ip
from mitmproxy.net.dns import types
from mitmproxy.proxy import mode_servers

from outgate.disk.private import make_file, replace_file
from outgate.gateway.problem import GatewayError
from outgate.settings import Settings

NAMES_AT = ("10.0.0.53", 53)  # the name server that the client's configuration gives
CLIENT_FILE = "wireguard-client.conf"


class WireGuardNames(DnsResolver):
    """Answers a WireGuard client's look-ups as our own connections are looked up, and passes none on.

    Addresses only: an HTTPS record would lead to QUIC or an encrypted ClientHello (RFC 9460), and a
    record of free text is a way out.
    """

    name = "dnsresolver"

    def resolver(self) -> Resolver:  # type: ignore[override]
        """The event loop's look-ups, with the settings' routes."""
        return GetaddrinfoFallbackResolver()

    async def dns_request(self, flow: DNSFlow) -> None:
        """Every question of one name has an answer here."""
        if not self._should_resolve(flow):
            return
        question = flow.request.question
        if question and question.type in (types.A, types.AAAA):
            flow.response = await self.resolve(flow.request)
        else:
            flow.response = flow.request.succeed([])


def make_keys(settings: Settings) -> None:
    """Both sides' keys for each WireGuard mode that has none yet. Raises GatewayError."""
    for mode in settings.mode:
        name, _, file = mode.partition("@")[0].partition(":")
        if name == "wireguard":
            path = Path(file).expanduser() if file else settings.ca_dir / "wireguard.conf"
            genkey = mitmproxy_rs.wireguard.genkey
            keys = {"server_key": genkey(), "client_key": genkey()}
            make_file(path, json.dumps(keys).encode(), _error)


def write_client_configuration(server: mode_servers.WireGuardServerInstance, folder: Path) -> Path:
    """What the client's WireGuard has to be given, as a file in ``folder``. Raises GatewayError."""
    lines = (server.client_conf() or "").splitlines()
    for index, line in enumerate(lines):
        host, _, port = line.removeprefix("Endpoint = ").rpartition(":")
        if line.startswith("Endpoint = ") and ip_address(host.strip("[]")).is_unspecified:
            lines[index] = f"Endpoint = {local_ip.get_local_ip() or '127.0.0.1'}:{port}"
    path = folder / CLIENT_FILE
    replace_file(path, ("\n".join(lines) + "\n").encode(), _error)
    return path


def _error(message: str) -> GatewayError:
    return GatewayError(f"wireguard: {message}")
