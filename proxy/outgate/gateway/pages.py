"""The proxy's own pages, at http://outgate.internal/: why a request was stopped, and what its sender says of that.

The name is nobody's; only a client of the proxy gets here, and nothing that is sent there is ever sent on. Closed
first, as every request is. Who may read what is the desk's business; here it is what a browser may be made to do:

- reading has no effect, and saying something takes a token that only a page for this person and reference holds,
- a form is taken from no other site's page (``Origin``, ``Sec-Fetch-Site``), and there is no cookie to ride on,
- no script runs, no frame holds a page, and no other site reads one: no CORS header is sent.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

from mitmproxy import http

from outgate.feedback.address import HOST
from outgate.feedback.desk import Desk
from outgate.feedback.errors import FeedbackError, RefusedError, UnknownReferenceError
from outgate.feedback.rate import Rate
from outgate.gateway import exchanges, page
from outgate.metrics import Metrics
from outgate.model import Exchange
from outgate.policy.exceptions import person
from outgate.sites import site_of

log = logging.getLogger("outgate")

_OURS = "outgate.pages"  # in a flow's metadata: it is for us
_READS, _WORDS = 120, 20  # pages that one client may ask for a minute, and things that it may say
_BODY = 16 * 1024  # bytes of a form
_TOKEN = 2 * 3600  # seconds that a page's forms can be sent
_DEADLINE = 20.0  # seconds for an answer
_PATH = re.compile(r"/why/(og_[0-9a-f]{16})(?:/(not-sensitive|justify))?")
_STATUS = {UnknownReferenceError: 404, RefusedError: 422}
_TITLES = {
    404: "There is nothing here",
    422: "This was not taken",
    429: "Too often",
    403: "This was not taken",
}


class _WrongError(Exception):
    """A request that is answered with a few words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Pages:
    """Answers everything that is for our own name, before anybody could pass it on."""

    def __init__(
        self,
        desk: Desk | None,
        key: bytes,
        metrics: Metrics,
        changed: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``desk``: None where the settings want no pages. ``changed`` is called when somebody has said something."""
        self._desk, self._key, self._metrics, self._changed, self._clock = desk, key, metrics, changed, clock
        self._reads, self._words = Rate(_READS, clock), Rate(_WORDS, clock)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """What names us, by any name it has, is ours."""
        if flow.response is not None:
            return
        try:
            ours = HOST in exchanges.names_of(flow)
        except BaseException:  # then nobody answers it, and nobody sends it on
            ours = True
        if ours:
            flow.metadata[_OURS] = True
            flow.response = exchanges.closed()

    async def request(self, flow: http.HTTPFlow) -> None:
        """The answer. Whatever goes wrong, it stays closed."""
        if not flow.metadata.get(_OURS):
            return
        flow.response = exchanges.closed()
        try:
            async with asyncio.timeout(_DEADLINE):
                flow.response = await self._answer(flow)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            log.error("a page could not be shown: %s", type(error).__name__)

    async def _answer(self, flow: http.HTTPFlow) -> http.Response:
        exchange = exchanges.to_exchange(flow, HOST)
        as_json = "application/json" in exchange.header("accept") and "text/html" not in exchange.header(
            "accept"
        )
        headers: dict[str, str] = {}
        try:
            status, body, headers = await self._served(exchange, exchanges.names_of(flow), as_json)
        except _WrongError as wrong:
            status, body = wrong.status, _told(wrong.status, wrong.text, as_json)
        except FeedbackError as error:
            status = _STATUS.get(type(error), 503)
            text = error.message if status != 503 else "This cannot be looked up now. Try again later."
            body = _told(status, text, as_json)
        kind = "application/json" if as_json else "text/html; charset=utf-8"
        content = b"" if exchange.method == "HEAD" else body.encode()
        return http.Response.make(status, content, {"content-type": kind, **page.HEADERS, **headers})

    async def _served(
        self, exchange: Exchange, names: set[str], as_json: bool
    ) -> tuple[int, str, dict[str, str]]:
        if len(names) != 1:
            raise _WrongError(421, "The host asked for and the Host header differ.")
        if self._desk is None:
            raise _WrongError(404, "These pages are turned off.")
        if not self._reads.allows(site_of(exchange.client)):
            raise _WrongError(429, "Wait a minute.")
        who, found = person(exchange.identity, exchange.client), _PATH.fullmatch(exchange.path)
        if found is None:
            raise _WrongError(404, "Why a request was stopped is at /why/ and its reference (og_...).")
        reference, verb = found.groups()
        if exchange.method != ("POST" if verb else "GET") and (verb or exchange.method != "HEAD"):
            raise _WrongError(405, "This is not done in this way.")
        if verb:
            kept = await self._say(self._desk, exchange, reference, verb, who)
            return (
                (200, json.dumps({"kept": kept}), {})
                if as_json
                else (303, "", {"location": f"/why/{reference}"})
            )
        case = (await self._desk.case(reference, who)).to_json()
        token = self._token(reference, who, int(self._clock()))
        return 200, json.dumps(case | {"token": token}) if as_json else page.of_case(case, token), {}

    async def _say(self, desk: Desk, exchange: Exchange, reference: str, verb: str, who: str) -> int:
        if not self._words.allows(site_of(exchange.client)):
            raise _WrongError(429, "Wait a minute.")
        if not _is_from_here(exchange):
            raise _WrongError(403, "This came from another site's page.")
        given = _fields(exchange)
        if not self._is_token(given.get("token", ""), reference, who):
            raise _WrongError(403, "The page was open for too long, or is another's. Load it again.")
        reason, number = given.get("reason", ""), given.get("finding") or None
        if number is not None and not re.fullmatch(r"[0-9]{1,3}", number):
            raise _WrongError(422, "There is no such finding.")
        try:
            if verb == "justify":
                kept = 1
                await desk.justify(reference, who, reason)
            else:
                kept = await desk.not_sensitive(reference, who, reason, int(number) if number else None)
        except FeedbackError:
            self._metrics.feedback(verb, taken=False)
            raise
        self._metrics.feedback(verb, taken=True)
        await self._changed()
        return kept

    def _token(self, reference: str, who: str, made: int) -> str:
        """What a page for ``who`` about ``reference`` holds; ``made`` in seconds since the epoch."""
        told = "\0".join(("pages", reference, who, str(made))).encode("utf-8", "surrogatepass")
        return f"{made}.{hmac.digest(self._key, told, 'sha256').hex()}"

    def _is_token(self, token: str, reference: str, who: str) -> bool:
        made = token.partition(".")[0]
        if not re.fullmatch(r"[0-9]{1,12}", made) or not token.isascii():
            return False
        fresh = 0 <= self._clock() - int(made) <= _TOKEN
        return hmac.compare_digest(self._token(reference, who, int(made)), token) and fresh


def _is_from_here(exchange: Exchange) -> bool:
    """Whether a form is of a page of ours, or of no page: other programs send neither header."""
    origin, site = exchange.header("origin"), exchange.header("sec-fetch-site")
    return origin in ("", f"http://{HOST}", f"https://{HOST}") and site in ("", "same-origin")


def _fields(exchange: Exchange) -> Mapping[str, str]:
    """What a form holds, by its fields' names. Raises _WrongError."""
    if len(exchange.body) > _BODY or exchange.header("content-encoding"):
        raise _WrongError(413, "This is more than a form.")
    try:
        text = exchange.body.decode()
        match exchange.header("content-type").partition(";")[0].strip().lower():
            case "application/x-www-form-urlencoded":
                fields = parse_qs(text, keep_blank_values=True, max_num_fields=10, errors="strict")
                return {name: values[0] for name, values in fields.items() if len(values) == 1}
            case "application/json":
                given = json.loads(text)
                if isinstance(given, dict):
                    return {name: value for name, value in given.items() if isinstance(value, str)}
    except (ValueError, RecursionError):
        pass
    raise _WrongError(415, "This is not a form that can be read.")


def _told(status: int, text: str, as_json: bool) -> str:
    return (
        json.dumps({"error": text})
        if as_json
        else page.of_text(_TITLES.get(status, "This did not work"), text)
    )
