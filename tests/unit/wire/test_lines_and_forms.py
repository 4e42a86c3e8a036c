"""NDJSON and forms as spans: no byte but the separators is outside of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.wire import WireError, form, ndjson


@given(st.text(alphabet="a&=+% ", max_size=40).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_every_byte_of_a_form_is_in_a_name_or_a_value(data: bytes) -> None:
    fields = form.parse(data)
    assert [(data[slice(*f.name)], data[slice(*f.value)]) for f in fields] == [
        (piece.partition(b"=")[0], piece.partition(b"=")[2]) for piece in data.split(b"&") if piece
    ]


def test_a_form_of_countless_fields_is_refused() -> None:
    assert form.parse(b"&" * 300_000) == []
    with pytest.raises(WireError) as caught:
        form.parse(b"a&" * 100_001)
    assert caught.value.status == 413


@given(st.lists(st.sampled_from([b"{}", b" ", b"\r", b"\n", "\u2028".encode(), b"\0"])).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_every_byte_of_ndjson_but_blanks_is_in_a_line(data: bytes) -> None:
    spans = ndjson.split(data)
    assert all(b"\n" not in data[s:e] and data[s:e].strip() for s, e in spans)
    covered = b"".join(data[s:e] for s, e in spans)
    assert b"".join(covered.split()) == b"".join(data.split())
