"""JSON within a JSON string: read without its escapes, edited within its own strings, else untouched."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.wire import json_document, json_spans
from outgate.wire.text_codecs import CODECS

CODEC = CODECS["json_document"]
FOUND = re.compile("kim-[0-9]")
NEW = 'new "\\\n\u00e9'


def written(value: Any, times: int = 1, **options: Any) -> bytes:
    """The JSON string that holds ``value`` as JSON, within ``times - 1`` more documents in strings."""
    for _ in range(times - 1):
        value = [json.dumps(value, **options)]
    return json.dumps(json.dumps(value, **options), **options).encode()


def unwritten(raw: bytes, times: int = 1) -> Any:
    value: Any = json.loads(json.loads(raw))
    for _ in range(times - 1):
        value = json.loads(value[0])
    return value


def edited(raw: bytes, new: str = NEW) -> bytes:
    """``raw`` with everything in it replaced that FOUND matches in what is read."""
    found = FOUND.finditer(CODEC.decode(raw))
    return CODEC.rewrite(raw, [(*one.span(), new) for one in found])


def scalars(text: str) -> list[str]:
    return [one.text for one in json_spans.scan(text.encode()).scalars]


def replaced(value: Any) -> Any:
    if isinstance(value, dict):
        return {replaced(key): replaced(one) for key, one in value.items()}
    if isinstance(value, list):
        return list(map(replaced, value))
    return FOUND.sub(lambda _: NEW, value) if isinstance(value, str) else value


TEXTS = st.text(alphabet="ab\"'`\\\n\t/é\U0001f600\ud800", max_size=8)
SAYING = st.builds(lambda a, n, b: f"{a}kim-{n}{b}", TEXTS, st.integers(0, 9), TEXTS) | TEXTS
VALUES = st.recursive(
    SAYING | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SAYING, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.lists(VALUES, max_size=4) | st.dictionaries(SAYING, VALUES, max_size=4)


@given(DOCUMENTS, st.integers(1, json_document.MAX_STRINGS), st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=100, deadline=None)
def test_a_document_edited_at_its_strings_parses_to_the_edited_document(
    value: Any, times: int, escape: bool, indent: int | None
) -> None:
    lone = not escape and "\\ud800" in json.dumps(value)
    raw = written(value, times, ensure_ascii=escape or lone, indent=indent)
    assert unwritten(edited(raw), times) == replaced(value)


@given(st.text(alphabet='{}[]":,\\ukim-0123 \n', max_size=30) | TEXTS)
@settings(max_examples=200, deadline=None)
def test_any_string_is_rewritten_to_one_that_can_be_read(text: str) -> None:
    raw = json.dumps(text).encode()
    if json_document.read(text) is None:
        assert CODEC.decode(raw) == text
        assert json.loads(edited(raw)) == replaced(text)
    else:
        json.loads(json.loads(edited(raw)))
    assert CODEC.rewrite(raw, []) == raw


@given(DOCUMENTS.filter(bool), st.data())
@settings(max_examples=100, deadline=None)
def test_an_edit_anywhere_changes_the_scalars_that_it_touches_and_no_other(
    value: Any, data: st.DataObject
) -> None:
    raw = written(value, 2)
    document = json_document.read(json.loads(raw))
    assert document is not None
    start = data.draw(st.integers(0, len(document.shown) - 1))
    end = data.draw(st.integers(start + 1, len(document.shown)))
    touched = document.told(start, end)[1]
    out = CODEC.rewrite(raw, [(start, end, NEW)])
    if touched:
        before, after = (scalars(json.loads(json.loads(text))[0]) for text in (raw, out))
        assert len(before) == len(after)
        assert sum(one != other for one, other in zip(before, after, strict=True)) <= len(touched)
        assert NEW in "".join(after)


def test_what_is_not_edited_keeps_its_spelling() -> None:
    raw = rb'"{ \"k\\u0065y\" : \"caf\\u00e9 \\/ kim-1\",\n\"n\":1.50e1, \u0022kim-2\u0022: [ ]}"'
    assert CODEC.rewrite(raw, []) == raw
    assert edited(raw, "X") == raw.replace(b"kim-1", b"X").replace(b"kim-2", b"X")


def test_a_value_is_read_beside_its_key_and_without_escapes() -> None:
    raw = written({"password": 'a"b', "note": {"text": "line\nbreak"}})
    assert CODEC.decode(raw) == '{"password": \'a"b\', "note": {"text": "line\nbreak"}}'


def test_a_number_that_is_edited_becomes_a_string() -> None:
    for value, wanted in (({"card": 4111111111111111}, {"card": "[X]"}), ([4111111111111111], ["[X]"])):
        raw = written(value, 2)
        start = CODEC.decode(raw).index("4111")
        assert unwritten(CODEC.rewrite(raw, [(start, start + 16, "[X]")]), 2) == wanted


def test_an_edit_over_several_strings_leaves_a_document() -> None:
    raw = written({"street": "1 Main St", "city": "Springfield", "zip": 62701})
    shown = CODEC.decode(raw)
    out = CODEC.rewrite(raw, [(shown.index("Main"), shown.index('"zip'), "[X]")])
    assert unwritten(out) == {"street": "1 [X]", "": "", "zip": 62701}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "kim-1"',
        '{"a": "kim-1"} x',
        'x {"a": "kim-1"}',
        '{"a": "kim-1", "a": "\\n"}',
        '{"a": NaN, "b": "\\nkim-1"}',
        '{"a": "kim-1\\x"}',
        '["\\ud800", "kim-1"',
        '{"a": "\ud800 \\n kim-1"}',
        "[" * 300 + '"\\n kim-1"' + "]" * 300,
        "{'a': 'kim-1'}",
        '\ufeff{"a": "\\n kim-1"}',
        '{"a": 1}\n{"b": "\\n kim-1"}',
        "[1] as kim-1 says [2]",
    ],
)
def test_what_is_no_document_is_read_and_edited_as_text(text: str) -> None:
    raw = json.dumps(text).encode()
    assert CODEC.decode(raw) == text
    assert json.loads(edited(raw)) == FOUND.sub(lambda _: NEW, text)


def test_what_is_in_more_strings_than_are_opened_is_still_edited() -> None:
    times = json_document.MAX_STRINGS + 3
    assert b"kim-1" not in edited(written({"a": "kim-1"}, times), "x")


def test_more_values_than_are_told_apart_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "MAX_SCALARS", 4)
    inner = json.dumps({"a": "\n", "b": "kim-1"})
    raw = json.dumps(json.dumps([inner, inner])).encode()
    assert json.loads(json.loads(edited(raw, "x"))) == [inner.replace("kim-1", "x")] * 2


def test_a_document_that_was_written_into_a_string_twice_is_a_document() -> None:
    raw = json.dumps(json.dumps(json.dumps({"a": 'kim-1 "\n'}, indent=1))).encode()
    assert json.loads(json.loads(json.loads(edited(raw)))) == {"a": NEW + ' "\n'}


def test_a_place_is_a_path_through_all_the_documents() -> None:
    text = json.dumps({"user": {"email": "a"}, "more": json.dumps([{"b\n": "c", "d": ["e"]}])})
    document = json_document.read(text)
    assert document is not None

    def told(value: str) -> tuple[str, list[str]]:
        start = document.shown.index(value)
        return document.told(start, start + len(value))

    assert told('a"')[0] == "user.email"
    assert told('e"]') == ("more:[0].d[0]", ["e"])
    assert told("b\n") == ('more:[0]["b\n"] (key)', ["b\n"])
