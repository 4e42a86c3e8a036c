"""Multipart: every byte is in a header, a body or outside; what parsers cut differently is refused."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.wire import WireError
from outgate.wire.multipart import parse

KIND = "multipart/form-data; boundary=b0"


@given(
    st.lists(st.tuples(st.sampled_from(["X-Own", "Content-Type"]), st.binary(max_size=30)), max_size=4),
    st.binary(max_size=10),
    st.binary(max_size=10),
)
@settings(max_examples=200, deadline=None)
def test_every_part_is_found_whole(parts: list[tuple[str, bytes]], preamble: bytes, epilogue: bytes) -> None:
    data = preamble + b"\r\n"
    for name, body in parts:
        data += b"--b0\r\n" + name.encode() + b": v\r\n\r\n" + body + b"\r\n"
    data += b"--b0--\r\n" + epilogue
    if not parts:
        with pytest.raises(WireError) if data.count(b"--b0") != 1 else nullcontext():
            parse(data, KIND)
        return
    if data.count(b"--b0") != len(parts) + 1:
        return
    found = parse(data, KIND)
    assert [data[p.start : p.end] for p in found.parts] == [body for _, body in parts]
    wanted = [text for text in (preamble, epilogue) if text.strip()]
    assert [data[s:e].strip() for s, e in found.outside] == [text.strip() for text in wanted]


def test_an_own_header_is_scanned_with_its_name() -> None:
    data = b"--b0\r\nsecret-name: v\r\nContent-Type: t\r\n\r\nx\r\n--b0--"
    (part,) = parse(data, KIND).parts
    assert [(name, data[s:e]) for name, s, e in part.headers] == [
        ("", b"secret-name: v"),
        ("content-type", b" t"),
    ]
    assert part.header(data, "content-type") == "t"


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=b0; boundary=b1",
        "multipart/form-data; boundary*=utf-8''b0",
        'multipart/form-data; boundary="b\\"0"',
        "multipart/form-data; xboundary=b0",
        "multipart/form-data; boundary=" + "b" * 71,
    ],
)
def test_a_boundary_that_is_not_one_and_clear_is_refused(kind: str) -> None:
    with pytest.raises(WireError):
        parse(b"--b0\r\n\r\nx\r\n--b0--", kind)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"--b0\r\n\r\nx",
        b"--b0\r\n\r\nx\r\n--b0",
        b"--b0\r\n\r\nx --b0 y\r\n--b0--",
        b"--b0\r\n\r\nx\r\n--b0yz\r\n--b0--",
        b"--b0\r\n\r\nx\n--b0\n\ny\r\n--b0--",
        b"--b0\r\n\r\nx\r\n--b0--\r\n--b0\r\n\r\ny\r\n--b0--",
        b"--b0\r\nContent-Type: t\r\n--b0--",
        b"--b0\r\nContent-Type: a\r\nContent-Type: b\r\n\r\nx\r\n--b0--",
        b"--b0\r\n" * 100_000,
    ],
)
def test_what_two_parsers_would_cut_differently_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        parse(data, KIND)


@given(
    st.binary(max_size=40)
    | st.lists(st.sampled_from([b"--b0", b"--", b"\r\n", b"\n", b"x", b":", b" "])).map(b"".join)
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = parse(data, KIND)
    except WireError:
        return
    seen = bytearray(len(data))
    for part in found.parts:
        for start, end in [(s, e) for _, s, e in part.headers] + [(part.start, part.end)]:
            seen[start:end] = b"\x01" * (end - start)
    for start, end in found.outside:
        seen[start:end] = b"\x01" * (end - start)
    left = bytes(byte for byte, mark in zip(data, seen, strict=True) if not mark)
    assert not left.replace(b"--b0", b"").strip(b"-\r\n \t:")
