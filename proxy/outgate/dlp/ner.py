"""Names of people, places and organisations, by a spaCy model's NER component and nothing else of it.

The model is a statistical guess, and was made for prose: what is not prose (code, hashes, encoded data)
is blanked before it reads, which keeps every offset, and what it says of identifiers and log words is
dropped. Owns that, and the model; spaCy is imported in the function that builds, in a worker process.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Detector, Match

SCORE = 0.85  # Presidio's default for its spaCy engine; the model gives none of its own
# The labels of spaCy's models (OntoNotes, and WikiNER for many languages) as Presidio names them.
_LABELS = {
    "PERSON": "PERSON",
    "PER": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}

_SURROGATE = re.compile("[\ud800-\udfff]")  # spaCy keeps its strings as UTF-8
# Hashes, keys, encoded data, paths: a run without a blank that no name has.
_OPAQUE = re.compile(r"\S{48,}|(?=\S*\d)[\w+/=-]{24,}|\w+://\S+")
_LINE = re.compile(r"[^\n]+")
_CODE_MARK = re.compile(r"[{}()\[\];=<>|\\$`*&^~_]")
_CODE_SHARE = 0.12  # of a line's characters; prose has a pair of brackets now and then
_EDGES = " \t\r\n\"'`.,;:!?()[]{}<>*-–—_/\\|"
_NEVER = re.compile(r"[_={}<>\\|@#$/()\[\]]|::|\.\w|\d{3}")
_GLUED_BEFORE = frozenset("._$#@/\\<{")
_GLUED_AFTER = frozenset("_({[=/\\@")
_PROGRAM_WORD = re.compile(r"(?:Error|Exception|Warning|Handler|Factory|Manager|Service|Client|Config|Test)$")
# Words that models take for names in logs, tickets and prompts about software.
_NO_NAMES = frozenset(
    """info debug warn warning error fatal trace critical notice result results output input note todo fixme null
    none true false nan undefined traceback exception stacktrace status response request api sdk http https json
    xml yaml csv sql html css url uri uuid utf ascii base64 sha md5 rsa tls ssl ssh dns tcp udp ip eks ecs ec2 s3
    iam vpc cpu gpu ram rest grpc oauth jwt sso saml ldap regex bash python java javascript typescript rust golang
    docker kubernetes linux windows macos git markdown unicode hello hi hey dear thanks please regards sincerely
    summarize summarise translate explain write fix ok yes no user assistant system human""".split()
)


class NameDetector:
    """Finds the wanted kinds of names in texts of a few thousand characters, one at a time."""

    name = "ner"

    def __init__(self, model: str, wanted: Iterable[str]) -> None:
        self.entities = frozenset(wanted)
        self._nlp = _load(model)

    def find(self, text: str) -> Iterator[Match]:
        """Names in ``text``, all with the same score."""
        prose = readable(text)
        if prose is None:
            return
        with self._forgetting():
            found = [(span.start_char, span.end_char, span.label_) for span in self._nlp(prose).ents]
        for start, end, label in found:
            entity = _LABELS.get(label)
            if entity in self.entities:
                for first, last in _names(text, start, end):
                    yield Match(first, last, entity, SCORE, self.name)

    def _forgetting(self) -> AbstractContextManager[Any]:
        """spaCy keeps every new word for good, unless told that this text's need not be (3.8)."""
        zone = getattr(self._nlp, "memory_zone", None)
        return zone() if zone else nullcontext()


def detectors(config: DetectorConfig) -> list[Detector]:
    """The model, when a wanted entity needs it. It must be installed: see ``entities.missing``."""
    wanted = entities.named(config.entities)
    return [NameDetector(config.ner_model, wanted)] if wanted and config.ner_model else []


def readable(text: str) -> str | None:
    """``text`` with what is not prose blanked, at the same length; None when no name can be left."""
    prose = _SURROGATE.sub("\ufffd", text)
    prose = _OPAQUE.sub(_blank, prose)
    prose = _LINE.sub(lambda line: _blank(line) if _is_code(line[0]) else line[0], prose)
    # Names are capitalised in every language that the model knows.
    return prose if prose != prose.lower() else None


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _is_code(line: str) -> bool:
    marks = len(_CODE_MARK.findall(line))
    return marks > 2 and marks > _CODE_SHARE * len(line.strip())


def _names(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What of a span can be a name: by lines, without quotes and stops around it."""
    for line in _LINE.finditer(text, start, end):
        first, last = line.span()
        while first < last and text[first] in _EDGES:
            first += 1
        while first < last and text[last - 1] in _EDGES:
            last -= 1
        if text[first:last].endswith(("'s", "’s")):
            last -= 2
        if _is_name(text[first:last]) and not _is_glued(text, first, last):
            yield first, last


def _is_name(words: str) -> bool:
    if len(words) < 2 or words == words.lower() or _NEVER.search(words):
        return False
    if words.lower() in _NO_NAMES or all(word.lower() in _NO_NAMES for word in words.split()):
        return False
    if " " in words:
        return True
    return not any(map(str.isdigit, words)) and not _PROGRAM_WORD.search(words)


def _is_glued(text: str, start: int, end: int) -> bool:
    """Whether the span is a piece of an identifier, a path or a call."""
    before = start > 0 and text[start - 1] in _GLUED_BEFORE
    after = end < len(text) and text[end] in _GLUED_AFTER
    return before or after


def _load(model: str) -> Any:
    import spacy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return spacy.load(model, exclude=_unneeded(spacy.util.get_package_path(model)))


def _unneeded(package: Path) -> list[str]:
    """The model's components that its NER component does not listen to."""
    import spacy

    # A model's package holds the model in a folder of its own, named with the version.
    folder = next(file.parent for file in sorted(package.rglob("config.cfg")))
    config = spacy.util.load_config(folder / "config.cfg")
    listens = "Listener" in config["components"]["ner"]["model"].get("tok2vec", {}).get("@architectures", "")
    needed = {"ner"} | ({"tok2vec", "transformer"} if listens else set())
    return [name for name in config["nlp"]["pipeline"] if name not in needed]
