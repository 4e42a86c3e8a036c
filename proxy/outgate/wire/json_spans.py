"""JSON as a list of scalars with their byte spans: nothing is built, nothing is lost.

RFC 8259, and what lenient parsers take besides: a UTF-8 byte order mark, ``NaN`` and ``Infinity``,
raw control characters in strings. Every string, key, number and literal is yielded in document
order, members under a repeated key included. Linear in the body's size; the depth, the number of
values and the length of a path are bounded, and nothing recurses.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import NamedTuple

from outgate.wire import WireError


class Kind(StrEnum):
    """What a scalar is; a key is the name of an object's member."""

    STRING = "string"
    NUMBER = "number"
    LITERAL = "literal"
    KEY = "key"


class Container:
    """An object or an array, where it hangs, and its bytes. Paths are built only when asked for."""

    __slots__ = ("_path", "depth", "end", "is_object", "key", "parent", "start")

    def __init__(self, parent: Container | None, key: str | int | None, is_object: bool, start: int) -> None:
        self.start = start
        self.end = 0  # until it is closed
        self.parent = parent
        self.key = key
        self.is_object = is_object
        self.depth: int = 0 if parent is None else parent.depth + 1
        self._path: str | None = None

    @property
    def path(self) -> str:
        """``messages[2].content``; the root's is empty. Cached, so a path costs its last step."""
        if self._path is None:
            chain: list[Container] = []
            node: Container | None = self
            while node is not None and node._path is None:
                chain.append(node)
                node = node.parent
            for step in reversed(chain):
                step._path = "" if step.parent is None else join_path(step.parent.path, step.key)
        return self._path or ""


class Scalar(NamedTuple):
    """One string, key, number or literal; strings and keys span their quotes."""

    container: Container | None
    key: str | int | None
    kind: Kind
    start: int
    end: int
    text: str  # decoded for strings and keys, the raw spelling otherwise

    @property
    def path(self) -> str:
        """Where it stands, for people."""
        return "" if self.container is None else join_path(self.container.path, self.key)


@dataclass(slots=True)
class Tree:
    """A document's scalars and containers in document order, and the keys that stand twice."""

    scalars: list[Scalar] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    duplicates: list[tuple[Container, str]] = field(default_factory=list)


_PLAIN_KEY = re.compile(r"[A-Za-z0-9_$-]{1,64}")
_LONG_PATH = 300  # characters; what lies deeper is told by its ancestor


def join_path(parent: str, key: str | int | None) -> str:
    """One step further down: ``.name``, ``["odd name"]`` or ``[3]``.

    A long path grows no further: a deep body with long keys would else cost its size squared.
    """
    if key is None or len(parent) > _LONG_PATH:
        return parent
    if isinstance(key, int):
        return f"{parent}[{key}]"
    if _PLAIN_KEY.fullmatch(key):
        return f"{parent}.{key}" if parent else key
    return f'{parent}["{key[:64]}"]'


# Group 1 is a string up to its first escape, group 2 the rest of one that has escapes (of a key).
_STRING = rb'"([^"\\]*+)(?:"|((?:\\.[^"\\]*+)++)")'
_BLANKS = rb"[ \t\n\r]*+"
_MEMBER = re.compile(_BLANKS + _STRING + _BLANKS + rb":", re.DOTALL)
_SHORT = (
    1024  # octets; of a longer string, or one with escapes, the end is found by faster means than a class
)
_WHOLE = re.compile(_STRING, re.DOTALL)
_VALUE = re.compile(
    _BLANKS + rb"(?:\"(?:([^\"\\]{0,%d}+)\"|())" % _SHORT
    + rb"|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+)"
    rb"|(true|false|null|NaN|-?Infinity)"
    rb"|([\[{])"
    rb")",
    re.DOTALL,
)  # fmt: skip
_BLANK = re.compile(_BLANKS)
_BOM = b"\xef\xbb\xbf"
_OPENING = re.compile(rb"(?:\xef\xbb\xbf)?+[ \t\n\r]*+[\[{]")
_COMMA, _OPEN_OBJECT, _CLOSE_OBJECT, _CLOSE_ARRAY = b",{}]"


def looks_like_json(data: bytes) -> bool:
    """Whether a body opens as a JSON object or array does (a byte order mark and blanks aside)."""
    return _OPENING.match(data) is not None


