"""What another policy, and a policy that changes, does to traffic; and where no value is kept."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable

import pytest

from e2e.conftest import POLICY, Proxy
from e2e.test_traffic import URL, chat, post
from outgate.audit.read import Filter, reader_of
from outgate.dlp.examples import fake


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_whole_pem_block_goes(make_proxy: Callable[..., Proxy], end: str) -> None:
    proxy = make_proxy("version: 1\nrules:\n  - {name: keys, detect: [PRIVATE_KEY], action: redact}\n")
    pem = fake("PRIVATE_KEY").replace("\n", end)
    post(proxy, chat(f"before {pem} after"))
    got = json.loads(proxy.received[-1].body)["messages"][0]["content"]
    assert got == "before [REDACTED PRIVATE_KEY] after"


def test_audit_mode_changes_not_one_byte(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(POLICY.replace("version: 1", "version: 1\nmode: audit"))
    body = chat(f"{fake('GITHUB_TOKEN')} {fake('CREDIT_CARD')}")
    for data, headers in ((body, {}), (gzip.compress(body), {"content-encoding": "gzip"})):
        assert post(proxy, data, **headers).status_code == 200
        assert proxy.received[-1].body == data


def test_a_gate_that_only_notes_is_in_the_audit_log_and_counted(make_proxy: Callable[..., Proxy]) -> None:
    gate = '  - {name: noted models, when: {model: "gpt*"}, action: audit}\n'
    proxy = make_proxy(POLICY.replace("rules:\n", "rules:\n" + gate, 1))
    body = chat("hello")
    assert post(proxy, body).status_code == 200
    assert proxy.received[-1].body == body
    assert 'outgate_rules_matched_total{rule="noted models"} 1.0' in proxy.metrics()
    reader = reader_of(proxy.folder / "state" / "audit" / "audit.db")
    try:
        deadline = time.monotonic() + 10
        while not (events := reader.latest(1, Filter())) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [(event.outcome, event.rules) for event in events] == [("forward", ("noted models",))]
    finally:
        reader.close()


def test_a_reloaded_policy_takes_effect_and_a_bad_one_does_not(proxy: Proxy) -> None:
    assert post(proxy, chat("Operation Kingfisher")).status_code == 200
    assert b"Kingfisher" in proxy.received[-1].body
    proxy.policy.write_text(POLICY.replace("[Bluebird]", "[Bluebird, Kingfisher]"))
    deadline = time.monotonic() + 30
    while b"Kingfisher" in proxy.received[-1].body and time.monotonic() < deadline:
        time.sleep(0.2)
        post(proxy, chat("Operation Kingfisher"))
    assert b"Operation [REDACTED PROJECT]" in proxy.received[-1].body
    proxy.policy.write_text("version: 1\nrules: [{nam: x}]\n")
    while "outgate_policy_load_failed 1.0" not in proxy.metrics():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    post(proxy, chat("Operation Kingfisher"))
    assert b"Operation [REDACTED PROJECT]" in proxy.received[-1].body


def test_a_detector_that_hangs_blocks_and_is_counted(make_proxy: Callable[..., Proxy]) -> None:
    policy = (
        "version: 1\ndetectors:\n  patterns:\n    - {entity: SLOW, pattern: '(?:a|aa)+(?<=b)|b{3}', "
        "match: [bbb], ignore: [b]}\n"
        "rules:\n  - {name: slow, detect: [SLOW], action: block}\n"
    )
    proxy = make_proxy(policy, detection={"workers": 1, "deadline": 3})
    assert post(proxy, chat("warm up")).status_code == 200
    text = "a" * 60 + "!"
    answer = post(proxy, chat(text))
    assert answer.status_code == 503
    assert answer.headers["x-should-retry"] == "false"
    assert text not in answer.text
    assert len(proxy.received) == 1
    assert 'reason="timeout"' in proxy.metrics()


def test_a_value_is_in_no_audit_row_and_no_metric(proxy: Proxy) -> None:
    token, card = fake("GITHUB_TOKEN"), fake("CREDIT_CARD")
    post(proxy, chat(f"{token}"))
    post(proxy, chat(f"{card}"), f"{URL}?q=1")
    metrics = proxy.metrics()
    assert 'entity="GITHUB_TOKEN"' in metrics
    time.sleep(1)
    stored = b"".join(path.read_bytes() for path in (proxy.folder / "state").rglob("*") if path.is_file())
    assert b"GITHUB_TOKEN" in stored
    for value in (token, card):
        assert value not in metrics
        assert value.encode() not in stored
