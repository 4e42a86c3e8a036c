"""How a process ends its connections when it was told to stop: nothing that is under way is lost, within a deadline.

Over HTTP/1 a client is told with its next answer that it is the last on this connection. A connection on which
nothing happens is closed after a while: the longer that is, the less likely is a request just then.
"""

from __future__ import annotations

import asyncio

from mitmproxy import ctx, http

from outgate.gateway.deadlines import Deadlines
from outgate.gateway.entrance import Entrance
from outgate.gateway.http2 import Leaving

_LOOK = 0.05  # seconds between two looks at who is still there


class Draining:
    """One process's end."""

    def __init__(self, entrance: Entrance, deadlines: Deadlines) -> None:
        self._entrance = entrance
        self._deadlines = deadlines
        Leaving.now = Leaving.urgent = False

    async def drain(self, seconds: float, patience: float) -> None:
        """Accept no more, and return when the last connection has ended, or after so many seconds.

        ``patience``: seconds without a sign of life after which a connection is closed.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._entrance.shut()
        Leaving.now = True
        connections = ctx.master.addons.get("proxyserver").connections
        while (self._entrance.count or connections) and loop.time() < began + seconds:
            Leaving.urgent = loop.time() > began + seconds / 2
            await self._deadlines.close(self._deadlines.idle(patience))
            await asyncio.sleep(_LOOK)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """The last answer of its connection says so."""
        http_1 = flow.client_conn.alpn != b"h2"
        if Leaving.now and http_1 and flow.response and flow.response.status_code >= 200:
            flow.response.headers["connection"] = "close"

    def response(self, flow: http.HTTPFlow) -> None:
        """One of ours has no head that comes before it; one that is streamed has said its head already."""
        if flow.response and not flow.response.stream:
            self.responseheaders(flow)
