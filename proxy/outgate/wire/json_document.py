"""JSON in a JSON string: the arguments of a tool's call, a tool's result, anything written into a string.

What such a string says is read as a person would read the document: its structure as it is, its own strings
without their escapes, and so on through strings that are documents in their turn. So a value keeps the key
beside it that tells what it is. An edit stays within the strings and numbers that it touches, escaped as often as
what it replaces, and nothing beside it changes.

Only one well-formed object or array that is all of the string counts, or that somebody wrote into a string twice.
Anything else (an end that is missing, bytes behind it, a key that stands twice, NaN, too deep, too much) is text
like any other.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from outgate.wire import WireError
from outgate.wire.json_spans import Kind, Scalar, scan
from outgate.wire.spelling import (
    Change,
    Edit,
    code_points,
    json_changes,
    json_text,
    literal_changes,
    run_changes,
)

MAX_STRINGS = 4  # each of which is a document in the one before it; what is in a fifth is text
MAX_SCALARS = 200_000  # of a document, with those in its strings
_DEEPEST = 256  # levels of one document
# Also with quotes around it, as when somebody wrote it into a string twice.
_OPENING = re.compile(r"[ \t\r\n]*+(?:\"(?:\\++\")*+)?+(?:\{[ \t\r\n]*+(?:\\*+[\"nrt])|\[)")
_CLOSING = re.compile(r"[}\]](?:(?:\\++\")*+\")?+[ \t\r\n]*+\Z")
_FAR = 64  # code points from the end in which the closing bracket is looked for
_NOT_JSON = frozenset({"NaN", "Infinity", "-Infinity"})
_QUOTES = ('"', "'", "`")
_QUOTED = (Kind.STRING, Kind.KEY)


class _Part(NamedTuple):
    """A scalar of a document, as it is written and as it is shown; offsets in code points."""

    scalar: Scalar
    start: int  # in the document's text, with its quotes, as ``end``
    end: int
    shown: str
    at: int  # in what is shown of the document, without quotes
    inner: Document | None  # what its string is

    @property
    def after(self) -> int:
        return self.at + len(self.shown)

    def spelled(self, raw: bytes, edits: Sequence[Edit]) -> Iterator[Edit]:
        """Edits of what is shown as edits of the document's text; ``raw``: its own bytes of that."""
        if self.scalar.kind not in _QUOTED:
            found = literal_changes(raw, edits)
        else:
            found = json_changes(raw, edits if self.inner is None else self.inner.edited(edits))
        points = code_points(raw, sorted({at for start, end, _ in found for at in (start, end)}))
        for start, end, new in found:
            yield self.start + points[start], self.start + points[end], new.decode("utf-8")


