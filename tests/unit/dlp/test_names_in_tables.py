"""Names in tables whose heads and rows are written as exports, databases and consoles write them."""

from __future__ import annotations

import pytest

from outgate.dlp.names import fields


def listed(text: str) -> list[tuple[str, str]]:
    return [(entity, text[start:end]) for start, end, entity in sorted(set(fields.listed(text)))]


@pytest.mark.parametrize(
    "text",
    [
        "Vorname;Nachname;Geburtsdatum;Straße;PLZ;Ort;Telefon\nWyxo;Qerunib;9.1.61;Weg 2;83278;Hicksbury;0861 22",
        "imię,nazwisko,data urodzenia,telefon,miasto,uwagi\nWyxo,Qerunib,1961-01-09,601 448 209,Hicksbury,brak",
        "First Name,Last Name,Phone1,Phone2,Address 2,City\nWyxo,Qerunib,22,23,24,Hicksbury",
        "VORNAME1\tNACHNAME1\tTELF1\tORT01\nWyxo\tQerunib\t0861\tHicksbury",
        "FIRST NAME   LAST NAME    MRN      CITY\nWyxo         Qerunib      118442   Hicksbury",
    ],
    ids=["German", "Polish", "numbered", "numbered without blanks", "aligned"],
)
def test_two_heads_that_tell_make_a_table_of_what_is_below(text: str) -> None:
    assert listed(text) == [("PERSON", "Wyxo"), ("PERSON", "Qerunib"), ("LOCATION", "Hicksbury")]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO p (id, first_name, city) VALUES\n(1, 'Wyxo', 'Hicksbury'),\n(2, 'Qerunib', 'Ottumville');",
        "INSERT INTO p (id, first_name, city)\nVALUES\n  (1, 'Wyxo', 'Hicksbury'),\n  (2, 'Qerunib', 'Ottumville')\n;",
        "INSERT INTO p (id, first_name, city)\nVALUES (1, 'Wyxo', 'Hicksbury'),\n       (2, 'Qerunib', 'Ottumville');",
        "INSERT INTO p (id, first_name, city) VALUES (1, 'Wyxo', 'Hicksbury'), (2, 'Qerunib', 'Ottumville');",
        "COPY public.p (id, first_name, city) FROM stdin;\n1\tWyxo\tHicksbury\n2\tQerunib\tOttumville\n\\.",
    ],
    ids=["rows below", "VALUES on a line", "rows beside VALUES", "one line", "PostgreSQL"],
)
def test_an_insert_of_several_rows_is_a_table(text: str) -> None:
    assert [value for _, value in listed(text)] == ["Wyxo", "Hicksbury", "Qerunib", "Ottumville"]


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("NAME: GARCIA LOPEZ, JUAN CARLOS", "GARCIA LOPEZ, JUAN CARLOS"),
        ("Nome: Wyxo\nCognome: Qerunib", "Wyxo"),
        ("Nachname: von der Qerunib", "von der Qerunib"),
        ("id,first_name,last_name\n2,Wyxo,de la Qerunib", "de la Qerunib"),
        ("full_name: karen black", "karen black"),
        ('{"firstName": "karen"}', "karen"),
        ('"u1": User(first="Wyxo", last="Qerunib", n=3)', "Qerunib"),
    ],
)
def test_a_labelled_person_may_be_written_in_any_way(text: str, person: str) -> None:
    assert ("PERSON", person) in listed(text)


@pytest.mark.parametrize(
    "text",
    [
        "full_name: string",
        "first_name: required",
        "patient: none",
        "name: redis",
        "Please send name, city, phone.\nWe need it, soon, thanks.",
        "NAME      READY   STATUS\nWyxo      1/1     Running",
        "first_name VARCHAR(100),\nlast_name VARCHAR(100),\ncity TEXT",
    ],
)
def test_what_only_looks_like_a_table_or_a_value_is_left(text: str) -> None:
    assert listed(text) == []
