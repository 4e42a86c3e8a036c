"""One text of an answer on its way through: what of it is to be judged next, and what may be told.

A text is cut into blocks where nothing that has begun can go on: at the end of a sentence or a line, never within
a private key in PEM. A block is judged together with what stands before it, and told once it has been. Where there
is no such place, a block is cut after ``MOST`` code points and judged together with what of them follows. Where the
cuts are is a function of the text alone, not of the pieces in which it comes.

Owns positions, and how an edit falls on a text that is JSON source. Knows nothing of frames and of policies.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

CONTEXT = 160  # code points before a block that it is judged with
SHORTEST = 40  # ... of a block, unless the text ends: so a text is judged five times over, at most
MOST = 2_048  # ... that are held back where no place is safe,
MOST_OF_KEY = 8_192  # ... within a private key
_OVERLAP = 256  # ... of these that stay held when a block is cut for being long
_LONGEST_MARK = 8  # ... of what `_SAFE` matches and looks back at

# The end of a sentence; of a line, unless a number or a list may go on in the next one; an empty line.
_SAFE = re.compile(r"[.!?:;…][\"'”’)\]]{0,3}\s|[。！？]|(?<![\d,\s])\n|\n[ \t]{0,3}\n")
_SAFE_IN_SOURCE = re.compile(r'(?<![\d,\\])\\n|"[,}\]]')
_BLANK = re.compile(r"\s")
_KEY, _KEY_ENDS = "-----BEGIN ", re.compile(r"-----END [^\n\\-]{1,60}-----")


class Edit(NamedTuple):
    """What takes the place of some code points."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a text that is to be judged; all positions are the text's own."""

    start: int
    end: int
    window: str  # what it is judged with
    offset: int  # where the window begins


