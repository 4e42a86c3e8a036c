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
_RULE = frozenset("|-: \t")  # what a line between head and rows is made of


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
        heads: list[str] = []
        if (made := _CREATE.match(text, start, last)) is not None:
            yield from table
            table, mark = [Column(cell.split()[0]) for cell in made["heads"].split(",") if cell.strip()], ","
            continue
        if (insert := _INSERT.match(text, start, last)) is not None:
            heads = [head.strip(' \t`"[]') for head in (insert["heads"] or "").split(",") if head]
            start = insert.end()
            own = ","
        else:
            start += len(line[0]) - len(line[0].lstrip(" \t("))
            own = mark if follows and table else max(_MARKS, key=line[0].count)
        if own not in line[0] and not heads:
            yield from table
            table = []
            continue
        last = start + len(text[start:last].rstrip(" \t);" if own == "," else " \t"))
        cells = list(_cells(text, start, last, own)) if start < last else []
        if heads and (not table or [column.head for column in table] != heads):
            yield from table
            table, mark = [Column(head) for head in heads], own
        if table and (follows or insert) and own == mark and len(cells) == len(table):
            for column, cell in zip(table, cells, strict=True):
                if cell[0] < cell[1]:
                    column.cells.append(cell)
            continue
        if heads:
            continue
        yield from table
        mark = max(_MARKS, key=line[0].count) if insert is None else ","
        cells = list(_cells(text, start, last, mark))
        labels = [text[first:after] for first, after in cells]
        if len(line[0]) < _LONGEST_HEAD and is_head(labels):
            table = [Column(label) for label in labels]
        else:
            table = [Column("", [cell] if cell[0] < cell[1] else []) for cell in cells]
    yield from table


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
