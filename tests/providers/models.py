"""A model at the other end of a coding agent, in the words of three APIs.

It is asked to run a command: it has the agent's shell do so, and then says what the shell showed. Its
answers are streamed, a few characters an event. To whatever else an agent asks of its provider
(settings, models, a title) the answer is an empty object or a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

ACCOUNT = "account-of-a-test"  # of ChatGPT
JSON, EVENTS = "application/json", "text/event-stream"
_ASKED = re.compile(r"Run this: (.+?) \(end of the command\)")
_WORDS = "Understood."

Answer = tuple[str, list[bytes]]


def prompt(command: str) -> str:
    """What to ask an agent, so that the model understands it."""
    return f"Run this: {command} (end of the command)"


def anthropic(path: str, asked: dict[str, Any]) -> Answer:
    """Anthropic's Messages: ``Bash`` is Claude Code's shell."""
    if path.endswith("/policy_limits"):
        return JSON, [b'{"restrictions": {}}']
    if not path.endswith("/messages"):
        return _nothing()
    shown = _shown(asked["messages"], ("tool_result",), "content")
    command = _asked(asked["messages"])
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"], "content": []}
    start |= {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
    if command and shown is None and asked.get("tools"):
        block = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}
        arguments = json.dumps({"command": command, "description": "As asked"})
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(arguments)]
        end = "tool_use"
    else:
        block, end = {"type": "text", "text": ""}, "end_turn"
        deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(shown or _WORDS)]
    return EVENTS, _events(
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": end, "stop_sequence": None},
            "usage": {"output_tokens": 9},
        },
        {"type": "message_stop"},
    )


def responses(path: str, asked: dict[str, Any]) -> Answer:
    """OpenAI's Responses, as Codex asks for them; its shell is a function, or one of JavaScript's."""
    if path.endswith("/models"):
        return JSON, [b'{"models": []}']
    if path.endswith("/accounts/check"):
        where = {
            "workspace_backend_origin": "https://chatgpt.com",
            "account_routing_override": "NO_CONSTRAINT",
        }
        return JSON, [json.dumps({"accounts": [{"id": ACCOUNT, "structure": "personal", **where}]}).encode()]
    if not path.endswith("/responses"):
        return _nothing()
    return EVENTS, _events(*_response_events(asked))


def talk(path: str, message: bytes) -> list[str | bytes | None]:
    """The same over a WebSocket: an event a message. A turn says only what is new since the one before."""
    return [json.dumps(event) for event in _response_events(json.loads(message))]


def _response_events(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    shown = _shown(asked["input"], ("function_call_output", "custom_tool_call_output"), "output")
    command = _asked(asked["input"])
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": asked["model"], "output": []}
    response |= {"status": "in_progress", "parallel_tool_calls": False, "tool_choice": "auto", "tools": []}
    yield {"type": "response.created", "response": response}
    if asked.get("generate") is False:  # a connection is only made ready
        yield {"type": "response.completed", "response": {**response, "status": "completed"}}
        return
    place = {"item_id": "item_1", "output_index": 0}
    if command and shown is None:
        kind, name, field, words = _codex_call(asked, command)
        item = {"type": kind, "id": "item_1", "call_id": "call_1", "name": name, field: words}
        event = "response.custom_tool_call_input" if field == "input" else "response.function_call_arguments"
        yield {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, field: "", "status": "in_progress"},
        }
        for piece in _pieces(words):
            yield {"type": f"{event}.delta", "delta": piece, **place}
        yield {"type": f"{event}.done", field: words, **place}
        item |= {"status": "completed"}
    else:
        message = {"type": "message", "id": "item_1", "role": "assistant"}
        yield {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**message, "content": [], "status": "in_progress"},
        }
        text = shown or _WORDS
        for piece in _pieces(text):
            yield {"type": "response.output_text.delta", "delta": piece, "content_index": 0, **place}
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {**message, "content": [part], "status": "completed"}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    usage = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}
    whole = {**response, "status": "completed", "output": [item], "usage": usage}
    yield {"type": "response.completed", "response": whole}


def gemini(path: str, asked: dict[str, Any]) -> Answer:
    """Gemini's: calls come whole, and ``run_shell_command`` is the shell."""
    if not path.endswith(":streamGenerateContent"):
        return _nothing()
    shown = _shown(asked["contents"], ("functionResponse",), "response")
    command = _asked(asked["contents"])
    if command and shown is None:
        call = {"name": "run_shell_command", "args": {"command": command}}
        parts: list[dict[str, Any]] = [{"functionCall": call}]
    else:
        parts = [{"text": piece} for piece in _pieces(shown or _WORDS)]
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18}
    *first, last = [{"content": {"role": "model", "parts": [part]}, "index": 0} for part in parts]
    chunks = [*first, {**last, "finishReason": "STOP"}]
    return EVENTS, [
        b"data: " + json.dumps({"candidates": [chunk], "usageMetadata": usage}).encode() + b"\r\n\r\n"
        for chunk in chunks
    ]


def _codex_call(asked: dict[str, Any], command: str) -> tuple[str, str, str, str]:
    """A call's type, its tool, and the name and text of what it is called with."""
    source = json.dumps(command)
    if "exec_command" in {tool.get("name") for tool in asked.get("tools", ())}:
        return "function_call", "exec_command", "arguments", f'{{"cmd": {source}}}'
    script = f"const run = await tools.exec_command({{cmd: {source}}});\ntext(run.output);\n"
    return "custom_tool_call", "exec", "input", script


def _nothing() -> Answer:
    return JSON, [b"{}"]


def _pieces(text: str) -> list[str]:
    return [text[i : i + 5] for i in range(0, len(text), 5)]


def _events(*events: dict[str, Any]) -> list[bytes]:
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _asked(messages: list[Any]) -> str | None:
    found = [match[1] for text in _strings(messages) for match in _ASKED.finditer(text)]
    return found[-1] if found else None


def _shown(messages: list[Any], kinds: tuple[str, ...], field: str) -> str | None:
    """What a tool's result says, wherever among ``messages`` it stands."""
    for message in messages:
        for part in (message, *_parts(message)):
            result = part if part.get("type") in kinds else part.get(kinds[0])
            if isinstance(result, dict) and field in result:
                return "\n".join(_strings(result[field]))
    return None


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    parts = message.get("content", message.get("parts"))
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
