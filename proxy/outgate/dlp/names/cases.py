"""Sentences in capitals or in lower case, in the case that models know: names capitalised, the rest not.

Owns that change. It never changes a length: a character whose other case has two is left as it is.
"""

from __future__ import annotations

import re
from itertools import pairwise

from outgate.dlp.names.words import words

_NO_SENTENCE = re.compile(r"[={}<>|\\\[\]]|\"[^\"\n]*\"[ \t]*[,:]")
_TITLES = frozenset("mr mrs ms miss dr prof professor".split())
# After these comes a person, in whatever case.
_CUE = re.compile(
    r"\b(?:name is|name's|i am|i'm|this is|call me|mrs?|ms|miss|dr|prof|professor|dear|hi|hello|hey|ask|tell|call|email"
    r"|contact|(?:email|letter|note|reply|message|speak|spoke|talk(?:ed)?) (?:to|with)|meet|met)[.,]?\s+"
    r"(?P<name>[^\W\d_]{2,})",
    re.IGNORECASE,
)


def recased(sentence: str, found: list[re.Match[str]], one_case: bool) -> str | None:
    """The sentence with its names capitalised, or None when it seems to have none.

    ``found``: its words. ``one_case``: no capital in it tells a name, by their absence or by their number.
    """
    lists = words()
    if not one_case:
        shouted = {word.start() for word in found if _is_shouted(word[0])}
        return _capitalised(sentence, found, shouted) if shouted else sentence
    own = [word[0].lower() for word in found]
    known = sum(word in lists.ordinary for word in own)
    if not is_cued(sentence):
        telling = not lists.telling.isdisjoint(own)
        if not (telling or _has_pair(own)) or (known < 2 and len(own) > 1 and not _is_whole(own)):
            return None
    if _NO_SENTENCE.search(sentence) or (len(own) > 3 and known * 3 < len(own)):
        return None
    if sentence.upper() != sentence and any(word[0][0].isupper() for word in found if word[0] != "I"):
        # Sentences start with a capital here, so what is unknown and has none is no name.
        return _capitalised(
            sentence, found, {word.start() for word in found if word[0].lower() in lists.names}
        )
    lower = _lowered(sentence)
    return _capitalised(lower, found, _names_in(lower, found))


def is_cued(sentence: str) -> bool:
    """Whether a word that is no ordinary one stands where a person is named."""
    return any(cue["name"].lower() not in words().nameless for cue in _CUE.finditer(sentence))


def _is_whole(own: list[str]) -> bool:
    """Whether a given name and a family name stand together."""
    lists = words()
    return any(one in lists.given and two in lists.surnames for one, two in pairwise(own))


def _has_pair(own: list[str]) -> bool:
    """Whether two unknown words stand together in a sentence of known ones: "has eustaquio bustamante paid"."""
    unknown = [len(word) > 2 and word not in words().ordinary for word in own]
    return len(own) > 4 and sum(unknown) < 4 and any(one and two for one, two in pairwise(unknown))


def _is_shouted(word: str) -> bool:
    return len(word) > 2 and word.isupper() and word.lower() in words().names


def _names_in(lower: str, found: list[re.Match[str]]) -> set[int]:
    """Where the words of names start in a sentence without capitals: unknown words, and what goes with them."""
    lists = words()
    starts: set[int] = set()
    end = -1  # of a listed name of several words
    before = ""
    for word in found:
        own = lower[word.start() : word.end()]
        phrase = lists.phrase(lower, word.start(), own)
        if phrase and phrase[0] > word.end():
            end = phrase[0]
        follows = before != "" and lower[word.start() - 1] == " "
        goes_with = before in _TITLES or own in lists.company_words
        goes_with = goes_with or (own in lists.surnames and before in lists.given)
        if word.end() <= end or own not in lists.ordinary or (follows and goes_with):
            if follows and (before in lists.prefixes or (before in lists.given and own in lists.surnames)):
                starts.add(word.start() - 1 - len(before))
            starts.add(word.start())
            before = own
        else:
            before = own if own in lists.prefixes or own in lists.given or own in _TITLES else ""
    return starts


def _lowered(sentence: str) -> str:
    lower = sentence.lower()
    if len(lower) == len(sentence):
        return lower
    return "".join(one.lower() if len(one.lower()) == 1 else one for one in sentence)


def _capitalised(sentence: str, found: list[re.Match[str]], starts: set[int]) -> str:
    """The sentence with the words at ``starts`` capitalised, and the rest of these in lower case."""
    characters = list(sentence)
    for word in found:
        if word.start() not in starts:
            continue
        form = words().forms.get(word[0].lower())
        if form:  # Inc, GmbH
            characters[word.start() : word.end()] = form
            continue
        for index in range(*word.span()):
            before = characters[index - 1] if index > word.start() else "-"
            changed = characters[index].upper() if before in "-'’" else characters[index].lower()
            if len(changed) == 1:
                characters[index] = changed
    return "".join(characters)
