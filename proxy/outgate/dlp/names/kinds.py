"""What capitalised words name, if anything: a person, a place, an organisation.

A model's label is one witness; the others are the lists, the form of the words and those around them. Owns
that judgement, of one name at a time.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property

from outgate.dlp.names.families import is_plain_family
from outgate.dlp.names.firms import is_employer
from outgate.dlp.names.gate import Unit
from outgate.dlp.names.shapes import (
    CAPITALISED,
    is_glued,
    is_identifier,
    looks_organised,
    starts_line,
    starts_sentence,
    word_before,
)
from outgate.dlp.names.words import cue_set, data, little_words, words

_NEVER = re.compile(r"[_={}<>\\|@#$/()\[\]+*]|::|\.\w|\d{3}")
_INSIDE = frozenset("in near outside inside around across throughout via".split())
_TOWARDS = frozenset("to from between until towards reached visit visited visiting leaving".split())
_PLACED = _INSIDE | _TOWARDS | {"the", "their", "our", "for"}
_EMPLOYER = _PLACED | {"at", "by", "with", "of"}
_TRAVEL = re.compile(
    r"(?i)\b(?:fl(?:y|ew|ying|ights?)|trains?|trip|travel\w*|mov(?:e|ed|ing)|went|going|drove|driving|back|ship\w*"
    r"|deliver\w*)\b[^.,;]{0,30}\bto[ \t]$"
)
_ACTS = re.compile(
    r"[ \t](?:\([^()\n]{2,40}\)[ \t])?(?:sa(?:id|ys)|ask(?:ed|s)|told|report(?:ed|s)|wrote|writes|will|wants|joined"
    r"|called|sent|thinks|suggested|approved|review(?:ed|s)"
    r"|fixed|mentioned|noticed|added|is|was|has|from|at|and)\b|,|:[ \t]"
)
# A number or a code, and what stands between it and its label.
_FROM_PERSON = re.compile(rf"{CAPITALISED}[ \t]{CAPITALISED},?[ \t](?:(?:of|from|at)[ \t]|\()$")
_NUMBERED = re.compile(
    r"(?:[ \t][^\W\d_]{2,12}){0,2}\.?[ \t]?(?:[:#=–-]|is|was|no\.?|nr\.?)?[ \t]?"
    r"(?=[\w/.-]{0,12}\d[\w/.-]{2}|\d[\d ]{3})"
)
# The same in other languages, of what hardly anything but a person does.
_SAYS = re.compile(
    r"[ \t](?:(?:a|ha|heeft|har)[ ]+)?"
    r"(?:dit|dites?|écrit|demande|répond|dice|dijo|dicho|detto|scrive|escribe|pregunta|chiede|"
    r"zegt|zei|vraagt|diz|disse|escreve|pergunta|säger|sade|sagt|siger|sier|mówi|powiedział[a]?|říká|spune)\b"
)
# How nouns of German end, all of which have a capital.
_NOUN = re.compile(
    r"(?:zeit|ung|ungen|heit|keit|keiten|nahme|schaft|tion|tät|nis|tum|lage|fall|wesen|mittel|dienst|platz|akte|bogen"
    r"|mutter|vater|arzt|ärztin|leiter|nehmer|geber|inhaber|verfahren|versammlung|nummer|liste|stelle|raum|kosten)$"
)
# What is called after whoever found it: "Moore's Law", "the Krebs cycle", "Parkinson's disease".
_EPONYM = re.compile(
    r"(?:['’]s?)?[ ](?:laws?(?![ ](?:firm|office|degree|school))|theorems?|lemma|equations?|inequality|conjecture"
    r"|algorithm|paradox|hypothesis|principle|disease|syndrome|reflex|constant|cycle|plot|kernel|transforms?"
    r"|distribution|matrix|prior|integral|coefficient|diagram|criterion|(?:U[ ])?tests?|statistic|correction|telescope"
    r"|lymphoma|kappa|alpha|r(?=[ ](?:is|was|=|of)))\b",
    re.IGNORECASE,
)
_GERMAN_ARTICLES = frozenset("der die das den dem ein eine einer einen einem kein keine".split())
_LABELS = re.compile(r"\.?[ \t]{0,2}:(?:[ \t]|$)", re.MULTILINE)


@dataclass(frozen=True)
class Name:
    """``text[start:end]``, a few words of which a model says ``label``, or nothing ("").

    ``small``: the words that the text has in lower case, too.
    """

    text: str
    start: int
    end: int
    label: str
    unit: Unit
    small: Set[str]

    @cached_property
    def own(self) -> list[str]:
        """The words as they are written."""
        return self.text[self.start : self.end].split()

    @cached_property
    def lower(self) -> list[str]:
        """The words to look up."""
        return [word.lower().strip(".,") for word in self.own]

    @cached_property
    def _article(self) -> str:
        """The article right before the name, in lower case."""
        word = word_before(self.text, self.start)
        return word if word in ("the", "a", "an") else ""

    @cached_property
    def before(self) -> str:
        """The last word before the name on its line, in lower case, but for "the"."""
        line = self.text[max(0, self.start - 30) : self.start].rpartition("\n")[2].lower().split()
        return line[-2] if len(line) > 1 and line[-1] == "the" else line[-1] if line else ""

    def entity(self) -> str | None:
        """What the words name, or None."""
        lists = words()
        if self.end - self.start < 2 or not self.own or not self.own[0][0].isupper() or self._is_part():
            return None
        if self.lower[0] not in lists.given and _EPONYM.match(self.text, self.end):
            return None
        if self.before.isdigit() and self.label == "PERSON":  # of a street
            return None
        if self._is_label() and not self._is_known():
            return None
        whole = " ".join(word for word in self.lower if word != "the")
        if whole in cue_set("makers") and self._is_maker():
            return "ORGANIZATION"
        if (
            all(word in lists.never or word in lists.software for word in self.lower)
            and not self._is_called()
        ):
            return None
        place = whole in lists.places
        if whole in lists.place_phrases or (place and self._is_placed()):
            return "LOCATION"
        if whole in lists.organisation_phrases or (
            whole in lists.organisations and self._is_listed_employer(whole)
        ):
            return "ORGANIZATION"
        if looks_organised(self.own):
            return self._organised()
        if self.unit.language != "en":
            return self._foreign(place)
        if len(self.own) > 1:
            return self._several_strictly() if self.unit.strict else self._several()
        return self._one_strictly() if self.unit.strict else self._one(place)

    def _is_part(self) -> bool:
        """Whether the name is a piece of an identifier, a path or a call, or one itself."""
        if self.text[self.end : self.end + 2] == ".-":  # Pat.-Nr.
            return True
        if is_glued(self.text, self.start, self.end) or _NEVER.search(self.text, self.start, self.end):
            return True
        return any(map(is_identifier, self.own)) and self.own[-1] not in cue_set("organisation_forms")

    def _is_label(self) -> bool:
        """Whether a value or a number follows: "Reisepass: K41VZZVH0", "the BSN 123456782"."""
        if _NUMBERED.match(self.text, self.end):
            return True
        return _LABELS.match(self.text, self.end) is not None and starts_line(self.text, self.start)

    def _is_known(self) -> bool:
        """Whether the lists know the words by themselves, as no label is known."""
        lists = words()
        whole = " ".join(self.lower)
        if whole in lists.places or whole in lists.place_phrases or whole in lists.organisations:
            return True
        if whole in lists.organisation_phrases or looks_organised(self.own):
            return True
        if len(self.own) == 1 and self.own[0].isupper():
            return False
        if len(self.own) > 1 and self.lower[-1] in lists.surnames and self.lower[-1] not in lists.ordinary:
            return not any(word in lists.nameless for word in self.lower)
        return self._given and (len(self.own) == 1 or self.lower[-1] not in lists.nameless)

    def _is_called(self) -> bool:
        """Whether a product's name is, for once, a person's."""
        if self.unit.strict or self.label != "PERSON" or starts_sentence(self.text, self.start):
            return False
        lists = words()
        return len(self.lower) == 1 and self.lower[0] in lists.given and self.lower[0] not in lists.never

    def _is_placed(self) -> bool:
        """Whether a word that is a place's name is one here: many are persons', too."""
        lists = words()
        if self.unit.strict:
            return self.before in _PLACED and self.lower[0] not in lists.ordinary
        if self.text[self.start - 1 : self.start] == "(" and self.text[self.end : self.end + 1] == ")":
            return (
                self.lower[0] not in lists.ordinary and self.lower[0] not in lists.given
            )  # Ann Lee (Valencia)
        if self.before in _INSIDE or not (self.lower[0] in lists.persons or self.lower[0] in lists.ordinary):
            return True
        if self.label == "LOCATION" or (self.before in _TOWARDS and self.label != "PERSON"):
            return True
        return self._is_reached()

    def _is_reached(self) -> bool:
        return _TRAVEL.search(self.text, max(0, self.start - 50), self.start) is not None

    def _is_listed_employer(self, whole: str) -> bool:
        lists = words()
        if self.unit.strict and self.before not in _EMPLOYER and not is_employer(self.text, self.start):
            return False
        ambiguous = whole in lists.persons or whole in lists.places or whole in lists.ordinary
        return self.label == "ORGANIZATION" or not ambiguous

    def _is_maker(self) -> bool:
        """Whether the name of a maker and its products is the maker's: beside what employers are named with."""
        if is_employer(self.text, self.start):
            return True
        return (
            not self.unit.strict
            and _FROM_PERSON.search(self.text, max(0, self.start - 40), self.start) is not None
        )

    def _organised(self) -> str | None:
        """A phrase with a form or a kind; of ordinary words only, it needs three: "Blue Ridge Capital"."""
        if self.own[-1] in cue_set("organisation_forms"):
            return "ORGANIZATION"
        seen = self.label or any(word in cue_set("institutions") for word in self.lower)
        ordinary = all(word in words().nameless for word in self.lower)
        if self.unit.strict or not seen or (ordinary and len(self.own) < 3):
            return None
        return "ORGANIZATION"

    @property
    def _given(self) -> bool:
        """Whether the first word is a given name or a pair of them, or the last one after a family name."""
        lists = words()
        if self.lower[0] in lists.surnames and self.lower[-1] in lists.given:  # as in Vietnam and Hungary
            return True
        return self.lower[0] in lists.given or any(half in lists.given for half in self.lower[0].split("-"))

    def _several(self) -> str | None:
        lists = words()
        if is_plain_family(self.own, self.label):
            return "PERSON"
        first, last = self.lower[0], self.lower[-1]
        ordinary = all(word in lists.ordinary for word in self.lower)
        if self.label != "ORGANIZATION" and any(map(str.isdigit, "".join(self.lower))):
            return None
        if first in lists.prefixes and not ordinary and (self.label or self.before in _PLACED):
            return "LOCATION"
        if self._given and last not in lists.nameless and first not in lists.products:
            known = self.label or last in lists.persons or last not in lists.ordinary
            if self.label == "PERSON" or (known and not ordinary):
                return "PERSON"
        family = last in lists.surnames and last not in lists.ordinary
        if not ordinary and (family or self._is_family(last)) and self.before not in _INSIDE:
            return "PERSON" if not any(word in lists.ordinary for word in self.lower) else self.label or None
        if ordinary or not self.label:
            return None
        if self.before in _INSIDE:
            return "LOCATION"
        if self.label == "PERSON":
            return None if any(word in lists.nameless for word in self.lower) else "PERSON"
        if len(self.own) > 3 or any(word in lists.ordinary for word in self.lower):
            return self.label
        # Two or three words that no list has: a model that has not seen a name says anything.
        if self.label == "ORGANIZATION":
            return "ORGANIZATION" if is_employer(self.text, self.start) else "PERSON"
        return "LOCATION" if self.before in _TOWARDS else "PERSON"

    def _several_strictly(self) -> str | None:
        lists = words()
        if len(self.own) > 4 or any(word in lists.nameless or word in lists.products for word in self.lower):
            return None
        known = self._given and self.lower[-1] in lists.persons
        if known and not all(word in lists.ordinary for word in self.lower):
            return "PERSON"
        if self.label == "PERSON":
            return "PERSON" if self._given or self._acts() else None
        return self.label if self._is_told() else None

    def _one(self, place: bool) -> str | None:
        lists = words()
        word = self.lower[0]
        if self._article and self._is_thing(word):
            return None
        if word in lists.ordinary:
            known = (word in lists.persons or word in lists.places) and not self._follows_noun()
            return self.label if known and self.label and not starts_sentence(self.text, self.start) else None
        if self.label and self.before in _INSIDE and word not in lists.persons:
            return "LOCATION"
        halves = word.split("-")
        if len(halves) > 1 and (self.label or lists.surnames.issuperset(halves)):
            return self._hyphenated(halves)
        if word in lists.given and not (self.label == "LOCATION" and (place or self.before in _TOWARDS)):
            return "PERSON" if self.label or word not in lists.surnames else None
        if word in lists.surnames:
            placed = self.label != "LOCATION" or self.before in _TOWARDS
            return self.label or None if placed else "PERSON"
        if self._is_family(word) and not (self.label == "LOCATION" and self.before in _TOWARDS):
            return "PERSON"
        if not self.label and self.before in ("near", "outside"):
            return "LOCATION"
        if not self.label or word in self.small or self.unit.spelled:
            return None
        if word.endswith(tuple(cue_set("place_endings"))):
            return "LOCATION"
        if self.own[0].isupper():  # an abbreviation
            return (
                "ORGANIZATION"
                if self.label == "ORGANIZATION" and is_employer(self.text, self.start)
                else None
            )
        return self.label

    def _is_thing(self, word: str) -> bool:
        """Whether a word behind an article is no name: "the Bass", "the Lakers", "a Rigidbody"."""
        lists = words()
        if word in lists.places or word in lists.organisations:
            return False
        if self.label == "PERSON":
            return word in lists.ordinary or word not in lists.persons
        if self.label == "LOCATION":
            return self._article != "the" or self.before in _INSIDE
        return self._article != "the"

    def _follows_noun(self) -> bool:
        """Whether a capitalised ordinary word stands right before, which is the other half: "Forest Green"."""
        line = self.text[max(0, self.start - 24) : self.start]
        word = line.rpartition(" ")[0].rpartition(" ")[2].rpartition(",")[2].strip("(\"'")
        lower = word.lower()
        if line[-1:] != " " or not word.isalpha() or not word[0].isupper() or lower not in words().nameless:
            return False
        return lower not in cue_set("persons_follow") and lower not in cue_set("greetings")

    def _one_strictly(self) -> str | None:
        lists = words()
        known = self.lower[0] in lists.given and self.lower[0] not in lists.ordinary
        if known and self.label == "PERSON" and self._acts():
            return "PERSON"
        return self.label if self._is_told() else None

    def _is_family(self, word: str) -> bool:
        """Whether a word that no list has ends as family names of some language end."""
        known = word in words().ordinary or word in self.small or self.own[-1].isupper()
        return len(word) > 5 and not known and word.endswith(tuple(cue_set("surname_endings")))

    def _hyphenated(self, halves: list[str]) -> str | None:
        lists = words()
        if any(half in lists.nameless or len(half) < 2 for half in halves):
            return None
        if self.own[0].isupper() and lists.names.isdisjoint(halves):
            return None
        if any(half in lists.given and half not in lists.surnames for half in halves):
            return "PERSON"
        placed = self.before in _INSIDE or self.before in _TOWARDS
        if placed or any(len(half) < 3 for half in halves):
            return self.label or None
        return "ORGANIZATION"  # "Hodge-Carter" alone: a person would have a given name or a title

    def _acts(self) -> bool:
        """Whether the words around are those around a person."""
        return self.before in cue_set("persons_follow") or _ACTS.match(self.text, self.end) is not None

    def _is_told(self) -> bool:
        """Whether the words before say that an unknown word is a place or an employer."""
        word = self.lower[0]
        if word in words().ordinary or word in self.small or self.own[0].isupper():
            return False
        if self.label == "LOCATION":
            return self.before in _INSIDE or self._is_reached()
        return self.label == "ORGANIZATION" and is_employer(self.text, self.start)

    def _foreign(self, place: bool) -> str | None:
        """The entity in a language whose ordinary words are not listed; a model of its own is believed."""
        lists = words()
        person = self.lower[0] in lists.given and len(self.own) > 1
        if self.unit.language == self.unit.reader and not self.unit.strict:
            return "PERSON" if person and self.label != "LOCATION" else self.label or None
        if person and self.lower[-1] not in lists.nameless:
            return "PERSON"
        if place and (self.lower[0] not in lists.persons or self.before in cue_set("places_follow")):
            return "LOCATION"
        if any(word in lists.nameless for word in self.lower) or self.lower[0] in cue_set("owners"):
            return None
        likely = self.label == "PERSON" and (self.lower[0] in lists.given or len(self.own) > 1)
        if self.unit.language == "de" and len(self.own) == 2 and self.lower[0] in _GERMAN_ARTICLES:
            return None
        if starts_sentence(self.text, self.start) and not likely:
            return self._one_abroad() if len(self.own) == 1 and self._says() else None
        if (
            self.unit.language == "de"
            and self.lower[-1] not in lists.persons
            and _NOUN.search(self.lower[-1])
        ):
            return None
        if (
            self.unit.language == "de"
            and word_before(self.text, self.start) in _GERMAN_ARTICLES
            and not place
        ):
            return None
        persons = self.lower[0] in lists.given or (len(self.own) > 1 and self.lower[-1] in lists.surnames)
        if self.label and self.before in cue_set("places_follow") and not persons:
            return "LOCATION"
        if len(self.own) == 1:
            return self._one_abroad()
        return "PERSON" if self.label == "PERSON" else None

    def _says(self) -> bool:
        """Whether the word stands before what persons do, in a language that does not capitalise its nouns."""
        if (
            self.unit.language == "de"
            or self.unit.strict
            or self.end - self.start < 4
            or self.own[0].isupper()
        ):
            return False
        return _SAYS.match(self.text, self.end) is not None

    def _one_abroad(self) -> str | None:
        """A word alone: who has a given name within a sentence is a person, but for nouns of German."""
        lists = words()
        word = self.lower[0]
        if self._says():
            return "PERSON"
        given = any(half in lists.given for half in word.split("-"))
        little = word in data("languages").get(self.unit.language, little_words())
        if little:
            return None
        if given and word not in lists.ordinary and not self.unit.strict:
            noun = self.unit.language == "de" and word in cue_set("german_nouns")
            return None if noun else "PERSON"
        return "PERSON" if word in lists.persons and self.label == "PERSON" else None
