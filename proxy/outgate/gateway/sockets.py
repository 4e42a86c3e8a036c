"""Listening sockets: bound here, handed on by a supervisor, or opened by systemd for us.

A socket that several processes have has one queue for all of them. So no connection is lost when one of
them ends, and none waits for one that hangs. Knows nothing of the proxy core, since the supervisor does not.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping

BACKLOG = 1024  # connections that wait to be accepted; the system may have a lower limit (somaxconn)
_FIRST = 3  # the first file descriptor that systemd hands on: sd_listen_fds(3)

Address = tuple[str, int]  # host, without brackets, and port


class Sockets:
    """The sockets for each address that was asked for. An address is taken once."""

    def __init__(self, given: Mapping[Address, Iterable[socket.socket]] | None = None) -> None:
        """``given``: what is there already; with None, sockets are bound when they are asked for."""
        self._given = None if given is None else {at: list(ones) for at, ones in given.items()}
        self._adopted = adopted() if given is None else {}

    @classmethod
    def bound(cls, addresses: Iterable[Address]) -> Sockets:
        """All of them, now: for a process that hands them on. Raises OSError."""
        theirs, found = cls(), {}
        for host, port in addresses:
            try:
                found[host, port] = theirs.take(host, port)
            except OSError as error:
                raise OSError(error.errno, error.strerror, f"{host}:{port}") from None
        return cls(found)

    def take(self, host: str, port: int) -> list[socket.socket]:
        """The sockets that listen on ``host`` (a name may have several addresses). Raises OSError."""
        if self._given is not None:
            if (host, port) not in self._given:
                raise OSError(0, f"{host}:{port} is not among the sockets that were handed on")
            return self._given.pop((host, port))
        if (host, port) in self._adopted:
            return [self._adopted.pop((host, port))]
        return _bind(host, port)

    def descriptors(self) -> list[tuple[str, int, int]]:
        """Host, port and file descriptor of every socket that is there."""
        return [(*address, one.fileno()) for address, ones in (self._given or {}).items() for one in ones]

    @classmethod
    def inherited(cls, descriptors: Iterable[tuple[str, int, int]]) -> Sockets:
        """What ``descriptors`` told, in the process that they were handed on to."""
        given: dict[Address, list[socket.socket]] = {}
        for host, port, descriptor in descriptors:
            os.set_inheritable(descriptor, False)  # our own children have no use for it
            given.setdefault((host, port), []).append(socket.socket(fileno=descriptor))
        return cls(given)

    def close(self) -> None:
        """Let go of all that were not taken."""
        for ones in (self._given or {}).values():
            for one in ones:
                one.close()
        for one in self._adopted.values():
            one.close()


def adopted() -> dict[Address, socket.socket]:
    """What systemd opened for this process (sd_listen_fds(3)), by the address it is bound to; none twice."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(os.environ.pop("LISTEN_FDS", "0"))
    del os.environ["LISTEN_PID"]
    found = {}
    for descriptor in range(_FIRST, _FIRST + count):
        one = socket.socket(fileno=descriptor)
        one.setblocking(False)
        os.set_inheritable(descriptor, False)
        found[one.getsockname()[:2]] = one
    return found


def _bind(host: str, port: int) -> list[socket.socket]:
    found: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            one = socket.socket(family, kind, protocol)
            found.append(one)
            if os.name == "posix":  # elsewhere it would let another program have the port, too
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Any free port is the same one for all addresses of a name.
            one.bind((address[0], found[0].getsockname()[1] if len(found) > 1 else port, *address[2:]))
            one.listen(BACKLOG)
            one.setblocking(False)
    except BaseException:
        for one in found:
            one.close()
        raise
    return found
