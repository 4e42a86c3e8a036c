"""What of a text is read: the sentences that can hold a name, written as names are written.

A model costs a hundred times what a look at the words does, and it was made for edited prose. So code,
encoded data and sentences without a word that could be a name are not read; capitals and lower case
("my name is jane doe", "CALL JANE DOE") are turned into the case that models know (``cases``). Every
character keeps its place. Owns that choice; knows nothing of the models and nothing of their answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from outgate.dlp.names.cases import is_cued, recased
from outgate.dlp.names.language import UNDETERMINED, is_english, language_of
from outgate.dlp.names.words import WORD, cue_set, words

_SURROGATE = re.compile("[\ud800-\udfff]")  # spaCy keeps its strings as UTF-8
# Hashes, keys, encoded data, paths, addresses: a run without a blank that no name has. Chinese, Japanese and Thai have
# no blanks between words, so their letters end it.
_LONG = re.compile(
    r"[^\s,;|\"'<>\u0e00-\u0e7f\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]{20,}|[a-z][\w+.-]{1,20}://[^\s\"']+"
)
_OPAQUE = re.compile(r"\S{64}|.*://|[^@]*\d[^@]*$")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,255}")
# What mail and pages are set with; what stands between is prose. In lower case: others are components of programs.
_TAG = re.compile(
    r"</?(?:p|div|span|b|i|u|em|strong|small|font|center|h[1-6]|br|hr|a|img|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|td|th"
    r"|blockquote|body|section|header|footer|address)(?:[ \t\n][^<>{}]{0,400})?/?>"
)
_LOOK = 400  # characters of a line that say whether it is code
_LINE = re.compile(r"[^\n]+")
_CODE_MARK = re.compile(r"[{}()\[\];=<>|\\$`*&^~_]")
_CODE_SHARE = 0.12  # of a line's characters; prose has a pair of brackets now and then
_CODE_LINE = re.compile(
    r"\s*(?:import\s+[\w.]+|from\s+[\w.]+\s+import\b"
    r"|(?:def|class|struct|enum|interface|namespace|package|use|using|func|fn|function|const|let|var|public|private"
    r"|protected|static|virtual|return|export|extern|typedef|template)\s+[\w<(\"':]++[^.?!]*[(){};:,=<>]"
    r"|(?:if|elif|else|for|while|try|except|finally|with|switch|case)\b.*:\s*$"
    r"|#\s*(?:include|define|undef|ifn?def|endif|pragma)\b|@\w+\s*(?:\(|$)|[}\])]|[^@]*[;{]\s*$)"
)
# What writing about software is full of, and other prose is not.
_TECHNICAL = re.compile(
    r"`[^`\n]+`|\b[a-z]+[A-Z]\w*|\b[A-Z][a-z]+[A-Z]\w*|\b\w+_\w+|\b\w+\(|(?<!\w)--?[a-z][\w-]+|::"
    r"|(?<!\w)[/~.]{1,2}/?[\w.-]{1,60}/\w|\bv?\d+\.\d+\.\d|#\d+|\b0x[0-9a-f]+|\b(?=\w*\d)(?=\w*[a-f])[0-9a-f]{7,40}\b"
    r"|\b[\w-]{1,60}\.(?:py|js|ts|md|json|ya?ml|toml|txt|cfg|ini|conf|c|h|cpp|hpp|go|rs|java|sh|html|css|sql|so|dll|exe|log)\b"
)
# Such marks for a word, from which on a text, or a sentence, is strict.
_STRICT_TEXT = 0.12
_STRICT_SENTENCE = 0.1
# A line of this length or more was broken to fit, so the next goes on with its sentence.
_WRAPPED = 50
_LONGEST = 1_000  # characters of a sentence; what has no end is cut at a blank
_LIST_MARK = re.compile(r"[ \t]*(?:[>*+•–-]+[ \t]+|\d{1,3}[.)][ \t]+|#{1,6}[ \t]+)?")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:mrs?|ms|dr|prof|st|sr|jr|sra|no|nr|vs|etc|e\.g|i\.e|inc|ltd|co|corp|dept|fig|al|approx|hr|fr|mme|dott|sig)"
    r"|\b[A-Z])\.$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence of a reading, ``start:end``, read by the model of ``reader``'s language.

    ``language``: what it is written in. ``strict``: names are rare there, as in writing about software.
    ``spelled``: it is all in capitals or in lower case, and its case in the reading is our guess.
    """

    start: int
    end: int
    language: str
    reader: str
    strict: bool
    spelled: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it is read: same length, other case in places, opaque runs blanked."""

    text: str
    units: tuple[Unit, ...]
    small: frozenset[str]  # its words in lower case; a tool's or product's name is often among them


def read(
    text: str, language: str = "en", languages: frozenset[str] = frozenset({"en"}), gated: bool = True
) -> Reading:
    """What of ``text`` is read. It is in ``language`` where it is in none that is known.

    ``languages``: those that there are models for. ``gated`` False: every sentence that is no code.
    """
    plain = _LONG.sub(_blank, _SURROGATE.sub("\ufffd", text))
    if "</" in plain:
        plain = _TAG.sub(_blank_tag, plain)
    lines = list(_lines(plain))
    found = WORD.findall(plain)
    code = sum(is_code for _, _, is_code in lines)
    technical = 2 * code + _marks(plain, found) > _STRICT_TEXT * (1 + plain.count(" ") + len(lines))
    mostly = language_of(found) or language
    if mostly == "en" and not technical and not is_english(found):
        mostly = UNDETERMINED
    characters = list(plain)
    units: list[Unit] = []
    for start, end in _paragraphs(plain, lines):
        own = language_of(WORD.findall(plain, start, end)) or mostly
        for first, last in _sentences(plain, start, end):
            sentence = plain[first:last]
            strict = technical or _is_technical(sentence)
            wanted = _wanted(sentence, strict) if gated and own == "en" else sentence
            if wanted is None:
                continue
            if wanted != sentence:
                characters[first:last] = wanted
            spelled = sentence != wanted and sentence in (sentence.lower(), sentence.upper())
            units.append(Unit(first, last, own, own if own in languages else language, strict, spelled))
    return Reading(
        "".join(characters),
        tuple(units),
        frozenset(filter(str.islower, WORD.findall(_ADDRESS.sub(" ", plain)))),
    )


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0]) if _OPAQUE.match(match[0]) else match[0]


def _blank_tag(match: re.Match[str]) -> str:
    if "@" in match[0]:  # an address says who it is
        return match[0]
    return "".join("\n" if one == "\n" else " " for one in match[0])


def _lines(text: str) -> Iterator[tuple[int, int, bool]]:
    """Each line that is not empty, and whether it is code."""
    for line in _LINE.finditer(text):
        if not line[0].isspace():
            yield *line.span(), _is_code(line[0][:_LOOK])


def _is_code(line: str) -> bool:
    if "@" in line and "<" in line:  # a mail's header
        return False
    marks = len(_CODE_MARK.findall(line))
    return (marks > 2 and marks > _CODE_SHARE * len(line.strip())) or _CODE_LINE.match(line) is not None


def _is_technical(sentence: str) -> bool:
    marks = _marks(sentence, WORD.findall(sentence))
    return marks > 0 and marks > _STRICT_SENTENCE * (1 + sentence.count(" ")) * (2 if marks == 1 else 1)


def _marks(text: str, found: list[str]) -> int:
    """How many marks of writing about software there are; ``found``: the words of ``text``."""
    lists = words()
    marks = sum(mark[0].lower() not in lists.organisations for mark in _TECHNICAL.finditer(text))
    return marks + sum(word[0].isupper() and word.lower() in lists.software for word in found)


def _paragraphs(text: str, lines: list[tuple[int, int, bool]]) -> Iterator[tuple[int, int]]:
    """Spans of prose: single lines, or lines that were one before they were wrapped."""
    start = end = -1
    for first, last, code in lines:
        if code:
            continue
        mark = _LIST_MARK.match(text, first, last)
        body = mark.end() if mark else first
        wraps = end == first - 1 and end - start >= _WRAPPED and not text[first:body].strip()
        if start >= 0 and not wraps:
            yield start, end
        if not wraps:
            start = body
        end = last
    if start >= 0:
        yield start, end


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    first = start
    for stop in _SENTENCE_END.finditer(text, start, end):
        dot = stop.start()
        if text[dot] == "." and _ABBREVIATION.search(text, max(first, dot - 8), dot + 1):
            continue
        yield from _cut(text, first, stop.end())
        first = stop.end() + 1
    yield from _cut(text, first, end)


def _cut(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    while last - first > _LONGEST:
        blank = text.rfind(" ", first + 1, first + _LONGEST)
        end = blank if blank > 0 else first + _LONGEST
        yield first, end
        first = end
    if first < last:
        yield first, last


def _wanted(sentence: str, strict: bool) -> str | None:
    """The sentence as it is to be read, or None when no name can be in it."""
    lists = words()
    found = list(WORD.finditer(sentence))
    telling = [word for word in found if word[0][0].isupper() and len(word[0]) > 1]
    makers = cue_set("makers")  # of products, whose names they share: "an offer from Snowflake"
    telling = [word for word in telling if word[0].lower() not in lists.nameless or word[0].lower() in makers]
    one_case = not telling or (len(found) > 1 and sentence.upper() == sentence)
    if strict and (one_case or not _may_name(sentence, telling)):
        return None
    return recased(sentence, found, one_case)


def _may_name(sentence: str, telling: list[re.Match[str]]) -> bool:
    """Whether there is more than a capital: a listed word, a cue, two such words in a row, a company's form."""
    lists = words()
    if any(word[0].lower() in lists.names or word[0].lower() in lists.forms for word in telling):
        return True
    if any(one.end() + 1 == two.start() and not one[0].isupper() for one, two in pairwise(telling)):
        return True
    return is_cued(sentence)
