"""Answers of the stand-in that say again what they were asked, in the shape of each API; a character an event.

Each has the words as its text, and calls a tool with them where the API has tools.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from providers.standin import Script

JSON, EVENTS = "application/json", "text/event-stream"


def sse(*events: dict[str, Any], named: bool = False) -> list[bytes]:
    return [
        (f"event: {event['type']}\n" if named else "").encode() + f"data: {json.dumps(event)}\n\n".encode()
        for event in events
    ]


def said(asked: dict[str, Any]) -> str:
    """The words of the last message, wherever the API keeps them."""
    if "contents" in asked:
        return asked["contents"][-1]["parts"][0]["text"]
    for name in ("input", "prompt"):
        if isinstance(asked.get(name), str):
            return str(asked[name])
    content = (asked.get("messages") or asked["input"])[-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def chat(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
    """OpenAI's chat completions: the words again, and a tool that is called with them; a character an event."""
    words = said(asked)
    arguments = json.dumps({"to": words})
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "send", "arguments": ""}}
    if not asked.get("stream"):
        whole = {**call, "function": {"name": "send", "arguments": arguments}}
        message = {"role": "assistant", "content": words, "tool_calls": [whole]}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return JSON, [json.dumps(answer).encode()]

    def chunk(delta: dict[str, Any], end: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": end}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    deltas = [chunk({"content": character}) for character in words]
    deltas.append(chunk({"tool_calls": [call]}))
    deltas += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": sign}}]}) for sign in arguments]
    return EVENTS, [*sse(*deltas, chunk({}, "tool_calls")), b"data: [DONE]\n\n"]


def messages(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
    """Anthropic's messages, likewise."""
    words = said(asked)
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    message |= {"usage": {"input_tokens": 1, "output_tokens": 1}, "stop_reason": None}
    tool = {"type": "tool_use", "id": "toolu_1", "name": "send", "input": {}}
    if not asked.get("stream"):
        content = [{"type": "text", "text": words}, {**tool, "input": {"to": words}}]
        return JSON, [json.dumps({**message, "content": content, "stop_reason": "tool_use"}).encode()]

    def block(index: int, kind: dict[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {"type": "content_block_start", "index": index, "content_block": kind},
            *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": index},
        ]

    texts = [{"type": "text_delta", "text": sign} for sign in words]
    parts = [{"type": "input_json_delta", "partial_json": sign} for sign in json.dumps({"to": words})]
    return EVENTS, sse(
        {"type": "message_start", "message": {**message, "content": []}},
        *block(0, {"type": "text", "text": ""}, texts),
        *block(1, tool, parts),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
        named=True,
    )


def gemini(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
    """Gemini's, likewise; its calls come whole."""
    words = said(asked)
    call = {"functionCall": {"name": "send", "args": {"to": words}}}

    def answer(*parts: dict[str, Any]) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0}]}

    if "stream" in path:
        return EVENTS, sse(*(answer({"text": sign}) for sign in words), answer(call))
    return JSON, [json.dumps(answer({"text": words}, call)).encode()]


def responses(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
    """OpenAI's responses, likewise, with the whole text once more at the end."""
    words = said(asked)
    part = {"type": "output_text", "text": words, "annotations": []}
    item = {"id": "m1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    whole = {"id": "r1", "object": "response", "created_at": 1, "status": "completed", "model": "m"}
    whole |= {"output": [item], "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    if not asked.get("stream"):
        return JSON, [json.dumps(whole).encode()]
    place = {"item_id": "m1", "output_index": 0, "content_index": 0, "logprobs": []}
    deltas = [{"type": "response.output_text.delta", "delta": sign, **place} for sign in words]
    steps = [*deltas, {"type": "response.output_text.done", "text": words, **place}]
    steps.append({"type": "response.completed", "response": whole})
    return EVENTS, sse(*({**step, "sequence_number": n} for n, step in enumerate(steps)), named=True)


def made(api: Any) -> Script:
    """An API that is made up in the unit tests: the same words in each of its texts and arguments."""

    def script(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
        words = next(text for text in strings(asked) if text.startswith("Write"))
        texts = dict.fromkeys(api.texts, words) | dict.fromkeys(api.arguments, json.dumps({"to": words}))
        if asked.get("stream") or "stream" in path.rpartition("/")[2]:
            return api.content_type, api.stream([(lane, sign) for lane in texts for sign in texts[lane]])
        return JSON, [api.answer(texts)]

    return script


def strings(value: Any) -> Iterator[str]:
    """Those of a JSON document, the last one first."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in reversed(list(value.values() if isinstance(value, dict) else value)):
            yield from strings(inner)


def chat_of_mistral(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
    """As ``chat``, with the call whole in one event."""
    kind, pieces = chat(path, asked)
    if kind == JSON:
        return JSON, [json.dumps({**json.loads(pieces[0]), "usage": {"total_tokens": 1}}).encode()]
    whole = {"name": "send", "arguments": json.dumps({"to": said(asked)})}
    rows = [json.loads(piece.removeprefix(b"data: ")) for piece in pieces[:-1]]
    rows = [row for row in rows if "tool_calls" not in row["choices"][0]["delta"]]
    call = {"tool_calls": [{"index": 0, "id": "call_1", "function": whole}]}
    rows[-1]["choices"][0]["delta"] = call
    return EVENTS, [*sse(*rows), pieces[-1]]
