"""Answers of Anthropic Messages (Anthropic API reference, "Streaming messages", "Retrieve message batch results").

Reasoning that is signed goes back to the provider exactly as it came, so it stays as it came here too.
"""

from __future__ import annotations

from outgate.formats.answers import LANE, SOURCE_LANE, WHOLE, Format, Spot, named

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