class Document:
    """A document as it is written and as it is ``shown``."""

    shown: str
    size: int

    def __init__(self, data: bytes, scalars: Sequence[Scalar], room: int, strings: int) -> None:
        self._data = data  # the text in UTF-8
        self._scalars = scalars
        self._escaped: dict[
            int, tuple[str, Document | None]
        ] = {}  # by their start: those that may be shown otherwise
        self.size = len(scalars)  # with those in its strings
        for one in scalars:
            if one.kind in _QUOTED and (one.text[:1] == "[" or data.find(b"\\", one.start, one.end) >= 0):
                deeper = strings > 1 and one.kind is Kind.STRING
                inner = read(one.text, strings - 1, room - self.size) if deeper else None
                self.size += inner.size if inner else 0
                self._escaped[one.start] = (one.text if inner is None else inner.shown, inner)
        self.shown = self._show() if self._escaped else data.decode("utf-8")

    def _show(self) -> str:
        pieces: list[str] = []
        done = 0
        for one in self._scalars:
            if one.start in self._escaped:
                says = self._escaped[one.start][0]
                quote = _quote(says)
                pieces += (self._data[done : one.start].decode("utf-8"), quote, says, quote)
                done = one.end
        pieces.append(self._data[done:].decode("utf-8"))
        return "".join(pieces)

    @cached_property
    def _parts(self) -> list[_Part]:
        points = code_points(self._data, [at for one in self._scalars for at in (one.start, one.end)])
        parts: list[_Part] = []
        longer = 0  # what is shown so far than what is written
        for one in self._scalars:
            start, end, quotes = points[one.start], points[one.end], int(one.kind in _QUOTED)
            says, inner = self._escaped.get(one.start, (one.text, None))
            parts.append(_Part(one, start, end, says, start + quotes + longer, inner))
            longer += len(says) + 2 * quotes - (end - start)
        return parts

    @property
    def holds_another(self) -> bool:
        """Whether a string of it is a document, too."""
        return any(inner is not None for _, inner in self._escaped.values())

    def told(self, start: int, end: int) -> tuple[str, list[str]]:
        """The path to the first scalar in ``shown[start:end]`` (``user.email``), and the texts of all there."""
        path, texts = "", list[str]()
        for part in self._touched(start, end):
            if part.inner is None:
                further, own = " (key)" if part.scalar.kind is Kind.KEY else "", [part.shown]
            else:
                further, own = part.inner.told(start - part.at, end - part.at)
                further = f":{further}" if further and part.scalar.path else further
            path = path or f"{part.scalar.path}{further}"
            texts += own
        return path, texts

    def edited(self, edits: Iterable[Edit]) -> list[Edit]:
        """Sorted, disjoint edits of what is shown as edits of the text. Linear but for sorting.

        Of one that goes over several scalars the first gets the replacement, and the others lose their share;
        one that touches none changes the marks and blanks between them.
        """
        found: list[Edit] = []
        shares: dict[int, tuple[_Part, list[Edit]]] = {}
        for start, end, replacement in edits:
            touched = list(self._touched(start, end))
            for part in touched:
                first, last = max(start - part.at, 0), min(end, part.after) - part.at
                share = replacement if part is touched[0] else ""
                shares.setdefault(part.start, (part, []))[1].append((first, last, share))
            if not touched:
                found.append((self._source(start), self._source(end), replacement))
        for part, own in shares.values():
            found += part.spelled(self._data[part.scalar.start : part.scalar.end], own)
        return sorted(found)

    def _touched(self, start: int, end: int) -> Iterator[_Part]:
        first = bisect_right(self._parts, start, key=attrgetter("after"))
        for index in range(first, len(self._parts)):
            part = self._parts[index]
            if part.at >= end:
                return
            if part.shown:
                yield part

    def _source(self, offset: int) -> int:
        """Where in the text the mark or blank stands that is shown at ``offset``."""
        index = bisect_right(self._parts, offset, key=attrgetter("after")) - 1
        if index < 0:
            return offset
        part = self._parts[index]
        return part.end - (part.scalar.kind in _QUOTED) + offset - part.after


def may_be(text: str) -> bool:
    """Whether a string begins and ends as a document does."""
    return _OPENING.match(text) is not None and _CLOSING.search(text, max(0, len(text) - _FAR)) is not None


def shown(text: str) -> str:
    """What is read of a string that may be a document: without escapes if it is one, else as it is. Linear."""
    if "\\" not in text:  # there is nothing that would be shown otherwise
        return text
    document = read(text)
    return text if document is None else document.shown


def decoded(raw: bytes) -> str:
    """What is read of a JSON string that may be a document; ``raw`` with its quotes."""
    return shown(json_text(raw))


def changes(raw: bytes, edits: Sequence[Edit]) -> list[Change]:
    """Edits of what is read as changes of the bytes of the JSON string."""
    document = read(json_text(raw)) if edits else None
    return json_changes(raw, edits if document is None else document.edited(edits))


def value_decoded(raw: bytes) -> str:
    """The same of a document that is an object or an array of the body itself."""
    return shown(raw.decode("utf-8"))


def value_changes(raw: bytes, edits: Sequence[Edit]) -> list[Change]:
    """Edits of what is read of an object or an array as changes of its bytes. Raises WireError for none."""
    text = raw.decode("utf-8")
    document = read(text) if edits else None
    if document is None:
        raise WireError(400, "bad_json", "What is to be edited is no document.")
    own = document.edited(edits)
    return run_changes([(0, len(raw), text)], lambda new: new.encode("utf-8", "replace"), own)


def read(text: str, strings: int = MAX_STRINGS, room: int = MAX_SCALARS) -> Document | None:
    """The document that ``text`` is, and those in its strings, ``strings`` deep; None when it is none. Linear."""
    if not may_be(text):
        return None
    try:
        data = text.encode("utf-8")
        tree = scan(data, max_depth=_DEEPEST, max_scalars=room)
    except (WireError, UnicodeEncodeError):
        return None
    scalars = tree.scalars
    if tree.duplicates or any(one.kind is Kind.LITERAL and one.text in _NOT_JSON for one in scalars):
        return None
    document = Document(data, scalars, room, strings)
    return document if tree.containers or document.holds_another else None


def _quote(says: str) -> str:
    """Quotes that do not end in the middle of what they are around, if there are any."""
    return next((quote for quote in _QUOTES if quote not in says), _QUOTES[0])
