"""The gateway's event loop: uvloop where there is one, and every TCP connection looked up, checked and made here.

A name is looked up once, its addresses are checked, and exactly these are connected to. Where a name
leads may be said by the settings' ``routes``, as ``curl --resolve`` does: only the address changes, and
names, SNI and certificate checks stay those of the host asked for, since TLS is the proxy core's.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from outgate.gateway import reach

if sys.platform == "win32":
    from asyncio import ProactorEventLoop as Fastest
elif TYPE_CHECKING:  # uvloop's types do not agree with asyncio's
    from asyncio import SelectorEventLoop as Fastest
else:
    try:
        from uvloop import Loop as Fastest
    except ImportError:  # no wheel for this machine
        from asyncio import SelectorEventLoop as Fastest


class Connecting(asyncio.AbstractEventLoop):
    """What the gateway's loop does its own way, whatever it is based on."""

    routes: Mapping[str, str] = {}  # HOST[:PORT] -> ADDRESS:PORT

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """Look up, after the routes: what one names is the administrator's word, and may be anywhere."""
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
        name = name.lower().rstrip(".")
        route = self.routes.get(f"{name}:{port}") or self.routes.get(name)
        if route:
            host, _, port = route.rpartition(":")
            host, port = host.strip("[]"), int(port)
            reach.trust()
        return await super().getaddrinfo(host, port, **options)

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        """Connect to the first address of ``host`` that answers, without TLS. Raises OSError."""
        if host is None and port is None:  # a socket that is connected already
            return await super().create_connection(protocol_factory, **options)
        try:
            return await self._connect(protocol_factory, host, port, options)
        except OSError as error:
            raise reach.told(error) from None

    async def _connect(self, protocol_factory: Any, host: Any, port: Any, options: Mapping[str, Any]) -> Any:
        failed: list[OSError] = []
        try:
            for family, _, proto, _, address in await self.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                try:
                    reach.check(address[0])
                    return await super().create_connection(
                        protocol_factory,
                        *address[:2],
                        family=family,
                        proto=proto,
                        flags=socket.AI_NUMERICHOST,  # no name, whatever happens: it would go unchecked
                        **options,
                    )
                except OSError as error:
                    failed.append(error)
            raise _one_of(failed)
        finally:
            failed.clear()  # each knows this frame, which knows each

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """Hand on what was said and no more: uvloop adds an ``eager_start`` of None, and nothing starts eagerly.

        Python 3.13's factories up to 3.13.2 do not even take it.
        """
        factory = self.get_task_factory()
        return factory(self, coro, **options) if factory else super().create_task(coro, **options)  # type: ignore[return-value]


class GatewayLoop(Connecting, Fastest):
    """The one that the gateway runs on."""


def event_loop_factory(routes: Mapping[str, str]) -> Callable[[], GatewayLoop]:
    """A factory of the gateway's loop with the settings' ``routes``."""
    return functools.partial(_make, routes)


def _make(routes: Mapping[str, str]) -> GatewayLoop:
    loop = GatewayLoop()
    loop.routes = routes
    return loop


def _one_of(errors: Sequence[OSError]) -> OSError:
    """What to tell of addresses that all failed, in the words of asyncio."""
    if not errors:
        return OSError("getaddrinfo() returned empty list")
    told = [str(error) for error in errors]
    return errors[0] if len(set(told)) == 1 else OSError(f"Multiple exceptions: {', '.join(told)}")
