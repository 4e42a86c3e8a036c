"""The scanner against the standard library's parser, and against hostile input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.wire import WireError
from outgate.wire.json_spans import Kind, looks_like_json, scan

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def leaves(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        found: list[tuple[str, Any]] = []
        for key, inner in value.items():
            found += [("key", key), *leaves(inner)]
        return found
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    if isinstance(value, str):
        return [("string", value)]
    return [("other", value)]


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=300, deadline=None)
def test_every_scalar_is_found_with_its_bytes(value: Any, escape: bool, indent: int | None) -> None:
    data = json.dumps(value, ensure_ascii=escape, indent=indent).encode("utf-8", "surrogatepass")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        with pytest.raises(WireError):
            scan(data)
        return
    found = scan(data).scalars
    expected = leaves(value)
    assert len(found) == len(expected)
    for scalar, (kind, wanted) in zip(found, expected, strict=True):
        raw = json.loads(data[scalar.start : scalar.end])
        assert raw == wanted
        if kind == "key":
            assert (scalar.kind, scalar.text) == (Kind.KEY, wanted)
        elif kind == "string":
            assert (scalar.kind, scalar.text) == (Kind.STRING, wanted)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\0truefalsn-1e. \n', max_size=60).map(str.encode))
@settings(max_examples=500, deadline=None)
def test_what_it_accepts_the_standard_library_accepts(data: bytes) -> None:
    try:
        scan(data)
    except WireError:
        return
    json.loads(data.removeprefix(b"\xef\xbb\xbf"), strict=False)


@given(VALUES | st.text(alphabet='"\\\\\ud800\udc00é\0', max_size=8), st.text(alphabet=" \t\r\n", max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_the_standard_library_accepts_it_reads_alike(value: Any, blanks: str) -> None:
    data = json.dumps([value, {"k": value}], indent="\t").replace("\n", "\n" + blanks).encode()
    expected = [wanted for kind, wanted in leaves(json.loads(data, strict=False)) if kind == "string"]
    assert [s.text for s in scan(data).scalars if s.kind is Kind.STRING] == expected


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_a_document_cut_short_is_refused(value: Any) -> None:
    data = json.dumps([value]).encode()
    for end in range(len(data)):
        with pytest.raises(WireError):
            scan(data[:end])


def test_paths_name_the_place() -> None:
    tree = scan(b'{"messages":[{"content":"x"}],"we ird":{"a":1}}')
    assert [s.path for s in tree.scalars if s.kind is not Kind.KEY] == ["messages[0].content", '["we ird"].a']


def test_repeated_keys_are_told_and_both_values_kept() -> None:
    tree = scan(b'{"a":"one","a":"two"}')
    assert [key for _, key in tree.duplicates] == ["a"]
    assert [s.text for s in tree.scalars if s.kind is Kind.STRING] == ["one", "two"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a":1} x', "trailing_bytes"),
        (b'{"a":1}{"a":2}', "trailing_bytes"),
        (b"[" * 600 + b"]" * 600, "too_deep"),
        (b'["\\x41"]', "bad_json"),
        (b'["caf\xe9"]', "bad_encoding"),
        (b"\xff\xfe[\x00]\x00", "bad_encoding"),
        (b"[1,]", "bad_json"),
        (b'{"a":1,}', "bad_json"),
        (b"[01]", "bad_json"),
        (b"", "bad_json"),
    ],
)
def test_what_is_not_one_document_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        scan(data)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "data", [b"[" * 1_000_000, b'"' * 1_000_001, b'"' + b"\\" * 1_000_001, b'{"a":' * 300_000]
)
def test_a_megabyte_of_one_mark_is_refused_in_time(data: bytes) -> None:
    with pytest.raises(WireError):
        scan(data)


def test_a_json_body_behind_any_number_of_blanks_is_known() -> None:
    assert looks_like_json(b"\xef\xbb\xbf" + b" \n" * 10_000 + b"{}")
    assert not looks_like_json(b" " * 10_000 + b"text {")


def test_paths_stay_short_however_deep_the_body() -> None:
    data = (b'{"' + b"k" * 60 + b'":') * 400 + b"[1]" + b"}" * 400
    assert max(len(scalar.path) for scalar in scan(data).scalars) < 400


def test_empty_containers_count_as_values() -> None:
    with pytest.raises(WireError) as caught:
        scan(b"[" + b"{}," * 100 + b"{}]", max_scalars=50)
    assert caught.value.status == 413


def test_spans_are_bytes_when_text_is_not_ascii() -> None:
    data = '{"ключ":["é\\n€","\ud83d\ude00",7]}'.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    assert [json.loads(data[s.start : s.end]) for s in scan(data).scalars] == [
        "ключ",
        "é\n€",
        "\U0001f600",
        7,
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b'"\\x41"',
        b'"\\u00g0"',
        b'"\\u12"',
        b"'a'",
        b"[1 2]",
        b"[1]]",
        b'{"a" 1}',
        b"{1:2}",
        b"[}",
        b'{"a":1,,"b":2}',
    ],
)
def test_what_lenient_parsers_would_guess_at_is_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        scan(raw)
