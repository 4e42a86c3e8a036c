"""Gemini and Vertex AI: generateContent, streamGenerateContent, countTokens.

Shapes of the Gemini API reference ("Generating content"), in both spellings of its JSON
(lowerCamelCase and snake_case, which protobuf's JSON mapping accepts alike).
"""

from __future__ import annotations

from outgate.formats.roles import Shape
from outgate.model import Role


def _opaque(key: str, _block: str | None) -> bool:
    return key in (
        "thoughtSignature",
        "thought_signature",
        "cachedContent",
        "cached_content",
        "fileUri",
        "file_uri",
    )


SHAPE = Shape(
    keys={
        "contents": Role.USER,
        "systemInstruction": Role.SYSTEM,
        "system_instruction": Role.SYSTEM,
        "tools": Role.TOOL_DEFINITION,
        "functionDeclarations": Role.TOOL_DEFINITION,
        "function_declarations": Role.TOOL_DEFINITION,
        "functionCall": Role.TOOL_CALL,
        "function_call": Role.TOOL_CALL,
        "functionResponse": Role.TOOL_RESULT,
        "function_response": Role.TOOL_RESULT,
        "responseSchema": Role.TOOL_DEFINITION,
    },
    speakers={
        "user": Role.USER,
        "model": Role.ASSISTANT,
        "function": Role.TOOL_RESULT,
        "system": Role.SYSTEM,
    },
    once=frozenset({"contents", "systemInstruction", "system_instruction", "model"}),
    opaque=_opaque,
)
