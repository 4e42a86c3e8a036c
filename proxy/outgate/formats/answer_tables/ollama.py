"""Answers of Ollama's own API (Ollama API reference, "Generate a chat message", "Generate a response", "Streaming").

Its calls come whole, and their arguments as an object.
"""

from __future__ import annotations

from outgate.formats.answers import LANE, OPAQUE, WHOLE, Format, Spot, named

OLLAMA = Format(
    Spot(
        stops=frozenset({"done", "error"}),
        after={"response": ("thinking",)},
        members={
            "message": Spot(
                after={"content": ("thinking",)},
                members={
                    "role": OPAQUE,
                    "content": LANE,
                    "thinking": LANE,
                    "tool_calls": WHOLE,
                    "images": OPAQUE,
                },
            ),
            "response": LANE,
            "thinking": LANE,
            **named("model created_at done_reason image logprobs context"),
        },
    ),
    repeated=frozenset({"role"}),
)
