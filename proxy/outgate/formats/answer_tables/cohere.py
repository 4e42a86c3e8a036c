"""Answers of Cohere: chat of its API's versions 2 and 1, and generate.

Sources: Cohere API reference ("Chat", "Chat with Streaming", and their v1), and the types of its Python client.
"""

from __future__ import annotations

from outgate.formats.answers import LANE, OPAQUE, SOURCE, SOURCE_LANE, WHOLE, Format, Spot, named

_CALL = named("id type")
_SAID = Spot(
    members={
        "role": OPAQUE,
        "content": Spot(members={"type": OPAQUE, "text": LANE, "thinking": LANE}),
        "tool_plan": LANE,
        "tool_calls": Spot(members={**_CALL, "function": Spot(members={"arguments": SOURCE_LANE})}),
        "citations": WHOLE,
    }
)
_WHOLE = Spot(
    members={
        "role": OPAQUE,
        "content": Spot(members={"type": OPAQUE}),
        "tool_calls": Spot(members={**_CALL, "function": Spot(members={"arguments": SOURCE})}),
        "citations": WHOLE,
    }
)
_MARKS = named("id type finish_reason usage logprobs")
_DELTA = Spot(by=("index",), members={**_MARKS, "delta": Spot(members={"message": _SAID})})
_END = Spot(by=("index",), ends=True)
_LAST = Spot(ends=True, members={**_MARKS, "message": _WHOLE})
COHERE_CHAT = Format(
    Spot(
        members={**_MARKS, "message": _WHOLE},
        blocks={
            "content-start": _DELTA,
            "content-delta": _DELTA,
            "content-end": _END,
            "tool-plan-delta": _DELTA,
            # With the first call the plan is told to its end; it has no event of its own that says so.
            "tool-call-start": Spot(
                ends=True, members={**_MARKS, "delta": Spot(members={"message": _WHOLE})}
            ),
            "tool-call-delta": _DELTA,
            "tool-call-end": _END,
            "message-end": _LAST,
        },
    )
)

_CALLS = Spot(members={"parameters": WHOLE})
_RESPONSE = Spot(members={"generation_id": OPAQUE, "response_id": OPAQUE, "tool_calls": _CALLS})
_V1_LAST = Spot(ends=True, members={"response": _RESPONSE, "tool_calls": _CALLS})
COHERE_V1 = Format(
    Spot(
        kind="event_type",
        members={"generation_id": OPAQUE, "response_id": OPAQUE, "tool_calls": _CALLS},
        blocks={
            "text-generation": Spot(by=("index",), members={"text": LANE}),
            "tool-calls-chunk": Spot(
                members={
                    "text": LANE,
                    "tool_call_delta": Spot(by=("index",), members={"parameters": SOURCE_LANE, "text": LANE}),
                }
            ),
            "tool-calls-generation": _V1_LAST,
            "stream-end": _V1_LAST,
            "stream-error": _V1_LAST,
        },
    )
)
