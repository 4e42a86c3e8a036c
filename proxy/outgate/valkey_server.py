"""A connection to Valkey or Redis, for whichever room keeps something there.

Owns the address, time-outs, and that the library's errors are told as ours. Knows no key and no command. Needs Valkey
7.2 or Redis 6.2. Every command has a time-out and is tried once: who asked decides what then. Certificates are always
verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TIMEOUT = 2.0  # seconds, for a connection and for a command
_CONNECTIONS = 32
_SCHEMES = {"valkey": "valkey", "redis": "valkey", "valkeys": "valkeys", "rediss": "valkeys", "unix": "unix"}
_QUERY = {"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}


class ValkeyServer:
    """The server behind ``url``: valkey://, valkeys:// (TLS), or the same as redis:// and rediss://, or unix://."""

    def __init__(
        self, url: str, section: str, error: Callable[[str], Exception], *, timeout: float = TIMEOUT
    ) -> None:
        """Connects when first used; ``timeout`` is in seconds.

        ``section`` is that of the settings, and ``error`` makes its room's error. Raises that when the address cannot
        be used, or the library is missing.
        """
        try:
            from valkey.asyncio import BlockingConnectionPool, Valkey
        except ImportError:
            raise error(
                f"{section}.store: valkey needs a library that is not installed. "
                "Run `pip install 'outgate[valkey]'`."
            ) from None
        self._section, self._error = section, error
        options = self._options(url)
        where = urlsplit(url)
        self.where = (
            f"{where.scheme}://{where.hostname or ''}{f':{where.port}' if where.port else ''}{where.path}"
        )
        self.client: Any = Valkey(
            connection_pool=BlockingConnectionPool(
                max_connections=_CONNECTIONS,
                timeout=timeout,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry_on_error=[],
                **options,
            )
        )

    async def close(self) -> None:
        """Let go of it. Never raises."""
        with suppress(Exception):
            await self.client.aclose()
            await self.client.connection_pool.disconnect()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tells the library's errors as ours, without a word of what was asked."""
        from valkey import exceptions

        url, error = f"`{self._section}.url`", self._error
        try:
            yield
        except exceptions.AuthenticationError:
            raise error(f"{self.where}: the server refuses us. See user and password of {url}.") from None
        except exceptions.TimeoutError:
            raise error(f"{self.where}: no answer in time. See that the server is well and near.") from None
        except (exceptions.ConnectionError, OSError) as problem:
            kind = type(problem.__cause__ or problem).__name__
            raise error(f"{self.where}: cannot be reached ({kind}). See that it runs, and {url}.") from None
        except exceptions.ResponseError as problem:
            word = str(problem).split(" ", 1)[0]
            kind = word if word.isupper() and word.isalpha() else "ERR"
            raise error(
                f"{self.where}: the server refuses a command ({kind}). {_remedy(kind, url)}"
            ) from None
        except exceptions.ValkeyError as problem:
            raise error(f"{self.where}: {type(problem).__name__}. Is it a Valkey server?") from None

    def _options(self, url: str) -> dict[str, Any]:
        """What the library needs to know."""
        from valkey.asyncio.connection import SSLConnection, parse_url

        scheme, colon, rest = url.partition("://")
        setting = f"{self._section}.url"
        told = f"{setting}: valkey://HOST:PORT, valkeys://USER:PASSWORD@HOST:PORT or unix:///PATH is expected"
        if not colon or scheme not in _SCHEMES:
            raise self._error(f"{told}.")
        unknown = {name for name, _ in parse_qsl(urlsplit(url).query)} - _QUERY
        if unknown:
            raise self._error(
                f"{setting}: {', '.join(sorted(unknown))} is not known; {', '.join(sorted(_QUERY))} are."
            )
        try:
            options: dict[str, Any] = dict(parse_url(f"{_SCHEMES[scheme]}://{rest}"))
        except ValueError:
            raise self._error(f"{told}.") from None
        if options.get("connection_class") is SSLConnection:
            options |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
        return options


def _remedy(kind: str, url: str) -> str:
    return {
        "OOM": "Its memory is full: raise `maxmemory`.",
        "READONLY": f"It is a replica: name the primary in {url}.",
        "NOPERM": "Let the user run the commands of hashes, sorted sets and scripts on outgate:*.",
        "LOADING": "It is starting; wait.",
    }.get(kind, "See the server's log.")
