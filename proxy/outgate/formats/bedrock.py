"""Amazon Bedrock: Converse (Amazon Bedrock API reference, "Converse"), and the bodies of InvokeModel.

InvokeModel takes each model's own shape. Anthropic's is read as such; the words of any other are the
user's. Bodies are signed (SigV4): whether an edit can leave is not this room's to say.
"""

from __future__ import annotations

from dataclasses import replace

from outgate.formats import anthropic_messages
from outgate.formats.shape import MEDIA, OPAQUE, SYSTEM, TOOL_DEFINITION, USER, WHOLE, Place
from outgate.model import Role

_source = Place(members={"bytes": MEDIA})
_file = Place(members={"source": _source})
_media = {"image": _file, "document": _file, "video": _file, "audio": _file}
_reasoning = Place(
    members={
        "reasoningText": Place(members={"signature": OPAQUE}, signed=frozenset({"text"})),
        "redactedContent": OPAQUE,
    }
)
_block = Place(
    members={
        **_media,
        "toolUse": Place(Role.TOOL_CALL, members={"toolUseId": OPAQUE, "input": WHOLE}),
        "toolResult": Place(
            Role.TOOL_RESULT,
            members={"toolUseId": OPAQUE, "content": Place(items=Place(members={**_media, "json": WHOLE}))},
        ),
        "searchResult": Place(Role.TOOL_RESULT),
        "reasoningContent": _reasoning,
    }
)

CONVERSE = Place(
    Role.METADATA,
    members={
        "messages": Place(
            Role.USER,
            items=Place(
                members={"content": Place(items=_block)},
                speakers={"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM},
            ),
        ),
        "system": SYSTEM,
        "toolConfig": TOOL_DEFINITION,
        "promptVariables": USER,
    },
)
INVOKE = replace(anthropic_messages.ROOT, role=Role.USER)
