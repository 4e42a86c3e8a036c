"""Answers of OpenAI's APIs and of all that speak them: chat, completions, Responses, audio, images, files.

Sources: OpenAI API reference ("Chat completion chunk", "Completions", "Responses: streaming events",
"Conversations", "Transcription streaming events", "Image streaming events", "The request output object"),
OpenRouter ("Reasoning tokens"), Baidu ERNIE Bot API ("ERNIE"), Mistral API reference ("Chat", "FIM", "Agents").

Reasoning that is signed goes back to the provider exactly as it came, so it stays as it came here too.
"""

from __future__ import annotations

from outgate.formats.answers import LANE, OPAQUE, SOURCE, SOURCE_LANE, WHOLE, Format, Spot, named

_SAID_ONCE = named("id type role")
_AUDIO = named("id data")
# Signed or encrypted (OpenRouter and others); ``reasoning`` and ``reasoning_content`` beside it are plain.
_SIGNED = named("reasoning_details thinking_blocks")
_THOUGHTS = named("thinking")  # Mistral's blocks of content, which may have a signature
_DELTA = Spot(
    lane=True,
    blocks=_THOUGHTS,
    after={"content": ("reasoning", "reasoning_content")},
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
    blocks=_THOUGHTS,
    members={
        **_SAID_ONCE,
        **_SIGNED,
        "tool_calls": Spot(members={**_SAID_ONCE, "function": Spot(members={"arguments": SOURCE})}),
        "function_call": Spot(members={"arguments": SOURCE}),
        "audio": Spot(members=_AUDIO),
    },
)
CHOICE = Spot(
    by=("index",),
    stops=frozenset({"finish_reason", "stop_reason"}),
    members={
        "delta": _DELTA,
        "message": _MESSAGE,
        "text": LANE,
        **named("logprobs finish_reason stop_reason"),
    },
)
OPENAI_CHAT = Format(
    Spot(
        stops=frozenset({"error", "is_end"}),
        members={
            "choices": CHOICE,
            "result": LANE,  # Baidu's chat of old: one text, ended by ``is_end``
            **named("id object model provider system_fingerprint service_tier obfuscation usage"),
        },
    ),
    repeated=frozenset({"index", "finish_reason", "type"}),
)

# --- Responses and conversations ------------------------------------------------------------------

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
# ``data`` is a list of items, as a conversation or a stored response gives them.
_EVENT = {**_IDS, "response": _RESPONSE, "item": _ITEM, "part": _ITEM, "output": _ITEM, "data": _ITEM}
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

# --- Audio, images, files -------------------------------------------------------------------------

_SOUND = named("audio logprobs usage segment_id id")
OPENAI_AUDIO = Format(
    Spot(
        members=_SOUND,
        blocks={
            "transcript.text.delta": Spot(
                by=("segment_id",), members={**_SOUND, "type": OPAQUE, "delta": LANE}
            ),
            # It has as its id what the deltas have as their segment's.
            "transcript.text.segment": Spot(by=("id",), members=_SOUND, ends=True),
            "transcript.text.done": Spot(members=_SOUND, ends=True),
            "error": Spot(ends=True),
        },
    ),
    repeated=frozenset(),
)
OPENAI_IMAGES = Format(Spot(members=named("b64_json partial_image_b64 usage")))
# A file of results has an answer of some API in each line; any other file is read string by string.
_BODY = Spot(
    members={
        "choices": CHOICE,
        "output": _ITEM,
        **named("id object model system_fingerprint service_tier usage data"),
    }
)
OPENAI_FILES = Format(
    Spot(names=True, members={"response": Spot(members={"body": _BODY, "request_id": OPAQUE})})
)
