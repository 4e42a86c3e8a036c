"""SQL written as text: which values of INSERT and COPY statements stand under which column.

The columns are those that the statement names, or those of the table's CREATE TABLE in the same text. Nothing is
parsed but lists in parentheses; time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

_NAME = r"(?P<table>[\w.\"`\[\]]{1,120})"
_INSERT = re.compile(
    rf"\b(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+{_NAME}\s*(?:\((?P<columns>[^()]{{1,2000}})\)\s*)?VALUES\s*",
    re.IGNORECASE,
)
_CREATE = re.compile(rf"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}\s*\(", re.IGNORECASE)
_COPY = re.compile(
    rf"\bCOPY\s+{_NAME}\s*\((?P<columns>[^()]{{1,2000}})\)\s*FROM\s+stdin\b[^\n;]*;[^\n]*\n", re.IGNORECASE
)
_ITEM = re.compile(r"'(?:[^'\n]|'')*'|\"[^\"\n]*\"|[^,()'\"]+|,|\(|\)")
_NEXT = re.compile(r"\s*,\s*")
_SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_LONGEST = 20_000  # code points of a list


def values_under(text: str, names: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Spans of the values, without quotes, of the columns whose names begin at ``names``."""
    marked = sorted(names)
    columns: dict[str, int] = {}
    lowered = text.lower()
    if len(lowered) != len(text):  # a capital whose small letter is longer
        lowered = text.translate(_SMALL)
    for create in _begun(_CREATE, text, lowered, "create"):
        items, _ = _list(text, create.end() - 1)
        index = _index(items, marked)
        if index is not None:
            columns[_plain(create["table"])] = index
    for insert in chain(_begun(_INSERT, text, lowered, "insert"), _begun(_INSERT, text, lowered, "replace")):
        if insert["columns"]:
            index = _index(_list(text, insert.start("columns") - 1)[0], marked)
        else:
            index = columns.get(_plain(insert["table"]))
        if index is not None:
            yield from _rows(text, insert.end(), index)

    for copy in _begun(_COPY, text, lowered, "copy"):
        index = _index(_list(text, copy.start("columns") - 1)[0], marked)
        if index is not None:
            yield from _tabbed(text, copy.end(), index)


def _begun(pattern: re.Pattern[str], text: str, lowered: str, word: str) -> Iterator[re.Match[str]]:
    """Where a statement begins with ``word``: to look for the word first is many times faster."""
    place = lowered.find(word)
    while place >= 0:
        found = pattern.match(text, place)
        if found:
            yield found
        place = lowered.find(word, place + len(word))


def _tabbed(text: str, position: int, index: int) -> Iterator[tuple[int, int]]:
    """The rows of COPY: fields with tabs between, up to a line with a backslash and a stop."""
    while position < len(text) and not text.startswith(("\\.", "\n"), position):
        end = text.find("\n", position)
        end = end if end >= 0 else len(text)
        cells = text[position:end].split("\t")
        if index < len(cells) and cells[index]:
            start = position + sum(len(cell) + 1 for cell in cells[:index])
            yield start, start + len(cells[index])
        position = end + 1


def _rows(text: str, position: int, index: int) -> Iterator[tuple[int, int]]:
    while text.startswith("(", position):
        items, position = _list(text, position)
        if index < len(items):
            start, end = items[index]
            value = text[start:end]
            start, end = start + _lead(value), end - _lead(value[::-1])
            if start < end:
                yield start, end
        following = _NEXT.match(text, position)
        if not following:
            return
        position = following.end()


def _lead(value: str) -> int:
    return len(value) - len(value.lstrip(" \t\r\n'\""))


def _list(text: str, position: int) -> tuple[list[tuple[int, int]], int]:
    """Spans of the items of the list whose parenthesis opens at ``position``, and where it ends."""
    depth, start, last = 0, position + 1, position + _LONGEST
    items: list[tuple[int, int]] = []
    while position < last and (found := _ITEM.match(text, position, last)) is not None:
        sign = found[0]
        depth += (sign == "(") - (sign == ")")
        if depth == 0 or (depth == 1 and sign == ","):
            items.append((start, found.start()))
            start = found.end()
        position = found.end()
        if depth == 0:
            break
    return items, position


def _index(items: list[tuple[int, int]], names: list[int]) -> int | None:
    for index, (start, end) in enumerate(items):
        if any(start <= name < end for name in names):
            return index
    return None


def _plain(table: str) -> str:
    return re.sub(r"[\"`\[\]]", "", table).lower()
