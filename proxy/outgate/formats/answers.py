"""What is text in an answer, and which texts go on from one event of a stream to the next.

``read`` is the door: an answer's body or one event of its stream, parsed, gives its strings in order.
A string is told whole, or it is a stretch of a *lane*: a text that goes on in later events under the
same key, up to the event that ends it. What is signed, encrypted or an id is left out (``OPAQUE``).

An API family is a tree of spots. A member that a spot does not name is at that same spot, so an API's
own wrapping (``response``, a line of a batch) needs no words here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Key = tuple[object, ...]
Path = tuple[str | int | None, ...]  # None behind a name: the name itself


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """One place of an answer: an object, an array or a string, whichever the API put there."""

    members: Mapping[str, Spot] = field(default_factory=dict)  # of an object, by key
    # Of an object, by what ``kind`` says of it, whole (``error``) or its last word (``*.done``).
    blocks: Mapping[str, Spot] = field(default_factory=dict)
    kind: str = "type"  # the member that says what an object here is
    # Members that tell one such object from another: part of the lanes' keys. ``a.b`` is a member of a member.
    by: tuple[str, ...] = ()
    stops: frozenset[str] = frozenset()  # a member that is set here ends the lanes under this key
    ends: bool = False  # an object here does so by being there
    goes_on: str = ""  # the member without which an object here ends them too
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # a text ends those under these names
    in_turn: bool = False  # an object here ends the lanes of those before it that it does not go on with
    names: bool = False  # those of an object's members are words too, as they are where it has no ``members``
    lane: bool = False  # strings go on
    source: bool = False  # a string is JSON source; an object in its place is only an object
    opaque: bool = False  # left out, and all below

    def block(self, kind: object) -> Spot | None:
        """The spot that an object of this kind is."""
        if not self.blocks or not isinstance(kind, str):
            return None
        return self.blocks.get(kind) or self.blocks.get("*." + kind.rpartition(".")[2])


@dataclass(frozen=True, slots=True)
class Format:
    """An API family's answers. A further event says ``repeated`` again of the objects inside it."""

    root: Spot
    repeated: frozenset[str] = frozenset({"index"})
    counter: str = ""  # the member that counts the events; a further one has the number of the one before it


class Stretch(NamedTuple):
    """One string: where it stands, and whether it is JSON source. Without a key it stands for itself."""

    path: Path
    text: str
    key: Key | None
    source: bool


class End(NamedTuple):
    """Lanes whose key begins so are at their end, except those whose key begins with ``but``."""

    prefix: Key = ()
    but: Key | None = None
    alone: bool = False  # only the lane with this very key

    def of(self, key: Key) -> bool:
        """Whether this is the end of that lane."""
        if key[: len(self.prefix)] != self.prefix:
            return False
        return self.but is None or key[: len(self.but)] != self.but


MAX_DEPTH = 200  # levels of an answer that are read

OPAQUE = Spot(opaque=True)
WHOLE = Spot()
SOURCE = Spot(source=True)
LANE = Spot(lane=True)
SOURCE_LANE = Spot(lane=True, source=True)


def named(names: str) -> dict[str, Spot]:
    """Members that hold nothing to read, by their names."""
    return dict.fromkeys(names.split(), OPAQUE)


def read(value: object, root: Spot) -> list[Stretch | End]:
    """Strings and ends of lanes in the order in which they stand. Linear; deeper than MAX_DEPTH is left out."""
    steps: list[Stretch | End] = []
    if type(value) is str:
        steps.append(Stretch((), value, None, root.source))
    else:
        _read(value, root, (), (), steps)
    return steps


def _read(value: object, spot: Spot, path: Path, key: Key, steps: list[Stretch | End]) -> None:
    """Of an object or array; anything else has nothing in it."""
    if len(path) > MAX_DEPTH:
        return
    if type(value) is dict:
        spot = (WHOLE if spot.source else spot.block(value.get(spot.kind))) or spot
        if spot.opaque:
            return
        if spot.by:
            parent = key
            for name in spot.by:
                key = (*key, _mark(value.get(name) if "." not in name else _inside(value, name)))
            if spot.in_turn:
                steps.append(End(parent, but=key))
        members = spot.members
        for name, inner in value.items():
            kind = type(inner)
            if spot.names or not members:  # an object of the client's own, whose names are its words too
                steps.append(Stretch((*path, name, None), name, None, False))
            if kind in _READ:
                member = members.get(name, spot)
                if member.opaque:
                    continue
                if kind is not str:
                    _read(inner, member, (*path, name), (*key, name), steps)
                elif inner:
                    lane = (*key, name) if member.lane else None
                    if spot.after:
                        steps += [End((*key, before), alone=True) for before in spot.after.get(name, ())]
                    steps.append(Stretch((*path, name), inner, lane, member.source))
        if spot.ends or (spot.goes_on and not value.get(spot.goes_on)):
            steps.append(End(key))
        for name in spot.stops:
            if value.get(name):
                steps.append(End(key))
    elif type(value) is list:
        spot = WHOLE if spot.source else spot
        for index, inner in enumerate(value):
            kind = type(inner)
            if kind in _READ:
                inside = key if spot.by else (*key, index)
                if kind is not str:
                    _read(inner, spot, (*path, index), inside, steps)
                elif inner:
                    steps.append(Stretch((*path, index), inner, inside if spot.lane else None, spot.source))


_READ = frozenset({str, dict, list})


def _inside(value: object, names: str) -> object:
    for name in names.split("."):
        value = value.get(name) if type(value) is dict else None
    return value


def _mark(value: object) -> object:
    """An id or index itself; of anything else, whether it is there."""
    return value if value is None or type(value) in (str, int, bool) else type(value)


def again(value: object, path: Path, text: str, repeated: frozenset[str]) -> object:
    """The least of an event that says ``text`` in the place of the string at ``path``.

    Of the outermost object all that is not a container is said again, of those inside what ``repeated`` names.
    """
    return _again(value, path, text, None, repeated)


def _again(
    value: object, path: Path, text: str, only: frozenset[str] | None, names: frozenset[str]
) -> object:
    if not path:
        return text
    step, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(step, int):
        return [_again(value[step], rest, text, names, names)]
    assert isinstance(value, dict)
    told: dict[str, object] = {}
    for name, inner in value.items():
        if name == step:
            told[name] = _again(inner, rest, text, names, names)
        elif only is not None:
            if name in only and type(inner) not in _READ - {str}:
                told[name] = inner
        elif name != "obfuscation" and type(inner) is not dict:
            told[name] = [] if type(inner) is list else inner
    return told
