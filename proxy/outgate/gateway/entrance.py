"""Where every TCP connection comes in: accepted within bounds, and told who it is from, whatever way in it took.

A connection that there is no room for waits where it is, in the system's queue, and costs nothing here. Who may
stay, and what is asked, is for ``connections`` and those behind it to say.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from mitmproxy import ctx
from mitmproxy.proxy import mode_servers

from outgate.gateway import proxy_protocol
from outgate.gateway.identity import address_told
from outgate.gateway.seats import Seats
from outgate.gateway.sockets import Sockets
from outgate.metrics import Metrics
from outgate.model import IPAddress
from outgate.settings import Settings
from outgate.sites import Site, site_of

log = logging.getLogger("outgate")

_OWN_FILES = 512  # file descriptors for all that is no connection: workers, audit, policy files
_PAUSE = 0.1  # seconds before the next try where the system has no more to give
_POLITE = 0.002  # seconds that a worker with fewer connections has to take the next one
_FLUSH = 30.0  # seconds for a client to read the rest of its answer, once the connection is over
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Entrance:
    """Accepts for one process. An addon, so that the core's servers find it."""

    def __init__(
        self, settings: Settings, metrics: Metrics, sockets: Sockets, seats: Seats | None = None
    ) -> None:
        """``seats``: where the other workers behind the same sockets say how many connections they have."""
        limits = settings.limits
        self._sockets = sockets
        self._seats = seats
        self._metrics = metrics
        self._balancers = settings.proxy_protocol
        self._most = affordable(limits.connections)
        self._patience = float(limits.head)
        self._most_of_one = limits.client_connections
        if self._most < limits.connections:
            log.warning(
                "%d connections at a time and no more: the system's limit of open files is in the way "
                "(`ulimit -n`, systemd's LimitNOFILE)",
                self._most,
            )
        self._of_site: Counter[Site] = Counter()
        self._room = asyncio.Event()
        self._room.set()
        self._opened = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._short = False

    @property
    def count(self) -> int:
        """Connections that stand."""
        return len(self._under_way)

    def open(self) -> None:
        """Accept from now on."""
        self._opened.set()
        self._tell()

    def shut(self) -> None:
        """Accept no more; those that are in stay."""
        self._opened.clear()
        if self._seats:
            self._seats.leave()

    def doors(self, handle: Handle, host: str, port: int) -> list[Door]:
        """Listen on an address, and give ``handle`` what comes in there. Raises OSError."""
        return [Door(one, self._accept(one, handle)) for one in self._sockets.take(host.strip("[]"), port)]

    # --- accepting ---------------------------------------------------------------------------

    async def _accept(self, door: socket.socket, handle: Handle) -> None:
        while True:
            await self._opened.wait()
            await self._room.wait()
            try:
                connection = await self._next(door)
            except BlockingIOError:  # another worker was faster
                continue
            except OSError as error:
                await self._failed(error)
                continue
            self._short = False
            task = asyncio.create_task(self._serve(connection, handle))
            if not task.done():
                self._under_way.add(task)
                task.add_done_callback(self._over)
                self._tell()

    async def _next(self, door: socket.socket) -> socket.socket:
        loop = asyncio.get_running_loop()
        if self._seats is None:
            return (await loop.sock_accept(door))[0]
        someone_waits = asyncio.Event()
        loop.add_reader(door, someone_waits.set)
        try:
            await someone_waits.wait()
        finally:
            loop.remove_reader(door)
        if not self._opened.is_set():
            raise BlockingIOError
        if self._seats.is_behind():
            await asyncio.sleep(_POLITE)
        return door.accept()[0]

    async def _failed(self, error: OSError) -> None:
        """It cannot be accepted now. Without a pause, one that waits would keep us busy."""
        if error.errno in _EXHAUSTED and not self._short:
            self._short = True
            log.error("no connection can be accepted: %s", error.strerror)
        await asyncio.sleep(_PAUSE)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._tell()

    def _tell(self) -> None:
        count = self.count
        if count < self._most:
            self._room.set()
        elif self._room.is_set():
            self._room.clear()
            self._metrics.connections_refused("full")
        if self._seats and self._opened.is_set():
            self._seats.sit(count)
        self._metrics.connections_open(count)

    # --- one connection ----------------------------------------------------------------------

    async def _serve(self, connection: socket.socket, handle: Handle) -> None:
        """From here to its end. Whatever happens, it is closed."""
        try:
            connection.setblocking(False)
            reader, writer = await _streams(connection)
        except OSError:  # it has gone already
            connection.close()
            return
        try:
            client = await self._client(reader, writer)
            if client is None:
                writer.transport.abort()
                return
            site = site_of(client)
            if self._of_site[site] >= self._most_of_one:
                self._metrics.connections_refused("client_limit")
                writer.transport.abort()
                return
            self._of_site[site] += 1
            try:
                await handle(reader, writer)
            finally:
                self._of_site[site] -= 1
                if not self._of_site[site]:
                    del self._of_site[site]
        except OSError:
            pass
        except Exception as error:
            log.error("a connection ended with %s", type(error).__name__)
        finally:
            await _closed(writer)

    async def _client(self, reader: asyncio.StreamReader, writer: _Writer) -> IPAddress | None:
        """Whose connection it is; None for one that a balancer does not say it of."""
        peer = address_told(writer.get_extra_info("peername"))
        if not any(peer in network for network in self._balancers):
            return peer
        try:
            told = await proxy_protocol.client_of(reader, self._patience)
        except proxy_protocol.ProxyProtocolError:
            self._metrics.connections_refused("proxy_protocol")
            return None
        if told is None:
            return peer
        address, port = told
        if address.is_loopback and not peer.is_loopback:
            # The balancer's own machine. Here it would be taken for ours, and be let in to more.
            self._metrics.connections_refused("proxy_protocol")
            return None
        writer.peername = (str(address), port)
        return address


