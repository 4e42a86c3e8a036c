"""What our proxy core tells of and asks about, besides what the library's does."""

from __future__ import annotations

from dataclasses import dataclass, field

from mitmproxy import http
from mitmproxy.connection import Client
from mitmproxy.proxy import commands

from outgate.gateway.ahead import Speaker


@dataclass
class RequestAbandonedHook(commands.StartHook):
    """The client has gone, or has taken a request back, while it was being looked at."""

    blocking = False
    flow: http.HTTPFlow


@dataclass
class RequestAheadHook(commands.StartHook):
    """A client sends on while it is being found out whether it may send anything."""

    blocking = False
    flow: http.HTTPFlow


@dataclass
class ClientRefusedHook(commands.StartHook):
    """A client sent what is no request, and was told so or cut off."""

    blocking = False
    client: Client


@dataclass(slots=True)
class Piece:
    """A piece of an answer on its way. A hook that does not say otherwise ends the answer with it."""

    flow: http.HTTPFlow
    data: bytes
    last: bool = False
    told: list[bytes] = field(default_factory=list)  # what goes on
    instead: http.Response | None = None  # what is said where nothing of the answer has been said yet
    ends: bool = True  # nothing more goes on


@dataclass
class AnswerPieceHook(commands.StartHook):
    """A piece of an answer has come of which nothing goes on before somebody has looked at it."""

    piece: Piece


@dataclass
class AnswerAheadHook(commands.StartHook):
    """More of an answer has come than is looked at in time; no more should be asked for."""

    blocking = False
    flow: http.HTTPFlow


@dataclass
class AnswerCaughtUpHook(commands.StartHook):
    """More of it can come."""

    blocking = False
    flow: http.HTTPFlow


@dataclass
class SpeakerAheadHook(commands.StartHook):
    """More of what one side of a WebSocket says has come than is looked at in time."""

    blocking = False
    speaker: Speaker


@dataclass
class SpeakerCaughtUpHook(commands.StartHook):
    """More of it can come."""

    blocking = False
    speaker: Speaker
