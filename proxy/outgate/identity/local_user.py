"""Which user of this machine has made a connection to it.

On Linux the kernel says so (``/proc/net/tcp``: proc(5), and ``get_tcp4_sock`` of its source). Elsewhere
a loopback connection is taken to be of the user that the proxy itself runs as, which is right on a
machine of one person and nowhere else.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# Established; and about to be: of a connection that the system's redirector takes we are told at once.
_STATES = ("01", "02")

Address = tuple[str, int]


def user_of(client: Address, proxy: Address) -> str | None:
    """The user at the other end of a connection that was accepted; reads the kernel's tables: for threads.

    ``client`` and ``proxy``: its two ends, as the client's socket has them the other way round.
    """
    if sys.platform != "linux":
        return getpass.getuser()
    wanted = {(_spelled(client, wide), _spelled(proxy, wide)) for wide in (False, True)}
    for table in _TABLES:
        try:
            with table.open() as lines:
                uid = _owner(lines, wanted)
        except OSError:
            continue
        if uid is not None:
            return name_of(uid)
    return None


def name_of(uid: int) -> str:
    """A user's name; its number where it has none, as in a container."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _owner(lines: Iterable[str], wanted: set[tuple[str, str]]) -> int | None:
    """The uid of the client's socket. One that has been given up is told as root's, and so has no inode."""
    for line in lines:
        fields = line.split(None, 10)
        if len(fields) > 9 and (fields[1], fields[2]) in wanted:
            return int(fields[7]) if fields[3] in _STATES and fields[9] != "0" else None
    return None


def _spelled(address: Address, wide: bool) -> str:
    """As in the tables: words of 32 bits in the machine's byte order, in hex; an IPv4 address in either width."""
    host = ip_address(address[0].partition("%")[0])
    if isinstance(host, IPv6Address) and host.ipv4_mapped is not None:
        host = host.ipv4_mapped
    if isinstance(host, IPv4Address) and wide:
        host = IPv6Address(f"::ffff:{host}")
    packed = host.packed
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    hexed = "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
    return f"{hexed}:{address[1]:04X}"
