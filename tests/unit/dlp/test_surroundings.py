"""Words near a value, as detectors ask for them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgate.dlp.context import Words
from outgate.dlp.detector import Text
from outgate.dlp.disguise import views
from outgate.dlp.surroundings import MOST, Surroundings, bit_of

WORDS = Words(["kontonummer", "date of birth", "nhs", "*fon", "konto*", "side"])
VALUE = "4711"


def near(text: str, words: Words = WORDS) -> bool:
    start = text.index(VALUE)
    return words.near(Text(text), start, start + len(VALUE))


@pytest.mark.parametrize(
    "text",
    [
        "kontonummer: 4711",
        "Kontonummer is the 4711",
        "date of birth 4711",
        "dateOfBirth=4711",
        "DATE-OF-BIRTH=4711",
        "nhs_number: 4711",
        "nhsNumber: 4711",
        "telefon 4711",
        "Kontostand 4711",
        "4711 (kontonummer)",
        "4711 is my kontonummer",
        "name,kontonummer\nRoe,4711",
        "| name | kontonummer |\n|---|---|\n| Roe | 4711 |",
        "kontonummer one two three four 4711",
    ],
)
def test_a_word_is_near(text: str) -> None:
    assert near(text)


@pytest.mark.parametrize(
    "text",
    [
        "4711",
        "subnhs 4711",
        "birth of date 4711",
        "date of 4711",
        "telefonat 4711",
        "kontonummer one two three four five 4711",
        "kontonummer 99999 4711",
        "4711, kontonummer 12",
        "4711 kontonummer: 12",
        "4711 and date of birth: 12",
        "4711 one two three kontonummer",
        "kontonummer,name\n1,one two three four five six,4711",
        "name,kontonummer\n\none two three four five six,4711",
    ],
)
def test_no_word_is_near(text: str) -> None:
    assert not near(text)


def test_a_list_made_later_is_known_in_texts_read_after() -> None:
    assert not near("zählerstand 4711")
    assert near("zählerstand 4711", Words(["zählerstand"]))


def test_the_same_words_are_one_list_in_any_number_of_detectors() -> None:
    assert bit_of(("zählerstand", "nhs")) == bit_of(("zählerstand", "nhs")) != bit_of(("zählerstand",))


@given(st.text(alphabet='aB_ 1,.\n|-"é', max_size=80), st.integers(0, 80), st.integers(0, 8))
def test_any_place_of_any_text_can_be_asked_about(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    around = Surroundings(text)
    levels = around.before(start)
    assert len(levels) == MOST + 1
    assert all(fewer & more == fewer for fewer, more in pairwise(levels))
    assert around.behind(min(len(text), start + length)) >= 0
    assert around.heading(start) >= 0


CHANGED = "The key is ｔｅｎ.\n\n"


@given(st.integers(0, 12), st.integers(0, 12))
def test_a_normalised_view_tells_where_it_says_something_new(before: int, after: int) -> None:
    plain = "Nothing to see here. " * 60 + "\n\n"
    text = plain * before + CHANGED + plain * after
    (view,) = views(text)
    news = view.news(text)
    assert news is not None
    place = view.text.index("ten")
    assert any(start <= place < end for start, end in news)
    quiet = [at for at in range(0, len(view.text), 97) if not any(start <= at <= end for start, end in news)]
    assert all(view.text[at : at + 20] == text[at : at + 20] for at in quiet if at + 20 < place or at > place)
    if before > 3 and after > 3:
        assert sum(end - start for start, end in news) < len(text) / 2


def test_breaks_within_a_normalised_view_are_its_only_news() -> None:
    filler = "plain words\n\n" * 300
    text = "ｔｅｎ\n\n" + filler + r"first line\nPassword: x" + "\n\n" + filler
    normalised, breaks, _ = views(text)
    assert (normalised.kind, breaks.kind) == ("normalised", "normalised>breaks")
    ((start, end),) = breaks.news(text) or []
    assert start <= breaks.text.index("Password") < end
    assert end - start < len(text) / 2
    ((start, end),) = normalised.news(text) or []
    assert start <= normalised.text.index("ten") < end


def test_what_is_left_out_is_news() -> None:
    filler = "plain words\n\n" * 300
    text = filler + "card 4000\u200b0000" + "\n\n" + filler
    (view,) = views(text)
    news = view.news(text)
    assert news is not None
    assert any(start <= view.text.index("40000000") < end for start, end in news)


def test_a_decoded_view_is_all_news() -> None:
    text = "key: " + "eyJwYXNzd29yZCI6ICJub3QtYS1yZWFsLW9uZSJ9"
    assert all(view.news(text) is None for view in views(text))
    assert len(views(text)) == 1
