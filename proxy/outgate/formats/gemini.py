"""Gemini and Vertex AI: generateContent, countTokens, cached contents, batches, the Live API; Gemini Code Assist.

Shapes of the Gemini API reference ("Generating content", "Caching", "Batch API", "Live API: WebSockets"), in
both spellings of its JSON (lowerCamelCase and snake_case, which protobuf's JSON mapping accepts alike). Code
Assist wraps the same request in ``request``, token counting in ``generateContentRequest``.
"""

from __future__ import annotations

from collections.abc import Mapping

from outgate.formats.shape import MEDIA, OPAQUE, PLAIN, SYSTEM, TOOL_DEFINITION, WHOLE, Place
from outgate.model import Role


def _both(members: Mapping[str, Place]) -> dict[str, Place]:
    """Members under their snake_case and their lowerCamelCase name."""
    both = dict(members)
    for name, place in members.items():
        first, *rest = name.split("_")
        both[first + "".join(word.capitalize() for word in rest)] = place
    return both


_media = _both(
    {
        "inline_data": Place(members={"data": MEDIA}),
        "file_data": Place(members=_both({"file_uri": OPAQUE})),
    }
)
_call = Place(Role.TOOL_CALL, members={"id": OPAQUE, "args": WHOLE})
_result = Place(
    Role.TOOL_RESULT, members={"id": OPAQUE, "response": WHOLE, "parts": Place(items=Place(members=_media))}
)
_parts = Place(
    items=Place(
        members=_media
        | _both(
            {
                "thought_signature": OPAQUE,
                "function_call": _call,
                "function_response": _result,
                "tool_call": _call,
                "tool_response": _result,
                "executable_code": _call,
                "code_execution_result": _result,
            }
        )
    )
)
_SPEAKERS = {
    "user": Role.USER,
    "model": Role.ASSISTANT,
    "function": Role.TOOL_RESULT,
    "tool": Role.TOOL_RESULT,
    "system": Role.SYSTEM,
}
_content = Place(members={"parts": _parts}, speakers=_SPEAKERS)
_schemas = Place(members=_both({"response_schema": TOOL_DEFINITION, "response_json_schema": TOOL_DEFINITION}))
_turns = Place(Role.USER, items=_content, members=_content.members, speakers=_SPEAKERS)
_request = _both(
    {
        "model": PLAIN,
        "contents": _turns,
        "system_instruction": Place(SYSTEM.role, members={"parts": _parts}),
        "tools": TOOL_DEFINITION,
        "generation_config": _schemas,
        "cached_content": OPAQUE,
    }
)
_inlined = Place(members={"requests": Place(items=Place(members={"request": Place(members=_request)}))})
_batch = Place(members=_both({"input_config": Place(members={"requests": _inlined})}))
ROOT = Place(
    Role.METADATA,
    members=_request
    | _both(
        {
            "batch": _batch,
            "request": Place(members=_request),
            "generate_content_request": Place(members=_request),
        }
    ),
)

_chunk = Place(members={"data": MEDIA})
# What a message of the Live API holds that is not named here is the user's.
LIVE = Place(
    Role.USER,
    members=_both(
        {
            "setup": Place(
                Role.METADATA,
                members=_request | _both({"session_resumption": Place(members={"handle": OPAQUE})}),
            ),
            "client_content": Place(members={"turns": _turns}),
            "realtime_input": Place(
                members=_both({"audio": _chunk, "video": _chunk, "media_chunks": Place(items=_chunk)})
            ),
            "tool_response": Place(
                Role.TOOL_RESULT, members=_both({"function_responses": Place(items=_result)})
            ),
        }
    ),
)
