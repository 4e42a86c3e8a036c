"""JSON as a list of scalars with their byte spans: nothing is built, nothing is lost.

RFC 8259, and what lenient parsers take besides: a UTF-8 byte order mark, ``NaN`` and ``Infinity``,
raw control characters in strings. Every string, key, number and literal is yielded in document
order, members under a repeated key included. Linear in the body's size; the depth is bounded and
nothing recurses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]

from outgate.wire import WireError


class Kind(StrEnum):
    """What a scalar is; a key is the name of an object's member."""

    STRING = "string"
    NUMBER = "number"
    LITERAL = "literal"
    KEY = "key"


class Container:
    """An object or an array, and where it hangs. Paths are built only when asked for."""

    __slots__ = ("_path", "depth", "is_object", "key", "keys", "parent")

    def __init__(self, parent: Container | None, key: str | int | None, is_object: bool) -> None:
        self.parent = parent
        self.key = key
        self.is_object = is_object
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.keys: set[str] | None = set() if is_object else None
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


@dataclass(slots=True)
class Scalar:
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


def join_path(parent: str, key: str | int | None) -> str:
    """One step further down: ``.name``, ``["odd name"]`` or ``[3]``."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    if key is None:
        return parent
    if _PLAIN_KEY.fullmatch(key):
        return f"{parent}.{key}" if parent else key
    return f'{parent}["{key[:64]}"]'


_TOKEN = re.compile(
    rb"[ \t\n\r]*+(?:"
    rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")'
    rb"|([{}\[\],:])"
    rb"|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+)"
    rb"|(true|false|null|NaN|-?Infinity)"
    rb")",
    re.DOTALL,
)
_BLANK = re.compile(rb"[ \t\n\r]*+")
_BOM = b"\xef\xbb\xbf"


def looks_like_json(data: bytes) -> bool:
    """Whether a body opens as a JSON object or array does (a byte order mark aside)."""
    return data[:64].removeprefix(_BOM).lstrip(b" \t\r\n")[:1] in (b"{", b"[")


def scan(data: bytes, *, max_depth: int = 512, max_scalars: int = 2_000_000) -> Tree:
    """All scalars of one JSON document.

    Raises WireError 400 for anything that is not exactly one well-formed document: truncated,
    bytes after its end, nested deeper than ``max_depth``, not UTF-8.
    """
    _check_encoding(data)
    tree = Tree()
    scalars, containers = tree.scalars, tree.containers
    match, add = _TOKEN.match, scalars.append
    position = 3 if data.startswith(_BOM) else 0
    node: Container | None = None
    key: str | int | None = None
    expect = _VALUE
    while True:
        found = match(data, position)
        if found is None:
            raise _bad(data, position)
        position = found.end()
        group = found.lastindex
        if group == 1:
            start = found.start(1)
            text = _decode(data, start, position)
            if expect & _VALUE:
                add(Scalar(node, key, Kind.STRING, start, position, text))
                expect = _AFTER
            elif expect & _KEY and node is not None:
                assert node.keys is not None
                if text in node.keys:
                    tree.duplicates.append((node, text))
                else:
                    node.keys.add(text)
                key = text
                add(Scalar(node, key, Kind.KEY, start, position, text))
                expect = _COLON
            else:
                raise _bad(data, start)
        elif group == 2:
            mark = data[position - 1]
            if mark == 0x2C:  # ,
                if not expect & _AFTER or node is None:
                    raise _bad(data, position)
                if isinstance(key, int):
                    key, expect = key + 1, _VALUE
                else:
                    expect = _KEY
                continue
            if mark == 0x3A:  # :
                if not expect & _COLON:
                    raise _bad(data, position)
                expect = _VALUE
                continue
            if mark in (0x7B, 0x5B):  # { [
                if not expect & _VALUE:
                    raise _bad(data, position)
                node = Container(node, key, mark == 0x7B)
                if node.depth >= max_depth:
                    raise WireError(400, "too_deep", f"The body is nested deeper than {max_depth} levels.")
                containers.append(node)
                key, expect = (None, _KEY | _END) if node.is_object else (0, _VALUE | _END)
                continue
            if node is None or not expect & (_AFTER | _END) or node.is_object != (mark == 0x7D):
                raise _bad(data, position)
            key, node = node.key, node.parent
            expect = _AFTER
        else:
            if not expect & _VALUE:
                raise _bad(data, position)
            kind = Kind.NUMBER if group == 3 else Kind.LITERAL
            start = found.start(group or 0)
            add(Scalar(node, key, kind, start, position, data[start:position].decode("ascii")))
            expect = _AFTER
        if len(scalars) > max_scalars:
            raise WireError(413, "too_large", f"The body has more than {max_scalars} values.")
        if node is None:
            blank = _BLANK.match(data, position)
            if blank is not None and blank.end() != len(data):
                raise WireError(400, "trailing_bytes", f"Bytes follow the JSON value at byte {blank.end()}.")
            return tree


_VALUE, _KEY, _COLON, _AFTER, _END = 1, 2, 4, 8, 16


def _check_encoding(data: bytes) -> None:
    if b"\x00" in data[:4] or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise WireError(400, "bad_encoding", "The JSON body is not UTF-8 (RFC 8259 asks for it).")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"The JSON body is not UTF-8 at byte {error.start}."
        raise WireError(400, "bad_encoding", message) from None


def _decode(data: bytes, start: int, end: int) -> str:
    raw = data[start:end]
    if b"\\" not in raw:
        return raw[1:-1].decode("utf-8")
    try:
        text, _ = scanstring(raw.decode("utf-8"), 1, False)
    except JSONDecodeError:
        raise WireError(400, "bad_json", f"A string with an invalid escape starts at byte {start}.") from None
    return str(text)


def _bad(data: bytes, position: int) -> WireError:
    if position >= len(data.rstrip()):
        return WireError(400, "bad_json", "The JSON body ends too early.")
    return WireError(400, "bad_json", f"The body is not valid JSON at byte {position}.")
