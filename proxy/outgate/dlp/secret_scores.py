"""How sure it is that a value is a secret, from its name, the value itself, and where it stands.

The scale of ``assignments``: 0.8 and more for what looks drawn or well chosen under a name that can mean
nothing else, 0.4 to 0.6 for what is doubtful, 0 for what is none. Knows no text around the value.
"""

from __future__ import annotations

import re
from typing import Literal

from outgate.dlp import secret_values as values
from outgate.dlp.secret_names import BARE_SECRET, SAID_SECRET, Name

LEAST = 0.4

# Where a value stands: in an element of markup, as the value of a pair whose name is beside it, as the next
# argument, assigned, set (`NAME=value`), in a URL's query, compared with, called with, given as an option, in a
# table's next cell, said in a sentence, or merely beside the name.
Place = Literal[
    "element",
    "pair",
    "argument",
    "assigned",
    "set",
    "query",
    "compared",
    "called",
    "option",
    "cell",
    "said",
    "beside",
]
_SURENESS: dict[Place, float] = {"compared": 0.8, "beside": 0.85, "cell": 0.9, "said": 0.95, "called": 0.95}
_CONFIGURED = ("set", "pair", "element", "option", "query", "cell", "said")


_ESCAPE = re.compile(r"(?:\\[nrt])+\Z")


def score(value: str, name: Name, place: Place, quoted: bool) -> float:
    """0..1, how sure it is that ``value`` is what ``name`` promises; below ``LEAST`` it is not worth a finding."""
    value = _ESCAPE.sub("", value)
    if not 4 <= len(value) <= 1024 or values.placeholder(value):
        return 0.0
    if values.another_thing(value) and not (value.isdigit() and name.family == "password"):
        return 0.0
    if values.code(value) and not (
        _no_code(value, name) if quoted else place == "set" and values.keyboard(value)
    ):
        return 0.0
    if len(value.split()) > 1:
        return _phrase(value) if quoted and name.family == "password" else 0.0
    if name.certainty == BARE_SECRET and not quoted and values.joined_words(value):
        return 0.0  # the name of a secret, as in Kubernetes and Docker
    worth = _password(value, place, quoted) if name.family == "password" else _secret(value, name.certainty)
    if place == "argument" and (worth < 0.7 or values.holds_words(value)):
        return 0.0
    if place == "beside" and (worth < 0.8 or name.certainty < 0.7 or _unlikely_beside(value)):
        return 0.0
    return worth * _SURENESS.get(place, 1.0)


def _no_code(value: str, name: Name) -> bool:
    """Quoted, what reads like an expression may be a password with brackets in it."""
    if len(value) >= 20 and values.drawn(value) and value.replace(".", "").isalnum():
        return True  # two parts of a token, not an object and its attribute
    return values.keyboard(value) or (values.kinds(value) == 4 and name.family == "password")


def _unlikely_beside(value: str) -> bool:
    """With nothing but a blank between: another name, a path, an operator."""
    return "/" in value or not value[0].isalnum() or values.holds_words(value)


def _password(value: str, place: Place, quoted: bool) -> float:
    kinds = values.kinds(value)
    if value.isdigit():
        return 0.5 if len(value) >= 6 and (quoted or place in _CONFIGURED) else 0.0
    if values.common(value):
        return 0.5 if kinds >= 3 else 0.0
    if values.drawn(value):
        return 0.9
    if values.name(value):
        return _weak(value, place, quoted)
    if kinds >= 3 and len(value) >= 8:
        return 0.9
    if kinds >= 3 and len(value) >= 6:
        return 0.75
    if kinds == 2 and len(value) >= 6:
        return 0.6
    return 0.0


def _weak(value: str, place: Place, quoted: bool) -> float:
    """A word and a number, words with hyphens: a password only where nothing else would stand."""
    digits, kinds = sum(map(str.isdigit, value)), values.kinds(value)
    hyphens = value.count("-")
    if hyphens >= 2 and value.replace("-", "").isalnum() and (digits or (hyphens >= 3 and value.islower())):
        return 0.6  # correct-horse-battery-staple
    if kinds == 4 and len(value) >= 8 and (quoted or place in _CONFIGURED):
        return 0.6  # Copper-Blue17
    if digits and value.isalnum() and len(value) >= 6 and (quoted or place in _CONFIGURED):
        return 0.6 if kinds >= 3 or digits >= 3 else 0.5
    if value.isalpha() and kinds == 2 and not values.camel(value) and (quoted or place in _CONFIGURED):
        return 0.6
    lower_word = quoted and value.isalpha() and value.islower() and len(value) >= 6
    if lower_word and place in ("assigned", "set", "pair", "element") and value not in values.WORDS:
        return 0.45
    return 0.0


def _phrase(value: str) -> float:
    """Several words: a passphrase when they are small, bare, and no sentence."""
    words = value.split()
    if len(words) == 4 and all(len(word) == 4 and word.isalpha() and word.islower() for word in words):
        return 0.8 if values.drawn("".join(words)) else 0.0  # an app password of Google
    if not 4 <= len(words) <= 12 or not all(word.isalpha() and word.islower() for word in words):
        return 0.0
    return 0.55 if not values.WORDS.intersection(words) and all(len(word) > 2 for word in words) else 0.0


def _chosen(value: str) -> bool:
    """A word with capitals and a number, as people choose what two machines share: ``Lichen76fern``."""
    return (
        value.isalnum()
        and len(value) >= 8
        and values.kinds(value) == 3
        and sum(map(str.isdigit, value)) >= 2
        and not values.WORDS.intersection(values.words(value))
    )


def _secret(value: str, certainty: float) -> float:
    if values.digest(value):
        worth = 0.88
    elif values.drawn(value):
        worth = 0.92 if len(value) >= 20 else 0.85 if len(value) >= 12 else 0.65
    elif values.kinds(value) >= 3 and len(value) >= 8 and not values.name(value):
        worth = 0.8
    elif (
        certainty > 0.9
        and len(value) >= 12
        and value.isalpha()
        and values.kinds(value) == 2
        and not values.camel(value)
    ):
        worth = 0.65
    elif certainty in (SAID_SECRET, BARE_SECRET) and _chosen(value):
        worth = 0.55
    else:
        return 0.0
    if certainty >= 0.8:
        return worth * (1.0 if certainty > 0.9 else 0.95)
    return worth * (certainty + 0.15) if len(value) >= 20 else 0.0
