"""Where each API family says how many tokens an exchange took.

Sources: OpenAI API reference ("Chat completions: usage", "Responses", "Audio", "Images", "Realtime: server events"),
Anthropic API reference ("Messages", "Streaming messages", "Prompt caching"), Gemini API reference ("UsageMetadata",
"Live API", "Interactions"), Amazon Bedrock ("TokenUsage" of Converse; headers and ``amazon-bedrock-invocationMetrics``
of InvokeModel), Cohere API reference ("Chat", "Embed"), Mistral API reference ("Conversations"), Ollama API ("Generate
a completion"). Tokens read from a cache, and those of thoughts, count like all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from outgate.wire.json_numbers import Places


@dataclass(frozen=True, slots=True)
class Report:
    """One way to say it: numbers that add up to the input, and to the output."""

    input: tuple[str, ...]
    output: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counting:
    """An API family's words for tokens, in whole answers and in events of streamed ones."""

    reports: tuple[Report, ...] = ()
    within: tuple[str, ...] = ("",)  # the objects that a report may stand in
    # Bytes without one of which an event has no report: most events are not looked at any further.
    marks: tuple[bytes, ...] = ()
    last: bool = True  # a report that has an output is the last; else they grow, and the highest counts
    headers: tuple[str, str] | None = None  # of a whole answer: input, output
    estimated: bool = True  # an answer without a report took something all the same
    framing: int = 0  # bytes of a streamed event, about, that are no text

    def marked(self, data: bytes) -> bool:
        """Whether a report may be in it."""
        for mark in self.marks:  # noqa: SIM110 - for every event: several times as fast as ``any``
            if mark in data:
                return True
        return False

    @cached_property
    def paths(self) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """The places of each report's numbers."""
        return tuple(
            tuple(  # type: ignore[misc]  # of two
                tuple(f"{holder}.{name}" if holder else name for name in names)
                for names in (report.input, report.output)
            )
            for holder in self.within
            for report in self.reports
        )

    @cached_property
    def places(self) -> Places:
        """All of them."""
        return Places(place for report in self.paths for names in report for place in names)


_PROMPT = Report(("prompt_tokens",), ("completion_tokens",))
_INPUT = Report(("input_tokens",), ("output_tokens",))
_CACHED = Report(
    ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"), ("output_tokens",)
)
_CONVERSE = Report(("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"), ("outputTokens",))
_TOKENS = (b'_tokens"',)

# ``x_groq``: where Groq says it in the last event of a stream.
_CHAT = Counting((_PROMPT,), ("usage", "x_groq.usage"), _TOKENS, framing=220)
_RESPONSES = Counting((_INPUT,), ("usage", "response.usage"), _TOKENS, framing=160)
# A file or a batch that is kept for later, and its results.
_NONE = Counting(estimated=False)

TABLES: Mapping[str, Counting] = {
    "openai_chat": _CHAT,
    "openai_completions": _CHAT,
    "openai_embeddings": _CHAT,
    "openai_responses": _RESPONSES,
    # Of sound and pictures nobody can tell by their size what they took.
    "openai_audio": Counting((_INPUT, _PROMPT), ("usage",), _TOKENS, estimated=False),
    "openai_images": Counting((_INPUT,), ("usage",), _TOKENS, estimated=False),
    "openai_files": _NONE,
    # Over a WebSocket nobody tells one answer from another by size.
    "openai_realtime": Counting((_INPUT,), ("usage", "response.usage"), _TOKENS, estimated=False),
    # Begins with what is known by then, and ends with all.
    "anthropic_messages": Counting((_CACHED,), ("usage", "message.usage"), _TOKENS, last=False, framing=120),
    "anthropic_batches": _NONE,
    "gemini": Counting(
        (
            Report(
                ("promptTokenCount", "toolUsePromptTokenCount"),
                ("candidatesTokenCount", "thoughtsTokenCount"),
            ),
        ),
        ("usageMetadata", "response.usageMetadata"),
        (b'TokenCount"',),
        last=False,
        framing=220,
    ),
    "gemini_interactions": Counting(
        (
            Report(
                ("total_input_tokens", "total_tool_use_tokens"),
                ("total_output_tokens", "total_thought_tokens"),
            ),
        ),
        ("usage", "interaction.usage"),
        _TOKENS,
        framing=120,
    ),
    "gemini_live": Counting(
        (
            Report(
                ("promptTokenCount", "toolUsePromptTokenCount"), ("responseTokenCount", "thoughtsTokenCount")
            ),
        ),
        ("usageMetadata",),
        (b'TokenCount"',),
        estimated=False,
    ),
    "bedrock_converse": Counting((_CONVERSE,), ("usage",), (b'Tokens"',), framing=180),
    # Each model's own words, and Amazon's in the last message of a stream.
    "bedrock_invoke": Counting(
        (
            _CACHED,
            _PROMPT,
            _CONVERSE,
            Report(("inputTokenCount",), ("outputTokenCount",)),
            Report(("inputTextTokenCount",), ("results.tokenCount", "totalOutputTextTokenCount")),
            Report(("prompt_token_count",), ("generation_token_count",)),
        ),
        ("", "usage", "message.usage", "metadata.usage", "amazon-bedrock-invocationMetrics"),
        (b'okens"', b'TokenCount"', b'_token_count"'),
        last=False,
        headers=("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"),
        framing=220,
    ),
    "cohere_chat": Counting(
        (_INPUT,),
        ("usage.tokens", "usage.billed_units", "delta.usage.tokens", "delta.usage.billed_units"),
        _TOKENS,
        framing=100,
    ),
    "cohere_v1": Counting(
        (_INPUT,),
        ("meta.tokens", "meta.billed_units", "response.meta.tokens", "response.meta.billed_units"),
        _TOKENS,
        framing=60,
    ),
    "mistral_conversations": Counting((_PROMPT,), ("usage",), _TOKENS, framing=220),
    "ollama": Counting(
        (Report(("prompt_eval_count",), ("eval_count",)),), ("",), (b'eval_count"',), framing=110
    ),
    # Most others speak as one of these does.
    "generic": Counting(
        (_PROMPT, _CACHED, _CONVERSE),
        ("usage", "response.usage", "message.usage", "meta.tokens", "meta.billed_units"),
        (b'_tokens"', b'Tokens"'),
        last=False,
        framing=220,
    ),
}

# The last step of a path whose answer says how many tokens something would take; asking takes none. (Google's is a
# method of a model: ``:countTokens``.)
FREE = frozenset({"count_tokens", "count-tokens", "input_tokens"})
