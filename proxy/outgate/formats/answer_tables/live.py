"""The answers of APIs that speak over a WebSocket, as trees of spots (see ``answers``).

Sources: OpenAI API reference ("Realtime: server events", in the names of today and those of the beta; "Realtime
translation"; "Live: server events", which hand on those of Responses), Gemini API reference ("Live API: WebSockets",
BidiGenerateContentServerMessage).
"""

from __future__ import annotations

from outgate.formats.answers import LANE, OPAQUE, SOURCE, SOURCE_LANE, WHOLE, Format, Spot, named

# --- OpenAI Realtime and Live ---------------------------------------------------------------------

_IDS = named(
    """
    id item_id previous_item_id response_id call_id conversation_id session_id
    approval_request_id delegation_id type object status role logprobs usage obfuscation
    """
)
_PART = Spot(members={**_IDS, "audio": OPAQUE, "image_url": OPAQUE})
_ITEM = Spot(members={**_IDS, "content": _PART, "arguments": SOURCE, "tools": WHOLE})
_SETTINGS = Spot(
    members={**_IDS, "output": _ITEM, "tools": WHOLE, "prompt": WHOLE, "tracing": WHOLE, "metadata": WHOLE}
)
_EVENT = {
    **_IDS,
    "item": _ITEM,
    "part": _PART,
    "session": _SETTINGS,
    "response": _SETTINGS,
    "audio": OPAQUE,
    "arguments": SOURCE,
}
_LANE_OF = ("response_id", "output_index", "item_id", "content_index")
_SOURCE_EVENT = Spot(by=_LANE_OF, members={**_EVENT, "delta": SOURCE_LANE})
_ENDED = Spot(by=_LANE_OF, ends=True, members=_EVENT)
# What is said in a session that has no items, by either side.
_TRANSCRIPT = Spot(by=("type",), members={**_EVENT, "delta": LANE})
_CLOSED = Spot(ends=True, members=_EVENT)
OPENAI_REALTIME = Format(
    Spot(
        members=_EVENT,
        blocks={
            "*.delta": Spot(by=_LANE_OF, members={**_EVENT, "delta": LANE}),
            "*.done": _ENDED,
            "response.function_call_arguments.delta": _SOURCE_EVENT,
            "response.mcp_call_arguments.delta": _SOURCE_EVENT,
            **named("response.output_audio.delta response.audio.delta session.output_audio.delta"),
            "conversation.item.input_audio_transcription.completed": _ENDED,
            "conversation.item.input_audio_transcription.failed": _ENDED,
            "response.output_item.done": Spot(by=("response_id", "output_index"), ends=True, members=_EVENT),
            "conversation.item.done": Spot(members=_EVENT),  # of which its response tells the end
            "response.done": Spot(by=("response.id",), ends=True, members=_EVENT),
            "session.input_transcript.delta": _TRANSCRIPT,
            "session.output_transcript.delta": _TRANSCRIPT,
            "session.closed": _CLOSED,
        },
    ),
    repeated=frozenset({"type", "item_id", "output_index", "content_index"}),
)

# --- Gemini Live ----------------------------------------------------------------------------------

# A client joins the texts of a turn's parts, those of thoughts apart.
_TURN_PART = Spot(
    by=tuple("thought functionCall functionResponse executableCode codeExecutionResult inlineData".split()),
    in_turn=True,
    members={
        "text": LANE,
        **dict.fromkeys("functionCall functionResponse executableCode codeExecutionResult".split(), WHOLE),
        **named("thoughtSignature inlineData fileData"),
    },
)
_SPOKEN = Spot(stops=frozenset({"finished"}), members={"text": LANE, "words": WHOLE, "languageCode": OPAQUE})
GEMINI_LIVE = Format(
    Spot(
        members={
            "serverContent": Spot(
                # Not ``generationComplete``: a transcript keeps no order with the turn, and may go on after it.
                stops=frozenset({"turnComplete", "interrupted"}),
                members={
                    "modelTurn": Spot(members={"parts": _TURN_PART, "role": OPAQUE}),
                    "inputTranscription": _SPOKEN,
                    "outputTranscription": _SPOKEN,
                    "turnCompleteReason": OPAQUE,
                },
            ),
            "toolCall": Spot(members={"functionCalls": Spot(members={"id": OPAQUE, "args": WHOLE})}),
            **named(
                "setupComplete sessionResumptionUpdate toolCallCancellation goAway usageMetadata voiceActivity"
            ),
        },
    ),
    repeated=frozenset({"role", "thought"}),
)
