"""Wallet seed phrases: found whole wherever they begin, and prose is none."""

from __future__ import annotations

import pytest

from outgate.dlp import examples
from outgate.dlp.detector import Match, Text
from outgate.dlp.scanner import PythonScanner
from outgate.dlp.seed_phrases import SeedPhraseDetector

DETECTOR = SeedPhraseDetector()


def matches(text: str) -> list[Match]:
    """As an engine asks: where something that looks like a list of words is, and only there."""
    found = {}
    shared = Text(text)
    for which, windows in PythonScanner(DETECTOR.expressions).windows(text):
        found.update({(match.start, match.end): match for match in DETECTOR.judge(shared, which, windows)})
    return [found[span] for span in sorted(found)]


def found(text: str) -> list[str]:
    return [text[match.start : match.end] for match in matches(text)]


@pytest.mark.parametrize("words", [12, 15, 18, 21, 24])
@pytest.mark.parametrize(
    "around",
    ["{}", "my seed phrase is {}", "recovery words:\n{}\nkeep them safe", 'mnemonic = "{}"'],
)
def test_a_phrase_is_found_whole_and_alone(words: int, around: str) -> None:
    phrase = examples.expand(f"{{seed:{words}}}", words)
    assert found(around.format(phrase)) == [phrase]


def test_a_phrase_among_other_words_of_the_list_is_covered() -> None:
    phrase = examples.expand("{seed:24}", 3)
    text = f"about able hope {phrase} zone"
    (match,) = matches(text)
    assert text[match.start : match.end] == phrase


@pytest.mark.parametrize("style", ["lines", "numbered", "commas", "capitals", "quoted"])
def test_a_phrase_is_found_however_it_is_written(style: str) -> None:
    words = examples.expand("{seed:24}", 5).split()
    text = {
        "lines": "\n".join(words),
        "numbered": "\n".join(f"{number}. {word}" for number, word in enumerate(words, 1)),
        "commas": ", ".join(words),
        "capitals": " ".join(words).upper(),
        "quoted": '", "'.join(words),
    }[style]
    (match,) = matches(f"Wallet backup:\n\n{text}\n\nEnd.")
    assert match.end - match.start == len(text) - (3 if style == "numbered" else 0)
    assert match.score >= 0.9


def test_a_phrase_with_a_wrong_word_counts_only_where_it_is_said_to_be_one() -> None:
    words = examples.expand("{seed:12}", 9).split()
    wrong = " ".join([*words[:-1], "zoo" if words[-1] != "zoo" else "abandon"])
    assert not [m for m in matches(f"I like {wrong} most") if m.score > 0.9 and m.end - m.start == len(wrong)]
    scores = [match.score for match in matches(f"seed phrase: {wrong}")]
    assert scores
    assert max(scores) <= 0.95


@pytest.mark.parametrize(
    "text",
    [
        "abandon all hope about this able idea, above all else",
        "abandon " * 30,
        "the quick brown fox jumps over the lazy dog again and again until it is tired of all that",
        "able about above absent absorb abstract absurd abuse access accident account",
        "",
    ],
)
def test_prose_and_eleven_words_are_no_phrase(text: str) -> None:
    assert found(text) == []


def test_two_phrases_are_two_findings() -> None:
    first, second = examples.expand("{seed:12}", 1), examples.expand("{seed:12}", 2)
    assert found(f"one: {first}\n\ntwo: {second}") == [first, second]
