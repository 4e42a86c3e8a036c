"""Views of any text whatever: what was put in is seen where it stands, and no span lies."""

from __future__ import annotations

import base64
import gzip
import html
import itertools
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.dlp.disguise import View, views


def b64(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def percent(value: str) -> str:
    """Every character, not only those that have to be."""
    return "".join(f"%{octet:02X}" for octet in value.encode())


PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=16, max_size=60)
ENCODINGS = {
    "base64": (b64, True),
    "unpadded": (lambda value: b64(value).rstrip("="), True),
    "hex": (lambda value: value.encode().hex(), True),
    "gzip": (lambda value: base64.b64encode(gzip.compress(value.encode())).decode(), True),
    "percent": (percent, False),
    "html": (lambda value: "".join(f"&#{ord(c)};" for c in value), False),
    "javascript": (lambda value: "".join(f"\\u{ord(c):04x}" for c in value), False),
}


@given(
    value=st.from_regex(r"[!-~]{8}[!-~ ]{8,60}[!-~]", fullmatch=True).filter(
        lambda value: html.unescape(value) == value
    ),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    around=st.sampled_from([("", ""), ("é ", " ü"), ("12 ", "\n"), ("\ud800 ", " \x00"), ("😀 ", " 😀")]),
)
@settings(max_examples=300, deadline=None)
def test_any_encoded_value_is_seen_where_it_stands(
    value: str, encoding: str, around: tuple[str, str]
) -> None:
    encode, whole = ENCODINGS[encoding]
    encoded = encode(value)
    text = encoded.join(around)
    start = len(around[0])
    spans = {view.original(at, at + len(value)) for view in views(text) if (at := view.text.find(value)) >= 0}
    assert (start, start + len(encoded)) in spans
    if not whole:
        view = next(view for view in views(text) if value in view.text)
        at = view.text.index(value)
        step = [len(encode(character)) for character in value]
        assert view.original(at + 2, at + 5) == (start + sum(step[:2]), start + sum(step[:5]))


ANYTHING = st.text(
    st.one_of(
        st.sampled_from("aAzZ09+/=_-%\\&#;u0041xX:, \n\r\t\"'{}<>@."),
        st.sampled_from(
            "\x00\x85\u2028\u2029\u200b\u200d\u00ad\ufe0f\u0301\u20e3\u202e\ud800\udfff\U000e0041\ufeff"
        ),
        st.sampled_from("аеіоАВéüßΩα﹫＠ｋ１𝐀𝟗ⅳﬁ①²Ⓐ。：，٣😀한国"),
        st.characters(),
    ),
    max_size=200,
)
PIECES = st.lists(
    st.one_of(
        ANYTHING,
        PLAIN.map(b64),
        PLAIN.map(percent),
        PLAIN.map(json.dumps),
        PLAIN.map(lambda s: s.encode().hex()),
    ),
    max_size=6,
).map("".join)


@given(PIECES)
@settings(max_examples=400, deadline=None)
def test_every_span_of_every_view_of_any_text_lies_in_it_and_keeps_the_order(text: str) -> None:
    for view in views(text):
        assert view.text
        spans = [view.original(at, at + 1) for at in range(len(view.text))]
        assert all(0 <= start <= end <= len(text) for start, end in spans)
        assert view.kind.startswith("tags") or all(
            one[0] <= other[0] and one[1] <= other[1] for one, other in itertools.pairwise(spans)
        )
        assert view.original(0, len(view.text)) == (spans[0][0], spans[-1][1])
        _copied_characters_are_those_of_the_original(text, view, spans)


def _copied_characters_are_those_of_the_original(text: str, view: View, spans: list[tuple[int, int]]) -> None:
    if "normalised" not in view.kind and "breaks" not in view.kind and ">" not in view.kind:
        for at, (start, end) in enumerate(spans):
            assert view.is_new(at, at + 1) or text[start:end] == view.text[at]
