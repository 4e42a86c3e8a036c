"""Persons in lower case in other languages than English, told by an introduction or a form of address."""

from __future__ import annotations

import time

import pytest

from outgate.dlp.names import uncapitalised


def persons_in(text: str) -> list[str]:
    return [text[start:end] for start, end, _ in uncapitalised.told(text)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("je m'appelle wyxane querubin, j'habite ici", ["wyxane querubin"]),
        ("bonjour je m’appelle wyxane et je cherche un travail", ["wyxane"]),
        ("hola me llamo wyxane querubin y vivo en quito", ["wyxane querubin"]),
        ("mi chiamo wyxane querubin e abito a roma", ["wyxane querubin"]),
        ("ik heet wyxane van der querubin en ik woon hier", ["wyxane van der querubin"]),
        ("hallo ich heiße wyxane querubin und suche eine wohnung", ["wyxane querubin"]),
        ("mein name ist wyxane, ich brauche hilfe", ["wyxane"]),
        ("meu nome é wyxane querubin e moro aqui", ["wyxane querubin"]),
        ("nazywam się wyxane querubin i mieszkam tutaj", ["wyxane querubin"]),
        ("sie heißt frau querubin, ich bin da", ["querubin"]),
        ("der brief ist für herrn querubin und frau wyxane", ["querubin", "wyxane"]),
        ("un message pour madame querubin qui est absente", ["querubin"]),
        ("redacta un mensaje para don eusebio, mi jefe", ["eusebio"]),
        ("scrivi alla signora rossi che non vengo", ["rossi"]),
        ("schrijf aan mevrouw van der querubin dat ik ziek ben", ["van der querubin"]),
    ],
)
def test_who_is_introduced_or_addressed_is_a_person(text: str, names: list[str]) -> None:
    assert persons_in(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "ich heiße sie willkommen und das war es",
        "me llamo la atención de todos",
        "je m'appelle comment déjà ?",
        "ma femme et sa madame la présidente",
        "die frau ist nicht da und der herr auch nicht",
        "my name is jane doe",
        "el don de la palabra",
        "una signora anziana e una donna",
        "la señora que vino ayer",
        "eine frau aus der stadt",
        "die frau arbeitet viel, der herr schläft",
        "la signora anziana vive qui",
        "si chiama funzione lambda",
        "herr ober bitte zahlen",
        "frau doktor kommt gleich",
    ],
)
def test_what_follows_otherwise_is_nobody(text: str) -> None:
    assert persons_in(text) == []


def test_a_text_of_introductions_takes_linear_time() -> None:
    started = time.perf_counter()
    list(uncapitalised.told("je m'appelle frau " * 20_000))
    assert time.perf_counter() - started < 3
