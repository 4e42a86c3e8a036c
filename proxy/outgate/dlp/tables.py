"""Tables written as text: which column a value stands in, by the names in the table's first line.

CSV, TSV, `;` and `|`: a block of lines without an empty one, the first of which has names and no numbers. Nothing
is parsed but the lines that are asked about.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

_MARKS = "\t;|,"
_LONGEST = 2_000  # code points of a line of names
_NAME = re.compile(
    r"[\"' >#*-]{0,24}(?:\d{1,2}(?=[^\W\d]))?[^\W\d][\w #./()?*&'’$€£%+@<>\[\]-]{0,40}[\"' ]{0,3}:?"
    r"|(?:19|20)\d\d|[ ]{0,3}(?:#|№)?[ ]{0,3}"
)
_WITHIN = str.maketrans(dict.fromkeys(_MARKS[1:], " "))  # in names with tabs between them: "Last, first"
_PROSE = re.compile(r'.*(?::[ ]+|[:,\[(]")')  # before the first name, in the same line
_LINES = 4  # of one row, where a quoted field has several
_RULED = re.compile(
    r"[ \t]*[-+=|:]{3}[-+=|: \t]*\r?"
)  # a line between names and values, as psql and MySQL draw it
_RULES = "-+=|: \t"
_APART = re.compile(r"[^\s](?:[ ]?[^\s])*")  # what two blanks or a tab end
_QUOTED = re.compile(r'"[^"\n]*"')


class Columns:
    """The columns of the tables in one text; the names above each are read once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._names: dict[int, tuple[list[str], str]] = {}

    def name(self, position: int) -> str:
        """The name of the column that ``position`` stands in; "" where it stands in no table."""
        text = self._text
        line = text.rfind("\n", 0, position) + 1
        if not line:
            return ""
        head = self._head(line)
        if not head < line:
            return ""
        known = self._names.get(head)
        if known is None:
            known = self._names[head] = header(text, head)
        names, mark = known
        if not names:
            return ""
        index = _QUOTED.sub("", text[line:position]).count(mark)
        # In the first half of a quoted field, its own marks have been counted: they are not many.
        return names[index] if index < len(names) else ""

    def _head(self, line: int) -> int:
        """Where the table's names begin, if ``line`` is in one: behind an empty line, a fence, a rule."""
        text = self._text
        place = bisect_right(self._breaks, line)
        head = self._breaks[place - 1] if place else 0
        if text.startswith("```", head):
            head = text.find("\n", head) + 1
        if text[head : head + 1] in _RULES and _RULED.fullmatch(text, head, text.find("\n", head)):
            head = text.find("\n", head) + 1
        return head

    @cached_property
    def _breaks(self) -> list[int]:
        """Where blocks of lines begin, and fences."""
        text = self._text
        blocks = [place + 2 for place in _places(text, "\n\n")]
        return sorted(blocks + list(_places(text, "```")))


def _places(text: str, mark: str) -> Iterator[int]:
    """Where ``mark`` begins; of marks that overlap, each."""
    place = text.find(mark)
    while place >= 0:
        yield place
        place = text.find(mark, place + 1)


def header(text: str, start: int) -> tuple[list[str], str]:
    """The names in the line at ``start``, and what stands between them; nothing if it has other things."""
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else len(text)].strip("\r|")
    if not 3 <= len(line) <= _LONGEST:
        return [], ""
    mark = max(_MARKS, key=line.count)
    names = _whole(line, mark).split(mark)
    if len(names) < 2 or end < 0:
        return [], ""
    prose = _PROSE.match(names[0])
    names[0] = names[0][prose.end() :] if prose else names[0]
    if not all(_NAME.fullmatch(name.translate(_WITHIN) if mark == "\t" else name) for name in names):
        return [], ""
    if text[start : start + 1] == "|":
        names = ["", *names]
    lines = text[end + 1 : end + 1 + _LONGEST].split("\n", 2)
    below = lines[1] if len(lines) > 1 and _RULED.fullmatch(lines[0]) else lines[0]
    return (names, mark) if below.count('"') % 2 or below.count(mark) >= len(names) - 1 else ([], "")


def _whole(line: str, mark: str) -> str:
    """``line`` without the marks that stand within quotes."""
    return _QUOTED.sub(lambda quoted: quoted[0].replace(mark, " "), line) if '"' in line else line


def fields(text: str, position: int) -> list[tuple[int, int]]:
    """Spans of the fields below the name at ``position``, if that is a column's name; without blanks and quotes."""
    start = text.rfind("\n", 0, position) + 1
    names, mark = header(text, start)
    if not names:
        return []
    index = _whole(text[start:position], mark).count(mark)
    found: list[tuple[int, int]] = []
    for line, last in _rows(text, start):
        place = _place(text, line, last, index, mark)
        if place is not None:
            found.append(place)
        elif not _RULED.fullmatch(text, line, last):
            break
    return found


