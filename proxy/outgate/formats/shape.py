"""What an API format knows of its bodies, as data: places, and the role of the words that stand there.

A format is a tree of places. It may refer to itself (a tool result holds content, which holds blocks).
A place that no format names has no ``Place``: its words keep the role of the container they stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from outgate.model import Role


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One place of a body: an object, an array or a scalar, whichever a client chose to put there."""

    role: Role | None = None  # None: that of the container around it
    members: Mapping[str, Place] = field(default_factory=dict)  # of an object, by key
    items: Place | None = None  # of an array
    others: Place | None = None  # of an object, under keys that ``members`` does not name
    # An object that says in "role" who speaks; a word that is not here is the user's.
    speakers: Mapping[str, Role] = field(default_factory=dict)
    # An object that says in ``kind`` what it is: exact words first, then endings.
    blocks: Mapping[str, Place] = field(default_factory=dict)
    kind: str = "type"
    endings: tuple[tuple[str, Place], ...] = ()
    # Members that a "signature" in the same object covers: they go back exactly as they came.
    signed: frozenset[str] = frozenset()
    opaque: bool = False  # ids, signatures, encrypted content: read, but never edited
    media: bool = False  # a base64 run is what belongs here
    # An object of a client's own making, such as a call's arguments: a key there tells what its value is, so all of
    # its strings are read together.
    whole: bool = False

    def block(self, kind: str) -> Place | None:
        """The place that an object of this kind is; None when the format knows of none."""
        known = self.blocks.get(kind)
        if known is None:
            return next((place for ending, place in self.endings if kind.endswith(ending)), None)
        return known

    def decides(self, key: str) -> bool:
        """Whether a second value under ``key`` would leave open whose words the others are."""
        if key == "role":
            return bool(self.speakers)
        return key in self.members or (key == self.kind and bool(self.blocks or self.endings))


PLAIN = Place()
OPAQUE = Place(opaque=True)
MEDIA = Place(media=True)
MODEL = Place()  # names the model of a request within the request
WHOLE = Place(whole=True)
SYSTEM = Place(Role.SYSTEM)
USER = Place(Role.USER)
TOOL_CALL = Place(Role.TOOL_CALL)
TOOL_RESULT = Place(Role.TOOL_RESULT)
TOOL_DEFINITION = Place(Role.TOOL_DEFINITION)
