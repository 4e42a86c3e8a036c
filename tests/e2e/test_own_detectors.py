"""A policy's own secrets and recognizers, through the real proxy: what is found, and what is told of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import Proxy
from e2e.test_traffic import chat, post

VALUE = "Bluebird-2049-password"
POLICY = """
version: 1
rules:
  - {{name: keys, detect: [secrets], action: {action}}}
  - {{name: tickets, detect: [TICKET], action: redact}}
detectors:
  known_values:
    - {{file: {file}}}
  recognizers:
    - {{file: {recognizers}}}
    - {{class: "presidio_analyzer.predefined_recognizers:UuidRecognizer", entities: [UUID]}}
"""
TICKETS = """
recognizers:
  - name: tickets
    supported_entity: TICKET
    patterns: [{name: ticket, regex: '\\bT-\\d{5}\\b', score: 0.5}]
"""


@pytest.fixture
def values(tmp_path: Path) -> Path:
    file = tmp_path / "values.txt"
    file.write_text(f"{VALUE}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def running(make_proxy: Callable[..., Proxy], tmp_path: Path, values: Path) -> Callable[[str], Proxy]:
    recognizers = tmp_path / "recognizers.yaml"
    recognizers.write_text(TICKETS)
    return lambda action: make_proxy(POLICY.format(action=action, file=values, recognizers=recognizers))


def test_a_known_value_is_blocked_and_is_nowhere_but_in_the_request(
    running: Callable[[str], Proxy], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = running("block")
    answer = post(proxy, chat(f"log in with {VALUE}, please"))
    assert answer.status_code == 403
    assert proxy.received == []
    (event,) = proxy.events()
    assert [finding.entity for finding in event.findings] == ["KNOWN_SECRET"]
    assert 'entity="KNOWN_SECRET"' in proxy.metrics()
    time.sleep(1)
    stored = b"".join(path.read_bytes() for path in (proxy.folder / "state").rglob("*") if path.is_file())
    assert b"KNOWN_SECRET" in stored
    assert VALUE.encode() not in stored
    told = [answer.text, repr(dict(answer.headers)), proxy.metrics(), caplog.text]
    assert not [each for each in told if VALUE in each]


def test_what_is_redacted_is_gone_in_every_form_and_a_changed_list_takes_effect(
    running: Callable[[str], Proxy], values: Path
) -> None:
    proxy = running("redact")
    assert post(proxy, chat(f"use {VALUE} for T-12345", note=VALUE.encode().hex())).status_code == 200
    body = proxy.received[-1].body
    assert b"use [REDACTED KNOWN_SECRET] for [REDACTED TICKET]" in body
    assert VALUE.encode().hex().encode() not in body
    values.write_text("Red-Panda-1871\n")
    deadline = time.monotonic() + 30
    while b"Red-Panda" in proxy.received[-1].body or VALUE.encode() not in proxy.received[-1].body:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        post(proxy, chat(f"Red-Panda-1871 or {VALUE}"))


def test_a_list_that_cannot_be_read_leaves_the_old_values_in_force(
    running: Callable[[str], Proxy], values: Path
) -> None:
    proxy = running("block")
    values.unlink()
    deadline = time.monotonic() + 30
    while "outgate_policy_load_failed 1.0" not in proxy.metrics():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert post(proxy, chat(VALUE)).status_code == 403
