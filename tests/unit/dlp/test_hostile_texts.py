"""Texts made to be slow, or to hide how much is in them: what is asked of the event loop stays small."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from growth import is_linear
from outgate.dlp import surroundings
from outgate.dlp.at_once import found_at_once
from outgate.dlp.engine import Engine


@pytest.mark.parametrize(
    "part",
    [
        "born ",
        "1 2 3 4 5 6 7 8 9 0 ",
        "10.0.0.1 ::1 ",
        "password ",
        "0.123 4.567 8.910 1.112\n",
        "北京市海淀区中关村大街1号",
    ],
)
async def test_a_text_whose_places_touch_has_many_of_them(every_pattern: Engine, part: str) -> None:
    text = part * (120_000 // len(part))
    started = time.process_time()
    assert await found_at_once(every_pattern, [text]) is None
    assert time.process_time() - started < 2.0  # whole, it takes several


@pytest.mark.parametrize("heading", ["password", "date of birth"])
def test_tables_of_html_are_read_once(every_pattern: Engine, heading: str) -> None:
    def table(size: int) -> str:
        rows = 30
        begun = "".join(
            "<tr>" + "<td>a</td>" * (rows - row) + f"<td>{heading}</td></tr>\n" for row in range(rows)
        )
        return begun + "<tr>" * ((size - len(begun)) // 4)

    assert is_linear(lambda size: every_pattern.scan([table(size)]), 20_000)


async def test_a_list_that_is_added_while_texts_are_read_is_known_from_then_on() -> None:
    words = [
        f"qword{'abcdefghij'[number]}{'klmnopqrst'[other]}" for number in range(10) for other in range(10)
    ]
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            for word in words:
                surroundings.Surroundings(f"{word} 1234567").before(len(word) + 1)

    reading = asyncio.create_task(asyncio.to_thread(read))
    bits = [await asyncio.to_thread(surroundings.bit_of, (word, f"{word}-number")) for word in words]
    stop.set()
    await reading
    for word, bit in zip(words, bits, strict=True):
        assert surroundings.Surroundings(f"{word} 1234567").before(len(word) + 1)[5] & bit


def test_a_word_of_a_list_may_be_a_number() -> None:
    bit = surroundings.bit_of(("10994711", "w2q"))
    assert surroundings.Surroundings("IRS form 10994711 for 12").before(22)[5] & bit
    assert surroundings.Surroundings("IRS form 10994711 for 12").anywhere & bit
