"""Names in other languages than English, and places that their surroundings tell: without a model."""

from __future__ import annotations

import pytest

from outgate.dlp.names import fields, firms_abroad, gate, persons, places, uncased
from outgate.dlp.names.language import UNDETERMINED, is_english
from outgate.dlp.names.words import WORD, words


def persons_in(text: str) -> list[str]:
    reading = gate.read(text)
    return [reading.text[a:b] for unit in reading.units for a, b, _ in persons.told(reading.text, unit, [])]


def firms_in(text: str) -> list[str]:
    reading = gate.read(text)
    spans = [span for unit in reading.units for span in firms_abroad.companies(reading.text, unit)]
    return [reading.text[a:b] for a, b, _ in dict.fromkeys(spans)]


def places_in(text: str) -> list[str]:
    reading = gate.read(text)
    return [reading.text[a:b] for unit in reading.units for a, b, _ in places.told(reading.text, unit)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Guten Tag, ich heiße Wuxilda Brenk und brauche Hilfe.", "Wuxilda Brenk"),
        ("Bonjour, je m'appelle Orvanne Kessiak et je cherche un logement.", "Orvanne Kessiak"),
        ("Hola, me llamo Zunilda Perxas y vivo aquí.", "Zunilda Perxas"),
        ("Dobrý den, jmenuji se Zdislava Kroupová a bydlím tady.", "Zdislava Kroupová"),
        ("Meine Tochter Friedwina geht nicht gern in die Schule.", "Friedwina"),
        ("Comment dire à ma collègue Berdine que je ne viens pas ?", "Berdine"),
        ("Mijn buurman Sjerp belt elke dag naar de winkel.", "Sjerp"),
        ("It was A.J. Wiegersma who called.", "A.J. Wiegersma"),
        ("le client M. Quillardon veut annuler", "M. Quillardon"),
        ("Alma Reyes b. 3/4/71", "Alma Reyes"),
    ],
)
def test_persons_are_told_by_relations_introductions_and_initials(text: str, name: str) -> None:
    assert name in persons_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ich bin Student und wohne hier.",
        "Andrew A. Collier replaced him.",  # his whole name is somebody else's to find
        "the U.S. Army and the P.O. Box",
        "See Plan B. Then call.",
        "The P.IVA is wrong.",
        "residente a San Marzanello, nato il 3 maggio",
        "Valencia, Santiago, Mendoza: tres ciudades",
        "vive en Las Palmas, nacida el 4 de mayo",
    ],
)
def test_what_looks_like_initials_or_an_introduction_is_no_person(text: str) -> None:
    assert not [name for name in persons_in(text) if name != "Andrew A. Collier"]


@pytest.mark.parametrize(
    ("text", "firm"),
    [
        ("Unser Kunde Bäckerei Nüsslein hat nicht bezahlt.", "Bäckerei Nüsslein"),
        ("Konto bei der Raiffeisenkasse Imst und nicht bei uns", "Raiffeisenkasse Imst"),
        ("Sie geht in die Astrid-Lindgren-Grundschule in Hameln.", "Astrid-Lindgren-Grundschule"),
        ("Redacta una carta para el Banco Cantábrico por favor", "Banco Cantábrico"),
        ("Le patient est à l'Hôpital Saint-Louis de Paris depuis hier.", "Hôpital Saint-Louis"),
        ("Elle travaille chez Vauclair depuis 2011.", "Vauclair"),
        ("She works for Brightwater and likes it.", "Brightwater"),
        ("Zij werkt bij Korenmolen in de stad.", "Korenmolen"),
    ],
)
def test_organisations_are_told_by_a_kind_before_them_and_by_who_works_there(text: str, firm: str) -> None:
    assert firms_in(text) == [firm]


