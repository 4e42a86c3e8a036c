"""Places made fit to be told: paths through a request, without what a client may have put there.

A place such as ``messages[2].content[0].text`` is made of JSON keys, which the client chooses, and
a key may hold a value like any other string. Names that look like an API's own stay; all else
becomes ``*``. So it is with a place within an attached file, ``..., file report.docx, page 3``, whose
names are the client's too. Knows nothing of findings beyond the set of names it is told to cut.
"""

from __future__ import annotations

import re
from collections.abc import Set

LIMIT = 200  # characters of a place, at most
CUT = "*"

_WHOLE = frozenset({"query name", "form name", "between parts"})
_PREFIX = re.compile(r"line \d{1,9}: |part\[\d{1,9}\]: |")
_NAMED = re.compile(r"(query|form|header):(.*)", re.DOTALL)
_KEY = " (key)"
# Steps within an attached file: the words of outgate.attachments, a number, or a name of the file's own.
_WORDS = (
    "attributes|comments|fields and notes|file|footer|header|headers|image|metadata|names|notes|page|part"
    "|properties|sheet|slide|text"
)
_WITHIN = re.compile(rf"((?:, (?:{_WORDS})(?: [A-Za-z0-9*][A-Za-z0-9_.-]{{0,45}})?){{1,12}})\Z", re.ASCII)
_STEP = re.compile(rf"(, (?:{_WORDS})\b)(?: ([^,]+))?")
_NUMBER = re.compile(r"\d{1,6}", re.ASCII)
_FILE = re.compile(r"([^.]+)(\.[a-z0-9]{1,5})?", re.ASCII)
# Names in quotes are the odd ones. They are not escaped, so all from the first to the last goes.
_PIECE = re.compile(r'(\[".*"\])|(\[\d{1,7}\])|([^.:\[\]]+)|(.)', re.DOTALL)
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,39}")
_MOST_DIGITS = 4  # a name with more of them is somebody's identifier, not a field
_TAIL = 60
_ABSURD = 10 * LIMIT  # nothing but nesting for its own sake is told in so many characters


def safe(place: str, tainted: Set[str] = frozenset()) -> str:
    """``place`` with every name cut to ``*`` that is not plainly a field's, or that is in ``tainted``.

    At most LIMIT characters (and `` (key)``, or as many steps within a file), all of them printable ASCII; linear.
    """
    within = _WITHIN.search(place, max(0, len(place) - _ABSURD)) if ", " in place else None
    if within:
        return safe(place[: within.start()], tainted) + _steps(within[1], tainted)
    if place in _WHOLE:
        return place
    if len(place) > _ABSURD:
        place = place[:_ABSURD].partition('["')[0].rpartition(".")[0]
    named = _NAMED.fullmatch(place)
    if named:
        return f"{named[1]}:{_name(named[2], tainted)}"
    prefix = _PREFIX.match(place)
    start = prefix.end() if prefix else 0
    end = len(place) - len(_KEY) if place.endswith(_KEY) else len(place)
    told = place[:start] + "".join(_piece(found, tainted) for found in _PIECE.finditer(place, start, end))
    if len(told) > LIMIT:
        told = f"{told[: LIMIT - _TAIL - 3]}...{told[-_TAIL:]}"
    return told + place[end:]


def _steps(steps: str, tainted: Set[str]) -> str:
    told = "".join(
        f"{found[1]} {_step_name(found[2], tainted)}" if found[2] else found[1]
        for found in _STEP.finditer(steps)
    )
    return told if len(told) <= LIMIT else f", ...{told[-_TAIL:]}"


def _step_name(name: str, tainted: Set[str]) -> str:
    if _NUMBER.fullmatch(name):
        return name
    file = _FILE.fullmatch(name)
    if file is None or name in tainted:
        return CUT
    return _name(file[1], tainted) + (file[2] or "")


def _piece(found: re.Match[str], tainted: Set[str]) -> str:
    odd, index, name, mark = found.groups()
    if odd is not None:
        return f'["{CUT}"]'
    if name is not None:
        return _name(name, tainted)
    return index or (mark if mark in (".", ":") else CUT)


def _name(name: str, tainted: Set[str]) -> str:
    plain = _NAME.fullmatch(name) and name not in tainted and sum(map(str.isdigit, name)) <= _MOST_DIGITS
    return name if plain else CUT
