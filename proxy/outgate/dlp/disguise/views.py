"""The readings of a text, layer by layer, and the bounds on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from outgate.dlp.disguise.base64_runs import SHORTEST, base64_runs
from outgate.dlp.disguise.encoded import Encoded
from outgate.dlp.disguise.escapes import unescaped
from outgate.dlp.disguise.hex_runs import hex_runs
from outgate.dlp.disguise.normalise import broken, normalise
from outgate.dlp.disguise.offsets import WHOLE, Edit, Offsets, rewrite
from outgate.dlp.disguise.readable import Reader

Exhausted = Literal["depth", "size", "number"]

DEPTH = 3
_SMALL = 2**20  # code points that all views of a text may have together, if the text is small,
_GROWTH = 4  # and how many times its length if it is not
_MANY = 10_000  # views of one text, or one for
_EACH = SHORTEST  # code points of it, if that is more
_AROUND = 512  # code points that what is read anew has around it, at least
_LABEL = 48  # code points before a run that can be its label
_LABEL_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-:=>\"'` \t"


@dataclass(frozen=True, slots=True)
class View:
    """What a text says once a disguise is off.

    ``kind`` tells the disguises, outermost first: ``normalised``, ``breaks``, ``tags``, ``variation_selectors``,
    ``base64``, ``base32``, ``hex``, ``url``, ``html``, ``json``, ``quoted_printable`` (several escapes in one
    place: ``json+url``), ``gzip``, ``zlib``; ``base64>gzip`` is gzip within base64. A view of an encoded run
    begins with the words just before the run, so that what they say of it is known.
    """

    text: str = field(repr=False)
    kind: str
    _offsets: Offsets = field(repr=False)
    _under: View | None = field(repr=False, default=None)  # the view whose text this was found in

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The code points of the original text that an edit of ``text[start:end]`` has to replace.

        The span must not be empty. Exact for what is normalised or escaped; the whole run, the
        outermost one, for what is encoded. O(log n) for each layer.
        """
        start, end = self._offsets.source(start, end)
        return (start, end) if self._under is None else self._under.original(start, end)

    def news(self, original: str) -> list[tuple[int, int]] | None:
        """The paragraphs outside of which the view says what ``original``, or the view under it, says.

        None: it is another text. Whole ones, with more around: what a value is may be told by a word, or by a
        table's head, at a distance.
        """
        if self.kind not in ("normalised", "breaks", "normalised>breaks"):
            return None
        before = original if self._under is None else self._under.text
        found: list[tuple[int, int]] = []
        end = -1
        for first, last in self._offsets.changed(before, self.text):
            if last <= end:
                continue
            start = max(0, self.text.rfind("\n\n", 0, max(0, first - _AROUND)))
            end = self.text.find("\n\n", last + _AROUND)
            end = len(self.text) if end < 0 else end
            found.append((start, end))
        return found

    def is_new(self, start: int, end: int) -> bool:
        """Whether ``text[start:end]`` could not be read as it is before the last decoding."""
        if self.kind.endswith("normalised"):
            return self._under is None or self._under.is_new(*self._offsets.source(start, end))
        return not self._offsets.copied(start, end)


@dataclass(frozen=True, slots=True)
class Views:
    """The views of one text, outer layers first."""

    found: tuple[View, ...]
    exhausted: Exhausted | None  # which bound kept something from being read, the first that did

    def __iter__(self) -> Iterator[View]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


NONE = Views((), None)


def views(text: str, *, depth: int = DEPTH, limit: int | None = None) -> Views:
    """Every reading of ``text`` that differs from it, through at most ``depth`` encodings in each other.

    ``limit`` bounds the code points of all views together: 2**20, or four times the text's length if
    that is more. Time is linear in the text and the limit.
    """
    room = max(_SMALL, _GROWTH * len(text)) if limit is None else limit
    search = _Search(depth, room, max(_MANY, len(text) // _EACH))
    search.run(text)
    return Views(tuple(search.found), search.exhausted) if search.found or search.exhausted else NONE


class _Search:
    """Looks through a text, then through what it found."""

    def __init__(self, depth: int, room: int, most: int) -> None:
        self.found: list[View] = []
        self.exhausted: Exhausted | None = None
        self._depth = depth
        self._room = room
        self._most = most
        self._reader = Reader(room)
        self._waiting: deque[tuple[str, View | None, int]] = deque()

    def run(self, text: str) -> None:
        self._waiting.append((text, None, 0))
        while self._waiting:
            self._look(*self._waiting.popleft())

    def _look(self, text: str, view: View | None, level: int) -> None:
        """Adds what ``text``, the original or that of ``view``, says besides; ``level`` decodings are undone."""
        for reading in normalise(text):
            looks = reading.kind == "normalised"
            found = self._add(*reading, view, None if looks else level)
            if found is None:
                return
            if looks:
                view, text = found, found.text
        lines = broken(text)
        if lines and self._add(*lines, view) is None:
            return
        for kind, shown, offsets in _decoded(text, view, self._reader):
            if level == self._depth:
                self._exhaust("depth")
                return
            if self._add(kind, shown, offsets, view, level + 1) is None:
                return
        if self._reader.cut:
            self._exhaust("size")

    def _add(
        self, kind: str, text: str, offsets: Offsets, under: View | None, level: int | None = None
    ) -> View | None:
        """A new view, to be looked through in its turn if ``level`` is given; None when a bound is reached."""
        if len(self.found) >= self._most:
            self._exhaust("number")
            return None
        if len(text) > self._room:
            self._exhaust("size")
            return None
        self._room -= len(text)
        view = View(text, f"{under.kind}>{kind}" if under else kind, offsets, under)
        self.found.append(view)
        if level is not None:
            self._waiting.append((text, view, level))
        return view

    def _exhaust(self, bound: Exhausted) -> None:
        self.exhausted = self.exhausted or bound


def _decoded(text: str, view: View | None, reader: Reader) -> Iterator[tuple[str, str, Offsets]]:
    """Everything in ``text`` that is encoded or escaped and was not in what ``view`` was found in."""

    def is_new(start: int, end: int) -> bool:
        return view is None or view.is_new(start, end)

    octets = text.encode("ascii", "replace")
    for runs in (base64_runs, hex_runs):
        for run in runs(octets, reader):
            if is_new(run.parts[0].start, run.parts[-1].end):
                yield run.kind, *_shown(text, run)
    yield from unescaped(text, is_new)


def _shown(text: str, run: Encoded) -> tuple[str, Offsets]:
    """What a run holds, in its place between its label and its quote."""
    start, end = run.parts[0].start, run.parts[-1].end
    before = text[max(0, start - _LABEL) : start]
    # A label that is one word with what it labels would hide where that begins.
    blank = " " if before[-1:].isalnum() or before[-1:] == "_" else ""
    edits: list[Edit] = []
    done = start
    for part in run.parts:
        edits += [("", done, part.start, WHOLE), (blank + part.text, part.start, part.end, WHOLE)]
        done, blank = part.end, ""
    first = start - len(before) + len(before.rstrip(_LABEL_CHARACTERS))
    return rewrite(text, edits, first, end + 1 if text[end : end + 1] in ("'", '"', "`") else end)