def scan(data: bytes, *, max_depth: int = 512, max_scalars: int = 2_000_000) -> Tree:
    """All scalars of one JSON document.

    Raises WireError 400 for anything that is not exactly one well-formed document (truncated,
    bytes after its end, nested deeper than ``max_depth``, not UTF-8), 413 for more than
    ``max_scalars`` scalars and containers.
    """
    ascii_text = _checked(data)
    tree = Tree()
    scalars, containers = tree.scalars, tree.containers
    value, member, add, new = _VALUE.match, _MEMBER.match, scalars.append, tuple.__new__
    string, number, literal, name = Kind.STRING, Kind.NUMBER, Kind.LITERAL, Kind.KEY
    position, size, room = 3 if data.startswith(_BOM) else 0, len(data), max_scalars
    node: Container | None = None
    key: str | int | None = None
    names: list[set[str]] = []  # the keys seen so far in each object that is open
    while True:
        found = value(data, position)
        if found is None:
            raise _bad(data, position)
        position = found.end()
        group = found.lastindex
        if group == 1:
            start, end = found.span(1)
            text = ascii_text[start:end] if ascii_text is not None else data[start:end].decode("utf-8")
            add(new(Scalar, (node, key, string, start - 1, position, text)))
        elif group == 2:
            start = position - 1
            text, position = _string(data, ascii_text, start)
            add(new(Scalar, (node, key, string, start, position, text)))
        elif group == 5:
            is_object = data[position - 1] == _OPEN_OBJECT
            node = Container(node, key, is_object, position - 1)
            if node.depth >= max_depth:
                raise WireError(400, "too_deep", f"The body is nested deeper than {max_depth} levels.")
            containers.append(node)
            room -= 1
            key = None if is_object else 0
            if is_object:
                names.append(set())
        else:
            start = found.start(group or 0)
            kind = number if group == 3 else literal
            add(new(Scalar, (node, key, kind, start, position, data[start:position].decode("ascii"))))
        if len(scalars) > room:
            raise WireError(413, "too_large", f"The body has more than {max_scalars} values.")

        opened = group == 5
        while node is not None:  # what follows a value: a comma, or the end of what holds it
            mark = data[position] if position < size else 0
            if mark in b" \t\n\r":
                position = _after_blanks(data, position)
                mark = data[position] if position < size else 0
            if mark == (_CLOSE_OBJECT if node.is_object else _CLOSE_ARRAY):
                position += 1
                node.end = position
                if node.is_object:
                    names.pop()
                key, node = node.key, node.parent
                opened = False
                continue
            if not opened:
                if mark != _COMMA:
                    raise _bad(data, position)
                position += 1
                if isinstance(key, int):
                    key += 1
            if node.is_object:
                found = member(data, position)
                if found is None:
                    raise _bad(data, position)
                start, end = found.span(1)
                if found.lastindex == 1:
                    end += 1
                    key = (
                        ascii_text[start : end - 1]
                        if ascii_text is not None
                        else data[start : end - 1].decode()
                    )
                else:
                    end = found.end(2) + 1
                    key = _unescape(data, ascii_text, start - 1, end)
                position = found.end()
                if key in names[-1]:
                    tree.duplicates.append((node, key))
                else:
                    names[-1].add(key)
                add(new(Scalar, (node, key, name, start - 1, end, key)))
            break
        else:
            position = _after_blanks(data, position)
            if position != size:
                raise WireError(400, "trailing_bytes", f"Bytes follow the JSON value at byte {position}.")
            return tree


def _after_blanks(data: bytes, position: int) -> int:
    found = _BLANK.match(data, position)
    return position if found is None else found.end()


def _checked(data: bytes) -> str | None:
    """Refuses what is not UTF-8; gives the text when it is ASCII and offsets are the same in both."""
    if b"\x00" in data[:4] or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise WireError(400, "bad_encoding", "The JSON body is not UTF-8 (RFC 8259 asks for it).")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"The JSON body is not UTF-8 at byte {error.start}."
        raise WireError(400, "bad_encoding", message) from None
    return text if len(text) == len(data) else None


def _string(data: bytes, ascii_text: str | None, start: int) -> tuple[str, int]:
    """The text of the string whose first quote stands at ``start``, and where it ends."""
    end = data.find(b'"', start + 1)
    if end >= 0 and data.find(b"\\", start + 1, end) < 0:
        text = data[start + 1 : end].decode("utf-8") if ascii_text is None else ascii_text[start + 1 : end]
        return text, end + 1
    if ascii_text is not None:
        with suppress(JSONDecodeError):
            text, end = scanstring(ascii_text, start + 1, False)
            return str(text), end
    found = _WHOLE.match(data, start)
    if found is None:
        raise _bad(data, start)
    return _unescape(data, ascii_text, start, found.end()), found.end()


def _unescape(data: bytes, ascii_text: str | None, start: int, end: int) -> str:
    """The text of the string whose quotes stand at ``start`` and before ``end``."""
    try:
        if ascii_text is not None:
            text, _ = scanstring(ascii_text, start + 1, False)
        else:
            text, _ = scanstring(data[start:end].decode("utf-8"), 1, False)
    except JSONDecodeError:
        raise WireError(400, "bad_json", f"A string with an invalid escape starts at byte {start}.") from None
    return str(text)


def _bad(data: bytes, position: int) -> WireError:
    if _after_blanks(data, position) >= len(data):
        return WireError(400, "bad_json", "The JSON body ends too early.")
    return WireError(400, "bad_json", f"The body is not valid JSON at byte {position}.")
