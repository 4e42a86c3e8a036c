"""Mistral's conversations, begun, gone on with and begun anew (Mistral API reference, "Conversations")."""

from __future__ import annotations

from outgate.formats.openai_chat import CONTENT, SPEAKERS
from outgate.formats.shape import OPAQUE, PLAIN, SYSTEM, TOOL_CALL, TOOL_DEFINITION, TOOL_RESULT, Place
from outgate.model import Role

_IDS = {"id": OPAQUE, "tool_call_id": OPAQUE}
_entry = Place(
    members={**_IDS, "content": CONTENT, "arguments": TOOL_CALL, "result": TOOL_RESULT},
    speakers=SPEAKERS,
    blocks={
        "function.call": Place(Role.TOOL_CALL, members=_IDS),
        "function.result": Place(Role.TOOL_RESULT, members=_IDS),
        "tool.execution": Place(Role.TOOL_CALL, members={**_IDS, "info": TOOL_RESULT}),
    },
)
CONVERSATIONS = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "stream": PLAIN,
        "inputs": Place(Role.USER, items=_entry),
        "instructions": SYSTEM,
        "tools": TOOL_DEFINITION,
        "completion_args": Place(
            members={"response_format": TOOL_DEFINITION, "prediction": Place(Role.USER)}
        ),
    },
)
