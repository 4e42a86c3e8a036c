"""What of a text is read by a model, and in which case; no model is needed to say so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgate.dlp.names import gate


def read(text: str) -> list[str]:
    reading = gate.read(text)
    return [reading.text[unit.start : unit.end] for unit in reading.units]


def test_a_sentence_without_a_word_that_could_be_a_name_is_not_read() -> None:
    text = "The build failed again. Please tell Jane. We will look at it on Monday."
    assert read(text) == ["Please tell Jane."]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("my name is jane doe and i live in london", "my name is Jane Doe and i live in London"),
        ("hi this is wyxotal, i work at siemens", "hi this is Wyxotal, i work at Siemens"),
        ("ask the people of carter plc", "ask the people of Carter PLC"),
        ("i moved to the united states with mark jensen", "i moved to the United States with Mark Jensen"),
        ("PLEASE CALL JANE O'BRIEN-SMITH IN LONDON", "please call Jane O'Brien-Smith in London"),
        ("Customer JANE DOE asked for the INVOICE.", "Customer Jane Doe asked for the INVOICE."),
    ],
)
def test_names_are_capitalised_for_the_model(text: str, sentence: str) -> None:
    assert read(text) == [sentence]


@pytest.mark.parametrize(
    "text",
    [
        "for (const Jane of Doe) { return Jane; }",
        "import Jane from 'doe'",
        "the tests pass on my machine, but not on the server",
        "RUN THE TESTS AGAIN AND CHECK THE LOGS",
        "token=eyJhbGciOiJIUzI1NiJ9JaneDoe1234567890abcdef",
    ],
)
def test_code_and_sentences_without_names_are_not_read(text: str) -> None:
    assert read(text) == []


def test_lines_that_were_wrapped_are_read_as_one_sentence() -> None:
    text = "I am writing because the delivery that was promised to Jane\nDoe in May has not arrived."
    assert read(text) == [text]


def test_a_short_line_stands_for_itself() -> None:
    assert read("Kind regards\nJane Doe\nLondon") == ["Jane Doe", "London"]


def test_writing_about_software_is_strict_and_a_letter_is_not() -> None:
    (software,) = gate.read("Then `getUser()` in app/models.py calls Jane, see #12 and config.yaml.").units
    (letter,) = gate.read("Then my neighbour calls Jane, and both go home.").units
    assert software.strict
    assert not letter.strict


def test_a_sentence_without_an_end_is_cut() -> None:
    units = gate.read("Jane Doe, " * 1_000).units
    assert units
    assert max(unit.end - unit.start for unit in units) <= 1_000


@given(st.text(st.characters(), max_size=300))
def test_a_reading_has_the_length_of_its_text(text: str) -> None:
    reading = gate.read(text)
    assert len(reading.text) == len(text)
    ends = [0, *(end for unit in reading.units for end in (unit.start, unit.end)), len(text)]
    assert ends == sorted(ends)
    reading.text.encode()
