"""Answers of Mistral's agents and conversations (Mistral API reference, "Conversations", and its client's types).

Its chat, FIM and agents' completions are OpenAI's chat.
"""

from __future__ import annotations

from outgate.formats.answers import SOURCE, SOURCE_LANE, Format, Spot, named

_MARKS = named(
    "id type object role model agent_id tool_call_id conversation_id created_at completed_at usage"
)
_THOUGHTS = named("thinking")  # they may have a signature
_ENTRY = Spot(members={**_MARKS, "arguments": SOURCE}, blocks=_THOUGHTS)
_PLACE = ("output_index", "content_index")
_LAST = Spot(ends=True, members=_MARKS)
_CALL = Spot(by=_PLACE, members={**_MARKS, "arguments": SOURCE_LANE})
MISTRAL_CONVERSATIONS = Format(
    Spot(
        members={**_MARKS, "outputs": _ENTRY, "entries": _ENTRY, "messages": _ENTRY},
        blocks={
            "message.output.delta": Spot(
                by=_PLACE, members={**_MARKS, "content": Spot(lane=True, members=_MARKS, blocks=_THOUGHTS)}
            ),
            "function.call.delta": _CALL,
            "tool.execution.delta": _CALL,
            "conversation.response.done": _LAST,
            "conversation.response.error": _LAST,
        },
    ),
    repeated=frozenset({"type"}),
)
