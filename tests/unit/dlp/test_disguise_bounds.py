"""What hostile text can cost, counted in calls and in what is decoded, never in seconds.

A regular expression that takes more than linear time makes no calls: for that the texts here are large
enough that the square of their length would not end within the test's time limit.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import string
import sys
import zlib
from collections.abc import Callable

import pytest

from outgate.dlp.disguise import Views, base64_runs, hex_runs, readable, views

ALPHABET = string.ascii_letters + string.digits + "+/"
UNIT = 20_000  # code points


def letters(alphabet: str, length: int) -> str:
    return "".join(random.Random(7).choices(alphabet, k=length))


def in_runs(width: int, separator: str = " ", alphabet: str = ALPHABET) -> Callable[[int], str]:
    def text(length: int) -> str:
        run = letters(alphabet, length)
        return separator.join(run[start : start + width] for start in range(0, length, width))

    return text


def repeat(unit: str) -> Callable[[int], str]:
    return lambda length: (unit * (length // len(unit) + 1))[:length]


def encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


HOSTILE: dict[str, Callable[[int], str]] = {
    "one run": lambda length: letters(ALPHABET, length),
    "runs of 15": in_runs(15),
    "runs of 40": in_runs(40),
    "runs of 4096": in_runs(4096),
    "lines of 76": in_runs(76, "\n"),
    "lines of 20": in_runs(20, "\r\n  "),
    "escaped lines": in_runs(20, "\\n"),
    "padded lines": in_runs(20, "==\n"),
    "path": in_runs(16, "/", string.ascii_letters),
    "identifier": in_runs(16, "_-", string.ascii_letters),
    "text": lambda length: encoded(repeat("some text, ")(length * 3 // 4).encode()),
    "text in lines": lambda length: base64.encodebytes(
        repeat("some text, ")(length * 3 // 4).encode()
    ).decode(),
    "text in cells": lambda length: repeat(encoded(b"user1@example.com") + ",\n")(length),
    "almost text": lambda length: repeat("dGV4dCBhbmQ" + "\u00e9")(length),
    "heads of gzip": lambda length: repeat(encoded(gzip.compress(b"")[:18]) + " ")(length),
    "heads of zlib": lambda length: repeat(encoded(zlib.compress(b"?" * 9)[:9]) + "AAAA ")(length),
    "hexadecimal": lambda length: letters("0123456789abcdef", length),
    "hexadecimal lines": in_runs(60, "\n", "0123456789abcdef"),
    "pairs": in_runs(2, ":", "0123456789abcdef"),
    "pairs with two separators": in_runs(2, ", ", "0123456789abcdef"),
    "fours": in_runs(4, " ", "0123456789abcdef"),
    "0x": in_runs(2, ",\n0x", "0123456789abcdef"),
    "hashes": lambda length: repeat(hashlib.sha256(b"").hexdigest() + "\n")(length),
    "digits": lambda length: letters(string.digits, length),
    "percent": repeat("%"),
    "percent 2": repeat("%25"),
    "percent 4": repeat("%41 "),
    "backslashes": repeat("\\"),
    "backslash u": repeat("\\u00"),
    "escaped quotes": repeat('\\":'),
    "names after line ends": repeat("\\naaaa"),
    "surrogates": repeat("\\ud83d"),
    "ampersands": repeat("&#"),
    "entities": repeat("&#64;"),
    "equals": repeat("=3D"),
    "soft line ends": repeat("x" * 75 + "=\n"),
    "equals and blanks": repeat("=" + " " * 9),
    "zero-width": repeat("a\u200b"),
    "only zero-width": repeat("\u200b"),
    "marks": repeat("a\u0301"),
    "one letter, many marks": lambda length: "a" + "\u0301" * length,
    "tags": repeat("\U000e0041"),
    "selectors": repeat("\ufe0f\U000e0150"),
    "look-alikes": repeat("а"),
    "mixed": repeat("aа1é"),
    "mixed words": repeat("aа1é "),
    "mixed, far between": repeat("а" + "x" * 300),
    "almost mixed": repeat("aж"),
    "accents": repeat("é"),
    "fullwidth": repeat("ａ　"),
    "Chinese punctuation": repeat("，a"),
    "nested json": lambda length: json.dumps(json.dumps([{"a": 1}] * (length // 20)))[:length],
}


@pytest.mark.parametrize("text_of", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_costs_steps_in_proportion(
    text_of: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = _steps(text_of(UNIT), monkeypatch), _steps(text_of(4 * UNIT), monkeypatch)
    assert large <= 4.5 * small + 2_000
    assert large <= 40 * 4 * UNIT


def _steps(text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Calls of anything, and octets that were asked whether they are text."""
    octets = 0

    def counted(data: bytes) -> str | None:
        nonlocal octets
        octets += len(data)
        return readable.text_of(data)

    calls = 0

    def profile(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    with monkeypatch.context() as patched:
        patched.setattr(base64_runs, "text_of", counted)
        patched.setattr(hex_runs, "text_of", counted)
        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            views(text)
        finally:
            sys.setprofile(before)
    return calls + octets


@pytest.mark.parametrize("text_of", HOSTILE.values(), ids=HOSTILE)
def test_half_a_million_hostile_characters_end(text_of: Callable[[int], str]) -> None:
    text = text_of(500_000)
    found = views(text)
    assert _size(found) <= 4 * len(text) + 2**20


def _size(found: Views) -> int:
    return sum(len(view.text) for view in found)


@pytest.mark.parametrize(
    "wrap", [lambda data: data, gzip.compress, lambda data: gzip.compress(gzip.compress(data))]
)
def test_a_bomb_is_bounded_and_told(wrap: Callable[[bytes], bytes]) -> None:
    text = encoded(wrap(gzip.compress(b"user1@example.com " + b"a" * 30_000_000)))
    found = views(text)
    assert found.exhausted == "size"
    assert _size(found) <= 4 * len(text) + 2**20
    found = views(text, limit=5_000)
    assert found.exhausted == "size"
    assert _size(found) <= 5_000


def test_what_a_bomb_holds_up_to_the_bound_is_seen() -> None:
    text = encoded(gzip.compress(b"user1@example.com " + b"a" * 30_000_000))
    assert any("user1@example.com" in view.text for view in views(text))


def test_many_bombs_share_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = encoded(gzip.compress(bytes(10_000_000)))
    made = 0
    real = readable.zlib.decompressobj

    class Counting:
        def __init__(self, wbits: int) -> None:
            self.stream = real(wbits=wbits)

        def decompress(self, data: bytes, most: int) -> bytes:
            nonlocal made
            piece = self.stream.decompress(data, most)
            made += len(piece)
            return piece

        def __getattr__(self, name: str) -> object:
            return getattr(self.stream, name)

    monkeypatch.setattr(readable.zlib, "decompressobj", Counting)
    text = " ".join([bomb] * 50)
    assert views(text).exhausted == "size"
    assert made <= 4 * len(text) + 2**20 + 100


def test_gzip_in_gzip_without_end_is_told() -> None:
    data = b"user1@example.com"
    for _ in range(8):
        data = gzip.compress(data)
    assert views(encoded(data)).exhausted == "size"


def test_depth_is_a_bound_for_every_kind() -> None:
    text = "user1@example.com"
    for _ in range(6):
        text = encoded(text.encode())
    found = views(text)
    assert found.exhausted == "depth"
    assert max(view.kind.count(">") for view in found) == 2
    assert views(text, depth=6).exhausted is None
    assert views(text, depth=0).exhausted == "depth" and not len(views(text, depth=0))


def test_too_many_views_are_told() -> None:
    cells = [encoded(b"user%05d@example.com" % number) for number in range(12_000)]
    text = "\n,".join(cells)
    found = views(text)
    assert len(found) == 12_000 and found.exhausted is None
    text = " ".join(f"{cell} %41" for cell in cells[:200])
    assert views(text, limit=300).exhausted == "size"


def test_a_long_image_is_judged_by_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    text = encoded(random.Random(3).randbytes(300_000))
    assert _steps(text, monkeypatch) < 20_000
    assert len(views(text)) == 0
