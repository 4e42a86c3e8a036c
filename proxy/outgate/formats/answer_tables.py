"""The answers of each API family, as trees of spots (see ``answers``).

Sources: OpenAI API reference ("Chat completion chunk", "Completions", "Responses: streaming events"),
Anthropic API reference ("Streaming messages"), Gemini API and Vertex AI reference
("GenerateContentResponse", and "FunctionCall" for arguments that come in parts), OpenRouter ("Reasoning
tokens"), Amazon Bedrock API reference ("Converse", "ConverseStream").

Reasoning that is signed goes back to the provider exactly as it came, so it stays as it came here too.
"""

from __future__ import annotations

from collections.abc import Mapping

from outgate.formats.answer_tables_live import GEMINI_LIVE, OPENAI_REALTIME
from outgate.formats.answers import LANE, OPAQUE, SOURCE, SOURCE_LANE, WHOLE, Format, Spot, named

GENERIC = Format(WHOLE)

# --- OpenAI chat completions and completions ------------------------------------------------------

_SAID_ONCE = named("id type role")
_AUDIO = named("id data")
# Signed or encrypted (OpenRouter and others); ``reasoning`` and ``reasoning_content`` beside it are plain.
_SIGNED = {"reasoning_details": OPAQUE}
_DELTA = Spot(
    lane=True,
    members={
        **_SAID_ONCE,
        **_SIGNED,
        "tool_calls": Spot(
            by=("index",),
            members={
                **_SAID_ONCE,
                "function": Spot(members={"arguments": SOURCE_LANE}),
                "custom": Spot(members={"input": LANE}),
            },
        ),
        "function_call": Spot(members={"arguments": SOURCE_LANE}),
        "audio": Spot(lane=True, members=_AUDIO),
        "annotations": WHOLE,
    },
)
_MESSAGE = Spot(
    members={
        **_SAID_ONCE,
        **_SIGNED,
        "tool_calls": Spot(members={**_SAID_ONCE, "function": Spot(members={"arguments": SOURCE})}),
        "function_call": Spot(members={"arguments": SOURCE}),
        "audio": Spot(members=_AUDIO),
    }
)
_CHOICE = Spot(
    by=("index",),
    stops=frozenset({"finish_reason"}),
    members={
        "delta": _DELTA,
        "message": _MESSAGE,
        "text": LANE,
        "logprobs": OPAQUE,
        "finish_reason": OPAQUE,
    },
)
OPENAI_CHAT = Format(
    Spot(
        stops=frozenset({"error"}),
        members={
            "choices": _CHOICE,
            **named("id object model provider system_fingerprint service_tier obfuscation usage"),
        },
    ),
    repeated=frozenset({"index", "finish_reason"}),
)

# --- OpenAI Responses -----------------------------------------------------------------------------

_IDS = named(
    """
    id item_id call_id response_id previous_response_id approval_request_id container_id file_id
    encrypted_content fingerprint type object status role obfuscation logprobs partial_image_b64
    """
)
_ITEM = Spot(
    members={**_IDS, "arguments": SOURCE},
    blocks={"image_generation_call": Spot(members={**_IDS, "result": OPAQUE})},
)
_RESPONSE = Spot(members={**_IDS, "output": _ITEM, "tools": WHOLE, "metadata": WHOLE})
_EVENT = {**_IDS, "response": _RESPONSE, "item": _ITEM, "part": _ITEM, "output": _ITEM}
# Several answers may come over one WebSocket, each with the ``stream_id`` that its request had.
_LANE_OF = ("stream_id", "output_index", "content_index", "summary_index", "command_index")
_DELTA_EVENT = Spot(by=_LANE_OF, members={**_IDS, "delta": LANE})
_SOURCE_EVENT = Spot(by=_LANE_OF, members={**_IDS, "delta": SOURCE_LANE})
_LAST = Spot(by=("stream_id",), ends=True, members=_EVENT)
OPENAI_RESPONSES = Format(
    Spot(
        members=_EVENT,
        blocks={
            "*.delta": _DELTA_EVENT,
            "*.done": Spot(by=_LANE_OF, ends=True, members={**_EVENT, "arguments": SOURCE}),
            "response.function_call_arguments.delta": _SOURCE_EVENT,
            "response.mcp_call_arguments.delta": _SOURCE_EVENT,
            "response.audio.delta": OPAQUE,
            "response.output_item.done": Spot(by=("stream_id", "output_index"), ends=True, members=_EVENT),
            "response.completed": _LAST,
            "response.failed": _LAST,
            "response.incomplete": _LAST,
            "error": _LAST,
        },
    ),
    counter="sequence_number",
)

