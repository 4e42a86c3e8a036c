"""One answer on its way to be judged: frames are held until every text in them is, and leave in their order.

Owns which frames wait for what. A frame leaves as it came, or with the strings that change spelled anew; what no
string of it is judged for (a comment, a ping) waits for nobody. Who judges is handed in, and what it raises goes to
the caller, to whom ``rest`` then gives all that was held.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from outgate.formats.answer_roles import role
from outgate.formats.answer_tables import table
from outgate.formats.answers import MAX_DEPTH, End, Path, Stretch, read
from outgate.model import BODY, Role, Segment
from outgate.transform import answer_frames
from outgate.transform.answer_frames import BOM, PARSERS, Kind
from outgate.transform.lanes import Lanes
from outgate.transform.lookahead import Block, Edit, LookAhead
from outgate.wire import WireError, json_spans
from outgate.wire.frames import Frame
from outgate.wire.json_spans import join_path

# Texts, and from where on each is new: what stands before has been judged. To the edits of each text.
Judge = Callable[[Sequence[Segment], Sequence[int]], Awaitable[Sequence[list[Edit]]]]

MAX_LANES = 4_096  # at once
MAX_HELD = 1024 * 1024  # bytes of frames that wait; then what is there of their texts is judged
MAX_STRINGS = 50_000  # of one frame, about: each costs more than its bytes
MAX_NESTED = 500_000  # objects and arrays of one frame
STALE = (
    16  # frames with text (messages: any) after which one that waits for the rest of its own does so no more
)

_MEDIA = ("image/", "audio/", "video/", "font/")
_SCRIPT = re.compile(r"(?:application|image)/(?:[\w.-]+\+)?(?:javascript|ecmascript|xml)\b", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')  # what a parameter says
# Frames that hold nothing to read, by what frames them: other bytes that no parser made sense of are none.
_EMPTY = {
    Kind.EVENTS: re.compile(
        rb"(?:\xef\xbb\xbf)?+(?:(?::|event|id|retry)[^\r\n]{0,4096}+(?:[\r\n]++|\Z)|[\r\n]++)*+"
    ),
    Kind.LINES: re.compile(rb"\s*"),
    Kind.ARRAY: re.compile(rb"(?:\xef\xbb\xbf)?[\s,\[\]]*"),
    Kind.MESSAGES: re.compile(rb""),
}
_PINGS: tuple[object, ...] = ({"type": "ping"},)


def is_media(content_type: str) -> bool:
    """Whether a label says that this is nothing that is read: a picture, a sound. Of two labels a client may take
    either, and a picture in XML is a text.
    """
    label = content_type.strip().lower()
    return label.startswith(_MEDIA) and "," not in _QUOTED.sub("", label) and not _SCRIPT.match(label)


@dataclass(slots=True)
class _Text:
    """A lane, or a string that stands for itself."""

    ahead: LookAhead
    role: Role
    place: str
    last: int = 0  # the number of the last frame that it went on in


@dataclass(slots=True)
class _Part:
    """A string of a frame."""

    path: Path
    of: _Text
    start: int  # in its text
    text: str


@dataclass(slots=True)
class _Held:
    frame: Frame
    parts: list[_Part] = field(default_factory=list)
    raw: bool = False  # the payload itself is the only string
    idle: bool = False  # it waits for nobody
    gone: bool = False

    def is_judged(self) -> bool:
        return all(part.of.ahead.judged >= part.start + len(part.text) for part in self.parts)

    def told(self) -> bytes:
        changes = {}
        for part in self.parts:
            text = part.of.ahead.told(part.start, part.text)
            if text != part.text:
                changes[part.path] = text
        if not changes:
            return self.frame.raw
        if not self.raw:
            return answer_frames.changed(self.frame, changes)
        payload = changes[()].encode("utf-8", "replace")
        if len(self.frame.spans) > 1 and payload.count(b"\n") != self.frame.payload.count(b"\n"):
            raise WireError(502, "bad_json", "An event of several lines cannot be edited.")
        return self.frame.rewritten(payload)


class AnswerInspector:
    """Bytes of one answer in (decoded of their content encoding, at any cut), judged bytes out. Linear in the answer.

    ``kind`` says what it is, once that is known. Raises WireError for what cannot be read, and what ``judge`` does.
    """

    def __init__(self, format_name: str, content_type: str, judge: Judge, *, limit: int) -> None:
        """``limit``: bytes of an answer that is held until it is whole."""
        self._format = format_name
        self._answers = table(format_name)
        self._label = content_type
        self._judge = judge
        self._limit = limit
        self._coming = bytearray()  # what is held until it shows what it is, or is whole
        self._parser = PARSERS[Kind.LINES]()
        self._frames: deque[Frame] = deque()  # that nobody has looked at
        self._held: deque[_Held] = deque()
        self._size = 0  # bytes of these
        self._lanes: Lanes[_Text] = Lanes()
        self._waiting: OrderedDict[int, _Text] = OrderedDict()  # lanes by the last frame that they went on in
        self._number = 0  # frames with text so far
        self._told: list[bytes] = []
        self._blocks: list[tuple[_Text, Block]] = []
        self.kind: Kind | None = answer_frames.labelled(content_type)
        if self.kind is Kind.OTHER and _SCRIPT.match(content_type):
            self.kind = Kind.TEXT
        self._set_up()

    async def feed(self, data: bytes) -> list[bytes]:
        """What may go on now. Never an empty piece."""
        if self.kind in PARSERS:
            return await self._through(self._parser.feed(data))
        self._coming += data
        if self.kind is None:
            self.kind = answer_frames.opened(bytes(self._coming[:8192]), self._label, self._format)
            self._set_up()
            if self.kind in PARSERS:
                data = bytes(self._coming)
                self._coming.clear()
                return await self._through(self._parser.feed(data))
        if len(self._coming) > self._limit:
            raise WireError(502, "too_large", "The answer is too large to be inspected.")
        return []

    async def finish(self) -> list[bytes]:
        """The answer is at its end: what is left of it."""
        if self.kind in PARSERS:
            frames = self._parser.finish()
        else:
            body = bytes(self._coming)
            if not body:
                return []
            self._coming.clear()
            frames = [Frame(body, ((0, len(body)),))]
        told = await self._through(frames, last=True)
        assert not self._held
        return told

    def ending(self, error: bytes) -> bytes:
        """An error (JSON) framed as what it is the end of."""
        return answer_frames.ending(self.kind, error, "accessDeniedException")

    def rest(self) -> Iterator[bytes]:
        """All that was held, as it came; only for where it may go on all the same."""
        yield from self._told
        yield from (one.frame.raw for one in self._held if not one.gone)
        yield from (frame.raw for frame in self._frames)
        yield from (frame.raw for frame in self._parser.finish())
        yield bytes(self._coming)

    def _set_up(self) -> None:
        if self.kind is Kind.OTHER:
            raise WireError(502, "bad_encoding", "An answer of this kind cannot be inspected.")
        if self.kind is not None and self.kind in PARSERS:
            self._parser = PARSERS[self.kind]()

    async def _through(self, frames: Sequence[Frame], *, last: bool = False) -> list[bytes]:
        self._frames.extend(frames)
        whole = self.kind not in PARSERS
        idle: list[_Held] = []
        while self._frames:
            held = self._hold(self._frames[0], whole)
            self._frames.popleft()
            if held.idle:
                idle.append(held)
        if last:
            self._end(End())
        await self._look()
        if self._size > MAX_HELD:
            for text in self._lanes:
                self._blocks += ((text, block) for block in text.ahead.pause())
            await self._look()
        for held in idle:
            if not held.gone:
                self._tell(held)
        told, self._told = self._told, []
        return told

    async def _look(self) -> None:
        """Have the blocks judged, and tell what need wait no longer."""
        if self._blocks:
            blocks, self._blocks = self._blocks, []
            segments = [
                Segment(block.window, text.role, text.place, BODY, 0, 0, "utf8") for text, block in blocks
            ]
            new = [block.start - block.offset for _, block in blocks]
            for (text, block), edits in zip(blocks, await self._judge(segments, new), strict=True):
                text.ahead.judge(block, edits)
        while self._held and (self._held[0].gone or self._held[0].is_judged()):
            if not self._held[0].gone:
                self._tell(self._held[0])
            self._size -= len(self._held.popleft().frame.raw)

    def _tell(self, held: _Held) -> None:
        piece = held.told()
        held.gone = True
        if piece:
            self._told.append(piece)

    def _hold(self, frame: Frame, whole: bool) -> _Held:
        """Read a frame, and let it wait."""
        held = _Held(frame)
        document = self._parsed(frame, whole)
        if document is _NOTHING:
            held.idle = not frame.spans and self.kind is not Kind.ARRAY  # its end stays its end
        elif document is _DONE:
            self._end(End())
        elif document is None:
            held.raw = True
            self._add(held, Stretch((), _decoded(frame.payload), None, False), whole)
        else:
            held.idle = document in _PINGS
            for step in read(document, self._answers.root):
                if isinstance(step, End):
                    self._end(step)
                else:
                    self._add(held, step, whole)
        self._held.append(held)
        self._size += len(frame.raw)
        if held.parts or self.kind is Kind.SOCKET:  # where sound waits behind words
            self._number += 1
            self._hurry()
        return held

    def _parsed(self, frame: Frame, whole: bool) -> object:
        if not frame.spans:
            empty = _EMPTY.get(self.kind) if self.kind else None
            if empty is None or not empty.fullmatch(frame.raw):
                raise WireError(502, "bad_json", "A part of the answer cannot be read.")
            return _NOTHING
        payload = frame.payload
        if payload.strip() in (b"", b"[DONE]"):
            return _DONE if payload.strip() else _NOTHING
        if whole and self.kind is Kind.TEXT:
            return None
        nested = payload.count(b"{") + payload.count(b"[")
        quotes = payload.count(b'"') - payload.count(b'\\"')
        if nested > MAX_NESTED or quotes > 4 * MAX_STRINGS:  # of a string's name, and its own
            raise WireError(502, "too_large", "The answer has too many values.")
        document = _parsed(payload)
        if document is not None and nested > MAX_DEPTH:
            json_spans.scan(payload, max_depth=MAX_DEPTH)  # what lies deeper is not read
        return document

    def _add(self, held: _Held, step: Stretch, whole: bool) -> None:
        lane = None if step.key is None or whole else self._lane(step)
        text = lane or self._new(step, whole=whole)
        held.parts.append(_Part(step.path, text, text.ahead.size, step.text))
        self._blocks += ((text, block) for block in text.ahead.add(step.text))
        if lane is None:
            self._blocks += ((text, block) for block in text.ahead.rest())
            return
        lane.last = self._number
        self._waiting[id(lane)] = lane
        self._waiting.move_to_end(id(lane))

    def _lane(self, step: Stretch) -> _Text:
        assert step.key is not None
        text = self._lanes.get(step.key)
        if text is None:
            if len(self._lanes) >= MAX_LANES:
                raise WireError(502, "too_large", "The answer has too many texts at once.")
            text = self._new(step)
            self._lanes.add(step.key, text)
        return text

    def _new(self, step: Stretch, *, whole: bool = False) -> _Text:
        return _Text(LookAhead(source=step.source, whole=whole), role(step), _place(step.path))

    def _end(self, end: End) -> None:
        for key in self._lanes.ended(end):
            text = self._lanes.pop(key)
            self._waiting.pop(id(text), None)
            self._blocks += ((text, block) for block in text.ahead.rest())

    def _hurry(self) -> None:
        """Texts that have not gone on for long hold up the others no more."""
        while self._waiting and self._number - (text := next(iter(self._waiting.values()))).last > STALE:
            del self._waiting[id(text)]
            self._blocks += ((text, block) for block in text.ahead.pause())


class ConversationInspector(AnswerInspector):
    """The same of what a provider says over one WebSocket; a piece is a message, as ``frames.Opcoded`` has it."""

    def __init__(self, format_name: str, judge: Judge) -> None:
        super().__init__(format_name, "", judge, limit=0)
        self.kind = Kind.SOCKET
        self._set_up()


_NOTHING, _DONE = object(), object()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_unique)


def _parsed(payload: bytes) -> object:
    """None for what is no JSON, or can be read in two ways: then all of it is one text."""
    try:
        return _DECODER.decode(payload.removeprefix(BOM).decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _decoded(payload: bytes) -> str:
    """What is no JSON. With a NUL it may be in UTF-16 or UTF-32, which clients tell by that (RFC 4627, 3)."""
    try:
        if b"\0" not in payload:
            return payload.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise WireError(502, "bad_encoding", "The answer is not UTF-8.")


def _place(path: Path) -> str:
    place = ""
    for step in path:
        place = f"{place} (key)" if step is None else join_path(place, step)
    return place
