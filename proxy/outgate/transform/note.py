"""A line for the model: words that stand for values are to be copied as they are.

It goes into the format's own place for instructions: at the end of what the client says there, or as
the only thing there. It depends on nothing but the shape of the request, so it stands at the same
place in every turn. Bodies of another shape are left without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from outgate.wire import WireError, json_spans
from outgate.wire.json_spans import Container, Kind, Scalar, Tree

TEXT = (
    "Words such as EMAIL_ADDRESS_ab2cd3ef4gh5 stand for values that are not shown here. "
    "Where you need such a value, copy its word exactly."
)
_TOLD = json.dumps(TEXT)[1:-1].encode("ascii")
_OPENING = re.compile(rb"\s*\{")
_LIST = re.compile(rb"\s*:\s*\[")


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a format has instructions: ``names`` of a member of the request, and how it is written anew."""

    names: tuple[str, ...]
    needs: str  # a member that requests of this kind have
    new: bytes
    never: frozenset[str] = frozenset()  # members beside which there may be no instructions
    not_at: tuple[str, ...] = ()  # ends of paths that take none


_SLOTS: Mapping[str, _Slot] = {
    "openai_responses": _Slot(("instructions",), "input", b'"instructions":"%s",'),
    "anthropic_messages": _Slot(("system",), "messages", b'"system":"%s",'),
    "gemini": _Slot(
        ("systemInstruction", "system_instruction"),
        "contents",
        b'"systemInstruction":{"parts":[{"text":"%s"}]},',
        frozenset({"cachedContent", "cached_content"}),
        (":countTokens",),
    ),
    "gemini_interactions": _Slot(
        ("system_instruction",), "model", b'"system_instruction":"%s",', frozenset({"cached_content"})
    ),
    # Only where it begins, and with no agent, may a conversation be given instructions: there it names a model.
    "mistral_conversations": _Slot(("instructions",), "model", b'"instructions":"%s",'),
}
_CHATS = frozenset({"openai_chat", "cohere_chat", "ollama"})
_CHAT_MESSAGE = b'{"role":"system","content":"%s"},'
_CHAT_SYSTEM = frozenset({"system", "developer"})


def added(format_name: str, path: str, body: bytes) -> bytes | None:
    """``body`` with the line, or None where the format or the shape has no place for it. Linear.

    ``path`` is normalised, without the query.
    """
    slot = _SLOTS.get(format_name)
    if (slot is None and format_name not in _CHATS) or (slot and path.endswith(slot.not_at)):
        return None
    try:
        tree = json_spans.scan(body)
    except WireError:
        return None  # JSON lines, a form: read as something else
    if not tree.containers or not tree.containers[0].is_object:
        return None
    if slot is None:
        return _in_chat(tree, body)
    members = {s.text for s in tree.scalars if s.kind is Kind.KEY and s.container is tree.containers[0]}
    if slot.needs not in members or members & slot.never:
        return None
    name = next((name for name in slot.names if name in members), None)
    if name is not None:
        return _appended(body, _texts(tree, tree.containers[0], name))
    opening = _OPENING.match(body)
    return _inserted(body, opening.end(), slot.new % _TOLD) if opening else None


def _in_chat(tree: Tree, body: bytes) -> bytes | None:
    """Chat completions have no such member: there the first message is the system's."""
    root = tree.containers[0]
    first = next((c for c in tree.containers if _is_first_message(c)), None)
    if first is None:
        return None
    for scalar in tree.scalars:
        if scalar.container is first and scalar.key == "role" and scalar.text in _CHAT_SYSTEM:
            return _appended(body, _texts(tree, first, "content"))
    key = next(s for s in tree.scalars if s.kind is Kind.KEY and s.text == "messages" and s.container is root)
    opening = _LIST.match(body, key.end)
    return _inserted(body, opening.end(), _CHAT_MESSAGE % _TOLD) if opening else None


def _is_first_message(container: Container) -> bool:
    messages = container.parent
    within = messages is not None and messages.depth == 1 and messages.key == "messages"
    return within and container.is_object and container.key == 0


def _texts(tree: Tree, container: Container, name: str) -> list[Scalar]:
    """The texts of a member: itself, or each ``text`` of what it lists."""
    found: list[Scalar] = []
    inside: dict[int, bool] = {}
    for each in tree.containers:
        parent = each.parent
        inside[id(each)] = parent is not None and (
            inside[id(parent)] or (parent is container and each.key == name)
        )
    for scalar in tree.scalars:
        if scalar.kind is not Kind.STRING or scalar.container is None:
            continue
        itself = scalar.container is container and scalar.key == name
        if itself or (scalar.key == "text" and inside[id(scalar.container)]):
            found.append(scalar)
    return found


def _appended(body: bytes, texts: list[Scalar]) -> bytes | None:
    return _inserted(body, texts[-1].end - 1, rb"\n\n" + _TOLD) if texts else None


def _inserted(body: bytes, at: int, new: bytes) -> bytes:
    return b"".join((body[:at], new, body[at:]))
