"""The way back over a WebSocket: placeholders in what the provider sends become their values again.

Owns what is known of one connection: placeholders of its scope as the vault tells them, and those that its own
client's messages brought. How a message is restored is ``transform.answers``; how it goes out is ``websocket``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from mitmproxy import http
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import CloseReason

from outgate.gateway import errors, restoring
from outgate.gateway.restoring import LookUps
from outgate.gateway.websocket import ENDS, TOLD, ending, to_client
from outgate.model import Outcome, Verdict
from outgate.transform.answers import MessageRestorer
from outgate.vault import Vault

Failed = Callable[[str], None]  # is told, by a fixed word, when a value stays a placeholder that should not
_BACK = "outgate.back"  # in a flow's metadata: its WayBack
_MOST = 2_000  # placeholders of the connection's own that are kept, the last said; or as many as one message brings


class Said(NamedTuple):
    """A message of the provider that may go on."""

    content: bytes
    is_text: bool


class WayBack:
    """Of one connection. Holds values in the clear for as long as it is open."""

    def __init__(self, verdict: Verdict) -> None:
        """``verdict``: of the request that opened the connection."""
        self.format = verdict.endpoint.format if verdict.endpoint else "generic"
        self._restorer = MessageRestorer(self.format)
        self._scope = ""
        self._own: dict[str, str] = {}
        self._earlier: Mapping[str, str] = {}
        self._is_known = False  # whether all that is known by now has been told to the restorer
        self.is_text = True  # the provider's last message
        self.heard(verdict)

    def heard(self, verdict: Verdict) -> None:
        """A message of the client leaves: its placeholders may come back, those of another scope no more."""
        if not verdict.scope:
            return
        if verdict.scope != self._scope:
            self._scope, self._own, self._earlier, self._is_known = verdict.scope, {}, {}, False
        for pair in verdict.pairs:
            if self._own.pop(pair.placeholder, None) != pair.value:
                self._is_known = False
            self._own[pair.placeholder] = pair.value
        for placeholder in list(self._own)[: -max(_MOST, len(verdict.pairs))]:
            del self._own[placeholder]

    async def told(
        self, message: bytes, *, is_text: bool, vault: Vault | None, look_ups: LookUps, failed: Failed
    ) -> list[bytes]:
        """The messages to tell instead of the provider's, which is the last of them.

        The vault is asked at first, and again after the client has brought a new placeholder; where it fails, what it
        told before still counts.
        """
        self.is_text = is_text
        if self._scope and not self._is_known:
            self._is_known = True
            self._earlier = await restoring.known(self._scope, (), vault, failed) or self._earlier
            is_vaults = self._own.items() <= self._earlier.items()
            values = self._earlier if is_vaults else {**self._earlier, **self._own}
            self._restorer.learn(look_ups.of(self._scope, values))
        return self._restorer.feed(message, is_text=is_text)

    def finish(self) -> list[bytes]:
        """What is held back, at the connection's end."""
        return self._restorer.finish()


def begin(flow: http.HTTPFlow, response: http.Response, verdict: Verdict) -> None:
    """A connection of messages opens. No extension was offered, so what a provider packs all the same is refused."""
    response.headers.pop("sec-websocket-extensions", None)
    restoring.let_go(flow)
    flow.metadata[_BACK] = WayBack(verdict)


def heard(flow: http.HTTPFlow, verdict: Verdict) -> None:
    """A message of the client goes on."""
    back = flow.metadata.get(_BACK)
    if isinstance(back, WayBack):
        back.heard(verdict)


async def tell(
    flow: http.HTTPFlow,
    message: WebSocketMessage | None,
    said: Sequence[Said],
    vault: Vault | None,
    look_ups: LookUps,
    failed: Failed,
) -> None:
    """Tell what is ``said`` in place of the provider's ``message``, with the values put back.

    No message: the connection closes, and what is held back is told too. If it breaks, the connection ends: what was
    held back is lost, and the rest would be another text, or another tool call.
    """
    if message is not None:
        message.drop()
    told = await _restored(flow, said, vault, look_ups, failed)
    if message is None:
        told += _rest(flow, failed)
    elif told and ENDS not in flow.metadata and told[-1].is_text == message.is_text:
        message.content, message.dropped = told.pop().content, False  # in the frames in which it came
    flow.metadata[TOLD] = told


async def _restored(
    flow: http.HTTPFlow, said: Sequence[Said], vault: Vault | None, look_ups: LookUps, failed: Failed
) -> list[WebSocketMessage]:
    back = flow.metadata.get(_BACK)
    if not isinstance(back, WayBack):
        return [to_client(content, is_text=is_text) for content, is_text in said]
    told: list[WebSocketMessage] = []
    try:
        for content, is_text in said:
            contents = await back.told(
                content, is_text=is_text, vault=vault, look_ups=look_ups, failed=failed
            )
            told += (to_client(one, is_text=is_text) for one in contents)
    except asyncio.CancelledError:
        raise
    except BaseException:
        del flow.metadata[_BACK]
        flow.metadata[ENDS] = ending(CloseReason.INTERNAL_ERROR, "")
        told.append(to_client(_broken(back.format)))
        failed("unrestored")
    return told


def refuse(flow: http.HTTPFlow, verdict: Verdict, answer: http.Response) -> None:
    """A message of the client does not go on; it is told so by an event of its API, or by the end of the connection."""
    if verdict.endpoint and verdict.endpoint.format in errors.CLOSING:
        told = verdict.message or "This message is not allowed by policy."
        flow.metadata[ENDS] = ending(CloseReason.POLICY_VIOLATION, told)
    else:
        flow.metadata[TOLD] = [to_client(answer.raw_content or b"")]


def end(
    flow: http.HTTPFlow, outcome: Outcome, format_name: str, message: str, error: bytes, failed: Failed
) -> None:
    """What the provider says does not go on: the client is told so behind what does, and the connection ends."""
    told = [*flow.metadata.get(TOLD, ()), *_rest(flow, failed)]
    if format_name not in errors.CLOSING:
        told.append(to_client(error))
    code = CloseReason.POLICY_VIOLATION if outcome is Outcome.BLOCK else CloseReason.INTERNAL_ERROR
    flow.metadata |= {TOLD: told, ENDS: ending(code, message)}


def break_off(flow: http.HTTPFlow, message: WebSocketMessage | None) -> None:
    """Something of ours broke while the provider spoke: nothing more is told."""
    if message is not None:
        message.drop()
    flow.metadata |= {TOLD: [], ENDS: ending(CloseReason.INTERNAL_ERROR, "")}


def _rest(flow: http.HTTPFlow, failed: Failed) -> list[WebSocketMessage]:
    back = flow.metadata.pop(_BACK, None)
    if isinstance(back, WayBack):
        try:
            return [to_client(content, is_text=back.is_text) for content in back.finish()]
        except BaseException:
            failed("unrestored")
    return []


def _broken(format_name: str) -> bytes:
    return errors.answer(format_name, 503, "The answer could not be restored.", "og_none").body
