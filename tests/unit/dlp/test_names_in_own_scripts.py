"""Persons in Chinese, Japanese, Korean, Cyrillic, Arabic and Devanagari: what stands around them tells them."""

from __future__ import annotations

import time

import pytest

from outgate.dlp.names import gate, own_scripts, uncased


def persons_in(text: str) -> list[str]:
    found = sorted({*own_scripts.told(text), *uncased.labelled(text)})
    return list(dict.fromkeys(text[start:end] for start, end, entity in found if entity == "PERSON"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("尊敬的王伟先生，您好。", ["王伟"]),
        ("请联系张敏经理。", ["张敏"]),
        ("我叫陈晓明，住在上海。", ["陈晓明"]),
        ("患者姓名：刘洋\n性别：女", ["刘洋"]),
        ("欧阳明月女士已经付款。", ["欧阳明月"]),
        ("田中様、お世話になっております。", ["田中"]),
        ("昨日、佐藤美咲さんに連絡しました。", ["佐藤美咲"]),
        ("鈴木一郎と申します。", ["鈴木一郎"]),
        ("氏名：高橋　美咲", ["高橋　美咲"]),
        ("김민수씨가 전화했습니다.", ["김민수"]),
        ("박지영 님, 안녕하세요.", ["박지영"]),
        ("이름: 이서연", ["이서연"]),
        ("Уважаемый Иван Петрович Сидоров, добрый день.", ["Иван Петрович Сидоров"]),
        ("Вчера звонила Смирнова Анна Сергеевна.", ["Смирнова Анна Сергеевна"]),
        ("Договор подписал Иванов И.И. вчера.", ["Иванов И.И."]),
        ("Пациент: Кузнецов Дмитрий", ["Кузнецов Дмитрий"]),
        ("السيد محمد الحسيني لم يرد.", ["محمد الحسيني"]),
        ("اسم المريض: فاطمة الزهراء", ["فاطمة الزهراء"]),
        ("श्री राजेश कुमार ने फोन किया।", ["राजेश कुमार"]),
        ("नाम: सुनीता शर्मा", ["सुनीता शर्मा"]),
        ("您好，我是王建国，在上海工作。", ["王建国"]),
        ("我的同事李梅下周会来。", ["李梅"]),
        ("我妈妈陈秀英今年六十岁。", ["陈秀英"]),
        ("青葉システムの中村大輔です。", ["中村大輔"]),
        ("私は山田花子です。", ["山田花子"]),
        ("저는 김민수입니다.", ["김민수"]),
        ("제 이름은 박지영이고 서울에 삽니다.", ["박지영"]),
        ("اسمي خالد المنصوري وأعمل هنا.", ["خالد المنصوري"]),
        ("أنا اسمي ليلى حداد، أسكن هنا", ["ليلى حداد"]),
        ("שמי נועה לוי ואני גרה כאן.", ["נועה לוי"]),
        ("קוראים לי דוד כהן, אני בן 40", ["דוד כהן"]),
        ("השם שלי הוא רחל מזרחי.", ["רחל מזרחי"]),
        ("मेरा नाम सुनीता शर्मा है।", ["सुनीता शर्मा"]),
        ("ผมชื่อสมชาย ใจดี ครับ", ["สมชาย ใจดี"]),
    ],
)
def test_a_name_is_told_by_its_form_of_address_its_label_or_its_patronymic(
    text: str, names: list[str]
) -> None:
    found = persons_in(text)
    assert all(any(name in one for one in found) for name in names)
    assert all(any(one in name for name in names) for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "用户须知：请先生成密钥，再联系客服。",
        "本文介绍高性能计算。",
        "お客様の声をお聞かせください。皆さん、ありがとう。",
        "고객님께서는 이용자님과 함께",
        "Уважаемый клиент, Ваш заказ готов. Москва и Санкт-Петербург.",
        "السيارة الجديدة في المدينة",
        "यह एक नाम है।",
        "我是一个学生，我的同事很好。",
        "我是高中生。我的老师说过。",
        "システムの中村区です。東京です。",
        "저는 학생입니다. 저는 이번에 왔습니다.",
        "שמי השמים כחולים",
        "मेरा नाम क्या है",
        "naïve café, 5 € – ASCII but for a few",
    ],
)
def test_other_words_of_these_scripts_are_nobody(text: str) -> None:
    assert persons_in(text) == []


@pytest.mark.parametrize("piece", ["王", "田中", "김", "Иван ", "السيد ", "श्री ", "患者：", "И. ", "Анна-"])
def test_a_text_of_nothing_but_beginnings_takes_linear_time(piece: str) -> None:
    started = time.perf_counter()
    list(own_scripts.told(piece * 20_000))
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("text", "entity", "name"),
    [
        ("我的同事下周会去深圳。", "LOCATION", "深圳"),
        ("وأعمل في دبي منذ عام", "LOCATION", "دبي"),
        ("ואני גרה בחיפה", "LOCATION", "חיפה"),
        ("株式会社山本商事の営業部", "ORGANIZATION", "株式会社山本商事"),
        ("トヨタ自動車株式会社に勤務", "ORGANIZATION", "トヨタ自動車株式会社"),
        ("就职于上海晨光科技有限公司，", "ORGANIZATION", "上海晨光科技有限公司"),
        ("(주)한빛소프트에서 일합니다", "ORGANIZATION", "(주)한빛소프트에서"),
    ],
)
def test_cities_and_companies_are_told_in_scripts_without_capitals(text: str, entity: str, name: str) -> None:
    assert (entity, name) in [(kind, text[start:end]) for start, end, kind in uncased.labelled(text)]


def test_a_long_sentence_with_a_number_and_no_blank_is_read() -> None:
    text = "佐々木さん、小林健太様からお電話がありました。折り返し080-4412-2098までお願いします。"
    assert gate.read(text).text == text
