"""Secrets in columns: what stands below a name that promises one, in CSV and the like, and in SQL written as text.

The exports of password managers and dumps of tables: a value there has no name beside it. ``tables`` and
``statements`` say where the fields are; ``secret_names`` and ``secret_scores`` judge as they do elsewhere.
Time is linear: a table is looked at once, from its first line, for a few of its columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from outgate.dlp.detector import Match, Text
from outgate.dlp.scanner import Expression, Window, matches
from outgate.dlp.secret_names import Family, Name, judge
from outgate.dlp.secret_scores import LEAST, score
from outgate.dlp.secret_values import holds_words
from outgate.dlp.statements import values_under
from outgate.dlp.tables import aligned, fields, header, marked_up

_ENTITIES: dict[Family, str] = {"password": "PASSWORD", "secret": "GENERIC_SECRET"}
# A name, and what ends it: the mark between fields, two blanks in a table that is set out with them, a cell's end.
_HEADING = (
    r"(?:pass|passwords?|passwd|passwort|kennwort|pwd|mot de passe|mdp|contraseña|clave|senha|wachtwoord|hasło|heslo"
    r"|lösenord|passord|adgangskode|şifre|пароль|密码|パスワード|secret|token|(?:api|access|secret|private)[_ -]?key)"
    r"(?:_[a-z]{2,10})?[\"'`\])]{0,2}[ ]{0,2}(?:[,;|\t\r\n)]|[ ]{2}|</t[hd]>)"
)
_BEFORE = re.compile(r"[^,;|\t\r\n(\"'`\[>]{0,32}\Z")  # the rest of the name
_ENDS = " \t\r\n\"'`,;|)]"
_WHO = re.compile(r"user|login|log-in|account|konto|e-?mail|benutzer|usuario|host|server", re.IGNORECASE)
_COUNTED = re.compile(
    r"\b(?:fail(?:ed|ures?)?|skip(?:ped)?|total|errors?)\b", re.IGNORECASE
)  # beside what passed
_COLUMNS = 8  # of one table
_LONGEST = 2_000  # code points of a line of names
_MARKS = re.compile(r"[,;|\t]")
_SURE = 0.8
_STATEMENTS = ("insert into", "insert ignore into", "replace into", "from stdin")


class ColumnDetector:
    """Fields below a name that promises a secret."""

    name = "columns"
    entities = frozenset(_ENTITIES.values())
    expressions = (Expression(_HEADING, int(re.IGNORECASE)),)

    def __init__(self) -> None:
        self._heading = re.compile(_HEADING, re.IGNORECASE)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """The fields alone, without quotes."""
        whole = text.text
        head, end, taken = -1, 0, 0  # of the table looked at: its first line, its last field, its columns
        marked: dict[Family, list[int]] = {"password": [], "secret": []}
        beside = _Beside(whole)
        for found in matches(self._heading, whole, windows):
            line = _line(whole, found.start())
            if line is None:
                continue
            name = _named(whole, found, beside.is_whose(line, found.start()))
            if name.certainty < _SURE:
                continue
            marked[name.family].append(found.start())
            if line == head:
                taken += 1
            elif line < end or not (found[0].endswith(">") or _heads(whole, line)):
                continue
            else:
                head, taken = line, 1
            if taken <= _COLUMNS:
                below = _below(whole, found)
                yield from _worthy(whole, below, name)
                end = max(end, below[-1][1] if below else 0)
        if any(marked.values()) and any(statement in text.lowered for statement in _STATEMENTS):
            for family, places in marked.items():
                yield from _worthy(whole, values_under(whole, places), Name(family, 1.0))


class _Beside:
    """What stands in the line of a heading; each line is looked at once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line, self._who = -1, -1

    def is_whose(self, line: int, start: int) -> bool:
        """Whether before ``start`` in its ``line`` there is somebody whom what is below belongs to."""
        if line != self._line:
            self._line = line
            end = self._text.find("\n", line, line + _LONGEST)
            end = end if end >= 0 else min(len(self._text), line + _LONGEST)
            who = None if _COUNTED.search(self._text, line, end) else _WHO.search(self._text, line, end)
            self._who = who.end() if who else -1
        return 0 <= self._who <= start


def _named(text: str, found: re.Match[str], is_whose: bool) -> Name:
    """What the heading promises; ``pass`` alone is a password only beside whose it is, else it is a test's."""
    name = judge(_first(text, found) + found[0].partition("<")[0].rstrip(_ENDS))
    if name.family == "password" and name.certainty < _SURE and is_whose:
        return Name(name.family, _SURE)
    return name


def _below(text: str, found: re.Match[str]) -> list[tuple[int, int]]:
    """Spans of what stands below a heading, in whatever kind of table it heads."""
    if found[0].endswith(">"):
        return marked_up(text, found.start())
    below = fields(text, found.start())
    if below:
        return below
    start, end = found.start(), found.start() + len(found[0].rstrip())
    left, right = (_column(text, place) for place in (start - len(_first(text, found)), end))
    spans = aligned(text, start, end)
    return [span for span in spans if _column(text, span[0]) == left or _column(text, span[1]) == right]


def _first(text: str, found: re.Match[str]) -> str:
    """What of the heading stands before the word that was found in it."""
    before = _BEFORE.search(text, max(0, found.start() - 32), found.start())
    return before[0].rpartition("  ")[2] if before else ""


def _column(text: str, place: int) -> int:
    return place - text.rfind("\n", 0, place)


def _line(text: str, position: int) -> int | None:
    """Where the line begins that ``position`` is in; None when that is far away."""
    first = max(0, position - _LONGEST)
    line = text.rfind("\n", first, position) + 1
    return line if line or not first else None


def _heads(text: str, line: int) -> bool:
    """Whether what begins at ``line`` can be a table's first line: several names, more than in the line before."""
    end = text.find("\n", line, line + _LONGEST)
    if end < 0 or text.find("(", line, end) >= 0:  # of a program
        return False
    if text[line].isspace() and text.find("|", line, end) < 0:
        return False
    above = text[max(0, text.rfind("\n", max(0, line - _LONGEST), line - 1)) : line] if line else ""
    names = sum(1 for name in header(text, line)[0] if name.strip())
    if names > 1:
        return len(_MARKS.findall(above)) < len(_MARKS.findall(text, line, end))
    return "  " in text[line:end].rstrip() and "  " not in above.strip()


def _worthy(text: str, spans: Iterable[tuple[int, int]], name: Name) -> Iterator[Match]:
    for start, end in spans:
        value = text[start:end]
        worth = score(value, name, "cell", quoted=False)
        # Two lines of a program, too, may have as many commas.
        if (
            worth >= LEAST
            and not (name.family == "secret" and holds_words(value))
            and value[-1] not in "()[]{}"
        ):
            yield Match(start, end, _ENTITIES[name.family], round(worth, 2), ColumnDetector.name)