class LookAhead:
    """Linear in the text, whatever its pieces; holds ``MOST_OF_KEY`` code points of it, and the edits to come."""

    def __init__(self, *, source: bool = False, whole: bool = False) -> None:
        """``source``: the text is JSON. ``whole``: it is judged in one, at its end."""
        self._text = ""  # from _base on
        self._base = 0
        self._cut = 0  # up to here it is in blocks
        self._searched = 0
        self._whole = whole
        self._source = _Source() if source else None
        self._safe = _SAFE_IN_SOURCE if source else _SAFE
        self._edits: deque[Edit] = deque()
        self._edited = 0
        self.judged = 0  # up to here it may be told

    @property
    def size(self) -> int:
        """Code points that have come."""
        return self._base + len(self._text)

    def add(self, text: str) -> list[Block]:
        """The blocks that ``text`` completes."""
        self._text += text
        if self._source:
            self._source.read(text)
        blocks: list[Block] = []
        while not self._whole and (block := self._next()):
            blocks.append(block)
        self._forget()
        return blocks

    def rest(self) -> list[Block]:
        """What is not in a block yet, as one: the text is at its end."""
        return [self._block(self.size, self.size)] if self._cut < self.size else []

    def pause(self) -> list[Block]:
        """The same of a text that others have waited for long enough."""
        if self._source and self._source.whole(self.size) > self._cut:
            return [self._block(self._source.whole(self.size), self.size)]
        return self.rest()

    def judge(self, block: Block, edits: list[Edit]) -> None:
        """The block is judged: what is to change in its window, by the window's positions."""
        for edit in sorted(edits):
            start, end = edit.start + block.offset, edit.end + block.offset
            start = max(start, block.start, self._edited)
            if start >= end:
                continue  # told already, or changed already
            edits_here = [Edit(start, end, edit.text)]
            if self._source:
                edits_here = self._source.edits(start, end, edit.text)
            self._edits.extend(edits_here)
            self._edited = max([end, *(one.end for one in edits_here)])
        self.judged = block.end

    def told(self, start: int, text: str) -> str:
        """A stretch of the text, which begins at ``start``, with its edits. Stretches are asked for in order."""
        end, position = start + len(text), start
        pieces: list[str] = []
        while self._edits and self._edits[0].start < end:
            edit = self._edits[0]
            pieces.append(text[position - start : max(edit.start - start, 0)])
            if edit.start >= start:
                pieces.append(edit.text)
            position = min(edit.end, end)
            if edit.end > end:
                break
            self._edits.popleft()
        pieces.append(text[position - start :])
        return "".join(pieces)

    def _next(self) -> Block | None:
        """The next block, if all of it is there."""
        begin = self._cut - self._base
        last = begin + MOST_OF_KEY
        found = self._safe.search(self._text, max(begin + SHORTEST, self._searched - self._base), last)
        while found and (found.end() <= begin + MOST or found.end() <= begin + self._most(begin)):
            if not self._within_key(begin, found.end()):
                self._searched = 0
                return self._block(self._base + found.end(), self._base + found.end())
            found = self._safe.search(self._text, found.end(), last)
        self._searched = self._base + max(len(self._text) - _LONGEST_MARK, 0)
        waiting = len(self._text) - begin
        if waiting <= MOST or waiting <= (most := self._most(begin)):
            return None
        self._searched = 0
        return self._block(self._long(begin, most), self._base + begin + most)

    def _most(self, begin: int) -> int:
        """How much may be held back, where more than ``MOST`` has come."""
        return MOST_OF_KEY if self._within_key(begin, begin + MOST) else MOST

    def _within_key(self, begin: int, end: int) -> bool:
        key = self._text.rfind(_KEY, begin, end)
        return key >= 0 and not _KEY_ENDS.search(self._text, key, end)

    def _long(self, begin: int, most: int) -> int:
        """Where a block ends that is cut for being long: at a blank in its second half, or anywhere."""
        last = begin + most - _OVERLAP
        blanks = [found.end() for found in _BLANK.finditer(self._text, begin + most // 2, last)]
        return self._base + (blanks[-1] if blanks else last)

    def _block(self, end: int, reach: int) -> Block:
        if self._source and end < self.size:
            end = max(self._source.whole(end), self._cut + 1)
            reach = max(self._source.whole(reach), end)
        offset = max(self._cut - CONTEXT, self._base)
        window = self._text[offset - self._base : reach - self._base]
        block = Block(self._cut, end, window, offset)
        self._cut = end
        return block

    def _forget(self) -> None:
        keep = max(self._cut - CONTEXT, self._base)
        if self._source:
            self._source.forget(min(keep, self.judged))
        self._text, self._base = self._text[keep - self._base :], keep


_MARK, _BARE, _QUOTE, _INSIDE, _ESCAPED = range(5)
_IN_STRING = (_INSIDE, _ESCAPED)
_MARKS = frozenset(" \t\r\n{}[]:,")


class _Source:
    """What each code point of JSON source is, so that an edit leaves JSON behind."""

    def __init__(self) -> None:
        self._kinds = bytearray()
        self._base = 0
        self._inside = False
        self._escape = 0  # code points that an escape still takes; -1: its letter

    def read(self, text: str) -> None:
        add = self._kinds.append
        for character in text:
            if self._escape:
                if self._escape < 0:
                    self._escape = 5 if character == "u" else 1
                self._escape -= 1
                add(_ESCAPED)
            elif character == '"':
                self._inside = not self._inside
                add(_QUOTE)
            elif self._inside and character == "\\":
                self._escape = -1
                add(_INSIDE)
            else:
                add(_INSIDE if self._inside else _MARK if character in _MARKS else _BARE)

    def whole(self, end: int) -> int:
        """The last place up to ``end`` that is not within an escape."""
        kinds, at = self._kinds, end - self._base
        if at == len(kinds):
            if not self._escape:
                return end
            at -= 1
        while at > 0 and kinds[at] == _ESCAPED:
            at -= 1
        return self._base + at

    def edits(self, start: int, end: int, text: str) -> list[Edit]:
        """The edit of a stretch, string by string; a number or a word that stands bare becomes a string."""
        kinds, base = self._kinds, self._base
        start, end = max(start - base, 0), min(end - base, len(kinds))
        while start > 0 and (
            kinds[start] == _ESCAPED or (kinds[start] == _BARE and kinds[start - 1] == _BARE)
        ):
            start -= 1
        while end < len(kinds) and (
            kinds[end] == _ESCAPED or (kinds[end] == _BARE and kinds[end - 1] == _BARE)
        ):
            end += 1
        found: list[Edit] = []
        position = start
        while position < end:
            kind, stop = kinds[position], position + 1
            same = _IN_STRING if kind in _IN_STRING else (kind,)
            while stop < end and kinds[stop] in same:
                stop += 1
            if kind in _IN_STRING:
                found.append(Edit(base + position, base + stop, json.dumps(text)[1:-1]))
            elif kind == _BARE:
                found.append(Edit(base + position, base + stop, json.dumps(text)))
            position = stop
        return found

    def forget(self, before: int) -> None:
        count = before - self._base
        if count > 0:
            del self._kinds[:count]
            self._base = before
