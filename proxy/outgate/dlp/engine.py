"""Finds entities in texts: every detector over every piece, then one answer for each character.

This is the interface behind which detection may be rebuilt: ``Engine(config).scan(texts)``. The pool
uses the same steps apart (``find_many`` for pieces, ``settle`` for whole texts), so that a large request
can take turns with others; the result is the same. Owns the order of those steps, and turns whatever a
detector raises into a DetectionError that holds no text. Knows no detector's inside.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

from outgate.dlp import (
    DetectionError,
    entities,
    known_values,
    one_pass,
    patterns,
    personal,
    phones,
    presidio,
    recognizers,
    secrets,
)
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Detector, Match, PatternDetector, Reader, Text
from outgate.dlp.disguise import View, Views, views
from outgate.dlp.entities import DEEPLY_ENCODED
from outgate.dlp.one_pass import Compile
from outgate.dlp.overlaps import Ranks, resolve
from outgate.dlp.repeats import Value, Values, marks, settle
from outgate.dlp.scanner import Expression, Window
from outgate.dlp.windows import STAGES, Stage, cut

_CROWDED = 50  # characters to each place to judge, below which a text is crowded
_TOGETHER = 64  # pieces that a stage is asked for at once
_READING = 10  # places that a reading of a text costs as much as
_LONG_WINDOW = 1_024  # characters, or more: a quarter of a text that is one window is crowded
_WIDE = 64  # characters of a window that take as long as another place
_READ = 300  # characters that a reader reads in the time that a place takes
_FARTHEST = 512  # characters before a window in which a detector can find something


class Engine:
    """The detectors of one configuration, ready to use. Building it loads models and takes seconds."""

    def __init__(
        self, config: DetectorConfig, folder: Path | None = None, compiling: Compile = "never"
    ) -> None:
        """``folder`` keeps compiled patterns; ``compiling`` says what to do when they are not there.

        Raises DetectionError("not_ready") when something that is wanted cannot be found by anything.
        """
        missing = entities.missing(config)
        if missing:
            raise DetectionError("not_ready", "; ".join(f"{name}: {why}" for name, why in missing.items()))
        self._wanted = config.entities
        self._ranks = Ranks(config)
        of_recognizers, reading = recognizers.detectors(config)
        self._patterns: list[PatternDetector] = [
            *patterns.detectors(config),
            *secrets.detectors(config),
            *phones.detectors(config),
            *personal.detectors(config),
            *presidio.detectors(config),
            *of_recognizers,
        ]
        self._readers: list[Reader] = [*known_values.detectors(config), *reading]
        self._names: list[Detector] = []
        if entities.named(config.entities):
            from outgate.dlp import ner  # what it knows of names takes a while to load

            self._names = ner.detectors(config)
        # Whose each of the scanner's expressions is, and which of its own; some are of several.
        owners: dict[Expression, list[tuple[PatternDetector, int]]] = {}
        for detector in self._patterns:
            for which, expression in enumerate(detector.expressions):
                owners.setdefault(expression, []).append((detector, which))
        self._owners = list(owners.values())
        self._scanner = one_pass.build(list(owners), folder, compiling)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that have anything to do."""
        there = {"patterns": [*self._patterns, *self._readers], "names": self._names}
        return tuple(stage for stage in STAGES if there[stage])

    @property
    def scanner(self) -> str:
        """What looks for the patterns: ``hyperscan`` or ``python``."""
        return self._scanner.kind

    def scan(self, texts: Sequence[str]) -> list[list[Match]]:
        """Per text the matches, by position and without overlaps. Time is linear in the texts' length.

        Raises DetectionError("detector_error").
        """
        found = self.found(texts)
        own = [marks(text, matches, self._ranks) for text, matches in zip(texts, found, strict=True)]
        return settle(texts, found, Values(texts, found, own).all(), self._ranks)

    def found(self, texts: Sequence[str], stages: Sequence[Stage] = STAGES) -> list[list[Match]]:
        """Per text what each stage finds in it by itself; stages may overlap. Raises as ``scan`` does."""
        found: list[list[Match]] = [[] for _ in texts]
        for stage in (stage for stage in self.stages if stage in stages):
            for pieces in batched(cut(stage, texts), _TOGETHER):
                answers = self.find_many(
                    stage, [piece.of(texts) for piece in pieces], [piece.ours for piece in pieces]
                )
                for piece, matches in zip(pieces, answers, strict=True):
                    found[piece.text].extend(piece.place(matches))
        return found

    def places(self, text: str) -> int:
        """How many places there are in ``text`` to judge. Takes one pass over it."""
        return self._looked(text, len(text)).size

    def found_if_few(self, text: str, most: int) -> tuple[list[Match], int] | None:
        """What the patterns find in a whole text, and the places judged for it.

        None when they would be more than ``most``, which takes the one pass over the text to say. Raises as ``scan``
        does.
        """
        looked = self._looked(text, len(text))
        places = looked.size + len(text) * len(self._readers) // _READ
        if places > most:
            return None
        return self._resolved(text, self._judged(text, looked)), places

    def find_many(self, stage: Stage, texts: Sequence[str], ours: Sequence[int]) -> list[list[Match]]:
        """What one stage's detectors find in each of some pieces of text, without overlaps.

        ``ours``: the code points of each, behind which a match may be left out.
        """
        if stage == "names":
            return self._named(texts)
        return [
            self._resolved(text, self._judged(text, self._looked(text, end)))
            for text, end in zip(texts, ours, strict=True)
        ]

    def _named(self, texts: Sequence[str]) -> list[list[Match]]:
        """What the names' detectors find; they are asked for all texts at once."""
        answers: list[list[tuple[str, Iterable[Match]]]] = [[] for _ in texts]
        for detector in self._names:
            with _told(detector.name):
                for own, matches in zip(answers, detector.find_many(texts), strict=True):
                    own.append((detector.name, matches))
        return [self._resolved(text, own) for text, own in zip(texts, answers, strict=True)]

    def _resolved(self, text: str, answers: Iterable[tuple[str, Iterable[Match]]]) -> list[Match]:
        """The wanted of what was found in one text, by whom, as one answer for each character."""
        found: list[Match] = []
        for name, matches in answers:
            with _told(name):
                found.extend(match for match in matches if match.entity in self._wanted)
        if any(not 0 <= match.start < match.end <= len(text) for match in found):
            raise DetectionError("detector_error", "a match lies outside its text")
        return resolve(text, found, self._ranks)

    def _looked(self, text: str, ours: int) -> _Looked:
        """Where the patterns could match in a text, and in what it may stand for."""
        readings = views(text)
        found = self._scanner.windows(text)
        places = [list(found if ours >= len(text) else _before(found, ours + _FARTHEST))]
        for view in readings:
            news = view.news(text)
            whole = news is None or sum(end - start for start, end in news) > len(text) / 2
            found = (
                self._scanner.windows(view.text) if whole or news is None else self._around(view.text, news)
            )
            places.append(list(found) if news is None else list(_within(found, news)))
        return _Looked(readings, places)

    def _around(self, text: str, stretches: Sequence[tuple[int, int]]) -> Iterator[_Place]:
        """The places in some stretches of a text."""
        for start, end in stretches:
            for index, windows in self._scanner.windows(text[start:end]):
                yield index, [window.moved(start) for window in windows]

    def _judged(self, text: str, looked: _Looked) -> Iterator[tuple[str, Iterable[Match]]]:
        """Who looks for patterns, and what they find where they could match."""
        yield from self._found_at(text, looked.places[0])
        for view, places in zip(looked.readings, looked.places[1:], strict=True):
            for name, matches in self._found_at(view.text, places):
                yield name, _original(view, matches)
        if looked.readings.exhausted is not None and DEEPLY_ENCODED in self._wanted:
            yield "disguise", [Match(0, len(text), DEEPLY_ENCODED, 0.5, "disguise")]

    def _found_at(self, text: str, places: Sequence[_Place]) -> Iterator[tuple[str, Iterable[Match]]]:
        """What the patterns, and detectors without any, find in one reading of a text."""
        shared = Text(text, crowded=_is_crowded(len(text), places))
        for index, windows in places:
            for owner, which in self._owners[index]:
                yield owner.name, owner.judge(shared, which, windows)
        for detector in self._readers:
            yield detector.name, detector.find(shared)

    def settle(
        self, texts: Sequence[str], found: Sequence[Sequence[Match]], repeating: Sequence[Value]
    ) -> list[list[Match]]:
        """``found``, of all stages and pieces, as one answer, with every repeat of ``repeating``."""
        return settle(texts, found, repeating, self._ranks)


