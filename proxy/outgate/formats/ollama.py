"""Ollama's own API: chat, generate, embed (Ollama API reference). It streams where nothing is said of it."""

from __future__ import annotations

from outgate.formats.openai_chat import SPEAKERS
from outgate.formats.shape import MEDIA, PLAIN, SYSTEM, TOOL_CALL, TOOL_DEFINITION, USER, Place
from outgate.model import Role

_images = Place(Role.USER, items=MEDIA)
_message = Place(members={"images": _images, "tool_calls": TOOL_CALL}, speakers=SPEAKERS)
ROOT = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "stream": PLAIN,
        "messages": Place(Role.USER, items=_message),
        "prompt": USER,
        "suffix": USER,
        "input": USER,
        "images": _images,
        "system": SYSTEM,
        "template": SYSTEM,
        "tools": TOOL_DEFINITION,
        "format": TOOL_DEFINITION,
    },
)
