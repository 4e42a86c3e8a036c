"""Street addresses of countries whose order and words are not those of Western Europe, and parts that are left over."""

from __future__ import annotations

import time

import pytest

from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(DetectorConfig(entities=frozenset({"STREET_ADDRESS"})))


def found(engine: Engine, text: str) -> list[str]:
    (matches,) = engine.scan([text])
    return [text[match.start : match.end] for match in matches if match.score >= 0.5]


@pytest.mark.parametrize(
    "text",
    [
        # Eircode; Quebec; stairs and doors; floors and sides
        "at [[27 Rathfield Avenue, Dublin 6, D06 X4C9]] since May",
        "send it to [[12 Pearse Street, Dublin 2, D02 X285]], please",
        "déménagé au [[4450, rue Saint-Denis, app. 3, Montréal (Québec) H2J 2L1]].",
        "wohnt [[Neubaugasse 12/2/14, 1070 Wien]].",
        "moro na [[Rua das Flores, 112, 2.º Esq., 4050-262 Porto]].",
        "fica na [[Rua do Sol 9, 3.º Dto., 1100-020 Lisboa]]",
        "Vivo en [[Gran Vía 28, 28013 Madrid]].",
        "responded to the [[3300 block of Peoria Ave, Aurora, CO 80010]].",
        # Brazil
        "Moramos na [[Rua Augusta, 1508, apto 42, Consolação, São Paulo - SP, 01304-001]].",
        "Entregar: [[Av. Brasil, nº 900 - Centro - Curitiba/PR - CEP 80010-000]]",
        # Turkey, Hungary
        "Adresim: [[Bağdat Caddesi No: 214 D: 5, Kadıköy, İstanbul]].",
        "[[Moda Mah. Bahariye Cad. No:12/3 Kadıköy/İstanbul]]",
        "lakik: [[1132 Budapest, Visegrádi utca 14. 3/2]].",
        "проживает: [[г. Самара, ул. Победы, д. 8, кв. 14]].",
        # Vietnam, Indonesia, India
        "địa chỉ [[45 Lê Lợi, Quận 1, TP. Hồ Chí Minh]].",
        "tinggal di [[Jl. Merdeka No. 45, Bandung 40111]]. HP 0812-4412-0987",
        "kantor di [[Jalan Jenderal Sudirman Kav. 52-53, Jakarta Selatan 12190]]",
        "resident of [[Flat 402, Sai Krupa Apartments, MG Road, Pune 411001]].",
        # Japan, China, Korea
        "送付先を[[東京都渋谷区神南1丁目12番3号]]に変更しました。",
        "[[〒530-0001 大阪府大阪市北区梅田2-4-9]]です",
        "寄到[[上海市徐汇区漕溪北路88号3栋502室]]，谢谢。",
        "[[广东省深圳市南山区科技园路1号]]",
        "주소는 [[서울특별시 마포구 양화로 45]]입니다.",
        "[[경기도 성남시 분당구 판교역로 235]]에서",
        "Osoite: [[Hämeenkatu 14 A 5, 33100 Tampere]]. Puh. 040 441 2098",
    ],
)
def test_an_address_is_found_whole(engine: Engine, text: str) -> None:
    street = text.partition("[[")[2].partition("]]")[0]
    assert found(engine, text.replace("[[", "").replace("]]", "")) == [street]


@pytest.mark.parametrize(
    "text",
    [
        "東京都は人口が多い。大阪府大阪市の天気",
        "上海市政府发布了2024年的计划",
        "北京市有16个区",
        "上海市的街道上有5个人",
        "서울특별시 인구는 940만 명",
        "the flat 402 error in Pune",
        "Jalan is the word for road",
        "the block of 3300 rows",
        "Rua is a word, 42 - SP",
        "Quận 1 có 10 phường",
        "utca 14 és Budapest",
        "room 402, second floor, at noon",
    ],
)
def test_what_only_has_words_of_addresses_is_none(engine: Engine, text: str) -> None:
    assert found(engine, text) == []


@pytest.mark.parametrize(
    "piece", ["東京都", "上海市", "서울 ", "Flat 4, ", "Rua A, ", "Jl. A ", "Quận 1, ", "〒"]
)
def test_a_text_of_nothing_but_beginnings_takes_linear_time(engine: Engine, piece: str) -> None:
    started = time.perf_counter()
    found(engine, piece * 10_000)
    assert time.perf_counter() - started < 5
