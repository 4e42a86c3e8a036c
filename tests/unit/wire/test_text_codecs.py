"""Rewriting touches the edited text and nothing else."""

from __future__ import annotations

import base64
import json
import quopri
from urllib.parse import quote, unquote_to_bytes

from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.wire.text_codecs import CODECS, Edit

TEXT = st.text(max_size=40)


def splice(text: str, edits: list[Edit]) -> str:
    for start, end, replacement in reversed(edits):
        text = text[:start] + replacement + text[end:]
    return text


@st.composite
def edited(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> tuple[str, list[Edit]]:
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4, unique=True)))
    edits = [
        (start, end, draw(st.text(alphabet='aZ"\\[] é\n', max_size=5)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    return text, edits


@given(edited(TEXT | st.text(alphabet='"\\\n\U0001f600é\ud800', max_size=20)), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_json_string_is_rewritten_in_place(case: tuple[str, list[Edit]], escape: bool) -> None:
    text, edits = case
    lone = any("\ud800" <= char <= "\udfff" for char in text)
    raw = json.dumps(text, ensure_ascii=escape or lone).encode()
    codec = CODECS["json_string"]
    assert codec.decode(raw) == text
    assert codec.decode(codec.rewrite(raw, edits)) == splice(text, edits)
    if edits:
        assert codec.rewrite(raw, []) == raw


def test_escapes_outside_the_edit_keep_their_spelling() -> None:
    raw = b'"\\u00e9\\/ key \\ud83d\\ude00 \xe2\x82\xac"'
    assert CODECS["json_string"].rewrite(raw, [(3, 6, "X")]) == b'"\\u00e9\\/ X \\ud83d\\ude00 \xe2\x82\xac"'


@given(edited(st.text(alphabet=st.characters(codec="utf-8"), max_size=40)))
@settings(max_examples=200, deadline=None)
def test_plain_text_and_urls_are_rewritten(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    wanted = splice(text, edits)
    assert CODECS["utf8"].rewrite(text.encode(), edits).decode() == wanted
    for name, safe in (("percent", ""), ("percent", "/:"), ("form", "")):
        raw = quote(text, safe=safe).encode()
        codec = CODECS[name]
        assert codec.decode(raw) == text
        assert unquote_to_bytes(codec.rewrite(raw, edits)).decode() == wanted


@given(edited(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60)), st.booleans())
@settings(max_examples=200, deadline=None)
def test_base64_is_written_anew(case: tuple[str, list[Edit]], urlsafe: bool) -> None:
    text, edits = case
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    codec = CODECS["base64"]
    raw = encode(text.encode())
    assert codec.decode(raw) == text
    assert codec.decode(codec.rewrite(raw, edits)) == splice(text, edits)
    assert codec.rewrite(raw, []) == raw


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_bytes_of_a_url_are_read_somehow(raw: bytes) -> None:
    for name in ("percent", "form", "latin1"):
        CODECS[name].decode(raw)


def test_an_edited_number_becomes_a_string() -> None:
    assert CODECS["json_number"].rewrite(b"4111111111111111", [(0, 16, "[CARD]")]) == b'"[CARD]"'


@given(
    st.lists(
        st.sampled_from([b"%e2%82%ac", b"%E2", b"\xe2", b"%82", b"a", b"+", b"%", b"%zz", b"%41"]),
        max_size=12,
    ),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_an_edit_of_any_url_leaves_the_bytes_around_it(pieces: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(pieces)
    for name in ("percent", "form"):
        codec = CODECS[name]
        text = codec.decode(raw)
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        out = codec.rewrite(raw, [(start, end, "NEW")])
        before, after = out.split(b"NEW")
        assert raw.startswith(before)
        assert raw.endswith(after)
        assert codec.decode(before) == text[:start] or b"\xe2" in raw or b"%E2" in raw
        assert unquote_to_bytes(raw).startswith(unquote_to_bytes(before))


def test_a_lone_surrogate_in_a_replacement_is_written_somehow() -> None:
    for name in ("utf8", "latin1", "percent", "form", "json_string"):
        CODECS[name].rewrite(b'"ab"', [(0, 1, "\ud800")])
    CODECS["base64"].rewrite(base64.b64encode(b"some text"), [(0, 1, "\ud800")])


@given(edited(st.text(alphabet="aé=\n ", max_size=120)))
@settings(max_examples=100, deadline=None)
def test_quoted_printable_is_written_anew(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    codec = CODECS["quoted_printable"]
    raw = quopri.encodestring(text.encode())
    assert codec.decode(raw) == text
    assert codec.decode(codec.rewrite(raw, edits)) == splice(text, edits)
