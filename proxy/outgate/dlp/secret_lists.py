"""Secrets in lists: several values under one name in the plural, ``API_KEYS = ["...", "..."]``, ``passwords:``.

``assignments`` looks at one value beside one name; here are those that stand in brackets, one a line behind a dash, or
with commas between. ``secret_names`` judges the name and ``secret_scores`` each value, as they do elsewhere. Time is
linear: of a list only the first items are read, and no text belongs to two lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from outgate.dlp.detector import Match, Text
from outgate.dlp.scanner import Expression, Window, matches
from outgate.dlp.secret_names import Family, Name, judge
from outgate.dlp.secret_scores import LEAST, score
from outgate.dlp.secret_values import holds_words

_ENTITIES: dict[Family, str] = {"password": "PASSWORD", "secret": "GENERIC_SECRET"}
_HEADING = (
    r"(?:passw(?:or)?ds|passwörter|passphrases|kennwörter|contraseñas|secrets|credentials|creds|tokens|[a-z][_ -]?keys)"
    r"[\"'`]?[ \t]{0,4}(?::[ \t]{0,2}[a-z\[\]<>]{1,16}[ \t]{0,2}=|:=|=>|[:=])"
)
_BEFORE = re.compile(r"[\w-]{0,32}\Z")  # the rest of the name
_OPENING = re.compile(r"[ \t]{0,4}(?:new[ ])?[\w<>\[\].:]{0,24}?[\[({][ \t\r\n]{0,24}(?=[\"'`])")
_QUOTED = re.compile(r"\"([^\"\n]{1,400})\"|'([^'\n]{1,400})'|`([^`\n]{1,400})`|[\])}]")
_DASHED = re.compile(
    r"[ \t]{0,3}\r?\n[ \t]{0,24}-[ \t]{1,4}"
    r"(?:\"([^\"\n]{1,400})\"|'([^'\n]{1,400})'|([^\s\"'#]{1,400}))(?=[ \t]{0,8}(?:#|[\r\n]|\Z))"
)
_PLAIN = re.compile(r"[ \t]{0,2}[\"']?[^\s,;\"']{4,400}[,;]")
_PARTED = re.compile(r"(?:[,;][ ]?|(?<=[=:>])[ \t]{0,2}[\"']?)([^\s,;\"']{1,400})")
_ITEMS = 64  # of one list
_REACH = 6_000  # code points from a name to the end of its list
_SHORTEST = 16  # of what was drawn, where its name does not say that it is a password


class ListDetector:
    """Items of lists whose name promises secrets."""

    name = "lists"
    entities = frozenset(_ENTITIES.values())
    expressions = (Expression(_HEADING, int(re.IGNORECASE)),)

    def __init__(self) -> None:
        self._heading = re.compile(_HEADING, re.IGNORECASE)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """The items alone, without quotes."""
        done = 0
        for found in matches(self._heading, text.text, windows):
            if found.start() < done:
                continue
            before = _BEFORE.search(text.text, max(0, found.start() - 32), found.start())
            name = judge((before[0] if before else "") + found[0].rstrip(" \t:=>\"'`"))
            if not name.certainty:
                continue
            for start, end in _items(text.text, found.end()):
                done = end
                yield from _worthy(text.text, start, end, name.family)


def _items(text: str, position: int) -> Iterator[tuple[int, int]]:
    """Spans of the items of the list that begins at ``position``, if one does."""
    limit = min(len(text), position + _REACH)
    opening = _OPENING.match(text, position, limit)
    if opening:
        for quoted in islice(_QUOTED.finditer(text, opening.end(), limit), _ITEMS):
            if not quoted.lastindex:
                return
            yield quoted.span(quoted.lastindex)
        return
    if _PLAIN.match(text, position, limit):
        yield from _row(_PARTED, text, position, limit)
    else:
        yield from _row(_DASHED, text, position, limit)


def _row(item: re.Pattern[str], text: str, position: int, limit: int) -> Iterator[tuple[int, int]]:
    """Spans of the items that follow one another from ``position`` on."""
    for _ in range(_ITEMS):
        found = item.match(text, position, limit)
        if found is None or not found.lastindex:
            return
        yield found.span(found.lastindex)
        position = found.end()


def _worthy(text: str, start: int, end: int, family: Family) -> Iterator[Match]:
    value = text[start:end].rstrip("\\")  # of a quote that is escaped
    end = start + len(value)
    if family == "secret" and (len(value) < _SHORTEST or holds_words(value)):
        return
    worth = score(value, Name(family, 1.0), "pair", quoted=True)
    if worth >= LEAST:
        yield Match(start, end, _ENTITIES[family], round(worth, 2), ListDetector.name)
