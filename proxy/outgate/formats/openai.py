"""OpenAI's API family: chat completions, Responses, completions and embeddings.

Shapes of the OpenAI API reference ("Create chat completion", "Create a model response" with its
input items, "Create completion", "Create embeddings"), and of all that speak it.
"""

from __future__ import annotations

from outgate.formats.roles import Shape
from outgate.model import Role

_SPEAKERS = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL_RESULT,
    "function": Role.TOOL_RESULT,
}


def _opaque(key: str, block: str | None) -> bool:
    if key in (
        "encrypted_content",
        "previous_response_id",
        "call_id",
        "tool_call_id",
        "file_id",
        "prompt_cache_key",
    ):
        return True
    return key == "id" and block in (
        "function",
        "function_call",
        "function_call_output",
        "reasoning",
        "message",
    )


CHAT = Shape(
    keys={
        "messages": Role.USER,
        "tool_calls": Role.TOOL_CALL,
        "function_call": Role.TOOL_CALL,
        "tools": Role.TOOL_DEFINITION,
        "functions": Role.TOOL_DEFINITION,
        "response_format": Role.TOOL_DEFINITION,
        "prediction": Role.USER,
    },
    speakers=_SPEAKERS,
    opaque=_opaque,
)

RESPONSES = Shape(
    keys={
        "input": Role.USER,
        "instructions": Role.SYSTEM,
        "tools": Role.TOOL_DEFINITION,
        "prompt": Role.USER,
        "arguments": Role.TOOL_CALL,
    },
    speakers=_SPEAKERS,
    types={
        "function_call": Role.TOOL_CALL,
        "custom_tool_call": Role.TOOL_CALL,
        "mcp_call": Role.TOOL_CALL,
        "local_shell_call": Role.TOOL_CALL,
        "function_call_output": Role.TOOL_RESULT,
        "custom_tool_call_output": Role.TOOL_RESULT,
        "local_shell_call_output": Role.TOOL_RESULT,
        "computer_call_output": Role.TOOL_RESULT,
        "reasoning": Role.ASSISTANT,
    },
    once=frozenset({"model", "input", "instructions", "stream"}),
    opaque=_opaque,
)

COMPLETIONS = Shape(
    keys={"prompt": Role.USER, "suffix": Role.USER},
    once=frozenset({"model", "prompt", "stream"}),
    opaque=_opaque,
)
EMBEDDINGS = Shape(keys={"input": Role.USER}, once=frozenset({"model", "input"}), opaque=_opaque)