def likely_fields(text: str, position: int) -> list[tuple[int, int]]:
    """As ``fields``, also of rows that have more marks or fewer than there are names.

    Who writes a table by hand quotes nothing: "Lee, Ann" is two fields, and an address may break its row in two.
    A row with two marks too many has the field within three of them; of one with too few, its end is right. So
    whoever asks has to look at what is there. Linear in the table.
    """
    start = text.rfind("\n", 0, position) + 1
    names, mark = header(text, start)
    index = _whole(text[start:position], mark).count(mark)
    found: list[tuple[int, int]] = []
    for line, last in _rows(text, start) if names else ():
        row = text[line:last].rstrip(" \r")
        more = _whole(row.removesuffix("|"), mark).count(mark) - len(names) + 1
        if more < len(names):
            first = _place(text, line, last, index + min(more, 0), mark)
            final = _place(text, line, last, index + more, mark) if more > 0 else first
            if first and final:
                found.append((first[0], final[1]))
    return found


def _rows(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Spans of a table's rows below the line at ``start``, up to an empty one; a quoted field may have lines."""
    line = text.find("\n", start) + 1
    while line:
        end = text.find("\n", line)
        last = end if end >= 0 else len(text)
        if last == line:
            return
        for _ in range(_LINES - 1):
            if text.count('"', line, last) % 2 == 0 or last == len(text):
                break
            end = text.find("\n", last + 1)
            last = end if end >= 0 else len(text)
        yield line, last
        line = end + 1


_TABLE_ROW = re.compile(r"<tr\b[^>]{0,200}>", re.IGNORECASE)
_ROW_OR_ITS_END = re.compile(r"</?(?:tr|table)\b", re.IGNORECASE)
_LONGEST_ROW = 4_000  # code points
_NEXT_ROW = 200  # code points from the end of a row in which the next one begins
_OTHER_ROWS = 3  # without the cell, one after another, behind which the table is another one
_TABLE_CELL = re.compile(r"<t[hd]\b[^>]{0,200}>\s*(.{0,400}?)\s*</t[hd]>", re.IGNORECASE | re.DOTALL)


def marked_up(text: str, position: int) -> list[tuple[int, int]]:
    """Spans of the cells below the heading at ``position`` in a table of HTML. Linear in the rows that have one."""
    first = max(0, position - _LONGEST_ROW)
    row = _row(text, max(text.rfind("<tr", first, position), text.rfind("<TR", first, position)))
    if row is None or row[1] < position:
        return []
    heads = [cell.span() for cell in _TABLE_CELL.finditer(text, *row)]
    index = next((place for place, (begin, end) in enumerate(heads) if begin <= position < end), len(heads))
    found: list[tuple[int, int]] = []
    others = 0
    while others < _OTHER_ROWS and index < len(heads):
        row = _row(text, row[1] + len("</tr"), _NEXT_ROW)
        if row is None:
            break
        cells = [cell.span(1) for cell in _TABLE_CELL.finditer(text, *row)]
        others = 0 if index < len(cells) else others + 1
        found += cells[index : index + 1]
    return found


def _row(text: str, start: int, within: int = 0) -> tuple[int, int] | None:
    """What the next row of HTML holds that begins ``within`` so many code points; None where none does, or ends."""
    begin = (
        _TABLE_ROW.search(text, start, start + within) if within else _TABLE_ROW.match(text, max(start, 0))
    )
    if begin is None or (within and _ROW_OR_ITS_END.search(text, start, begin.start())):
        return None
    end = _ROW_OR_ITS_END.search(text, begin.end(), begin.end() + _LONGEST_ROW)
    return (begin.end(), end.start()) if end and text.startswith("</", end.start()) else None


def may_be_header(text: str, position: int) -> bool:
    """Whether the line at ``position`` has several words with blanks or a table's marks between, and no numbers."""
    start, stop = text.rfind("\n", 0, position) + 1, text.find("\n", position)
    if stop < 0 or stop - start > _LONGEST:
        return False
    line = text[start:stop].strip()
    return ("  " in line or any(mark in line for mark in _MARKS)) and not any(map(str.isdigit, line))


def aligned(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Spans of what stands under the name at ``start:end`` in lines set out with blanks, up to an empty one.

    Nothing unless the name is one of several in its line, with two blanks or more between them.
    """
    if not may_be_header(text, start):
        return []
    line, stop = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    names = [found.span() for found in _APART.finditer(text, line, stop)]
    if len(names) < 2 or not any(first <= start and end <= last for first, last in names):
        return []
    left, right = start - line, end - line
    found: list[tuple[int, int]] = []
    while stop >= 0:
        line, stop = stop + 1, text.find("\n", stop + 1)
        last = stop if stop >= 0 else len(text)
        if not text[line:last].strip() or last - line > _LONGEST:
            break
        cells = (cell.span() for cell in _APART.finditer(text, line, last))
        found.extend((a, b) for a, b in cells if a - line < right and b - line > left)
    return found


def _place(text: str, line: int, end: int, index: int, mark: str) -> tuple[int, int] | None:
    """The span of a line's field."""
    position, quoted, start = line, False, line
    while position <= end and index >= 0:
        sign = text[position] if position < end else mark
        if sign == '"' and position < end:
            quoted = not quoted
        elif sign == mark and (not quoted or position == end):
            if index == 0:
                field = text[start:position]
                return start + len(field) - len(field.lstrip(" \"'")), start + len(field.rstrip(" \"'\r"))
            index -= 1
            start = position + 1
        position += 1
    return None