@pytest.mark.parametrize(
    "text",
    [
        "The Bar Chart shows it.",
        "Elle travaille chez Marie.",
        "He works for Jane Doe.",
        "She works at London.",
    ],
)
def test_what_is_no_organisation_is_not_found_as_one(text: str) -> None:
    assert firms_in(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("he lives in Wexbury Bridge", ["Wexbury Bridge"]),
        ("She was born in Newcastle upon Tyne.", ["Newcastle upon Tyne"]),
        ("Er wohnt in Obermoos und arbeitet dort.", ["Obermoos"]),
        ("Soy natural de Teresinha y vivo en Querétaro.", ["Teresinha", "Querétaro"]),
        ("Mieszkam w Gdańsku od roku.", ["Gdańsku"]),
        ("Oakland, CA", ["Oakland", "CA"]),
        ("the fair in Ottumville, WI, was closed", ["Ottumville", "WI"]),
        ("from Nova Sadova, Serbia", ["Nova Sadova", "Serbia"]),
    ],
)
def test_places_are_told_by_who_lives_there_and_by_what_stands_behind(text: str, found: list[str]) -> None:
    assert places_in(text) == found


@pytest.mark.parametrize(
    "text", ["born in May", "Jane Doe, MD", "Karen Smith, PA", "based on Python", "lives with Anna"]
)
def test_what_is_no_place_is_not_found_as_one(text: str) -> None:
    assert places_in(text) == []


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("氏名:佐藤 健一", "PERSON", "佐藤 健一"),
        ("我叫王晓明,三十岁", "PERSON", "王晓明"),
        ("이름 김민수", "PERSON", "김민수"),
        ("주소: 서울", "LOCATION", "서울"),
        ("我住在北京。", "LOCATION", "北京"),
    ],
)
def test_scripts_without_capitals_have_names_behind_labels(text: str, entity: str, value: str) -> None:
    assert [(kind, text[start:end]) for start, end, kind in uncased.labelled(text)] == [(entity, value)]


def test_heads_and_labels_of_other_languages_tell_what_is_below_and_behind() -> None:
    table = "nom;prénom;date de naissance;ville\nBonnefay;Ysaline;12/06/1977;Montreuillon\n\n"
    text = table + "Ort: 37574 Einbach\nCP/Ville : 06000 Nicia"
    found = {(entity, text[start:end]) for start, end, entity in fields.listed(text)}
    assert found >= {
        ("PERSON", "Bonnefay"),
        ("PERSON", "Ysaline"),
        ("LOCATION", "Montreuillon"),
        ("LOCATION", "Einbach"),
        ("LOCATION", "Nicia"),
    }


def test_a_text_of_words_that_are_not_english_is_not_read_as_english() -> None:
    text = "Personalbogen wird nachgereicht, Unterlagen folgen umgehend"
    assert not is_english(WORD.findall(text))
    assert {unit.language for unit in gate.read(text).units} <= {UNDETERMINED, "de"}
    assert is_english(WORD.findall("please have somebody look at the flaky test"))


def test_ordinary_words_of_other_languages_are_no_part_of_names() -> None:
    assert {"anschrift", "ihr", "fiche", "formulario", "personeelsgegevens"} <= words().nameless


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Entre les soussignés : M. Jean DUPONT, né le 3 mai 1974 à Lyon", "Jean DUPONT"),
        ("De una parte, D. Juan Carlos Pérez García, mayor de edad", "Juan Carlos Pérez García"),
        ("De heer H.A. ter Horst heeft gebeld en komt morgen.", "H.A. ter Horst"),
        ("Kannst du Frau Klingbeil anrufen?", "Klingbeil"),
        ("Cu stimă,\nMihai Constantinescu", "Mihai Constantinescu"),
        ("Bună ziua, doamna Wuxilescu, vă trimit datele.", "Wuxilescu"),
    ],
)
def test_a_title_of_one_letter_is_no_initial_and_titles_of_many_languages_are_known(
    text: str, name: str
) -> None:
    assert any(name.lower() in one.lower() for one in persons_in(text))
