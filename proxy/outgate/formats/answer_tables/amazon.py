"""Answers of Amazon Bedrock: Converse, and InvokeModel with each model's own.

Sources: Amazon Bedrock API reference ("Converse", "ConverseStream"), Amazon Bedrock user guide ("Inference
request parameters and response fields for foundation models").
"""

from __future__ import annotations

from dataclasses import replace

from outgate.formats.answer_tables.anthropic import ANTHROPIC_MESSAGES
from outgate.formats.answer_tables.openai import CHOICE, OPENAI_CHAT
from outgate.formats.answers import LANE, OPAQUE, SOURCE_LANE, WHOLE, Format, Spot, named

_CONVERSE_BLOCK = Spot(
    members={
        **named("reasoningContent bytes toolUseId"),
        "toolUse": Spot(members={"toolUseId": OPAQUE, "input": WHOLE}),
    }
)
_CONVERSE_DELTA = Spot(
    members={
        "text": LANE,
        "toolUse": Spot(members={"input": SOURCE_LANE}),
        "reasoningContent": OPAQUE,
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
            "delta": _CONVERSE_DELTA,
            "p": OPAQUE,
        },
    )
)

# A model's stream is told by its members: Anthropic's events and those of OpenAI's chat by what is theirs,
# Nova's (Converse in another wrapping), Titan's, Llama's, Mistral's and Cohere's by these.
_OF_MODELS = {
    "choices": CHOICE,
    "output": _CONVERSE_BLOCK,
    "contentBlockDelta": Spot(by=("contentBlockIndex",), members={"delta": _CONVERSE_DELTA}),
    "contentBlockStart": Spot(members={"start": _CONVERSE_BLOCK}),
    "outputText": LANE,
    "generation": LANE,
    "outputs": Spot(members={"text": LANE, "stop_reason": OPAQUE}),
    "text": LANE,
    "response": WHOLE,
    **named("p completionReason stop_reason amazon-bedrock-invocationMetrics"),
}
_ENDS = frozenset(
    "contentBlockStop messageStop completionReason stop_reason is_finished amazon-bedrock-invocationMetrics".split()
)
_ANTHROPIC = ANTHROPIC_MESSAGES.root
BEDROCK_INVOKE = Format(
    replace(_ANTHROPIC, members={**_ANTHROPIC.members, **_OF_MODELS}, stops=_ENDS),
    repeated=ANTHROPIC_MESSAGES.repeated | OPENAI_CHAT.repeated | {"contentBlockIndex"},
)
