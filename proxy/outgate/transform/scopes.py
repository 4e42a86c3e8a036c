"""Whose placeholders a request's are: only in the same scope does one come back as its value.

A scope is a name such as ``user:alice``. Who is not identified is told by the client's address. Knows
nothing of how placeholders are made.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator

from outgate.model import BODY, Document, Exchange, Role, Scope

_LENGTH = 32  # hex digits of a conversation's name
_MESSAGE = re.compile(r"[^\[]*\[\d+\]")


def scope_of(kind: Scope, exchange: Exchange, document: Document, key: bytes) -> str:
    """The name of a request's scope. Linear in the first message.

    A group's members are those with exactly the same groups; who has none is alone. A conversation
    is told by who leads it and by the words of its first message from the user, which every request
    of it repeats; they are hashed with ``key``, so that the name tells nothing. A request that repeats
    nothing (its history is the provider's) begins another conversation, and so does one whose client
    has shortened the history. All messages of a WebSocket are one.
    """
    identity = exchange.identity
    if kind == "group" and identity.groups:
        return "group:" + "\n".join(sorted(set(identity.groups)))
    person = f"user:{identity.user}" if identity.user else f"address:{exchange.client}"
    if kind != "conversation":
        return person
    words = (exchange.connection,) if exchange.websocket else _first_message(document)
    told = "\0".join((person, *words)).encode("utf-8", "surrogatepass")
    return f"conversation:{hmac.digest(key, told, 'sha256').hex()[:_LENGTH]}"


def _first_message(document: Document) -> Iterator[str]:
    """The texts of the first of a list's members that has words of the user: ``messages[1].content[0].text``."""
    first: str | None = None
    for segment in document.segments:
        if segment.role is not Role.USER or segment.part != BODY:
            continue
        found = _MESSAGE.match(segment.place)
        place = found[0] if found else segment.place
        if first is None:
            first = place
        elif place != first:
            return
        yield segment.text
