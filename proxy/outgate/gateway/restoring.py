"""The way back of what was pseudonymised: a placeholder in an answer becomes its value, for whom it was made.

Owns when the vault is asked, which answers are restored, and what becomes of one that cannot be. How a text is
restored is ``transform.answers``; where the values are kept is the vault. A value is put in only where the answer
to a request of the same scope has its placeholder.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mitmproxy import http

from outgate.gateway import errors
from outgate.model import Outcome, Pair, Verdict
from outgate.transform.answers import AnswerRestorer
from outgate.transform.restore import Known
from outgate.vault import Vault, VaultError
from outgate.wire import sigv4

log = logging.getLogger("outgate")

Stream = Callable[[bytes], "bytes | list[bytes]"]
_LOOKED_UP, _RESTORER = "outgate.looked_up", "outgate.restorer"  # in a flow's metadata
_NEWEST = 2_000  # placeholders of earlier requests that an answer may name, besides those of its own request
PATIENCE = 4.0  # seconds that one use of the vault may take
_BODILESS = frozenset({204, 205, 304})
# Of the bytes as they came; RFC 9530, RFC 1864.
_DIGESTS = ("content-digest", "repr-digest", "digest", "content-md5")


async def remembered(verdict: Verdict, vault: Vault | None, *, blocks: bool) -> Verdict:
    """The verdict once its placeholders are kept, without which nobody could restore them later.

    If they cannot be, and ``on_error`` ``blocks``, the request does not leave; else it leaves with its placeholders,
    and its own answer is restored all the same.
    """
    if not verdict.pairs or verdict.outcome is not Outcome.EDIT:
        return verdict
    try:
        if vault is None:
            raise VaultError("there is no vault")
        async with asyncio.timeout(PATIENCE):
            await vault.remember(verdict.scope, verdict.pairs)
    except Exception as error:  # of whatever kind: the value must not leave for want of a vault
        _tell(error)
        if not blocks:
            return replace(verdict, reason="vault")
        message = "What stands in for sensitive values could not be kept."
        return verdict.stopped(Outcome.REFUSE, 503, message, reason="vault")
    return verdict


class LookUps:
    """The placeholders of the scopes that were asked for last, made ready for look-up.

    That costs most where a scope has many, so it is done anew only when the vault has something new.
    """

    def __init__(self, most: int = 64) -> None:
        """``most``: scopes."""
        self._most = most
        self._ready: OrderedDict[str, tuple[Mapping[str, str], Known]] = OrderedDict()

    def of(self, scope: str, values: Mapping[str, str]) -> Known:
        """``values`` made ready. The same object as the last time is taken to hold the same."""
        before = self._ready.pop(scope, None)
        ready = before[1] if before is not None and before[0] is values else Known(values)
        self._ready[scope] = values, ready
        if len(self._ready) > self._most:
            self._ready.popitem(last=False)
        return ready


def expect(
    flow: http.HTTPFlow,
    verdict: Verdict,
    vault: Vault | None,
    look_ups: LookUps,
    failed: Callable[[str], None],
) -> None:
    """Make ready for the answer to a request that leaves now: what can come back in it is looked up meanwhile.

    It is asked for without a content encoding, since it is restored as its events come. ``failed`` is told the
    reason, a fixed word, when a value stays a placeholder that should not.
    """
    if not verdict.scope:
        return
    ask_for_plain(flow.request)
    looked_up = _looked_up(verdict, vault, look_ups, failed)
    flow.metadata[_LOOKED_UP] = asyncio.get_running_loop().create_task(looked_up)


def ask_for_plain(request: http.Request) -> None:
    """Have the answer sent without a content encoding, unless asking so would break a signature."""
    signed = sigv4.covers(request.data.path, request.headers.fields, "accept-encoding")
    if "accept-encoding" in request.headers and not signed:
        request.headers["accept-encoding"] = "identity"


async def _looked_up(
    verdict: Verdict, vault: Vault | None, look_ups: LookUps, failed: Callable[[str], None]
) -> Known:
    return look_ups.of(verdict.scope, await known(verdict.scope, verdict.pairs, vault, failed))


async def restorer(flow: http.HTTPFlow, verdict: Verdict, failed: Callable[[str], None]) -> Stream | None:
    """What an expected answer's bytes go through, its head made ready for that; None where nothing can be restored.

    ``failed``: as for ``expect``.
    """
    try:
        return await _restorer(flow, verdict, failed)
    except Exception:
        failed("unrestored")
        return None


async def _restorer(flow: http.HTTPFlow, verdict: Verdict, failed: Callable[[str], None]) -> Stream | None:
    response, looked_up = flow.response, flow.metadata.pop(_LOOKED_UP, None)
    if looked_up is None or response is None or flow.request.method == "HEAD":
        return None
    if response.status_code in _BODILESS or response.headers.get("content-length") == "0":
        return None
    restorable: Known = await looked_up
    if not len(restorable):
        return None
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        failed("unrestored")  # encoded, although it was asked for as it is
        return None
    reframe(flow)
    format_name = verdict.endpoint.format if verdict.endpoint else "generic"
    answer = AnswerRestorer(format_name, response.headers.get("content-type", ""), restorable)
    flow.metadata[_RESTORER] = answer
    return _latched(answer, format_name, failed)


def broken_off(flow: http.HTTPFlow, error: bytes) -> list[bytes]:
    """What is said of a restored answer whose provider breaks off: what was held back, and the error (JSON)."""
    answer = flow.metadata.pop(_RESTORER, None)
    return answer.broken_off(error) if isinstance(answer, AnswerRestorer) else []


def let_go(flow: http.HTTPFlow) -> None:
    """The answer that was expected does not come, or is none of bytes."""
    looked_up = flow.metadata.pop(_LOOKED_UP, None)
    if looked_up is not None:
        looked_up.cancel()


def reframe(flow: http.HTTPFlow) -> None:
    """Make the head of an answer fit for a body of another length."""
    assert flow.response is not None
    headers = flow.response.headers
    for name in ("content-length", *_DIGESTS):
        headers.pop(name, None)
    if flow.request.http_version == "HTTP/1.1" and "transfer-encoding" not in headers:
        headers["transfer-encoding"] = "chunked"


async def known(
    scope: str, pairs: Sequence[Pair], vault: Vault | None, failed: Callable[[str], None]
) -> Mapping[str, str]:
    """Placeholders of this scope and their values: of earlier requests as far as the vault tells, and of this one."""
    found: Mapping[str, str] = {}
    if vault is not None:
        try:
            async with asyncio.timeout(PATIENCE):
                found = await vault.known(scope, _NEWEST)
        except Exception as error:  # the placeholders of this very request are restored all the same
            _tell(error)
            failed("vault")
    own = {pair.placeholder: pair.value for pair in pairs}
    return found if own.items() <= found.items() else {**found, **own}


def _tell(error: Exception) -> None:
    """By its message only where that is made to be told: another's may quote a value."""
    log.error("the vault: %s", error if isinstance(error, VaultError) else type(error).__name__)


def _latched(answer: AnswerRestorer, format_name: str, failed: Callable[[str], None]) -> Stream:
    """The restorer as the proxy core calls it. If it breaks, nothing more goes on: the answer would have holes."""
    broken = False

    def through(data: bytes) -> list[bytes]:
        nonlocal broken
        if broken:
            return []
        try:
            told = b"".join(answer.feed(data) if data else answer.finish())
            return [told] if told else []  # what came together goes on together
        except Exception:
            broken = True
            failed("unrestored")
            error = errors.answer(format_name, 503, "The answer could not be restored.", "og_none")
            return [answer.ending(error.body)]

    return through
