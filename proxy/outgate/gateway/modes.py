"""The ways in: from settings to the proxy core's mode specifications, and one of our own.

Owns what listens where. What a connection may do once it is there is the same for every mode, and
is decided in ``connections``, ``next_layer`` and ``inspection``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mitmproxy.net import server_spec
from mitmproxy.proxy import layer, mode_servers, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes as layers

from outgate.catalogue import Catalogue
from outgate.catalogue.source import did_you_mean
from outgate.gateway.problem import GatewayError
from outgate.settings import Settings


class BaseUrlMode(mode_specs.ReverseMode):
    """One provider's API on a port of this machine, for clients that take a base URL. TCP alone: no QUIC."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.transport_protocol = mode_specs.TCP


class BaseUrlInstance(mode_servers.AsyncioServerInstance[BaseUrlMode]):
    """Its server."""

    def make_top_layer(self, context: Context) -> layer.Layer:
        """As the library's reverse proxy."""
        return layers.ReverseProxy(context)


@dataclass(frozen=True, slots=True)
class Listener:
    """An address that is listened on, and what for."""

    purpose: str
    host: str
    port: int
    protocol: str  # tcp, udp

    def __str__(self) -> str:
        return spelled((self.host, self.port)) + ("/udp" if self.protocol == "udp" else "")


def spelled(address: tuple[Any, ...]) -> str:
    """A socket's address as ``HOST:PORT``."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parent_of(settings: Settings) -> server_spec.ServerSpec | None:
    """The proxy that everything goes on to."""
    return server_spec.parse(settings.parent.rstrip("/"), "http") if settings.parent else None


def specifications(settings: Settings, catalogue: Catalogue) -> list[str]:
    """The proxy core's specification of every mode. Raises GatewayError for a target we do not know."""
    chosen = []
    for mode in settings.mode:
        name, at, address = mode.partition("@")
        if name == "regular" and settings.parent:
            name = f"upstream:{settings.parent}"
        chosen.append(f"{name}{at}{address}")
    for target, port in settings.reverse.items():
        chosen.append(f"{BaseUrlMode.type_name}:https://{_host(target, catalogue)}@127.0.0.1:{port}")
    return chosen


def _host(target: str, catalogue: Catalogue) -> str:
    """The host of a provider's id, or a host itself."""
    host = catalogue.base_host(target)
    if host is not None:
        return host
    example = catalogue.example_host(target)
    if example is not None:
        raise GatewayError(f"reverse: {target} has no one host. Name yours instead, such as {example}=8081.")
    if catalogue.provider_of(target) is None or {":", "/"} & set(target):
        raise GatewayError(
            f"reverse: {target!r} is neither a provider's id nor the host of one, such as openai or "
            f"my-resource.openai.azure.com{did_you_mean(target, catalogue.providers)}. "
            "Hosts of your own are added with `catalogue:`."
        )
    return target.lower().rstrip(".")


def listeners(settings: Settings, catalogue: Catalogue) -> list[Listener]:
    """What will be listened on, without doing it. Raises GatewayError."""
    host, _, port = settings.listen.rpartition(":")
    found: list[Listener] = []
    for mode in map(parsed, specifications(settings, catalogue)):
        at = mode.listen_port(int(port))
        if at is not None:
            where = mode.listen_host(host.strip("[]")).strip("[]")
            found.append(Listener(purpose(mode), where, at, mode.transport_protocol))
    return found


def parsed(specification: str) -> mode_specs.ProxyMode:
    """The mode that a specification stands for. Raises GatewayError."""
    try:
        return mode_specs.ProxyMode.parse(specification)
    except ValueError as error:
        raise GatewayError(f"mode: {specification!r}: {error}") from None


def purpose(mode: mode_specs.ProxyMode) -> str:
    """What a mode is for, in an administrator's words."""
    if isinstance(mode, BaseUrlMode):
        return f"base URL of {mode.address[0]}"
    if isinstance(mode, mode_specs.UpstreamMode):
        return f"HTTP proxy, on to {mode.data}"
    names: dict[type[mode_specs.ProxyMode], str] = {
        mode_specs.RegularMode: "HTTP proxy",
        mode_specs.Socks5Mode: "SOCKS 5 proxy",
        mode_specs.TransparentMode: "redirected connections",
        mode_specs.WireGuardMode: "WireGuard",
        mode_specs.LocalMode: "this machine's own connections",
    }
    return names[type(mode)]