class Door:
    """A socket that is listened on: what the core takes for a server of asyncio's."""

    def __init__(self, socket: socket.socket, accepting: Any) -> None:
        self.sockets = (socket,)
        self._accepting = asyncio.create_task(accepting)

    def close(self) -> None:
        """Accept no more here."""
        self._accepting.cancel()
        self._accepting.add_done_callback(lambda _: self.sockets[0].close())


class _Reader(asyncio.StreamReader):
    """One whose first read waits, though bytes may be there already.

    The core begins to read before it has noted who does, and then could not close the connection
    (``handle_client`` in mitmproxy's ``proxy/server.py``, under its eager tasks).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.read = self._first  # type: ignore[method-assign]

    async def _first(self, n: int = -1) -> bytes:
        del self.read  # all others are as they are
        await asyncio.sleep(0)
        return await self.read(n)


class _Writer(asyncio.StreamWriter):
    """One whose peer is who a balancer said it is."""

    peername: tuple[str, int] | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "peername" and self.peername is not None:
            return self.peername
        return super().get_extra_info(name, default)


async def _streams(connection: socket.socket) -> tuple[asyncio.StreamReader, _Writer]:
    loop = asyncio.get_running_loop()
    reader = _Reader(loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection)
    return reader, _Writer(transport, protocol, reader, loop)


async def _closed(writer: asyncio.StreamWriter) -> None:
    """When what was said has been read; a client that reads nothing is not waited for for long."""
    try:
        writer.close()
        async with asyncio.timeout(_FLUSH):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


def affordable(connections: int) -> int:
    """Raise this process's limit of open files to what so many connections need; how many it affords.

    A connection has two: the client's and the provider's.
    """
    if sys.platform == "win32":
        return connections
    import resource

    wanted = _OWN_FILES + 2 * connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    best = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(ValueError, OSError):  # macOS has a limit of its own below the one that it tells
        resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
        soft = best
    return connections if soft >= wanted else max(1, (soft - _OWN_FILES) // 2)


def install() -> None:
    """Have the core's TCP servers of every kind get their connections here. Harmless when done before."""
    mode_servers.AsyncioServerInstance.listen = _listen  # type: ignore[method-assign]


_library_listen = mode_servers.AsyncioServerInstance.listen


async def _listen(self: mode_servers.AsyncioServerInstance[Any], host: str, port: int) -> list[Any]:
    if self.mode.transport_protocol != "tcp":
        return await _library_listen(self, host, port)
    entrance: Entrance = ctx.master.addons.get("entrance")
    return list(entrance.doors(self.handle_stream, host, port))
