"""An answer with its placeholders restored, whatever its kind: JSON, a stream of events or of messages, or text.

Owns the lanes: which text goes on where, and what of it is held back. A string that changes is the only
thing that is spelled anew; a frame without one is passed on as it came, as soon as it is whole. What
cannot be read is passed on as it is: no bytes make this raise.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from outgate.formats.answer_tables import table
from outgate.formats.answers import End, Key, Path, Stretch, again, read
from outgate.transform import alike, answer_frames
from outgate.transform.alike import Alike
from outgate.transform.answer_frames import LIMIT, PARSERS, Kind, changed, parsed, spelled
from outgate.transform.lanes import Lanes
from outgate.transform.restore import Known, Restorer, restored
from outgate.wire import WireError
from outgate.wire.frames import Frame, Messages, Parser

_MOST_ALIKE = 4  # kinds of events that are told apart at once: choices, tool calls
_IN_A_ROW = 2  # events of a lane before one that a pattern is made of: making it must not delay the first
_CREDIT = 16  # patterns that are made, though no event matches them
MAX_LANES = 4096  # at once; a text that goes on beyond them is restored stretch by stretch
MAX_KEPT = 64 * 1024 * 1024  # bytes of the frames that lanes went on in; beyond them the same


class AnswerRestorer:
    """Bytes of one answer in (decoded of their content encoding, at any cut), bytes out.

    The label says what it is; but what says that it is JSON, or says nothing, is what it opens as.
    """

    def __init__(self, format_name: str, content_type: str, known: Known) -> None:
        self._known = known
        self._format = format_name
        self._label = content_type
        self._kind = answer_frames.labelled(content_type) if len(known) else Kind.OTHER
        self._body = None if self._kind is None else self._read(self._kind)
        self._opening = b""  # what came while it does not show what the body is

    def feed(self, data: bytes) -> list[bytes]:
        """What can be told now; an empty list while all is held back. Never an empty piece."""
        if self._body is None:
            self._opening += data
            self._kind = answer_frames.opened(self._opening, self._label, self._format)
            if self._kind is None:
                return []
            self._body = self._read(self._kind)
            data, self._opening = self._opening, b""
        return [piece for piece in self._body.feed(data) if piece]

    def finish(self) -> list[bytes]:
        """The answer is at its end, or the connection is: what was held back."""
        if self._body is None:
            return [self._opening] if self._opening else []
        return [piece for piece in self._body.finish() if piece]

    def ending(self, error: bytes) -> bytes:
        """An error (JSON) framed as what it is the end of; of a body that is not streamed, itself."""
        return answer_frames.ending(self._kind, error, "internalServerException") or error

    def broken_off(self, error: bytes) -> list[bytes]:
        """The answer goes on no more: what was held back of its texts, and the error (JSON) where it was a stream.

        A frame that is half there is not told.
        """
        held = self._body.held() if self._body is not None else []
        ending = answer_frames.ending(self._kind, error, "internalServerException")
        return [piece for piece in (*held, ending) if piece]

    def _read(self, kind: Kind) -> _Body:
        if kind is Kind.OTHER:
            return _AsItIs()
        if kind is Kind.TEXT:
            return _Text(self._known)
        parser = PARSERS[Kind.LINES if kind is Kind.WHOLE else kind]()
        frames = _Frames(parser, self._format, self._known)
        return _Whole(frames) if kind is Kind.WHOLE else frames


class MessageRestorer:
    """What a provider sends over one WebSocket, message by message. What is known may change between two."""

    def __init__(self, format_name: str) -> None:
        self._known = Known({})
        self._frames = _Frames(Messages(), format_name, self._known)

    def learn(self, known: Known) -> None:
        """The placeholders that count from here on."""
        self._known = known
        self._frames.learn(known)

    def feed(self, message: bytes, *, is_text: bool) -> list[bytes]:
        """The messages to tell instead: last this one, before it what was held back of texts that it ends."""
        if not len(self._known) and not self._frames.is_under_way:
            return [message]
        if answer_frames.opens_as_json(message):
            return self._frames.feed(message)
        if not is_text:
            return [message]
        text = _Text(self._known)
        return [b"".join((*text.feed(message), *text.finish()))]

    def finish(self) -> list[bytes]:
        """The connection is at its end: what was held back, as messages."""
        return self._frames.finish()


class _Body(Protocol):
    def feed(self, data: bytes) -> list[bytes]: ...

    def finish(self) -> list[bytes]: ...

    def held(self) -> list[bytes]: ...


class _AsItIs:
    def feed(self, data: bytes) -> list[bytes]:
        return [data]

    def finish(self) -> list[bytes]:
        return []

    held = finish


class _Text:
    """Plain text. Placeholders are ASCII, so the octets need no decoding; values go in as UTF-8."""

    def __init__(self, known: Known) -> None:
        self._restorer = Restorer(known, spell=_octets)

    def feed(self, data: bytes) -> list[bytes]:
        return [self._restorer.feed(data.decode("latin-1")).encode("latin-1")]

    def finish(self) -> list[bytes]:
        return [self._restorer.flush().encode("latin-1")]

    held = finish


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

    def held(self) -> list[bytes]:
        return []


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
        self._lanes: Lanes[_Lane] = Lanes()
        self._kept = 0  # bytes of their frames
        self._count: object = None  # of the last event, where they are counted
        self._alike: list[Alike] = []  # the newest first
        self._last: Key | None = None  # the lane of the last event that was read, if it was in one alone
        self._in_a_row = 0  # events that were read before it in the same lane
        self._credit = _CREDIT

    def feed(self, data: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        start = self._alike_told(data, pieces) if self._alike and self._parser.idle else 0
        if start < len(data):
            for frame in self._parser.feed(data[start:] if start else data):
                if not (self._alike and frame.spans and self._alike_told(frame.raw, pieces)):
                    pieces += self.told(frame)
        return pieces

    def held(self) -> list[bytes]:
        return self._ended(End())

    @property
    def is_under_way(self) -> bool:
        """Whether a text goes on."""
        return len(self._lanes) > 0

    def learn(self, known: Known) -> None:
        self._known = known
        for lane in self._lanes:
            lane.restorer.learn(known)

    def finish(self) -> list[bytes]:
        pieces: list[bytes] = []
        rest = self._parser.finish()
        for frame in rest:
            pieces += self.told(frame, last=frame is rest[-1])
        return pieces if rest else self._ended(End())

    def told(self, frame: Frame, *, last: bool = False) -> list[bytes]:
        """A frame as it leaves; before it, what lanes held back that are at their end with it."""
        document = parsed(frame) if frame.spans else None
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
        matters: list[Stretch | End] = []
        for step in steps:
            if isinstance(step, End) and step.alone and step.prefix not in self._lanes:
                continue
            matters.append(step)
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
        if not last:
            self._learn(frame, matters, changes)
        raw = frame.raw
        if changes:
            with suppress(WireError):
                raw = changed(frame, changes)
        return [*before, raw]

    def _learn(self, frame: Frame, steps: Sequence[Stretch | End], changes: Mapping[Path, str]) -> None:
        """What the next events may look like, if this one goes on with one text and does nothing else."""
        stretches = [step for step in steps if isinstance(step, Stretch)]
        lanes = [stretch for stretch in stretches if stretch.key in self._lanes]
        before, self._last = self._last, None
        in_a_row, self._in_a_row = self._in_a_row, 0
        if len(lanes) != 1 or len(stretches) < len(steps) or not changes.keys() <= {lanes[0].path}:
            return
        self._last = lanes[0].key
        self._in_a_row = in_a_row + 1 if before == self._last else 0
        if self._in_a_row < _IN_A_ROW or self._credit <= 0:
            return
        self._credit -= 1
        found = alike.made_of(frame, lanes[0], self._parser.ends, self._answers.counter)
        if found is not None:
            self._alike = [found, *self._alike[: _MOST_ALIKE - 1]]

    def _alike_told(self, data: bytes, pieces: list[bytes]) -> int:
        """How many bytes of ``data`` are events like earlier ones; they are told. It begins where an event does."""
        position, tried = 0, 0
        while tried < len(self._alike) and position < len(data):
            end = self._run_told(self._alike[tried], data, position, pieces)
            tried = tried + 1 if end == position else 0
            position = end
        return position

    def _run_told(self, like: Alike, data: bytes, start: int, pieces: list[bytes]) -> int:
        """The end of the events from ``start`` on that are so alike. Linear in what it tells."""
        lane = self._lanes.get(like.key)
        if lane is None:
            return start
        found: list[re.Match[bytes]] = []
        end, match = start, like.match
        while one := match(data, end):
            found.append(one)
            end = one.end()
        texts = like.texts(found)
        if not texts:
            return start
        self._kept += len(like.frame.raw) - len(lane.frame.raw)  # short both ways: see LONGEST
        lane.frame, lane.path = like.frame, like.path
        self._credit = min(_CREDIT, self._credit + len(found) // 4)
        if like.counted:
            self._count = int(found[-1]["count"])
        restorer, joined = lane.restorer, "".join(texts)
        ends = list(accumulate(map(len, texts)))
        position, offset, index = start, 0, 0
        while index < len(texts):
            index = bisect_right(ends, restorer.clear(joined, offset), index)
            if index and ends[index - 1] > offset:
                offset = ends[index - 1]
                restorer.skip(joined[offset - 1])
            if index < len(texts):
                told = restorer.feed(texts[index])
                if told != texts[index]:
                    left, right = found[index].span("text")
                    pieces += (data[position:left], spelled(told, data[left:right])[1:-1])
                    position = right
                offset = ends[index]
                index += 1
        pieces.append(data[position:end])
        return end

    def _lane(self, key: Key, source: bool, frame: Frame, path: Path) -> _Lane | None:
        lane = self._lanes.get(key)
        more = len(frame.raw) - (len(lane.frame.raw) if lane else 0)
        if self._kept + more > MAX_KEPT:
            return lane
        if lane is None:
            if len(self._lanes) >= MAX_LANES:
                return None
            lane = _Lane(Restorer(self._known, source=source), frame, path)
            self._lanes.add(key, lane)
            self._alike = []  # what went on in one lane may be what ends this one
        lane.frame, lane.path = frame, path
        self._kept += more
        return lane

    def _ended(
        self,
        end: End,
        here: Mapping[Key, tuple[Path, str]] | None = None,
        changes: dict[Path, str] | None = None,
    ) -> list[bytes]:
        """Lanes told to their end: in this frame where they go on in it, else in frames of their own before it."""
        frames: list[bytes] = []
        for key in self._lanes.ended(end):
            lane = self._lanes.pop(key)
            self._kept -= len(lane.frame.raw)
            rest = lane.restorer.flush()
            if not rest:
                continue
            if here is not None and changes is not None and key in here:
                path, said = here[key]
                changes[path] = changes.get(path, said) + rest
            else:
                event = again(parsed(lane.frame), lane.path, rest, self._answers.repeated)
                if isinstance(event, dict) and self._answers.counter in event:
                    event[self._answers.counter] = self._count
                frames.append(lane.frame.another(json.dumps(event, separators=(",", ":")).encode("ascii")))
        return frames
