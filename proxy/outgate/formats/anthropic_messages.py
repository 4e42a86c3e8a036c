"""Anthropic Messages and token counting (Anthropic API reference, "Messages", and its beta blocks)."""

from __future__ import annotations

from outgate.formats.shape import MEDIA, OPAQUE, PLAIN, TOOL_DEFINITION, WHOLE, Place
from outgate.model import Role

_blocks: dict[str, Place] = {}
_citations = Place(items=Place(members={"encrypted_index": OPAQUE, "file_id": OPAQUE}))
_text = Place(members={"citations": _citations})
_use = Place(Role.TOOL_CALL, members={"id": OPAQUE, "input": WHOLE})
# What a server-side tool brought: encrypted parts, and files by id, at two depths.
_brought = Place(
    members={"encrypted_content": OPAQUE, "encrypted_stdout": OPAQUE, "file_id": OPAQUE},
)
_nested = Place(
    members={**_brought.members, "content": Place(items=_brought, members=_brought.members)},
    blocks=_blocks,
)
_result = Place(
    Role.TOOL_RESULT,
    members={"tool_use_id": OPAQUE, "content": Place(items=_nested, members=_nested.members)},
)
_BLOCK = Place(
    members={"citations": _citations, "file_id": OPAQUE, "signature": OPAQUE},
    blocks=_blocks,
    endings=(("tool_use", _use), ("tool_result", _result)),
)
_source = Place(
    blocks={
        "base64": Place(members={"data": MEDIA}),
        "file": Place(members={"file_id": OPAQUE}),
        "content": Place(members={"content": Place(items=_BLOCK)}),
    }
)
_blocks |= {
    "text": _text,
    "image": Place(members={"source": _source}),
    "document": Place(members={"source": _source, "citations": PLAIN}),
    "search_result": Place(Role.TOOL_RESULT, members={"content": Place(items=_text)}),
    "thinking": Place(members={"signature": OPAQUE}, signed=frozenset({"thinking"})),
    "redacted_thinking": Place(members={"data": OPAQUE}),
    "compaction": Place(
        members={"encrypted_content": OPAQUE, "signature": OPAQUE},
        signed=frozenset({"content", "tool_changes"}),
    ),
    "container_upload": Place(members={"file_id": OPAQUE}),
    "mcp_tool_listing": TOOL_DEFINITION,
    "tool_addition": TOOL_DEFINITION,
    "tool_removal": TOOL_DEFINITION,
}
_SPEAKERS = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}

ROOT = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "stream": PLAIN,
        "messages": Place(
            Role.USER, items=Place(members={"content": Place(items=_BLOCK)}, speakers=_SPEAKERS)
        ),
        "system": Place(Role.SYSTEM, items=_BLOCK),
        "tools": TOOL_DEFINITION,
        "container": Place(members={"id": OPAQUE}, opaque=True),
    },
)
