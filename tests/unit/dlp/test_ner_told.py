"""Names that need no model: labelled fields, tables, forms of address, forms of companies' names, languages."""

from __future__ import annotations

import pytest

from outgate.dlp.names import fields, firms, gate, persons
from outgate.dlp.names.language import language_of
from outgate.dlp.names.words import WORD, words


def listed(text: str) -> list[tuple[str, str]]:
    return [(entity, text[start:end]) for start, end, entity in sorted(set(fields.listed(text)))]


def told(text: str) -> list[str]:
    reading = gate.read(text)
    return [reading.text[a:b] for unit in reading.units for a, b, _ in persons.told(reading.text, unit, [])]


def test_a_label_says_what_its_value_is() -> None:
    text = "Full name: Karen Black\nPlace of birth: Wyxotal\nEmployer: Brightwater\nNotes: none\nName: Build"
    assert listed(text) == [
        ("PERSON", "Karen Black"),
        ("LOCATION", "Wyxotal"),
        ("ORGANIZATION", "Brightwater"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "employee_id,employee,office\n12,Wei Zhang,Hicksbury\n13,Mirja Kallio,Kyiv",
        "id;employee;office\n12;Wei Zhang;Hicksbury\n13;Mirja Kallio;Kyiv",
        "| ID | Employee | Office |\n|---|---|---|\n| 12 | Wei Zhang | Hicksbury |\n| 13 | Mirja Kallio | Kyiv |",
        "id\temployee\toffice\n12\tWei Zhang\tHicksbury\n13\tMirja Kallio\tKyiv",
    ],
    ids=["commas", "semicolons", "markdown", "tabs"],
)
def test_a_column_says_what_its_cells_are(text: str) -> None:
    assert listed(text) == [
        ("PERSON", "Wei Zhang"),
        ("LOCATION", "Hicksbury"),
        ("PERSON", "Mirja Kallio"),
        ("LOCATION", "Kyiv"),
    ]


def test_names_in_data_are_found_by_their_key_or_whole() -> None:
    text = '{"customer": {"full_name": "Xolani Dube"}, "city": "Hicksbury"}\nWHERE owner = \'Eleni Georgiou\''
    assert listed(text) == [
        ("PERSON", "Xolani Dube"),
        ("LOCATION", "Hicksbury"),
        ("PERSON", "Eleni Georgiou"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '"name": "lodash"',
        "name: CI",
        "owner: Platform",
        "state: Running",
        "location: Remote",
        "from: Alpine",
        "to: Slack",
    ],
)
def test_a_value_that_is_no_name_is_left(text: str) -> None:
    assert listed(text) == []


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("Dear Xochitl, thank you.", "Xochitl"),
        ("Hi Dr. Wyxotal, thank you.", "Wyxotal"),
        ("I asked Herr Brenner about it.", "Brenner"),
        ("Please call my lawyer Wyxotal Brenner today.", "Wyxotal Brenner"),
        ("The file of Hunt, Norman is incomplete.", "Hunt, Norman"),
        ("<Wyxotal> hello\n<Anna> hello", "Anna"),
    ],
)
def test_a_person_is_told_by_what_stands_around(text: str, person: str) -> None:
    assert person in told(text)


@pytest.mark.parametrize(
    "text", ["Dear Customer Support, help.", "Hi All, welcome.", "Dear Sir or Madam, hello."]
)
def test_a_greeting_of_nobody_names_nobody(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "firm"),
    [
        ("We work with Wyxotal Ltd on this.", "Wyxotal Ltd"),
        ("Ask Müller & Brenner GmbH for it.", "Müller & Brenner GmbH"),
        ("We sued Yates and Sons.", "Yates and Sons"),
        ("I left Hall, Reid and Webb in May.", "Hall, Reid and Webb"),
    ],
)
def test_an_organisation_is_told_by_its_form(text: str, firm: str) -> None:
    start = text.index(firm)
    (unit,) = gate.read(text).units
    found = list(firms.companies(text, unit, [(start, start + 4, "PERSON")]))
    assert found == [(start, start + len(firm), "ORGANIZATION")]


@pytest.mark.parametrize("text", ["I met Anna, Tom and Lucy.", "Our founders: Godina, Rukavina and Schuur."])
def test_three_persons_are_no_firm(text: str) -> None:
    (unit,) = gate.read(text).units
    assert not list(firms.companies(text, unit, [(0, len(text), "PERSON")]))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Could you tell me whether the invoice has been paid by now?"),
        ("de", "Können Sie mir bitte sagen, ob die Rechnung schon bezahlt ist?"),
        ("fr", "Pouvez-vous me dire si la facture a déjà été payée par le client ?"),
        ("es", "¿Puede decirme si el cliente ya ha pagado la factura del mes de mayo?"),
        ("it", "Mi può dire se il cliente ha già pagato la fattura del mese di maggio?"),
        ("nl", "Kunt u mij zeggen of de klant de rekening van mei al heeft betaald?"),
        (None, "Jane Doe, London"),
        (None, "alpha beta gamma delta epsilon zeta eta theta iota"),
    ],
)
def test_the_language_is_told_by_its_little_words(language: str | None, text: str) -> None:
    assert language_of(WORD.findall(text)) == language


def test_the_lists_agree_with_each_other() -> None:
    lists = words()
    assert {"jane", "marco", "priya", "wei"} <= lists.given & lists.names
    assert {"kafka", "docker"} <= lists.products
    assert lists.nameless.isdisjoint(lists.given)
    assert lists.phrase("in new york city.", 3, "new") == (16, "LOCATION")
