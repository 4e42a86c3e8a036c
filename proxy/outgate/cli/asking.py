"""Asking why, and saying something of it: on the proxy's machine from its files, on any other through the proxy."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import click

from outgate.feedback.address import HOST, ORIGIN, WHY
from outgate.settings import Settings

if TYPE_CHECKING:
    from outgate.feedback.desk import Desk, Standing
    from outgate.feedback.store import Store
    from outgate.model import Finding, Identity, IPAddress, Segment
    from outgate.policy import Policy

_MOST = 1024 * 1024  # bytes of an answer of the proxy's
_PATIENCE = 30.0  # seconds

proxy_option = click.option(
    "--proxy",
    metavar="URL",
    help="Ask this proxy. Default: this machine's audit log; where there is none, the proxy of the environment.",
)
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why, without the value itself.")


class AskingError(Exception):
    """The proxy cannot be asked, or says no; ``message`` says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Way(Protocol):
    """Where the answers are. Raises FeedbackError, AskingError."""

    def case(self, reference: str) -> dict[str, Any]:
        """As ``feedback.desk.Case.to_json``."""

    def not_sensitive(self, reference: str, reason: str, number: int | None) -> int:
        """How many findings it was news of."""

    def justify(self, reference: str, reason: str) -> None:
        """Give a reason."""


def way(config: Path | None, proxy: str | None) -> Way:
    """This machine's files, or a proxy."""
    from outgate.audit.log import path_of

    if proxy is not None:
        return Through(proxy)
    settings = Settings.load(config)
    if os.access(path_of(settings), os.R_OK):
        return Here(settings)
    found = urllib.request.getproxies()
    named = found.get("http") or found.get("https")
    if not named:
        raise AskingError(
            f"{path_of(settings)}: there is no audit log here. Name the proxy that you were blocked by: --proxy URL"
        )
    return Through(named)


def refused(message: str) -> NoReturn:
    """End with what was found to be so: exit code 1."""
    click.echo(message, err=True)
    raise SystemExit(1)


class Here:
    """On the proxy's machine, by its files: whoever may read them acts for the person who was blocked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def case(self, reference: str) -> dict[str, Any]:
        """See Way."""
        return self._at_desk(lambda desk: desk.case(reference, None)).to_json()

    def not_sensitive(self, reference: str, reason: str, number: int | None) -> int:
        """See Way."""
        return self._at_desk(lambda desk: desk.not_sensitive(reference, None, reason, number), key=True)

    def justify(self, reference: str, reason: str) -> None:
        """See Way."""
        by = f"{getpass.getuser()}, on the proxy's machine"
        self._at_desk(lambda desk: desk.justify(reference, None, reason, by=by), key=True)

    def _at_desk[T](self, ask: Callable[[Desk], Awaitable[T]], *, key: bool = False) -> T:
        """``key``: whether that of fingerprints is needed, which takes the gateway's code to be read."""
        from outgate.audit.log import path_of
        from outgate.catalogue import Catalogue
        from outgate.feedback.desk import Desk, Standing, in_log
        from outgate.rollout.loading import Loading

        settings = self._settings
        catalogue = Catalogue.load(extra=settings.catalogue)
        lineup = Loading(settings, catalogue.providers.values()).lineup()
        secret = _key(settings) if key else b""

        def standing(identity: Identity, client: IPAddress) -> Standing:
            policy = lineup.judging(identity, client)
            return Standing(policy, catalogue, _detect(policy), secret, f"{ORIGIN}{WHY}")

        async def asked() -> T:
            with ThreadPoolExecutor(1) as thread:
                store = store_of(settings)
                try:
                    return await ask(Desk(in_log(path_of(settings)), store, thread, standing))
                finally:
                    store.close()

        return asyncio.run(asked())


class Through:
    """Over the proxy itself, which knows who asks."""

    def __init__(self, proxy: str) -> None:
        url = proxy if "://" in proxy else f"http://{proxy}"
        self._proxy = url
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": url}), _NoRedirect())

    def case(self, reference: str) -> dict[str, Any]:
        """See Way."""
        return self._ask(reference)

    def not_sensitive(self, reference: str, reason: str, number: int | None) -> int:
        """See Way."""
        finding = {} if number is None else {"finding": str(number)}
        kept: int = self._say(reference, "not-sensitive", reason=reason, **finding)["kept"]
        return kept

    def justify(self, reference: str, reason: str) -> None:
        """See Way."""
        self._say(reference, "justify", reason=reason)

    def _say(self, reference: str, verb: str, **fields: str) -> dict[str, Any]:
        token = self._ask(reference)["token"]
        return self._ask(f"{reference}/{verb}", json.dumps({"token": token, **fields}).encode())

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"accept": "application/json", "content-type": "application/json"}
        request = urllib.request.Request(f"{ORIGIN}{WHY}{path}", data=body, headers=headers)  # noqa: S310 (ours)
        try:
            with self._opener.open(request, timeout=_PATIENCE) as answer:
                content, status = answer.read(_MOST), answer.status
        except urllib.error.HTTPError as error:
            with error:
                content, status = error.read(_MOST), error.code
        except (urllib.error.URLError, OSError, ValueError) as error:
            why = getattr(error, "reason", error)
            raise AskingError(f"{self._shown}: the proxy cannot be reached ({why}).") from None
        if status == 407:
            raise AskingError(f"{self._shown} wants to know who asks: --proxy http://USER:PASSWORD@HOST:PORT")
        try:
            told = json.loads(content)
            wrong = told.get("error")
        except (ValueError, AttributeError):
            raise AskingError(
                f"{self._shown} does not know {HOST}: is it Outgate, with its pages on?"
            ) from None
        if status in (404, 422):
            refused(str(wrong))
        if status != 200:
            raise AskingError(str(wrong))
        found: dict[str, Any] = told
        return found

    @property
    def _shown(self) -> str:
        """The proxy without whose password it was given."""
        return self._proxy.rpartition("@")[2]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The proxy's pages lead nowhere else."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


def store_of(settings: Settings) -> Store:
    """What people said, as kept on this machine."""
    from outgate.feedback.store import Limits, Store

    return Store(settings.feedback_path, Limits(days=settings.feedback.keep_days))


def _detect(policy: Policy) -> Callable[[Sequence[Segment]], Awaitable[Sequence[Finding]]]:
    """The policy's detectors, in this process, made ready when they are first asked."""

    async def detect(segments: Sequence[Segment]) -> Sequence[Finding]:
        from outgate.dlp.engine import Engine
        from outgate.dlp.inline import detect_with

        return await detect_with(Engine(policy.detectors))(segments)

    return detect


def _key(settings: Settings) -> bytes:
    from outgate.gateway.service import fingerprint_key

    return fingerprint_key(settings.state_dir)
