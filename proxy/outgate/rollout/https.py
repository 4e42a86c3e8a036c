"""Bundles from a web server: got over verified TLS, believed for their signature, and never older than before.

The server may be anybody's; what it can do is say nothing new. That shows: a bundle may state when it ``expires``, and
a source without a good look for a while is stale.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from outgate import __version__
from outgate.rollout import RefusedError, RolloutError, signing
from outgate.rollout.bundle import LARGEST, unpack
from outgate.rollout.source import Offer
from outgate.rollout.store import State
from outgate.settings.rollout import PolicySource

_PATIENCE = 10.0  # seconds for the server to say anything
_DEADLINE = 60.0  # seconds for all of an answer
_BUNDLE, _SIGNATURE = "bundle", "bundle.sig"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    etag: str
    modified: str


class BundleSource:
    """One address."""

    def __init__(self, given: PolicySource, roots: Sequence[Path]) -> None:
        assert given.url is not None
        self.origin = given.url
        self._given = given
        self._roots = tuple(roots)

    def fetch(self, state: State) -> Offer | None:
        """As ``Source``. An answer that is none of ours' (304) counts as "nothing new"."""
        asked = {"If-None-Match": state.etag, "If-Modified-Since": state.modified} if state.taken else {}
        context = self._context()
        bundle = self._get(
            self.origin, context, LARGEST, {name: value for name, value in asked.items() if value}
        )
        if bundle.status == 304 and asked:
            return None
        signature = self._get(self.origin + signing.SUFFIX, context, signing.LARGEST, {})
        offer = replace(
            self.reopened({_BUNDLE: bundle.body, _SIGNATURE: signature.body}),
            etag=bundle.etag,
            modified=bundle.modified,
        )
        self._check(offer, state)
        return None if offer.identifier == state.taken else offer

    def reopened(self, proof: Mapping[str, bytes]) -> Offer:
        """As ``Source``: the signature first, then what is in it. Nothing is said of its age."""
        data = proof.get(_BUNDLE, b"")
        signing.verify(data, proof.get(_SIGNATURE, b""), self._given.keys)
        manifest, files = (bundle := unpack(data)).manifest, bundle.files
        identifier = f"{manifest.version}-{hashlib.sha256(data).hexdigest()}"
        label = f"version {manifest.version} of {manifest.created:%Y-%m-%d}"
        return Offer(identifier, label, files, dict(proof), manifest.version, manifest.expires)

    def _check(self, offer: Offer, state: State) -> None:
        """Whether it is of today. Raises RefusedError."""
        if offer.expires is not None and offer.expires <= datetime.now(UTC):
            raise RefusedError(
                f"{offer.label} expired on {offer.expires:%Y-%m-%d %H:%M} UTC: the source is out of date"
            )
        if offer.version < self._given.at_least:
            raise RefusedError(f"{offer.label} is below `at_least: {self._given.at_least}`")
        if self._given.allow_rollback or offer.identifier == state.highest:
            return
        if offer.version < state.version:
            raise RefusedError(f"{offer.label} is older than version {state.version}, which was taken before")
        if offer.version == state.version:
            raise RefusedError(
                f"{offer.label} is another bundle than the version {state.version} taken before"
            )

    def _get(self, url: str, context: ssl.SSLContext, most: int, headers: Mapping[str, str]) -> _Answer:
        """Raises RolloutError unless it is there, whole and small enough. Follows no redirect."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port or 443, timeout=_PATIENCE, context=context
        )
        try:
            connection.connect()
            with _ending(connection.sock) as ended:
                said = {"User-Agent": f"outgate/{__version__}", "Connection": "close", **headers}
                connection.request("GET", parts.path or "/", headers=said)
                answer = connection.getresponse()
                body = answer.read(most + 1)
                etag, modified = answer.getheader("etag", ""), answer.getheader("last-modified", "")
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "verify_message", "") or getattr(error, "strerror", "")
            raise RolloutError(f"{url}: cannot be had: {reason or type(error).__name__}") from None
        finally:
            connection.close()
        if ended.is_set():
            raise RolloutError(f"{url}: cannot be had: not done after {_DEADLINE:g} s")
        if answer.status == 304:
            return _Answer(304, b"", "", "")
        if answer.status != 200:
            raise RolloutError(f"{url}: the server answers {answer.status}")
        if len(body) > most:
            raise RefusedError(f"{url}: more than {most} bytes")
        length = answer.getheader("content-length")
        if length is not None and length != str(len(body)):
            raise RolloutError(f"{url}: the answer ended before its end")
        return _Answer(200, body, _said(etag), _said(modified))

    def _context(self) -> ssl.SSLContext:
        """What the server's certificate is checked against: certifi's roots, and the corporate ones beside them."""
        try:
            context = ssl.create_default_context(cafile=certifi.where())
            for root in self._roots:
                context.load_verify_locations(root)
        except OSError as error:
            raise RolloutError(f"extra_roots: they cannot be used: {error.strerror or error}") from None
        return context


@contextmanager
def _ending(connection: socket.socket) -> Iterator[threading.Event]:
    """End a connection that a server keeps alive by a byte now and then; the event tells that it was."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_DEADLINE, end)
    timer.daemon = True
    timer.start()
    try:
        yield ended
    except (OSError, http.client.HTTPException, ValueError):
        if not ended.is_set():
            raise
    finally:
        timer.cancel()


def _said(header: str) -> str:
    """A validator that can be sent back as it is; one that cannot is none."""
    return header if len(header) <= 256 and header.isascii() and header.isprintable() else ""
