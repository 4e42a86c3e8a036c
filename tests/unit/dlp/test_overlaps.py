"""Of two secrets on the same characters the one that says whose it is stands, as sure as either."""

from __future__ import annotations

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import Match
from outgate.dlp.engine import Engine
from outgate.dlp.overlaps import Ranks, resolve

RANKS = Ranks(DetectorConfig(entities=entities.groups()["secrets"]))
TEXT = "x" * 60


def match(start: int, end: int, entity: str, score: float) -> Match:
    return Match(start, end, entity, score, "test")


def test_a_vendors_kind_stands_before_one_that_any_secret_may_have() -> None:
    told, untold = match(4, 40, "GITHUB_TOKEN", 0.65), match(4, 40, "GENERIC_SECRET", 0.92)
    assert resolve(TEXT, [untold, told], RANKS) == [match(4, 40, "GITHUB_TOKEN", 0.92)]


def test_a_longer_match_stands_whatever_it_says() -> None:
    told, untold = match(4, 20, "GITHUB_TOKEN", 0.9), match(4, 40, "PASSWORD", 0.6)
    assert resolve(TEXT, [told, untold], RANKS) == [untold]


def test_a_part_lends_nothing_to_the_whole() -> None:
    told, untold = match(4, 40, "GITHUB_TOKEN", 0.65), match(6, 20, "GENERIC_SECRET", 0.92)
    assert resolve(TEXT, [untold, told], RANKS) == [told]


def test_what_only_a_word_beside_it_makes_a_weak_match_is_not_one_everywhere() -> None:
    text = "bank account 00000170\n" + "00000170: 06d2 c038\n" * 3
    engine = Engine(DetectorConfig(entities=frozenset({"US_BANK_NUMBER"})))
    weak = [match for match in engine.scan([text])[0] if match.score < 0.5]
    assert [match.start for match in weak] == [13]
    sure = "My SSN is 536-90-4399. " + "Again: 536-90-4399. " * 2
    assert len(Engine(DetectorConfig(entities=frozenset({"US_SSN"}))).scan([sure])[0]) == 3
