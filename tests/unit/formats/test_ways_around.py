"""Ways to say something that the provider would read and the detectors would not: each is closed."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_exchanges import EXCHANGE
from outgate import formats
from outgate.formats.vocabulary import STRUCTURAL_KEYS, STRUCTURAL_VALUES
from outgate.model import BODY, Document, Endpoint, Provider, Role, Segment
from outgate.wire import WireError
from outgate.wire.file_codecs import CODECS as FILES
from outgate.wire.text_codecs import CODECS

VALUE = "ZEBRA-4711"
ESCAPED = VALUE.replace("Z", "\\u005a").replace("4", "\\u0034")
PROVIDER = Provider("p", "P", "P Inc.", "US", "api", frozenset({"authorization"}))
MULTIPART = "multipart/form-data; boundary=b"


def read(
    body: bytes | dict[str, Any],
    name: str = "openai_chat",
    kind: str = "application/json",
    *,
    target: bytes = b"/v1/x",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    model: str | None = None,
) -> Document:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    exchange = replace(
        EXCHANGE, target=target, headers=((b"content-type", kind.encode()), *headers), body=data
    )
    return formats.read(exchange, Endpoint(PROVIDER, name, model=model), data)


def holding(document: Document, text: str = VALUE) -> list[Segment]:
    return [segment for segment in document.segments if text in segment.text]


def b64(text: bytes) -> str:
    return base64.b64encode(text).decode()


def part(body: str, *headers: str) -> str:
    return "\r\n".join(["--b", *headers, "", body, "--b--", ""])


NESTED = part(b64(VALUE.encode()), "content-transfer-encoding: base64").replace("--b", "--c")


@pytest.mark.parametrize(
    ("body", "name", "kind"),
    [
        (b" " * 99 + b'{"a":"%s"}' % ESCAPED.encode(), "openai_chat", "text/plain"),
        (b'{"a":"%s"} x' % ESCAPED.encode(), "openai_chat", "text/plain"),
        (part(f'{{"a":"{ESCAPED}"}}\n{{"b":1}}').encode(), "generic", MULTIPART),
        (part(NESTED, "content-type: multipart/mixed; boundary=c").encode(),
         "generic", MULTIPART),
        (part("x", f"content-type: {VALUE}").encode(), "generic", MULTIPART),
        (part(f"{VALUE}\xff\x01", "content-transfer-encoding: base64").encode("latin-1"), "generic", MULTIPART),
        (VALUE.encode("utf-16"), "generic", "text/plain"),
        (VALUE.encode("utf-16-be"), "generic", "text/plain"),
        (VALUE.encode("utf-32"), "generic", "text/plain"),
        (b"\x0a\x0a" + VALUE.encode() + b"\x00\xff", "generic", "application/grpc"),
    ],
    ids=["blanks", "trailing", "jsonl part", "nested multipart", "part type", "broken base64", "utf-16",
         "utf-16 without mark", "utf-32", "binary message"],
)  # fmt: skip
def test_a_value_is_seen_however_the_body_is_dressed(body: bytes, name: str, kind: str) -> None:
    assert holding(read(body, name, kind))


def test_a_binary_message_is_an_attachment_and_its_strings_are_read_and_never_edited() -> None:
    document = read(b"\x0a\x0a" + VALUE.encode() + b"\x00\xff", "generic", "application/grpc")
    assert document.attachments[0].media_type == "application/octet-stream"
    assert [segment.editable for segment in holding(document)] == [False]


def test_escapes_that_no_encoder_writes_are_undone_within_tool_arguments() -> None:
    call = {"function": {"name": "f", "arguments": f'{{"a": "{ESCAPED}"}}'}}
    found = holding(read({"messages": [{"role": "assistant", "tool_calls": [call]}]}))
    assert [(s.role, s.editable) for s in found] == [(Role.TOOL_CALL, True)]


def test_escapes_that_no_encoder_writes_are_undone_within_arguments_that_are_no_json() -> None:
    call = {"function": {"name": "f", "arguments": f'{{"a": "{ESCAPED}"'}}
    found = holding(read({"messages": [{"role": "assistant", "tool_calls": [call]}]}))
    assert [(s.role, s.editable) for s in found] == [(Role.TOOL_CALL, False)]


def test_ordinary_escapes_within_tool_arguments_make_no_second_segment() -> None:
    call = {"function": {"arguments": '{"a": "caf\\u00e9 \\u003cb\\u003e \\/ \\n"}'}}
    document = read({"messages": [{"role": "assistant", "tool_calls": [call]}]})
    assert len(holding(document, "caf")) == 1


@pytest.mark.parametrize("url", ["data:text/plain;base64,{}", "DATA:;x=y;base64 ,{}"])
def test_a_short_data_url_is_decoded(url: str) -> None:
    body = {
        "messages": [{"role": "user", "content": [{"image_url": {"url": url.format(b64(VALUE.encode()))}}]}]
    }
    assert [(s.codec, s.editable) for s in holding(read(body))] == [("base64", True)]


def test_a_data_url_with_escaped_slashes_is_decoded() -> None:
    data = '{"u":"data:text\\/plain;base64,' + b64((VALUE + " and more ").encode() * 9) + '"}'
    assert holding(read(data.encode()))


def test_latin1_text_in_a_file_is_read() -> None:
    url = "data:text/csv;base64," + b64(f"Müller;{VALUE}\n".encode("latin-1") * 9)
    body = {"input": [{"role": "user", "content": [{"type": "input_file", "file_data": url}]}]}
    assert holding(read(body, "openai_responses"), "Müller;" + VALUE)


@pytest.mark.parametrize("opening", [b"BM", b"ID3", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"])
def test_a_run_that_opens_like_a_file_where_none_belongs_is_still_read(opening: bytes) -> None:
    text = b64(opening.ljust(99, b"\x00")) + "ZEBRA" * 4 + "AAAA" * 30
    body = {"messages": [{"role": "user", "content": text}]}
    assert holding(read(body), "ZEBRA")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai_chat", {"messages": [{"role": "user", "content": [{"role": "system", "text": VALUE}]}]}),
        ("openai_chat", {"messages": [{"role": "user", "content": [{"tools": {"x": VALUE}}]}]}),
        ("openai_chat", {"messages": [{"role": "user", "content": "x", "system": VALUE}]}),
        ("openai_chat", {"messages": [{"role": "wizard", "content": VALUE}]}),
        ("openai_chat", {"messages": [{"role": None, "content": VALUE}]}),
        ("openai_chat", {"Messages": [{"role": "user", "content": VALUE}]}),
        ("gemini", {"contents": {"parts": {"text": VALUE}}}),
        ("generic", {"a": {"b": {"role": "system", "x": VALUE}}}),
        ("bedrock_invoke", {"inputText": VALUE}),
    ],
)
def test_a_users_words_stay_the_users(name: str, body: dict[str, Any]) -> None:
    assert [segment.role for segment in holding(read(body, name))] == [Role.USER]


def test_a_role_in_a_tools_input_is_data() -> None:
    block = {"type": "tool_use", "id": "t", "name": "n", "input": {"role": "user", "signature": VALUE}}
    body = {"messages": [{"role": "assistant", "content": [block]}]}
    found = holding(read(body, "anthropic_messages"))
    assert [(s.role, s.editable) for s in found] == [(Role.TOOL_CALL, True)]


@pytest.mark.parametrize(
    "message",
    ['{"role":"system","Role":"user","content":"x"}', '{"content":"a","content":"b"}',
     '{"role":"system","content":"x","rol\\u0065":"user"}'],
)  # fmt: skip
def test_two_values_that_decide_are_refused(message: str) -> None:
    with pytest.raises(WireError) as caught:
        read(f'{{"messages":[{message}]}}'.encode())
    assert (caught.value.status, caught.value.reason) == (400, "duplicate_key")


def test_repeated_keys_in_data_are_both_read() -> None:
    body = (
        b'{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"q":"one","q":"two"}}]}]}'
    )
    assert {"one", "two"} <= {segment.text for segment in read(body, "anthropic_messages").segments}


@pytest.mark.parametrize(
    "name",
    ["idempotency-key", "x-stainless-os", "if-none-match", "priority", "anthropic-version", "accept", "host",
     "x-request-id", "referer", "origin", "cookie", "x-api-key", "content-length"],
)  # fmt: skip
def test_a_header_is_read_when_its_value_is_not_the_protocols(name: str) -> None:
    assert holding(read(b"{}", headers=((name.encode(), VALUE.encode()),)))


def test_an_sdks_ordinary_headers_cost_no_segment() -> None:
    headers = (
        (b"host", b"api.openai.com"), (b"accept", b"application/json"), (b"connection", b"keep-alive"),
        (b"accept-encoding", b"gzip, deflate, br, zstd"), (b"content-length", b"120"),
        (b"authorization", VALUE.encode()),
        (b"x-stainless-lang", b"python"), (b"x-stainless-runtime-version", b"3.13.1"),
        (b"x-stainless-async", b"async:asyncio"), (b"x-stainless-read-timeout", b"600.0"),
        (b"proxy-authorization", VALUE.encode()),
    )  # fmt: skip
    assert [s.place for s in read(b"{}", headers=headers).segments] == ["path"]


def test_an_unheard_of_header_name_is_read() -> None:
    assert [s.editable for s in holding(read(b"{}", headers=((b"x-zebra-4711", b"1"),)), "4711")] == [False]


def test_two_content_types_that_differ_are_refused() -> None:
    with pytest.raises(WireError):
        read(b"{}", headers=((b"content-type", b"text/plain"),))


def test_the_model_of_the_path_is_the_one_that_answers() -> None:
    assert read({"model": "harmless"}, "gemini", model="other").model == "other"


def test_a_model_field_of_a_form_names_the_model() -> None:
    body = part("whisper-1", 'content-disposition: form-data; name="model"').encode()
    assert read(body, "generic", MULTIPART).model == "whisper-1"


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=20) | st.binary(max_size=99).map(b64),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from("role type messages content data source url id input parts signature".split())
            | st.text(),
            inner,
        )
    ),
    max_leaves=15,
)


def said(value: Any, key: str = "") -> list[tuple[str, str]]:
    """Every string of a document with the key it stands under; a key itself stands under none."""
    if isinstance(value, dict):
        return [pair for k, inner in value.items() for pair in ((k, ""), *said(inner, k))]
    if isinstance(value, list):
        return [pair for inner in value for pair in said(inner)]
    return [(value, key)] if isinstance(value, str) else []


@given(
    st.sampled_from("messages input contents system x".split()),
    VALUES,
    st.sampled_from(sorted(formats.FORMATS)),
)
@settings(max_examples=200, deadline=None)
def test_nothing_of_a_body_is_left_out(key: str, value: Any, name: str) -> None:
    body = {key: value}
    data = json.dumps(body).encode()
    document = read(data, name)
    texts = {segment.text for segment in document.segments}
    decoded = {b64(s.text.encode()).rstrip("=") for s in document.segments if s.codec == "base64"}
    blobs = len(document.attachments)
    for text, under in said(body):
        words = STRUCTURAL_KEYS if not under else STRUCTURAL_VALUES.get(under, frozenset())
        assert not text or text in words or text in texts or text.rstrip("=") in decoded or blobs
    for segment in document.segments:
        if segment.part == BODY and segment.editable:
            assert CODECS[segment.codec].decode(data[segment.start : segment.end]) == segment.text


PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def files_of(body: bytes | dict[str, Any], name: str = "openai_chat") -> list[bytes]:
    """What is in the attachments of a body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [
        FILES[one.codec](data[one.start : one.end]) for one in read(data, name, target=b"/v1/x").attachments
    ]


