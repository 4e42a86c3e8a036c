"""Where a host name leads: the settings' ``routes``, applied as ``curl --resolve`` does.

Only the address changes. Names, SNI and certificate checks stay those of the host asked for, and
the proxy core sees no difference, so connections are kept and used again as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from outgate.gateway import reach


def event_loop_factory(routes: Mapping[str, str]) -> Callable[[], asyncio.AbstractEventLoop]:
    """A factory of the platform's event loop whose look-ups honour ``HOST[:PORT] -> ADDRESS:PORT``."""

    def make() -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        look_up = loop.getaddrinfo

        async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
            name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
            name = name.lower().rstrip(".")
            route = routes.get(f"{name}:{port}") or routes.get(name)
            if route:
                host, _, port = route.rpartition(":")
                host, port = host.strip("[]"), int(port)
                reach.trust()
            return await look_up(host, port, **options)

        loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign]
        return loop

    return make
