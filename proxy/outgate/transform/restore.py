"""Placeholders back into the values they stand for, in one text that may come in pieces.

A placeholder counts only where it stands as a whole word: where it begins or ends with one of
``[A-Za-z0-9_]``, none of these stands before or after it. The longest that fits wins, and what was
put in is not looked at again. Knows nothing of formats and streams.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping

_WORD = "[A-Za-z0-9_]"
_HEAD = re.compile(rf"{_WORD}++|.", re.DOTALL)
_WORD_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_NEVER = re.compile(r"(?!)")


class Known:
    """Placeholders and their values, made ready for look-up: O(n log n) once for n of them.

    A text then costs one pass of a regular expression, a look-up in a set for each of its words that
    begins as a placeholder does, and O(m log n) for each that is a placeholder's first word, with m
    code points in the longest placeholder. Built once, it serves any number of texts.
    """

    __slots__ = ("_ordered", "_values", "beginnings", "heads", "longest", "shortest")

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {placeholder: value for placeholder, value in values.items() if placeholder}
        self._ordered = sorted(self._values)
        # What ``beginnings`` finds where one stands: its first word, or the mark that it begins with.
        self.heads = {found[0] for found in map(_HEAD.match, self._ordered) if found}
        lengths = [len(placeholder) for placeholder in self._ordered]
        self.longest = max(lengths, default=0)
        self.shortest = min(lengths, default=0)
        first = "".join(re.escape(character) for character in sorted({name[0] for name in self._ordered}))
        # One of the first characters; then either it is no word's, or it begins a word, which is taken whole.
        self.beginnings = (
            re.compile(rf"[{first}](?:(?<!{_WORD})|(?<!{_WORD}.){_WORD}*+)", re.DOTALL) if first else _NEVER
        )

    def __len__(self) -> int:
        return len(self._values)

    def value(self, placeholder: str) -> str:
        """What a placeholder stands for."""
        return self._values[placeholder]

    def may_go_on(self, text: str, start: int) -> bool:
        """Whether all from ``start`` could be the beginning of a placeholder, or one whose end is not yet sure."""
        rest = text[start:]
        index = bisect_left(self._ordered, rest)
        if index == len(self._ordered) or not self._ordered[index].startswith(rest):
            return False
        if self._ordered[index] != rest or rest[-1] in _WORD_CHARACTERS:
            return True
        return index + 1 < len(self._ordered) and self._ordered[index + 1].startswith(rest)

    def at(self, text: str, start: int) -> str | None:
        """The longest placeholder that stands at ``start``, where ``beginnings`` found one of ``heads``."""
        window = text[start : start + self.longest]
        while window:
            # Of all that sort before the window, those that it begins with share most with it.
            index = bisect_right(self._ordered, window)
            if not index:
                return None
            found = self._ordered[index - 1]
            if not window.startswith(found):
                window = window[: _common(found, window)]
                continue
            end = start + len(found)
            inside = found[-1] in _WORD_CHARACTERS and end < len(text) and text[end] in _WORD_CHARACTERS
            if not inside:
                return found
            window = window[: len(found) - 1]
        return None


def _common(one: str, other: str) -> int:
    """How many code points two texts begin with alike."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


class _Plain:
    """A text that is only text. ``spell`` writes a value the way its surroundings ask for."""

    __slots__ = ("_before", "_held", "_known", "spell")

    def __init__(self, known: Known, spell: Callable[[str], str]) -> None:
        self._known = known
        self._held = ""
        self._before = ""  # the code point before what is held
        self.spell = spell

    def learn(self, known: Known) -> None:
        """More is known from here on, or less; what is held is looked at anew."""
        self._known = known

    def pass_mark(self) -> None:
        """Something that is no word's stood here; nothing is held."""
        self._before = ""

    def take(self, text: str, *, final: bool = False) -> str:
        """What can be told of the text so far; all of it with ``final``."""
        if final and not self._held and not text:
            return ""
        before, known = self._before, self._known
        heads, longest = known.heads, known.longest
        start = len(before)
        if self._held or before:
            text = before + self._held + text
        pieces: list[str] = []
        position, end, size = start, len(text), len(text)
        for found in known.beginnings.finditer(text, start):
            at = found.start()
            if at < position:
                continue
            if not final and size - at <= longest and known.may_go_on(text, at):
                end = at
                break
            placeholder = known.at(text, at) if found[0] in heads else None
            if placeholder is not None:
                pieces += (text[position:at], self.spell(known.value(placeholder)))
                position = at + len(placeholder)
        self._held = text[end:]
        self._before = text[end - 1 : end] if end else ""
        if not pieces:
            return text[start:end]
        pieces.append(text[position:end])
        return "".join(pieces)

    def clear(self, text: str, start: int, end: int) -> int:
        """Up to where nothing of a text that goes on at ``start`` is to be restored or held back."""
        if self._held:
            return start
        known = self._known
        for found in known.beginnings.finditer(text, start, end):
            at = found.start()
            if found[0] in known.heads or (end - at <= known.longest and known.may_go_on(text, at)):
                return at
        return end

    def skip(self, last: str) -> None:
        """What is clear was told as it is; ``last`` is its last code point."""
        self._before = last