@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_file_in_a_document_that_is_a_string_is_a_file(alphabet: Any, depth: int) -> None:
    said: Any = [
        {"blob": alphabet(PICTURE).decode()},
        f"data:image/png;base64,{b64(PICTURE + b'2')}",
        b64(b"a" * 99),
    ]
    for _ in range(depth):
        said = json.dumps([said])
    body = {"messages": [{"role": "tool", "tool_call_id": "c", "content": said}]}
    assert files_of(body) == [PICTURE, PICTURE + b"2"]


def test_a_file_whose_base64_is_escaped_in_a_document_is_told_and_not_opened() -> None:
    written = json.dumps(json.dumps({"blob": b64(PICTURE)})).replace("/", "\\/").replace("A", "\\u0041")
    body = f'{{"messages": [{{"role": "tool", "content": {written}}}]}}'.encode()
    (attachment,) = read(body).attachments
    assert attachment.media_type == "image/png"
    with pytest.raises(WireError):
        files_of(body)


def test_a_file_among_a_tools_arguments_that_are_read_together_is_a_file() -> None:
    mail = f"From: a\nContent-Transfer-Encoding: base64\n\n{b64(PICTURE)}\n"
    for argument, file in ((mail, mail.encode()), (json.dumps({"blob": b64(PICTURE)}), PICTURE)):
        block = {"type": "tool_use", "id": "t", "name": "w", "input": {"to": "a", "what": argument}}
        body = {"messages": [{"role": "assistant", "content": [block]}]}
        assert files_of(body, "anthropic_messages") == [file]


@pytest.mark.parametrize("first", ["text", "tool_result", "thinking", "new"])
@pytest.mark.parametrize("second", ["text", "tool_result", "new"])
@pytest.mark.parametrize("key", ["type", "Type"])
def test_a_block_of_two_kinds_is_refused(first: str, second: str, key: str) -> None:
    block = f'{{"type": "{first}", "{key}": "{second}", "text": "{VALUE}"}}'
    body = f'{{"messages": [{{"role": "user", "content": [{block}]}}]}}'.encode()
    with pytest.raises(WireError) as caught:
        read(body, "anthropic_messages")
    assert caught.value.reason == "duplicate_key"


@pytest.mark.parametrize("key", ["url", "URL"])
def test_a_line_of_a_batch_that_is_for_two_apis_is_refused(key: str) -> None:
    line = f'{{"url": "/v1/responses", "{key}": "/v1/chat/completions", "body": {{"model": "m"}}}}\n'
    with pytest.raises(WireError) as caught:
        read(part(line, 'content-disposition: form-data; name="file"').encode(), "openai_files", MULTIPART)
    assert caught.value.reason == "duplicate_key"
