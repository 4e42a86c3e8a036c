"""One answer body with its placeholders restored, whatever its kind: JSON, a stream of events, or text.

Owns the lanes: which text goes on where, and what of it is held back. A string that changes is the only
thing that is spelled anew; a frame without one is passed on as it came, as soon as it is whole. What
cannot be read is passed on as it is: no bytes make this raise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from outgate.formats.answer_tables import table
from outgate.formats.answers import End, Key, Path, again, read
from outgate.transform.restore import Known, Restorer, restored
from outgate.wire import WireError, eventstream, json_array, json_spans, ndjson, sse
from outgate.wire.frames import Frame, Parser

LIMIT = 32 * 1024 * 1024  # bytes of a JSON body that are held; a longer one goes through as it is
MAX_LANES = 4096  # at once; a text that goes on beyond them is restored stretch by stretch

_LINES = frozenset({"ndjson", "x-ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines"})
_UNLABELLED = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_EVENTS_OPEN = (b"data: ", b"data:{", b"event: ", b": ")
_MOST_BLANKS = 4096  # bytes that are waited through for what a body opens with
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^"';,\s]*)""", re.IGNORECASE)
_ASCII_ALIKE = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class AnswerRestorer:
    """Bytes of one answer in (decoded of their content encoding, at any cut), bytes out.

    The label says what it is; but what says that it is JSON, or says nothing, is what it opens as.
    """

    def __init__(self, format_name: str, content_type: str, known: Known) -> None:
        self._known = known
        self._format = format_name
        self._label = content_type.partition(";")[0].strip().lower()
        self._body = self._labelled(content_type)
        self._opening = b""  # what came while it does not show what the body is

    def feed(self, data: bytes) -> list[bytes]:
        """What can be told now; an empty list while all is held back. Never an empty piece."""
        if self._body is None:
            self._opening += data
            self._body = self._opened(self._opening.lstrip(_BOM + b" \t\r\n"))
            if self._body is None:
                return []
            data, self._opening = self._opening, b""
        return [piece for piece in self._body.feed(data) if piece]

    def finish(self) -> list[bytes]:
        """The answer is at its end, or the connection is: what was held back."""
        if self._body is None:
            return [self._opening] if self._opening else []
        return [piece for piece in self._body.finish() if piece]

    def _labelled(self, content_type: str) -> _Body | None:
        """What the label says; None where the bytes are to tell."""
        charsets = _CHARSET.findall(content_type)
        if not len(self._known) or any(charset.lower() not in _ASCII_ALIKE for charset in charsets):
            return _AsItIs()
        kind, _, name = self._label.partition("/")
        if self._label in _UNLABELLED or name.rpartition("+")[2] == "json":
            return None
        if self._label == "text/event-stream":
            return self._frames(sse.Parser())
        if self._label == "application/vnd.amazon.eventstream":
            return self._frames(eventstream.Parser())
        if name in _LINES:
            return self._frames(ndjson.Parser())
        return _Text(self._known) if kind == "text" else _AsItIs()

    def _opened(self, opening: bytes) -> _Body | None:
        """What the first bytes say; None while they do not."""
        if not opening and len(self._opening) < _MOST_BLANKS:
            return None
        if opening.startswith(_EVENTS_OPEN):
            return self._frames(sse.Parser())
        if opening and any(mark.startswith(opening) for mark in _EVENTS_OPEN):
            return None
        is_json = opening[:1] in (b"{", b"[", b'"')
        if self._label in _UNLABELLED:
            # A file of results has a document a line.
            return self._frames(ndjson.Parser()) if is_json else _AsItIs()
        if self._format == "gemini" and opening[:1] == b"[":
            return self._frames(json_array.Parser())
        return _Whole(self._frames(ndjson.Parser())) if is_json else _Text(self._known)

    def _frames(self, parser: Parser) -> _Frames:
        return _Frames(parser, self._format, self._known)


class _Body(Protocol):
    def feed(self, data: bytes) -> list[bytes]: ...

    def finish(self) -> list[bytes]: ...


class _AsItIs:
    def feed(self, data: bytes) -> list[bytes]:
        return [data]

    def finish(self) -> list[bytes]:
        return []


class _Text:
    """Plain text. Placeholders are ASCII, so the octets need no decoding; values go in as UTF-8."""

    def __init__(self, known: Known) -> None:
        self._restorer = Restorer(known, spell=_octets)

    def feed(self, data: bytes) -> list[bytes]:
        return [self._restorer.feed(data.decode("latin-1")).encode("latin-1")]

    def finish(self) -> list[bytes]:
        return [self._restorer.flush().encode("latin-1")]


def _octets(value: str) -> str:
    return value.encode("utf-8", "replace").decode("latin-1")


class _Whole:
    """A JSON body that is not streamed: one frame, read when it is all there."""

    def __init__(self, frames: _Frames) -> None:
        self._frames = frames
        self._held = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> list[bytes]:
        if self._too_long:
            return [data]
        self._held += data
        if len(self._held) <= LIMIT:
            return []
        self._too_long = True
        whole = bytes(self._held)
        self._held.clear()
        return [whole]

    def finish(self) -> list[bytes]:
        body = bytes(self._held)
        return self._frames.told(Frame(body, ((0, len(body)),)), last=True)


