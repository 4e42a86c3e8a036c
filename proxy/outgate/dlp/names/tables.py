"""Tables in texts: CSV, tab-separated text, tables of Markdown, rows of SQL.

Owns where their columns are; knows nothing of what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

Cell = tuple[int, int]

_LINE = re.compile(r"[^\n]+")
_MARKS = "|,;\t"
_LONGEST_HEAD = 500  # characters
# The columns of a row of SQL stand in the same line, in one above it, or with their types where the table is made.
_INSERT = re.compile(
    r"\s*insert\s+(?:into\s+)?[\w.`\"\[\]]{1,80}\s*(?:\((?P<heads>[^()\n]{1,500})\)\s*)?(?:values\s*)?\(?",
    re.IGNORECASE,
)
_CREATE = re.compile(r"\s*create\s+table\s[^(\n]{1,100}\((?P<heads>[^\n]{1,500})", re.IGNORECASE)
# PostgreSQL's: the heads, and rows with tabs below.
_COPY = re.compile(r"\s*copy\s+[\w.\"]{1,80}\s*\((?P<heads>[^()\n]{1,500})\)\s*from\s+stdin", re.IGNORECASE)
_VALUES = re.compile(r"\s*values\b[ \t]*", re.IGNORECASE)
_NEXT_ROW = re.compile(r"\)[ \t]*,[ \t]*\(")
_RULE = frozenset("|-+=: \t")  # what a line between head and rows is made of
# Columns that blanks keep below each other.
_ALIGNED = "  "
_GAP = re.compile(r"[ ]{2,}")


@dataclass(slots=True)
class Column:
    """The cells below each other, as spans of the text without blanks and quotes; ``head`` may be ""."""

    head: str
    cells: list[Cell] = field(default_factory=list)


def columns(text: str, is_head: Callable[[Sequence[str]], bool]) -> Iterator[Column]:
    """The columns of every table. ``is_head``: whether the cells of a row can be the heads of columns."""
    table: list[Column] = []
    mark, end = "", -2
    for line in _LINE.finditer(text):
        start, last = line.span()
        if set(line[0]) <= _RULE:
            end = last if start == end + 1 else end
            continue
        follows, end = start == end + 1, last
        if (made := _CREATE.match(text, start, last)) is not None:
            yield from table
            table, mark = [Column(cell.split()[0]) for cell in made["heads"].split(",") if cell.strip()], ","
            continue
        if (copied := _COPY.match(text, start, last)) is not None:
            yield from table
            table, mark = [Column(head.strip(' \t"')) for head in copied["heads"].split(",")], "\t"
            continue
        insert = _INSERT.match(text, start, last)
        if insert is not None:
            start, own = insert.end(), ","
            heads = [head.strip(' \t`"[]') for head in (insert["heads"] or "").split(",") if head]
            if heads and [column.head for column in table] != heads:
                yield from table
                table, mark = [Column(head) for head in heads], own
        else:
            values = _VALUES.match(text, start, last) if follows and table and mark == "," else None
            start = values.end() if values else start + len(line[0]) - len(line[0].lstrip(" \t"))
            own = mark if follows and table else _mark(text[start:last])
        rows = list(_rows(text, start, last, own))
        if table and (follows or insert) and own == mark and all(len(row) == len(table) for row in rows):
            for row in rows:
                for column, cell in zip(table, row, strict=True):
                    if cell[0] < cell[1]:
                        column.cells.append(cell)
            continue
        if insert is not None and insert["heads"]:
            continue
        yield from table
        table, mark = [], own if insert else _mark(text[start:last])
        if not mark:
            continue
        cells = next(_rows(text, start, last, mark), [])
        labels = [text[first:after] for first, after in cells]
        if len(line[0]) < _LONGEST_HEAD and is_head(labels):
            table = [Column(label) for label in labels]
        elif mark != _ALIGNED:
            table = [Column("", [cell] if cell[0] < cell[1] else []) for cell in cells]
    yield from table


def _mark(line: str) -> str:
    """What separates the cells of a row, as far as one can tell; "" where nothing does."""
    mark = max(_MARKS, key=line.count)
    return mark if mark in line else _ALIGNED if _ALIGNED in line.strip() else ""


def _rows(text: str, start: int, last: int, mark: str) -> Iterator[list[Cell]]:
    """The cells of the rows of one line: of SQL there may be several, each in brackets."""
    if mark == _ALIGNED:
        yield list(_aligned(text, start, last))
        return
    bracketed = mark == "," and (text[start : start + 1] == "(" or text[start - 1 : start] == "(")
    last = start + len(text[start:last].rstrip(" \t),;" if bracketed else " \t);" if mark == "," else " \t"))
    start += len(text[start:last]) - len(text[start:last].lstrip(" \t("))
    while bracketed and (joint := _NEXT_ROW.search(text, start, last)) is not None:
        yield list(_cells(text, start, joint.start(), mark))
        start = joint.end()
    if start < last:
        yield list(_cells(text, start, last, mark))


def _aligned(text: str, start: int, end: int) -> Iterator[Cell]:
    """The cells of a row that is set in columns."""
    for gap in _GAP.finditer(text, start, end):
        if gap.start() > start:
            yield start, gap.start()
        start = gap.end()
    if start < end:
        yield start, end


def _cells(text: str, start: int, end: int, mark: str) -> Iterator[Cell]:
    """The cells of a row; empty ones, too."""
    first = start
    while first <= end:
        while first < end and text[first] == " ":
            first += 1
        after = first
        if first < end and text[first] in "\"'":
            after = max(first, text.find(text[first], first + 1, end))
        last = text.find(mark, after, end)
        last = end if last < 0 else last
        cell = text[first:last]
        left = first + len(cell) - len(cell.lstrip(" \t\"'"))
        yield left, max(left, first + len(cell.rstrip(" \t\"'")))
        first = last + 1
