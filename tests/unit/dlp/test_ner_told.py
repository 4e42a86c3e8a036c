"""Names that need no model: labelled fields, tables, forms of address, forms of companies' names, languages."""

from __future__ import annotations

import pytest

from outgate.dlp.names import addresses, again, fields, firms, gate, persons
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


@pytest.mark.parametrize(
    "text",
    [
        "7;Anna Kim;x\n8;Wyxotal Qerunib;y\n9;Marco Rossi;z",
        "INSERT INTO t VALUES (7, 'Anna Kim', 'x');\nINSERT INTO t VALUES (8, 'Wyxotal Qerunib', 'y');\n"
        "INSERT INTO t VALUES (9, 'Marco Rossi', 'z');",
        '{"handler": "Anna Kim"}, {"handler": "Wyxotal Qerunib"}, {"handler": "Marco Rossi"}',
    ],
    ids=["a column", "rows of SQL", "a key"],
)
def test_values_of_one_kind_are_persons_when_most_of_them_are_known(text: str) -> None:
    assert ("PERSON", "Wyxotal Qerunib") in listed(text)


def test_a_column_of_other_things_is_left() -> None:
    assert listed("1;Blue Lamp;20\n2;Oak Table;30\n3;Jordan River;40\n4;Wool Rug;50") == []


@pytest.mark.parametrize(
    "text",
    [
        '"arguments": "{\\"customerName\\": \\"Wyxotal Qerunib\\"}"',
        "<order><customer-name>Wyxotal Qerunib</customer-name></order>",
        'private static final String OWNER_FULL_NAME = "Wyxotal Qerunib";',
        "INSERT INTO t (id, full_name) VALUES (7, 'Wyxotal Qerunib');",
        "FN:Wyxotal Qerunib",
        "Attendees: Anna Kim, Wyxotal Qerunib (IT)",
        "Billing contact name: Wyxotal Qerunib",
    ],
    ids=["data in a string", "an element", "a constant", "SQL", "vCard", "a list", "a longer label"],
)
def test_a_label_is_read_in_every_notation(text: str) -> None:
    assert ("PERSON", "Wyxotal Qerunib") in listed(text)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("wyxotal.qerunib@example.org", True),
        ("wqerunib@example.org", True),
        ("qerunib_w+shop@example.org", True),
        ("wyxotal7@example.org", True),
        ("press.office@example.org", False),
        ("office@example.org", False),
    ],
)
def test_an_address_spells_its_owner(address: str, found: bool) -> None:
    text = f"Our Press Office met Wyxotal Qerunib. {address}"
    spelled = [text[start:end] for start, end, _ in addresses.spelled(text)]
    assert spelled == (["Wyxotal Qerunib"] if found else [])


def test_a_part_of_a_name_is_found_again_and_nothing_that_only_looks_like_it() -> None:
    text = "Anna Qerunib called. Qerunib will pay; tell Anna. The Qerunib Foundation, 12 Qerunib Street, qerunib.com"
    parts = list(again.again(text, [(0, 12, "PERSON")], frozenset()))
    assert [text[start:end] for start, end, _ in parts] == ["Anna Qerunib", "Qerunib", "Anna"]


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("Geachte mevrouw van der Qerunib, uw pakket is er.", "van der Qerunib"),
        ("I spoke to Mrs Church about Anna.", "Church"),
        ("All is well.\n\nAtentamente,\nWyxotal Qerunib, Acme", "Wyxotal Qerunib"),
        ("The list: Anna, Marco, Qerunib and Ingrid.", "Qerunib"),
        ("Thanks @Marco for the help.", "Marco"),
    ],
)
def test_more_places_tell_a_person(text: str, person: str) -> None:
    assert person in told(text)


@pytest.mark.parametrize(
    "text", ["I wrote to Mr President.", "Save it as MS Word.", "Thanks @Override for it."]
)
def test_a_form_of_address_before_an_office_or_a_product_tells_nobody(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Jane banks with the Bank of Salt Lake City now.", "Bank of Salt Lake City"),
        ("He was taken to St. Louis General Hospital at noon.", "St. Louis General Hospital"),
        ("We act for Bell & Clark in this.", "Bell & Clark"),
        ("Osborne Capital Group has paid.", "Osborne Capital Group"),
    ],
)
def test_institutions_and_firms_are_told_by_their_form(text: str, name: str) -> None:
    reading = gate.read(text)
    found = [text[a:b] for unit in reading.units for a, b, _ in firms.companies(text, unit, [])]
    assert name in found


@pytest.mark.parametrize("text", ["Terms & Conditions apply to Ruby & Python.", "The Support Group met."])
def test_ordinary_words_and_products_are_no_firm(text: str) -> None:
    reading = gate.read(text)
    assert [text[a:b] for unit in reading.units for a, b, _ in firms.companies(text, unit, [])] == []