@dataclass(slots=True)
class _Lane:
    restorer: Restorer
    frame: Frame  # the last that it went on in
    path: Path


class _Frames:
    """A stream of JSON documents, whatever frames them."""

    def __init__(self, parser: Parser, format_name: str, known: Known) -> None:
        self._parser = parser
        self._answers = table(format_name)
        self._known = known
        self._lanes: dict[Key, _Lane] = {}
        self._count: object = None  # of the last event, where they are counted

    def feed(self, data: bytes) -> list[bytes]:
        return [piece for frame in self._parser.feed(data) for piece in self.told(frame)]

    def finish(self) -> list[bytes]:
        pieces: list[bytes] = []
        rest = self._parser.finish()
        for frame in rest:
            pieces += self.told(frame, last=frame is rest[-1])
        return pieces if rest else self._ended(End())

    def told(self, frame: Frame, *, last: bool = False) -> list[bytes]:
        """A frame as it leaves; before it, what lanes held back that are at their end with it."""
        document = _parsed(frame) if frame.spans else None
        if document is None:
            # Not JSON: ``[DONE]``, a comment, a piece of what was too long, what a broken connection left.
            is_done = last or (frame.spans and frame.payload.strip() == b"[DONE]")
            return [*(self._ended(End()) if is_done else ()), frame.raw]
        steps = read(document, self._answers.root)
        if last:
            steps.append(End())
        before: list[bytes] = []
        changes: dict[Path, str] = {}
        here: dict[Key, tuple[Path, str]] = {}  # lanes that go on in this frame: where, and what it said
        for step in steps:
            if isinstance(step, End):
                before += self._ended(step, here, changes)
                continue
            lane = None if step.key is None else self._lane(step.key, step.source, frame, step.path)
            if lane is None or step.key is None:
                text = restored(step.text, self._known, source=step.source)
            else:
                text = lane.restorer.feed(step.text)
                here[step.key] = step.path, step.text
            if text != step.text:
                changes[step.path] = text
        if self._answers.counter and isinstance(document, dict):
            self._count = document.get(self._answers.counter)
        return [*before, _changed(frame, changes) if changes else frame.raw]

    def _lane(self, key: Key, source: bool, frame: Frame, path: Path) -> _Lane | None:
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= MAX_LANES:
                return None
            lane = self._lanes[key] = _Lane(Restorer(self._known, source=source), frame, path)
        lane.frame, lane.path = frame, path
        return lane

    def _ended(
        self,
        end: End,
        here: Mapping[Key, tuple[Path, str]] | None = None,
        changes: dict[Path, str] | None = None,
    ) -> list[bytes]:
        """Lanes told to their end: in this frame where they go on in it, else in frames of their own before it."""
        frames: list[bytes] = []
        for key in [key for key in self._lanes if end.of(key)]:
            lane = self._lanes.pop(key)
            rest = lane.restorer.flush()
            if not rest:
                continue
            if here is not None and changes is not None and key in here:
                path, said = here[key]
                changes[path] = changes.get(path, said) + rest
            else:
                event = again(_parsed(lane.frame), lane.path, rest, self._answers.repeated)
                if isinstance(event, dict) and self._answers.counter in event:
                    event[self._answers.counter] = self._count
                frames.append(lane.frame.another(json.dumps(event, separators=(",", ":")).encode("ascii")))
        return frames


_BOM = b"\xef\xbb\xbf"
_DECODER = json.JSONDecoder(strict=False)


def _parsed(frame: Frame) -> object:
    """The payload; None when it is no JSON."""
    try:
        return _DECODER.decode(frame.payload.removeprefix(_BOM).decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _changed(frame: Frame, changes: Mapping[Path, str]) -> bytes:
    """The frame with the strings at these paths spelled anew, by their byte spans."""
    payload = frame.payload
    spans: dict[Path, tuple[int, int]] = {}
    try:
        scalars = json_spans.scan(payload).scalars
    except WireError:  # deeper, or of more values, than anything that an API sends
        return frame.raw
    for scalar in scalars:
        if scalar.kind in (json_spans.Kind.STRING, json_spans.Kind.KEY):
            path = _path(scalar)
            if path in changes:
                spans[path] = scalar.start, scalar.end  # of two under one key the last counts, here as above
    pieces, position = [], 0
    for path, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        pieces += [payload[position:start], _spelled(changes[path], payload[start:end])]
        position = end
    pieces.append(payload[position:])
    return frame.rewritten(b"".join(pieces))


def _path(scalar: json_spans.Scalar) -> Path:
    steps: list[str | int | None] = [None] if scalar.kind is json_spans.Kind.KEY else []
    key, container = scalar.key, scalar.container
    while container is not None and key is not None:
        steps.append(key)
        key, container = container.key, container.parent
    return tuple(reversed(steps))


def _spelled(text: str, like: bytes) -> bytes:
    """A JSON string, escaped as far as the one that it replaces."""
    try:
        return json.dumps(text, ensure_ascii=like.isascii()).encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(text).encode("ascii")
