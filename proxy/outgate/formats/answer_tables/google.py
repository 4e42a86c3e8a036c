"""Answers of Gemini and Vertex AI, as candidates and as interactions.

Sources: Gemini API and Vertex AI reference ("GenerateContentResponse", "FunctionCall" for arguments that come in
parts, "Batch API", "Interactions", "Streaming interactions"), and the types of Google's Python client.
"""

from __future__ import annotations

from outgate.formats.answers import LANE, OPAQUE, SOURCE_LANE, WHOLE, Format, Spot, named

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

_MARKS = named(
    """
    id call_id event_id interaction_id previous_interaction_id continuation_token type status model agent
    object created updated role signature data usage
    """
)
# Thoughts go back with their signature.
_THOUGHTS = named("thought thought_summary thought_signature")
_STEP = Spot(members={**_MARKS, "arguments": WHOLE}, blocks=_THOUGHTS)
_STEPS = {"steps": _STEP, "step": _STEP, "outputs": _STEP}
_STEP_DELTA = Spot(
    members={**_MARKS, "arguments": WHOLE},
    blocks={
        **_THOUGHTS,
        "text": Spot(members={**_MARKS, "text": LANE}),
        "arguments_delta": Spot(members={**_MARKS, "arguments": SOURCE_LANE}),
    },
)
_OF_STEP = Spot(by=("index",), members={**_MARKS, **_STEPS, "delta": _STEP_DELTA})
_STEP_END = Spot(by=("index",), ends=True)
_LAST = Spot(ends=True, members={**_MARKS, "interaction": Spot(members={**_MARKS, **_STEPS})})
GEMINI_INTERACTIONS = Format(
    Spot(
        kind="event_type",
        members={**_MARKS, **_STEPS},
        blocks={
            "step.start": _OF_STEP,
            "step.delta": _OF_STEP,
            "step.stop": _STEP_END,
            "content.delta": _OF_STEP,
            "content.stop": _STEP_END,
            "interaction.completed": _LAST,
            "interaction.complete": _LAST,
            "error": _LAST,
        },
    ),
    repeated=frozenset({"type"}),
)
