"""How many tokens an answer took, read along while it goes by: nothing waits for this, and nothing is changed.

``meter`` is the door. Of a streamed answer only the events that have a report in them are looked at; what is held is
an event that has begun, at most ``_MOST_HELD`` bytes. Where an answer says nothing, the tokens are estimated by its
size: ``Usage`` of a meter has only what was said, ``Tally`` says which is which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Final, NamedTuple

from outgate.formats.usage_tables import FREE, TABLES, Counting
from outgate.model import Usage
from outgate.wire import WireError, eventstream
from outgate.wire.json_numbers import NumberFinder
from outgate.wire.unpacking import Unpacker

_MOST_HELD: Final = 4 * 2**20  # bytes of an event that has begun
_BYTES_A_TOKEN: Final = 4  # of text, about; the vendors' own rule of thumb for English
_LINES: Final = frozenset(
    {"ndjson", "x-ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "stream+json"}
)
_ASKS_NOTHING: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class _Kind(Enum):
    EVENTS = auto()  # server-sent
    LINES = auto()
    MESSAGES = auto()  # Amazon's event stream
    WHOLE = auto()  # JSON, also as an array that comes element by element


class Tally(NamedTuple):
    """What an exchange took."""

    input: int
    output: int
    input_estimated: bool = False
    output_estimated: bool = False


def counting(format_name: str) -> Counting:
    """An API family's table; that of ``generic`` for one that has none."""
    return TABLES.get(format_name, TABLES["generic"])


def takes_tokens(method: str, path: str) -> bool:
    """Whether a request has a model answer: what is only looked up, or counted, takes nothing.

    ``path`` is normalised. With parameters behind a step (RFC 3986, 3.3), it is another to some servers.
    """
    last = path.rpartition("/")[2]
    free = last in FREE or last.rpartition(":")[2] == "countTokens"
    return method.upper() not in _ASKS_NOTHING and (";" in path or not free)


def answers_in_words(path: str) -> bool:
    """Whether what comes back is made of tokens, as vectors are not. ``path`` as above."""
    return ";" in path or "embed" not in path.lower()


