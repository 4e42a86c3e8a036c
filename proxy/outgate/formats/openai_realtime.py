"""OpenAI Realtime over a WebSocket, Azure's as well, and OpenAI Live: the events that a client sends.

Shapes of the OpenAI API reference ("Realtime: client events", "Live: client events"); their items are those of
Responses. What an event holds that is not named here is the user's.
"""

from __future__ import annotations

from outgate.formats.openai_responses import ITEM, PROMPT
from outgate.formats.shape import MEDIA, OPAQUE, PLAIN, SYSTEM, TOOL_DEFINITION, Place
from outgate.model import Role

# A session, and what one response is to do otherwise.
_SETTINGS = Place(
    Role.METADATA,
    members={
        "model": PLAIN,
        "instructions": SYSTEM,
        "tools": TOOL_DEFINITION,
        "prompt": PROMPT,
        "input": Place(Role.USER, items=ITEM),
        "id": OPAQUE,
    },
)

ROOT = Place(
    Role.USER,
    members={
        "event_id": Place(Role.METADATA),
        "session": _SETTINGS,
        "response": _SETTINGS,
        "item": ITEM,
        "audio": MEDIA,
        "item_id": OPAQUE,
        "previous_item_id": OPAQUE,
        "response_id": OPAQUE,
    },
)