_OPENING = re.compile(r"[ \t\r\n]*([{\[]?)[ \t\r\n]*(.?)", re.DOTALL)
_ENDS_STRETCH, _QUOTE = re.compile(r'["\\]'), re.compile('"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


def _in_string(value: str) -> str:
    return json.dumps(value)[1:-1]


def _outside_strings(value: str) -> str:
    return value if _NUMBER.fullmatch(value) else json.dumps(value)


class Restorer:
    """One text that comes in pieces: told is all that cannot be the beginning of a known placeholder.

    The text may be JSON: a tool's arguments are (``source``), and so is an answer that opens as a JSON
    document does. Then a value is escaped within a string; in a tool's arguments it is quoted outside
    of one, unless it is a number. So what parsed before still does. ``spell`` writes it anywhere else.
    """

    __slots__ = ("_escape", "_inside", "_is_source", "_opening", "_outside", "_plain")

    def __init__(self, known: Known, *, source: bool = False, spell: Callable[[str], str] = str) -> None:
        self._outside = _outside_strings if source else spell
        self._plain = _Plain(known, self._outside)
        self._is_source = source
        self._opening: str | None = None if source else ""  # the first mark; None once it is decided
        self._inside = False  # a string of the JSON
        self._escape = 0  # characters that its escape still takes; -1: its letter, which says how many

    def feed(self, text: str) -> str:
        """What can be told now."""
        if self._opening is not None:
            self._decide(text)
        return self._source(text) if self._is_source else self._plain.take(text)

    def clear(self, text: str, start: int) -> int:
        """Up to where ``text`` can be told as it is, if it goes on at ``start``; then ``skip`` has to be called."""
        if self._opening is not None or self._escape:
            return start
        mark = _ENDS_STRETCH.search(text, start) if self._is_source else None
        return self._plain.clear(text, start, mark.start() if mark else len(text))

    def skip(self, last: str) -> None:
        """What is clear was told as it is, to its ``last`` code point."""
        self._plain.skip(last)

    def flush(self) -> str:
        """The text is at its end: what was held back."""
        return self._plain.take("", final=True)

    def learn(self, known: Known) -> None:
        """Go on with other placeholders. What is held of one that is not among them is told with what comes next."""
        self._plain.learn(known)

    def _decide(self, text: str) -> None:
        """Whether this is JSON: ``{"``, ``["`` or ``[{`` come first, blanks aside."""
        text = (self._opening or "") + text
        opening = _OPENING.match(text)
        mark, following = opening.groups() if opening else ("", "")
        if not following:
            self._opening = mark
            return
        self._opening = None
        self._is_source = mark + following in ('{"', '["', "[{")

    def _source(self, text: str) -> str:
        pieces: list[str] = []
        plain, position, size = self._plain, 0, len(text)
        while position < size:
            if self._escape:
                if self._escape < 0:
                    self._escape = 5 if text[position] == "u" else 1
                taken = min(self._escape, size - position)
                pieces.append(text[position : position + taken])
                self._escape -= taken
                position += taken
                continue
            found = (_ENDS_STRETCH if self._inside else _QUOTE).search(text, position)
            end = found.start() if found else size
            if end > position:
                pieces.append(plain.take(text[position:end]))
            if end == size:
                break
            pieces += (plain.take("", final=True), text[end])
            if text[end] == "\\":
                self._escape = -1
            else:
                self._inside = not self._inside
                plain.spell = _in_string if self._inside else self._outside
            plain.pass_mark()
            position = end + 1
        return "".join(pieces)


def restored(text: str, known: Known, *, source: bool = False) -> str:
    """A whole text with its placeholders restored."""
    if len(text) < known.shortest:
        return text
    restorer = Restorer(known, source=source)
    return restorer.feed(text) + restorer.flush()
