"""Anthropic Messages and token counting (Anthropic API reference, "Messages")."""

from __future__ import annotations

from outgate.formats.roles import Shape
from outgate.model import Role


def _opaque(key: str, block: str | None) -> bool:
    """Signed reasoning goes back exactly as it came, and ids are the provider's own."""
    if key in ("signature", "tool_use_id", "encrypted_content", "encrypted_index", "file_id", "container"):
        return True
    if block == "redacted_thinking":
        return key == "data"
    return (block == "thinking" and key == "thinking") or (
        key == "id" and bool(block and block.endswith("tool_use"))
    )


SHAPE = Shape(
    keys={"messages": Role.USER, "system": Role.SYSTEM, "tools": Role.TOOL_DEFINITION},
    speakers={"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM},
    types={
        "tool_use": Role.TOOL_CALL,
        "server_tool_use": Role.TOOL_CALL,
        "mcp_tool_use": Role.TOOL_CALL,
        "tool_result": Role.TOOL_RESULT,
        "mcp_tool_result": Role.TOOL_RESULT,
        "web_search_tool_result": Role.TOOL_RESULT,
        "code_execution_tool_result": Role.TOOL_RESULT,
        "search_result": Role.TOOL_RESULT,
    },
    once=frozenset({"model", "messages", "system", "stream"}),
    opaque=_opaque,
)