# --- Anthropic Messages ---------------------------------------------------------------------------

_MARKS = named(
    """
    id type role model tool_use_id file_id signature stop_reason
    encrypted_content encrypted_index encrypted_stdout
    """
)
_BLOCK = Spot(
    members={**_MARKS, "input": WHOLE},
    blocks=named("thinking redacted_thinking compaction"),
)
_BLOCK_DELTA = Spot(
    members=_MARKS,
    blocks={
        "text_delta": Spot(members={**_MARKS, "text": LANE}),
        "input_json_delta": Spot(members={**_MARKS, "partial_json": SOURCE_LANE}),
        **named("thinking_delta signature_delta compaction_delta"),
    },
)
ANTHROPIC_MESSAGES = Format(
    Spot(
        members={**_MARKS, "content": _BLOCK},
        blocks={
            "content_block_start": Spot(by=("index",), members={**_MARKS, "content_block": _BLOCK}),
            "content_block_delta": Spot(by=("index",), members={**_MARKS, "delta": _BLOCK_DELTA}),
            "content_block_stop": Spot(by=("index",), ends=True),
            "message_stop": Spot(ends=True),
            "error": Spot(ends=True),
        },
    ),
    repeated=frozenset({"type"}),
)

# --- Gemini and Vertex AI -------------------------------------------------------------------------

_CALL = Spot(
    members={
        "id": OPAQUE,
        "args": WHOLE,
        "partialArgs": Spot(
            by=("jsonPath",), goes_on="willContinue", members={"jsonPath": OPAQUE, "stringValue": LANE}
        ),
    }
)
# A client joins the texts of a candidate's parts, those of thoughts apart.
_PART = Spot(
    by=tuple("thought functionCall functionResponse executableCode codeExecutionResult inlineData".split()),
    in_turn=True,
    members={
        "text": LANE,
        "functionCall": _CALL,
        "functionResponse": WHOLE,
        "executableCode": WHOLE,
        "codeExecutionResult": WHOLE,
        **named("thoughtSignature inlineData fileData"),
    },
)
_CANDIDATE = Spot(
    by=("index",),
    stops=frozenset({"finishReason"}),
    members={
        "content": Spot(members={"parts": _PART, "role": OPAQUE}),
        "finishReason": OPAQUE,
        "logprobsResult": OPAQUE,
    },
)
GEMINI = Format(
    Spot(
        stops=frozenset({"error"}),
        members={"candidates": _CANDIDATE, **named("modelVersion responseId usageMetadata")},
    ),
    repeated=frozenset({"index", "role", "thought", "jsonPath", "willContinue"}),
)

# --- Amazon Bedrock, Converse ---------------------------------------------------------------------

_CONVERSE_BLOCK = Spot(
    members={
        **named("reasoningContent bytes toolUseId"),
        "toolUse": Spot(members={"toolUseId": OPAQUE, "input": WHOLE}),
    }
)
# Messages of a stream tell their kind in a header; within, the end of a block is what has no delta.
BEDROCK_CONVERSE = Format(
    Spot(
        by=("contentBlockIndex",),
        goes_on="delta",
        members={
            "output": _CONVERSE_BLOCK,
            "start": _CONVERSE_BLOCK,
            "delta": Spot(
                members={
                    "text": LANE,
                    "toolUse": Spot(members={"input": SOURCE_LANE}),
                    "reasoningContent": OPAQUE,
                }
            ),
            "p": OPAQUE,
        },
    )
)

TABLES: Mapping[str, Format] = {
    "openai_chat": OPENAI_CHAT,
    "openai_completions": OPENAI_CHAT,
    "openai_responses": OPENAI_RESPONSES,
    "anthropic_messages": ANTHROPIC_MESSAGES,
    "gemini": GEMINI,
    "bedrock_converse": BEDROCK_CONVERSE,
    "bedrock_invoke": ANTHROPIC_MESSAGES,
    "openai_realtime": OPENAI_REALTIME,
    "gemini_live": GEMINI_LIVE,
}


def table(format_name: str) -> Format:
    """The answers of a format by its name; of one that has no table, every string in itself."""
    return TABLES.get(format_name, GENERIC)
