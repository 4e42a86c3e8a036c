"""What goes over a worker's pipe comes out as it went in."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgate.dlp import frames
from outgate.dlp.detector import Match

_TEXT = st.text(st.characters())


@given(st.lists(_TEXT, max_size=4), st.lists(st.tuples(st.integers(0, 9), _TEXT), max_size=3))
def test_any_text_comes_out_as_it_went_in(texts: list[str], found: list[tuple[int, str]]) -> None:
    stream = io.BytesIO(frames.pack({"texts": texts, "found": found}) * 2)
    for _ in range(2):
        assert frames.read(stream) == {"texts": texts, "found": [list(one) for one in found]}
    assert frames.read(stream) is None


@pytest.mark.parametrize("text", ["\ud800", "a\udc00b", "\ude00\ud83d", "\ud800" * 9_000])
def test_lone_surrogates_come_out_as_they_went_in(text: str) -> None:
    assert frames.read(io.BytesIO(frames.pack({"texts": [text]}))) == {"texts": [text]}


def test_a_match_is_a_row() -> None:
    match = Match(1, 5, "PERSON", 0.85, "names")
    assert frames.parse(frames.pack({"found": [match]})[frames.LENGTH_SIZE :]) == {"found": [[*match]]}


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'"x"', b"\xff", b"[" * 500_000])
def test_what_is_no_message_is_an_error_of_one_kind(data: bytes) -> None:
    with pytest.raises(ValueError):
        frames.parse(data)


def test_a_stream_that_ends_within_a_message_ends() -> None:
    assert frames.read(io.BytesIO(struct.pack(">I", 9) + b"{}")) is None
    assert frames.read(io.BytesIO(b"\0\0")) is None
