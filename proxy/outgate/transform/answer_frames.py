"""What an answer's body is, and one frame of it read and rewritten: for whoever restores and whoever inspects.

Owns the telling of kinds (a label, or what the first bytes open as), and that a string which changes is the
only thing of a frame that is spelled anew. Knows neither lanes nor what a string is changed for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from enum import Enum, auto
from json.encoder import encode_basestring, encode_basestring_ascii

from outgate.formats.answers import Path
from outgate.wire import eventstream, json_array, json_spans, ndjson, sse
from outgate.wire.frames import Frame, Opcoded, Parser

LIMIT = 32 * 1024 * 1024  # bytes of a JSON body that are held; a longer one goes through as it is


class Kind(Enum):
    """How a body is read."""

    EVENTS = auto()  # server-sent events
    LINES = auto()  # a JSON document a line
    ARRAY = auto()  # a JSON array that comes element by element
    MESSAGES = auto()  # Amazon's event stream
    SOCKET = auto()  # messages of a WebSocket; no label says so
    WHOLE = auto()  # one JSON document
    TEXT = auto()
    OTHER = auto()  # nothing that is read


PARSERS: Mapping[Kind, Callable[[], Parser]] = {
    Kind.EVENTS: sse.Parser,
    Kind.LINES: ndjson.Parser,
    Kind.ARRAY: json_array.Parser,
    Kind.MESSAGES: eventstream.Parser,
    Kind.SOCKET: Opcoded,
}

BOM = b"\xef\xbb\xbf"
_BLANK = BOM + b" \t\r\n"
_LINES = frozenset({"ndjson", "x-ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "stream+json"})
_UNLABELLED = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/binary"})
_EVENTS_OPEN = (b"data: ", b"data:{", b"event: ", b": ")
_MOST_BLANKS = 4096  # bytes that are waited through for what a body opens with
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^"';,\s]*)""", re.IGNORECASE)
_ASCII_ALIKE = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_DECODER = json.JSONDecoder(strict=False)


def labelled(content_type: str) -> Kind | None:
    """What the label says; None where the bytes are to tell."""
    label = _label(content_type)
    if any(charset.lower() not in _ASCII_ALIKE for charset in _CHARSET.findall(content_type)):
        return Kind.OTHER
    kind, _, name = label.partition("/")
    if name in _LINES:
        return Kind.LINES
    if label in _UNLABELLED or name.rpartition("+")[2] == "json":
        return None
    if label == "text/event-stream":
        return Kind.EVENTS
    if label == "application/vnd.amazon.eventstream":
        return Kind.MESSAGES
    return Kind.TEXT if kind == "text" else Kind.OTHER


def opened(data: bytes, content_type: str, format_name: str) -> Kind | None:
    """What the first bytes say, of what says that it is JSON or says nothing; None while they do not."""
    opening = data.lstrip(_BLANK)
    if not opening and len(data) < _MOST_BLANKS:
        return None
    if opening.startswith(_EVENTS_OPEN):
        return Kind.EVENTS
    if opening and any(mark.startswith(opening) for mark in _EVENTS_OPEN):
        return None
    is_json = opens_as_json(opening)
    if _label(content_type) in _UNLABELLED:
        # A file of results has a document a line.
        return Kind.LINES if is_json else Kind.OTHER
    if format_name == "gemini" and opening[:1] == b"[":
        return Kind.ARRAY
    return Kind.WHOLE if is_json else Kind.TEXT


def opens_as_json(data: bytes) -> bool:
    """Whether the first mark is one of a JSON document that has texts in it."""
    return data.lstrip(_BLANK)[:1] in (b"{", b"[", b'"')


def parsed(frame: Frame) -> object:
    """The payload; None when it is no JSON."""
    try:
        return _DECODER.decode(frame.payload.removeprefix(BOM).decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def changed(frame: Frame, changes: Mapping[Path, str]) -> bytes:
    """The frame with the strings at these paths spelled anew, by their byte spans.

    Raises WireError for what is deeper, or of more values, than anything that an API sends.
    """
    payload = frame.payload
    spans: dict[Path, tuple[int, int]] = {}
    for scalar in json_spans.scan(payload).scalars:
        if scalar.kind in (json_spans.Kind.STRING, json_spans.Kind.KEY):
            path = path_of(scalar)
            if path in changes:
                spans[path] = scalar.start, scalar.end  # of two under one key the last counts, here as above
    pieces, position = [], 0
    for path, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        pieces += [payload[position:start], spelled(changes[path], payload[start:end])]
        position = end
    pieces.append(payload[position:])
    return frame.rewritten(b"".join(pieces))


def ending(kind: Kind | None, error: bytes, exception: str) -> bytes:
    """An error (JSON), or AWS's ``exception`` with it, framed as the end of a body of which something was said."""
    match kind:
        case Kind.EVENTS:
            return b"event: error\ndata: " + error + b"\n\n"
        case Kind.LINES:
            return error + b"\n"
        case Kind.ARRAY:
            return b",\n" + error + b"]"
        case Kind.MESSAGES:
            return eventstream.exception(exception, error)
    return b""


def _label(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def path_of(scalar: json_spans.Scalar) -> Path:
    """Where a scalar stands."""
    steps: list[str | int | None] = [None] if scalar.kind is json_spans.Kind.KEY else []
    key, container = scalar.key, scalar.container
    while container is not None and key is not None:
        steps.append(key)
        key, container = container.key, container.parent
    return tuple(reversed(steps))


def spelled(text: str, like: bytes) -> bytes:
    """A JSON string, escaped as far as the one that it replaces."""
    if like.isascii():
        return encode_basestring_ascii(text).encode("ascii")
    try:
        return encode_basestring(text).encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return encode_basestring_ascii(text).encode("ascii")