type _Place = tuple[int, list[Window]]  # of an expression, by its number


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one pass over a text tells: its readings, and the places to judge in it and in each of them."""

    readings: Views
    places: list[list[_Place]]

    @property
    def size(self) -> int:
        """How much there is to judge: places, and a reading for several."""
        return _READING * len(self.readings) + sum(map(_judged_in, self.places))


def _is_crowded(length: int, places: Sequence[_Place]) -> bool:
    """Whether so many places of a text are to be judged that it pays to know its words before."""
    if _judged_in(places) * _CROWDED > length:
        return True
    longest = max((window.end - window.start for _, windows in places for window in windows), default=0)
    return longest > max(_LONG_WINDOW, length // 4)


def _judged_in(places: Iterable[_Place]) -> int:
    """How many places there are to judge. Those that touch are one window: the longer it is, the more are in it."""
    return sum(1 + (window.end - window.start) // _WIDE for _, windows in places for window in windows)


def _before(places: Iterable[_Place], end: int) -> Iterator[_Place]:
    """The places whose windows start before ``end``."""
    for index, windows in places:
        kept = [window for window in windows if window.start < end]
        if kept:
            yield index, kept


def _within(places: Iterable[_Place], stretches: Sequence[tuple[int, int]]) -> Iterator[_Place]:
    """The places whose windows lie in one of some sorted stretches, or reach into it."""
    ends = [end for _, end in stretches]
    for index, windows in places:
        kept = []
        for window in windows:
            number = bisect_left(ends, window.start)
            if number < len(ends) and stretches[number][0] <= window.reach:
                kept.append(window)
        if kept:
            yield index, kept


@contextmanager
def _told(name: str) -> Iterator[None]:
    """An exception of a detector's as an error that tells whose, and its class: its message may quote the text."""
    try:
        yield
    except Exception as error:
        raise DetectionError("detector_error", f"{name}: {type(error).__name__}") from None


def _original(view: View, matches: Iterable[Match]) -> Iterator[Match]:
    """Matches in a view as matches in what it is a view of: what is encoded, as a whole."""
    for match in matches:
        start, end = view.original(match.start, match.end)
        yield Match(start, end, match.entity, match.score, match.detector)