class Meter:
    """Of one answer. Raises nothing: what cannot be read is estimated."""

    def __init__(self, format_name: str, headers: Mapping[str, str]) -> None:
        """``headers``: the answer's; their names in any case, if the mapping knows that."""
        self._counting = counting(format_name)
        self._tally = _Reports(self._counting)
        self._kind = _labelled(headers.get("content-type", ""))
        self._size = self._events = 0  # bytes without their encoding, events of a stream
        self._begun = bytearray()  # an event
        self._lost = False  # ... that is too long
        self._messages = eventstream.Parser(_MOST_HELD)
        self._whole = NumberFinder(self._counting.places)
        self._unpacker: Unpacker | None = None
        encoding = headers.get("content-encoding", "")
        self._plain = not encoding  # most answers: spare them the way through it
        if self._counting.headers:
            self._tally.add(*(_number(headers.get(name, "")) for name in self._counting.headers))
        with suppress(WireError):  # then its size is all that is known of it
            self._unpacker = Unpacker(encoding)

    def feed(self, data: bytes) -> None:
        """A piece of the answer, as the provider sent it."""
        if self._unpacker is None:
            self._size += len(data)
            return
        try:
            for piece in (data,) if self._plain else self._unpacker.feed(data):
                self._size += len(piece)
                self._read(piece)
        except Exception:  # whatever it is, the answer goes on
            self._unpacker = None
            self._size += len(data)

    def finish(self, asked: int, *, complete: bool, words: bool = True) -> Tally:
        """The answer is over. ``asked``: bytes of the request.

        Not ``complete``: it was broken off, so what it said by then need not be all. Without ``words``, its size says
        nothing of what it took.
        """
        if self._unpacker is not None:
            try:
                if self._begun:
                    self._read(b"\n")
                self._tally.put(self._whole.finish())
            except Exception:
                self._unpacker = None
        told = self._tally.usage
        if not self._counting.estimated:
            return Tally(told.input or 0, told.output or 0)
        silent, least = told.input is None, told.output or 0
        final = told.output is not None and self._counting.last
        # A report without an output is one of something that has none.
        said_all = final or (complete and not silent) or not words
        output = least if said_all else max(least, self._guess())
        inward = asked // _BYTES_A_TOKEN if silent else told.input or 0
        return Tally(inward, output, silent, not said_all and (told.output is None or output > least))

    def _guess(self) -> int:
        """No model says less than a token an event."""
        text = self._size - self._events * self._counting.framing
        return max(self._events, text // _BYTES_A_TOKEN, 0)

    def _read(self, data: bytes) -> None:
        if self._kind is None:
            opening = data.lstrip(b"\xef\xbb\xbf \t\r\n")
            if not opening:
                return
            self._kind = _Kind.EVENTS if opening.startswith((b"data", b"event", b":")) else _Kind.WHOLE
        if self._kind is _Kind.WHOLE:
            self._whole.feed(data)
        elif self._kind is _Kind.MESSAGES:
            for frame in self._messages.feed(data):
                self._events += 1
                self._event((frame.payload,) if frame.spans else ())
        else:
            self._lines(data)

    def _lines(self, data: bytes) -> None:
        """An event's report stands in one line in every API; so a line is all that has to be whole."""
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if end:
            lines = bytes(self._begun) + data[:end] if self._begun else data[:end]
            self._begun.clear()
            if self._lost:
                lines, self._lost = lines[max(lines.find(b"\n"), 0) :], False
            self._events += lines.count(b"data:" if self._kind is _Kind.EVENTS else b"\n")
            if self._counting.marked(lines):
                self._event(lines.splitlines())
        self._begun += data[end:]
        if len(self._begun) > _MOST_HELD:
            self._begun.clear()
            self._lost = True

    def _event(self, payloads: Iterable[bytes]) -> None:
        for payload in payloads:
            if self._counting.marked(payload):
                self._tally.read(payload)


def said(format_name: str, message: bytes) -> Usage | None:
    """What a message of a WebSocket says that was taken; None: nothing."""
    table = counting(format_name)
    if not table.marked(message):
        return None
    tally = _Reports(table)
    tally.read(message)
    return None if tally.usage == Usage() else tally.usage


class _Reports:
    """Adds up what was said."""

    def __init__(self, table: Counting) -> None:
        self._table = table
        self.usage = Usage()

    def read(self, payload: bytes) -> None:
        """One event, from the JSON in it on."""
        finder = NumberFinder(self._table.places)
        finder.feed(payload[max(payload.find(b"{"), 0) :])
        self.put(finder.finish())

    def put(self, found: Mapping[str, int]) -> None:
        """The numbers of one event; of several ways to say it that which says most."""
        if not found:
            return
        for inputs, outputs in self._table.paths:
            self.add(_sum(found, inputs), _sum(found, outputs))

    def add(self, input_: int | None, output: int | None) -> None:
        """One report."""
        self.usage = Usage(_most(self.usage.input, input_), _most(self.usage.output, output))


def _sum(found: Mapping[str, int], places: tuple[str, ...]) -> int | None:
    numbers = [found[place] for place in places if place in found]
    return sum(numbers) if numbers else None


def _most(before: int | None, now: int | None) -> int | None:
    return now if before is None else before if now is None else max(before, now)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _labelled(content_type: str) -> _Kind | None:
    """What an answer's label says; None where its first bytes are to tell."""
    label = content_type.partition(";")[0].strip().lower()
    if label == "text/event-stream":
        return _Kind.EVENTS
    if label == "application/vnd.amazon.eventstream":
        return _Kind.MESSAGES
    return _Kind.LINES if label.rpartition("/")[2] in _LINES else None
