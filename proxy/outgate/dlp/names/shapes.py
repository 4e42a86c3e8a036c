"""How names are written: capitalised words, what stands between them, and what looks alike and is none.

Owns patterns and questions about the look of a span; knows nothing of models and of what the words mean.
"""

from __future__ import annotations

import re

from outgate.dlp.names.words import cue_set, words

Span = tuple[int, int, str]  # start, end, entity

# Latin, Greek and Cyrillic.
_UPPER = "".join(one for one in map(chr, range(0x530)) if one.isupper()) + "Ạ-Ỹ"
_LETTER = r"[^\W\d_]"
#: A capitalised word as names have them: O'Brien, Jean-Pierre, McCoy, J.
CAPITALISED = rf"(?:[{_UPPER}](?:{_LETTER}|['’-](?={_LETTER})){{0,40}}+(?:(?<=\b[{_UPPER}])\.)?)"
# What stands between the words of a name in lower case.
_PARTICLE = (
    r"(?:de|da|do|dos|das|del|della|di|du|van|von|der|den|ter|ten|la|le|el|al|bin|ibn|zu|zur|af|av|y|e|'t)"
)
#: One to five such words on one line.
NAME = rf"{CAPITALISED}(?:(?:[ \t]|-(?={_PARTICLE}[ \t]))(?:{_PARTICLE}[ \t]){{0,2}}{CAPITALISED}){{0,4}}"
RUN = re.compile(rf"(?<!\w){NAME}(?!\w)")
#: The same in German, where "du" is you and "das" the: "Hast du Frau Klinge gefragt?"
GERMAN_RUN = re.compile(RUN.pattern.replace("da|do|dos|das|", "").replace("|du|", "|"))

_GLUE_BEFORE = frozenset("._$#@/\\{=+&")
_GLUE_AFTER = frozenset("_({[=/\\@+")
_INNER_CAPITAL = re.compile(r"[a-z][A-Z]")
_NAME_START = re.compile(r"(?:Mc|Mac|De|Di|Da|Du|La|Le|Van|Fitz|O['’])[A-Z][a-zà-ÿ]+$")


def is_glued(text: str, start: int, end: int) -> bool:
    """Whether a span is a piece of an identifier, a path, a tag, an address or a call."""
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    if before.isalnum() or after.isalnum():
        return True
    dotted = after == "." and text[end + 1 : end + 2].isalnum()
    return before in _GLUE_BEFORE or after in _GLUE_AFTER or dotted or (before == "<" and after != ">")


def is_identifier(word: str) -> bool:
    """Whether a word has capitals inside as identifiers and products have, and names have not."""
    inner = _INNER_CAPITAL.search(word) is not None
    return inner and _NAME_START.match(word) is None and word.lower() not in words().organisations


def word_before(text: str, start: int) -> str:
    """The word before ``start`` in lower case, if there is nothing but a blank or an apostrophe between."""
    before = text[max(0, start - 16) : start]
    if before[-1:] not in (" ", "'", "’"):
        return ""
    return before.lower().split()[-1] if before.strip() else ""


def starts_sentence(text: str, start: int) -> bool:
    """Whether a capital at ``start`` may be there for the sentence's sake."""
    before = text[max(0, start - 3) : start].rstrip(" \t\"'“‘„«‹¿¡(*->#")
    return not before or before[-1] in ".!?:\n"


def starts_line(text: str, start: int) -> bool:
    """Whether nothing stands before ``start`` on its line but marks of lists and quotes, or one word in lower case."""
    line = text[max(0, start - 40) : start].rpartition("\n")[2].strip(" \t>*#|-•\"'")
    return not line or (line.islower() and line.isalpha())


def looks_organised(name: list[str]) -> bool:
    """Whether a phrase ends as companies' names end, or says what kind of organisation it is."""
    if len(name) > 1 and name[-1] in cue_set("organisation_forms"):
        return True
    kinds = cue_set("organisation_kinds")
    return len(name) > 1 and any(word.lower().strip(".,") in kinds for word in (name[0], name[-1]))
