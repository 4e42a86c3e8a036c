"""Web addresses: with a scheme, or a host name alone that could exist.

Not people's data as such: found only where a policy names the entity. A name alone is one only as a whole
word and not where code has it (`self.format`, `os.path`, `README.md`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from outgate.dlp.detector import Match, Text
from outgate.dlp.personal.internet import FILES, top_level
from outgate.dlp.scanner import Expression, Window, matches

URL = "URL"
_STATED, _NAMED = 0.6, 0.5
# RFC 1035, 2.3.4: a label has 63 characters at most, a name 253.
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_WITH_SCHEME = re.compile(
    r"(?<![\w.+-])(?:https?|wss?|ftps?)://(?:[^\s/@<>\"'`]{1,200}@)?"
    r"(?:[^\W_][\w.-]{0,252}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?(?:[/?#][^\s<>\"'`]{0,2000})?",
    re.IGNORECASE,
)
# At the beginning of a run of what names are made of.
_ALONE = re.compile(
    rf"(?P<host>(?:{_LABEL}\.){{1,8}}(?P<top>[^\W\d_]{{2,24}}|xn--[a-z0-9-]{{2,59}}))"
    r"(?![\w@(-])(?!\.\w)(?::\d{1,5})?(?:[/?#][^\s<>\"'`]{0,2000})?",
    re.IGNORECASE,
)
_DOT = re.compile(r"\.[^\W\d_]{2}")
_RUN = re.compile(r"[\w.-]*")
_LONGEST = 320  # code points of a run of them
_ENDS = ".,;:!?)]}*_…"  # of the sentence around it, where they are its last characters


class UrlDetector:
    """Finds web addresses whose host could exist."""

    name = "url"
    entities = frozenset({URL})
    expressions = (
        Expression(r"(?:https?|wss?|ftps?)://[\w\[]", int(re.IGNORECASE)),
        Expression(r"[^\W_]\.[^\W\d_]{2}"),
    )

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """With a scheme or `www.` 0.6, a host name alone 0.5."""
        for found in (_alone if which else _with_scheme)(text.text, windows):
            end = found.start() + len(found[0].rstrip(_ENDS))
            score = _of_a_name(found) if which else _STATED
            if score:
                yield Match(found.start(), end, URL, score, self.name)


def _with_scheme(text: str, windows: Sequence[Window]) -> Iterator[re.Match[str]]:
    return matches(_WITH_SCHEME, text, windows)


def _alone(text: str, windows: Sequence[Window]) -> Iterator[re.Match[str]]:
    """Names around the dots in ``windows``: each is at the beginning of its run."""
    done = 0
    for window in windows:
        for dot in _DOT.finditer(text, window.start, window.end):
            if dot.start() < done:
                continue
            start, least = dot.start(), max(0, dot.start() - _LONGEST)
            while start > least and _goes_on(text[start - 1]):
                start -= 1
            begins = start == 0 or not (text[start - 1] in "@/:" or _goes_on(text[start - 1]))
            found = _ALONE.match(text, start) if begins and start >= done else None
            if found is None:
                rest = _RUN.match(text, dot.end())
                done = rest.end() if rest else dot.end()
            else:
                yield found
                done = found.end()


def _goes_on(character: str) -> bool:
    return character.isalnum() or character in "_.-"


def _of_a_name(found: re.Match[str]) -> float:
    host, top = found["host"], found["top"].lower()
    if not top_level(top):
        return 0.0
    if host.lower().startswith("www."):
        return _STATED
    goes_on = found.end() > found.end("host")  # a port or a path follows
    return _NAMED if goes_on or (host.islower() and top not in FILES) else 0.0
