"""Thirty turns of an agent's session over three gateways with one vault (B20-B22)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import anthropic
import httpx2

from e2e.conftest import Proxy
from e2e.test_reversible import POLICY
from providers.echo import EVENTS, sse

PLACEHOLDER = re.compile(r"(?:EMAIL_ADDRESS|PHONE_NUMBER)_[a-z2-7]{12}")
FIRST = "ada.l@analytical-engines.org"


def mail(turn: int) -> str:
    return f"roe{turn}@analytical-engines.org"


def agent(path: str, asked: dict[str, Any]) -> tuple[str, list[bytes]]:
    """Names the first placeholder that it was ever told, and calls a tool with the last; a character an event."""
    told = PLACEHOLDER.findall(json.dumps(asked["messages"]))
    text, source = f"As {told[0]} said.", json.dumps({"command": f'echo "{told[-1]}"'})
    start = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
    start |= {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    tool = {"type": "tool_use", "id": f"toolu_{len(asked['messages'])}", "name": "shell", "input": {}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, (block, kind, field, words) in enumerate(
        [
            ({"type": "text", "text": ""}, "text_delta", "text", text),
            (tool, "input_json_delta", "partial_json", source),
        ]
    ):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: sign}}
            for sign in words
        ]
        events.append({"type": "content_block_stop", "index": index})
    events.append(
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}
    )
    return EVENTS, sse(*events, {"type": "message_stop"}, named=True)


def test_each_turn_repeats_the_bytes_of_the_one_before_after_a_restart_and_from_another_worker(
    make_proxy: Callable[..., Proxy],
) -> None:
    first = make_proxy(POLICY)
    first.stand_in.script = agent
    state = str(first.folder / "state")
    second, third = (replace(make_proxy(POLICY, state_dir=state), root=first.root) for _ in range(2))
    # The second has seen nothing of the first ten turns, as after a restart; the third nothing of the first twenty.
    order = [first] * 10 + [second] * 10 + [third, first] * 5
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"{FIRST} asks: who is {mail(0)}?"}]
    bodies: list[bytes] = []
    for turn, proxy in enumerate(order):
        with httpx2.Client(proxy=proxy.url, verify=proxy.ssl, trust_env=False) as http:
            client = anthropic.Anthropic(api_key="not-a-key", http_client=http, max_retries=0)
            with client.messages.stream(model="m", max_tokens=9, messages=messages) as stream:
                answer = stream.get_final_message()
        bodies.append(proxy.received[-1].body)
        text, call = answer.content
        assert text.text == f"As {FIRST} said."
        assert call.input == {"command": f'echo "{mail(turn)}"'}
        result = {"type": "tool_result", "tool_use_id": call.id, "content": f"{mail(turn)}\n{mail(turn + 1)}"}
        messages += [
            {"role": "assistant", "content": [block.to_dict() for block in answer.content]},
            {"role": "user", "content": [result]},
        ]
    assert len(bodies) == 30
    assert not any(b"@analytical-engines.org" in body for body in bodies)
    ends = [json.dumps(json.loads(body)["messages"][-1]).encode() for body in bodies]
    assert len(set(ends)) == 30
    for before, after in pairwise(bodies):
        told, mark, _ = before.rpartition(b"]")
        assert mark and after.startswith(told)
