"""Whether what Hyperscan compiled can be used: it is tried on texts, in a process of its own.

By faults of the library's some expressions end the process that looks for them, on any text of some length. The shipped
ones do not; one of a policy's own may, and would end every worker.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterable, Iterator

from outgate.dlp.child import restrict
from outgate.dlp.process import environment

_PATIENCE = 60.0  # seconds
_LENGTH = 8  # octets that say how long a database is
_ALPHABET = b"xyzabc ABC012.,-_:=/\"'\n"


def survives(databases: Iterable[bytes]) -> bool:
    """Whether a process that scans with these, as they are dumped, is still there afterwards."""
    content = b"".join(len(database).to_bytes(_LENGTH) + database for database in databases)
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-P", "-m", __name__],
            input=content,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
            env=environment(),
        )
    except subprocess.TimeoutExpired:
        return False
    except OSError:  # no process can be started here: no worker could be, either
        return True
    return done.returncode == 0


def _texts() -> Iterator[bytes]:
    chance = random.Random(1)  # noqa: S311 - any texts will do, the same ones each time
    for char in b"\nax0 _":
        yield bytes([char]) * 2_000
    yield bytes(chance.choice(_ALPHABET) for _ in range(20_000))
    yield bytes(chance.randrange(129) for _ in range(20_000))


def main() -> None:
    """Databases from standard input; all are scanned with, or this process ends before."""
    import hyperscan

    restrict(None)
    content = sys.stdin.buffer
    while size := content.read(_LENGTH):
        database = hyperscan.loadb(content.read(int.from_bytes(size)), hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
        for text in _texts():
            for shorter in range(32):
                database.scan(text[shorter:], match_event_handler=_ignored)


def _ignored(_index: int, _start: int, _end: int, _flags: int, _context: object) -> None:
    """Take no notice of a hit."""


if __name__ == "__main__":
    main()
