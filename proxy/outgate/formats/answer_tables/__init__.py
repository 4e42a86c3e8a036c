"""The answers of each API family, as trees of spots (see ``formats.answers``); one file a family."""

from __future__ import annotations

from collections.abc import Mapping

from outgate.formats.answer_tables.amazon import BEDROCK_CONVERSE, BEDROCK_INVOKE
from outgate.formats.answer_tables.anthropic import ANTHROPIC_MESSAGES
from outgate.formats.answer_tables.cohere import COHERE_CHAT, COHERE_V1
from outgate.formats.answer_tables.google import GEMINI, GEMINI_INTERACTIONS
from outgate.formats.answer_tables.live import GEMINI_LIVE, OPENAI_REALTIME
from outgate.formats.answer_tables.mistral import MISTRAL_CONVERSATIONS
from outgate.formats.answer_tables.ollama import OLLAMA
from outgate.formats.answer_tables.openai import (
    OPENAI_AUDIO,
    OPENAI_CHAT,
    OPENAI_FILES,
    OPENAI_IMAGES,
    OPENAI_RESPONSES,
)
from outgate.formats.answers import WHOLE, Format

GENERIC = Format(WHOLE)
TABLES: Mapping[str, Format] = {
    "openai_chat": OPENAI_CHAT,
    "openai_completions": OPENAI_CHAT,
    "openai_responses": OPENAI_RESPONSES,
    "openai_audio": OPENAI_AUDIO,
    "openai_images": OPENAI_IMAGES,
    "openai_files": OPENAI_FILES,
    "openai_realtime": OPENAI_REALTIME,
    "anthropic_messages": ANTHROPIC_MESSAGES,
    "anthropic_batches": ANTHROPIC_MESSAGES,
    "gemini": GEMINI,
    "gemini_interactions": GEMINI_INTERACTIONS,
    "gemini_live": GEMINI_LIVE,
    "bedrock_converse": BEDROCK_CONVERSE,
    "bedrock_invoke": BEDROCK_INVOKE,
    "cohere_chat": COHERE_CHAT,
    "cohere_v1": COHERE_V1,
    "mistral_conversations": MISTRAL_CONVERSATIONS,
    "ollama": OLLAMA,
}


def table(format_name: str) -> Format:
    """The answers of a format by its name; of one that has no table, every string in itself."""
    return TABLES.get(format_name, GENERIC)
