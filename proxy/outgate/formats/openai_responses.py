"""OpenAI Responses, conversations, their items, and WebSocket events (OpenAI API reference, under these names).

``response.create`` over a WebSocket has the fields of the request at its top, so one shape reads both.
"""

from __future__ import annotations

from collections.abc import Mapping

from outgate.formats.openai_chat import FILE, SPEAKERS
from outgate.formats.shape import (
    MEDIA,
    OPAQUE,
    PLAIN,
    SYSTEM,
    TOOL_CALL,
    TOOL_DEFINITION,
    TOOL_RESULT,
    Place,
)
from outgate.model import Role

_BLOCK = Place(
    members={
        "image_url": Place(members={"url": MEDIA}, media=True),
        "input_audio": Place(members={"data": MEDIA}),
        "audio": MEDIA,
        "file_data": MEDIA,
        "file_id": OPAQUE,
        "file": FILE,
        "encrypted_content": OPAQUE,
    }
)
_CONTENT = Place(items=_BLOCK)
_IDS: Mapping[str, Place] = {
    "id": OPAQUE,
    "call_id": OPAQUE,
    "approval_request_id": OPAQUE,
    "container_id": OPAQUE,
    "encrypted_content": OPAQUE,
    "fingerprint": OPAQUE,
}
_OUTPUT: Mapping[str, Place] = {
    "output": Place(Role.TOOL_RESULT, items=_BLOCK, members=_BLOCK.members),
    "outputs": TOOL_RESULT,
    "results": TOOL_RESULT,
    "result": TOOL_RESULT,
    "error": TOOL_RESULT,
}
_CALL = Place(Role.TOOL_CALL, members={**_IDS, **_OUTPUT})
_RESULT = Place(Role.TOOL_RESULT, members={**_IDS, **_OUTPUT})
_TOOLS = Place(Role.TOOL_DEFINITION, members=_IDS)
ITEM = Place(
    members={**_IDS, "content": _CONTENT, "arguments": TOOL_CALL},
    speakers=SPEAKERS,
    blocks={
        "reasoning": Place(Role.ASSISTANT, members=_IDS),
        "compaction": Place(Role.ASSISTANT, members=_IDS),
        "program": _CALL,
        "mcp_approval_request": _CALL,
        "mcp_list_tools": _TOOLS,
        "additional_tools": _TOOLS,
        "image_generation_call": Place(Role.TOOL_CALL, members={**_IDS, "result": MEDIA}),
    },
    endings=(("_output", _RESULT), ("_call", _CALL)),
)
PROMPT = Place(Role.USER, members={"id": OPAQUE, "variables": Place(others=_BLOCK, items=_BLOCK)})

ROOT = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "stream": PLAIN,
        "input": Place(Role.USER, items=ITEM),
        "items": Place(Role.USER, items=ITEM),
        "instructions": SYSTEM,
        "tools": TOOL_DEFINITION,
        "prompt": PROMPT,
        "text": Place(members={"format": TOOL_DEFINITION}),
        "previous_response_id": OPAQUE,
        "conversation": Place(members={"id": OPAQUE}, opaque=True),
    },
)
