"""Attached files, as real clients send them: what is in them is judged like what is beside them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

import made_files
from e2e.conftest import Proxy
from outgate.dlp.examples import fake
from programs import program

POLICY = """
version: 1
uninspectable: {uninspectable}
rules:
  - name: cards
    detect: [CREDIT_CARD]
    action: {action}
"""
CARD = fake("CREDIT_CARD")
TO = "https://api.openai.com/v1/chat/completions"


def policy(action: str = "block", uninspectable: str = "block") -> str:
    message = "\n    message: Card numbers do not leave." if action == "block" else ""
    return POLICY.format(action=action + message, uninspectable=uninspectable)


def attached(content: bytes, kind: str = "application/octet-stream") -> bytes:
    """A request of the OpenAI kind with a file in it."""
    url = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    block = {"type": "file", "file": {"filename": "it", "file_data": url}}
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": [block]}]}).encode()


def post(proxy: Proxy, content: bytes) -> httpx.Response:
    with proxy.client() as client:
        sent = {"content-type": "application/json", "authorization": "Bearer k"}
        return client.post(TO, content=attached(content), headers=sent)


def by_openai_chat(proxy: Proxy, content: bytes) -> None:
    with proxy.client() as http:
        client = openai.OpenAI(api_key="k", http_client=http)
        url = f"data:application/pdf;base64,{base64.b64encode(content).decode()}"
        block: Any = {"type": "file", "file": {"filename": "a.pdf", "file_data": url}}
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": [block]}])


def by_openai_responses(proxy: Proxy, content: bytes) -> None:
    with proxy.client() as http:
        client = openai.OpenAI(api_key="k", http_client=http)
        url = f"data:application/pdf;base64,{base64.b64encode(content).decode()}"
        block: Any = {"type": "input_file", "filename": "a.pdf", "file_data": url}
        client.responses.create(model="gpt-4o", input=[{"role": "user", "content": [block]}])


def by_openai_upload(proxy: Proxy, content: bytes) -> None:
    with proxy.client() as http:
        client = openai.OpenAI(api_key="k", http_client=http)
        client.files.create(file=("a.pdf", content, "application/pdf"), purpose="user_data")


def by_anthropic(proxy: Proxy, content: bytes) -> None:
    with httpx2.Client(proxy=proxy.url, verify=proxy.ssl, trust_env=False) as http:
        client = anthropic.Anthropic(api_key="k", http_client=http)
        data = base64.b64encode(content).decode()
        source: Any = {"type": "base64", "media_type": "application/pdf", "data": data}
        client.messages.create(
            model="claude",
            max_tokens=9,
            messages=[{"role": "user", "content": [{"type": "document", "source": source}]}],
        )


def by_gemini(proxy: Proxy, content: bytes) -> None:
    options = types.HttpOptions(client_args={"proxy": proxy.url, "verify": proxy.ssl, "trust_env": False})
    client = genai.Client(api_key="k", http_options=options)
    part = types.Part.from_bytes(data=content, mime_type="application/pdf")
    client.models.generate_content(model="gemini-2.5-pro", contents=[part])


WAYS: dict[str, Callable[[Proxy, bytes], None]] = {
    "messages[0].content[0].file.file_data": by_openai_chat,
    "input[0].content[0].file_data": by_openai_responses,
    "part[1]": by_openai_upload,
    "messages[0].content[0].source.data": by_anthropic,
    "contents[0].parts[0].inlineData.data": by_gemini,
}


def test_a_card_in_a_pdf_blocks_whichever_way_it_is_sent_and_the_message_names_the_page(
    make_proxy: Callable[..., Proxy],
) -> None:
    proxy = make_proxy(policy())
    content = made_files.pdf("An invoice.", f"Paid with {CARD}")
    for place, send in WAYS.items():
        with pytest.raises(Exception) as blocked:
            send(proxy, content)
        assert "Card numbers do not leave." in str(blocked.value)
        assert f"{place}, page 2" in str(blocked.value)
        assert CARD not in str(blocked.value)
    assert proxy.received == []
    event = proxy.events(len(WAYS))[0]
    assert [finding.place.rpartition(", ")[2] for finding in event.findings] == ["page 2"]
    assert 'outgate_attachments_total{kind="pdf",outcome="read"}' in proxy.metrics()


def test_a_pdf_with_nothing_to_find_goes_byte_for_byte(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(policy())
    content = made_files.pdf("A page about the weather.")
    for send in WAYS.values():
        send(proxy, content)
    assert post(proxy, content).status_code == 200
    assert proxy.received[-1].body == attached(content)
    assert content in proxy.received[2].body
    assert len(proxy.received) == len(WAYS) + 1
    seconds = [event.seconds["extract"] for event in proxy.events(len(WAYS) + 1)]
    assert sorted(seconds)[-2] < max(seconds) / 10  # it was read once


SHEET = made_files.workbook({"Payroll": [["name", "card"], ["Ann", CARD]]})
WORD = made_files.word("Dear all", f"card {CARD}")
FILES: dict[str, tuple[bytes, str]] = {
    "docx": (WORD, "text"),
    "xlsx": (SHEET, "sheet Payroll"),
    "pptx": (made_files.slides("x", notes=CARD), "notes 1"),
    "odt": (made_files.open_document([CARD]), "text"),
    "eml": (made_files.mail("x", {"a.xlsx": SHEET}), "file a.xlsx, sheet Payroll"),
    "zip": (made_files.packed({"a.docx": WORD}), "file a.docx, text"),
    "tar": (made_files.tape({"a.docx": WORD}), "file a.docx, text"),
}


def test_a_card_in_office_files_mail_and_archives_blocks_and_the_message_names_the_place(
    make_proxy: Callable[..., Proxy],
) -> None:
    proxy = make_proxy(policy())
    for content, place in FILES.values():
        answer = post(proxy, content)
        assert answer.status_code == 403
        assert f"messages[0].content[0].file.file_data, {place}" in answer.json()["error"]["message"]
    assert proxy.received == []
    program("tesseract")
    assert post(proxy, made_files.png("4321 4321 4321 4327")).status_code == 403
    assert post(proxy, made_files.png("123 456")).status_code == 200


def test_a_rule_that_would_edit_a_file_blocks_and_says_where(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(policy("redact"))
    answer = post(proxy, SHEET)
    assert answer.status_code == 403
    message = answer.json()["error"]["message"]
    assert (
        "(CREDIT_CARD) in messages[0].content[0].file.file_data, sheet Payroll, which cannot be edited"
        in message
    )
    assert "Take it out, or send it as text." in message
    assert proxy.received == []


def test_audit_mode_changes_nothing_and_records_what_is_in_a_file(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy("mode: audit\n" + policy("redact").lstrip())
    assert post(proxy, WORD).status_code == 200
    assert proxy.received[-1].body == attached(WORD)
    event = proxy.events()[0]
    assert [(finding.entity, str(finding.action)) for finding in event.findings] == [("CREDIT_CARD", "audit")]


UNREADABLE = {
    "encrypted": made_files.pdf("x", password="made up"),
    "broken": made_files.packed({"a.txt": "x" * 100})[:-40],
    "too_large": gzip.compress(bytes(2**22)),
    "unknown": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
}


def test_what_cannot_be_read_is_the_policys_to_decide(make_proxy: Callable[..., Proxy]) -> None:
    blocking = make_proxy(policy(uninspectable="block"), attachments={"expanded": 2**20})
    for reason, content in UNREADABLE.items():
        answer = post(blocking, content)
        assert answer.status_code == 403
        assert f"file_data: {reason.replace('_', ' ')})" in answer.json()["error"]["message"]
    assert blocking.received == []
    auditing = make_proxy(policy(uninspectable="audit"), attachments={"expanded": 2**20})
    for content in UNREADABLE.values():
        assert post(auditing, content).status_code == 200
        assert auditing.received[-1].body == attached(content)
    told = {item.reason for event in auditing.events(len(UNREADABLE)) for item in event.uninspectable}
    assert told == UNREADABLE.keys()


def test_a_reading_that_fails_is_for_on_error_and_nothing_leaves(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(policy(uninspectable="allow"), attachments={"deadline": 0.001})
    answer = post(proxy, made_files.pdf("x"))
    assert answer.status_code == 503
    assert proxy.received == []
    assert 'outgate_on_error_total{action="block",reason="timeout"} 1.0' in proxy.metrics()
