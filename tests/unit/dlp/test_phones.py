"""Telephone numbers beside words of many languages and scripts, and what only has their digits."""

from __future__ import annotations

import pytest

from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine

ENGINE = Engine(DetectorConfig(entities=frozenset({"PHONE_NUMBER", "DATE_OF_BIRTH"})))


def found(text: str) -> list[str]:
    return [text[match.start : match.end] for match in ENGINE.scan([text])[0]]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("我的电话13912344098,谢谢", "13912344098"),
        ("手机:13817729045", "13817729045"),
        ("折り返し080-4412-2098までお願いします", "080-4412-2098"),
        ("携帯は090-3312-2098です", "090-3312-2098"),
        ("연락처는 010-8821-4409이고", "010-8821-4409"),
        ("Τηλέφωνο 6944 218 907", "6944 218 907"),
        ("мой телефон 8 912 345-67-89", "8 912 345-67-89"),
        ("zadzwoń pod numerem 601 448 209", "601 448 209"),
        ("Zap: (11) 98812-4407", "(11) 98812-4407"),
        ("cep telefonu 0532 123 45 67", "0532 123 45 67"),
        ("โทร 081-234-5678", "081-234-5678"),
        ("هاتف: 0501234567", "0501234567"),
    ],
)
def test_words_of_many_scripts_say_that_a_number_is_one(text: str, number: str) -> None:
    assert found(text) == [number]


def test_a_date_and_the_number_in_the_next_column_are_not_one_number() -> None:
    table = "name        dob         mrn\nAnn Smith   07/21/2010  1185003\n"
    assert "07/21/2010  1185003" not in found(table)


@pytest.mark.parametrize(
    "text",
    [
        "id13912344098x",
        "订单号 13912344098 已发货",
        "第13912344098号",
        "v13817729045",
        "2024-01-02 1185003",
        "99,13912344098,17",
    ],
)
def test_digits_that_nothing_says_to_be_one_are_none(text: str) -> None:
    assert found(text) == []


def test_in_a_crowd_of_numbers_those_that_are_written_like_one_are_found() -> None:
    crowd = " ".join(str(10_000_000 + 37 * number) for number in range(200))
    assert found(f"{crowd} +49 30 90182000 {crowd} (212) 736-5000 {crowd}") == [
        "+49 30 90182000",
        "(212) 736-5000",
    ]
    brackets = f"{crowd} (212-736-5000) {crowd} (212 736-5000, room 3)"
    assert found(brackets) == ["212-736-5000", "212 736-5000"]
