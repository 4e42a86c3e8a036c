"""When inspection itself fails: the policy's ``on_error`` decides, it is counted, and the value is told to nobody."""

from __future__ import annotations

import logging
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from e2e.conftest import POLICY, Proxy
from e2e.test_traffic import chat, post
from outgate.dlp import process
from outgate.dlp.examples import fake
from outgate.policy import PolicyError
from patience import eventually

# The card is what must not be seen anywhere; the rest is what makes detection fail.
CARD = fake("CREDIT_CARD")
HANGING = f"{CARD} " + "a" * 60 + "!"
EXPLODING = f"{CARD} EXPLODE"
SLOW = """
detectors:
  patterns:
    - {entity: SLOW, pattern: '(?:a|aa)+(?<=b)|b{3}', match: [bbb], ignore: [c]}
rules:
  - {name: slow, detect: [SLOW], action: block}
  - {name: cards, detect: [CREDIT_CARD], action: redact}
"""
FAULTY_WORKER = """
import os
from outgate.dlp import engine, worker

def find(text):
    if "EXPLODE" in text:
        raise ValueError(text)
    yield from ()

judged = engine.Engine._judged

def faulty(self, text, looked):
    yield from judged(self, text, looked)
    yield "faulty", find(text)

engine.Engine._judged = faulty
os._exit(worker.main())
"""
ON_ERROR = ("block", "audit", "allow")


def policy(on_error: str, rest: str = SLOW) -> str:
    return f"version: 1\non_error: {on_error}\n{rest}"


def workers() -> set[int]:
    """The detection workers that this process has now."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"outgate.dlp.worker" in (entry / "cmdline").read_bytes():
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                found |= {int(entry.name)} if int(parent) == os.getpid() else set()
        except OSError:
            continue
    return found


@pytest.fixture
def told(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Callable[[Proxy, str, httpx.Response], None]:
    """Checks what was told of one request: nothing of its text anywhere, and the rest as ``on_error`` has it."""
    caplog.set_level(logging.DEBUG)

    def check(proxy: Proxy, text: str, answer: httpx.Response, *, on_error: str, reason: str) -> None:
        (event,) = [
            event for event in proxy.events(len(proxy.received) + (on_error == "block")) if event.reason
        ]
        action = "block" if on_error == "block" else "allow"
        if on_error == "block":
            assert answer.status_code == 503
            assert answer.json()["error"]["type"] == "server_error"
            again = {"retry-after": "2"} if reason == "overload" else {"x-should-retry": "false"}
            assert again.items() <= answer.headers.items()
            assert len({"retry-after", "x-should-retry"} & answer.headers.keys()) == 1
            assert (event.outcome, event.status) == ("refuse", 503)
            assert chat(text) not in [one.body for one in proxy.received]
        else:
            assert answer.status_code == 200
            assert proxy.received[-1].body == chat(text)
            assert (event.outcome, event.status) == ("forward", 200)
        assert event.reason == reason
        metrics = proxy.metrics()
        assert f'outgate_on_error_total{{action="{action}",reason="{reason}"}} 1.0' in metrics
        output = capfd.readouterr()
        kept = b"".join(path.read_bytes() for path in proxy.folder.rglob("*") if path.is_file())
        seen = [caplog.text, output.out, output.err, metrics, answer.text, repr(event), str(answer.headers)]
        for value in (CARD, CARD.replace(" ", ""), "a" * 60):
            assert not any(value in place for place in seen)
            assert value.encode() not in kept

    return check


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Real workers, with one more detector, which raises on the right text and quotes it."""
    (tmp_path / "faulty.py").write_text(FAULTY_WORKER)
    wrapper = tmp_path / "python"
    wrapper.write_text(f"#!/bin/sh\nexec '{sys.executable}' -P '{tmp_path / 'faulty.py'}'\n")
    wrapper.chmod(stat.S_IRWXU)
    monkeypatch.setattr(process, "sys", SimpleNamespace(executable=str(wrapper)))


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_detector_that_raises(
    make_proxy: Callable[..., Proxy], faulty: None, told: Any, on_error: str
) -> None:
    proxy = make_proxy(policy(on_error))
    assert post(proxy, chat("fine")).status_code == 200
    told(proxy, EXPLODING, post(proxy, chat(EXPLODING)), on_error=on_error, reason="detector_error")


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_detector_that_hangs(make_proxy: Callable[..., Proxy], told: Any, on_error: str) -> None:
    proxy = make_proxy(policy(on_error), detection={"workers": 1, "deadline": 3})
    assert post(proxy, chat("fine")).status_code == 200
    told(proxy, HANGING, post(proxy, chat(HANGING)), on_error=on_error, reason="timeout")


@contextmanager
def in_background(work: Callable[[], httpx.Response]) -> Iterator[list[httpx.Response]]:
    """A request under way; its answer is there when the block is over."""
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    try:
        yield answers
    finally:
        thread.join(60)


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_worker_that_is_killed_in_the_middle(
    make_proxy: Callable[..., Proxy], told: Any, on_error: str
) -> None:
    before = workers()
    proxy = make_proxy(policy(on_error), detection={"workers": 1, "deadline": 30})
    assert post(proxy, chat("fine")).status_code == 200
    with in_background(lambda: post(proxy, chat(HANGING))) as answers:
        time.sleep(0.7)
        (worker,) = workers() - before
        os.kill(worker, signal.SIGKILL)
    told(proxy, HANGING, answers[0], on_error=on_error, reason="crash")
    assert post(proxy, chat("fine")).status_code == 200  # by another worker


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_more_requests_than_can_wait(make_proxy: Callable[..., Proxy], told: Any, on_error: str) -> None:
    before = workers()
    proxy = make_proxy(policy(on_error), detection={"workers": 1, "deadline": 30, "queue_limit": 1})
    assert post(proxy, chat("fine")).status_code == 200
    (worker,) = workers() - before
    os.kill(worker, signal.SIGSTOP)
    try:
        with in_background(lambda: post(proxy, chat("fine, too"))):
            time.sleep(0.5)
            with in_background(lambda: post(proxy, chat("as fine"))):
                assert eventually(lambda: "outgate_detection_queue_depth 1.0" in proxy.metrics())
                answer = post(proxy, chat(HANGING))
                os.kill(worker, signal.SIGCONT)
    finally:
        os.kill(worker, signal.SIGCONT)
    # Whoever can make us busy does not decide what is inspected: this is no matter of ``on_error``.
    told(proxy, HANGING, answer, on_error="block", reason="overload")


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_without_the_model_that_a_policy_wants_no_proxy_starts(
    make_proxy: Callable[..., Proxy], on_error: str
) -> None:
    rest = (
        "detectors: {ner_model: no_such_model}\nrules:\n  - {name: names, detect: [PERSON], action: redact}\n"
    )
    with pytest.raises(PolicyError, match=r"PERSON.*no_such_model"):
        make_proxy(policy(on_error, rest))


@pytest.mark.parametrize("on_error", ON_ERROR)
def test_a_body_that_cannot_be_decoded(make_proxy: Callable[..., Proxy], on_error: str) -> None:
    """Of an encoding that nobody here knows: 415, or what ``on_error`` says in so many words."""
    proxy = make_proxy(policy(on_error))
    answer = post(proxy, chat(CARD), **{"content-encoding": "rot13"})
    assert answer.status_code == (415 if on_error == "block" else 200)
    assert len(proxy.received) == (on_error != "block")
    assert 'reason="unknown_encoding"' in proxy.metrics()


def test_a_failure_opens_no_gate(make_proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("outgate.formats.read", fail)
    gate = "rules: [{name: closed, when: {method: POST}, unless: {path: /v1/open*}, action: block}]\n"
    proxy = make_proxy(policy("allow", gate))
    answer = post(proxy, chat("fine"))
    assert answer.status_code == 403
    assert not proxy.received
    (event,) = proxy.events(1)
    assert (event.outcome, event.rule) == ("block", "closed")


def test_in_audit_mode_nothing_is_blocked_by_a_failure(make_proxy: Callable[..., Proxy], told: Any) -> None:
    proxy = make_proxy(f"mode: audit\n{policy('block')}", detection={"workers": 1, "deadline": 3})
    told(proxy, HANGING, post(proxy, chat(HANGING)), on_error="allow", reason="timeout")


# --- a policy that changes -------------------------------------------------------------------


def hash_in_force(proxy: Proxy) -> str:
    (line,) = [line for line in proxy.metrics().splitlines() if line.startswith("outgate_policy_info{")]
    return line.partition('"')[2].partition('"')[0]


@pytest.mark.parametrize("detectors_change", [False, True])
def test_a_request_is_judged_whole_by_the_policy_that_it_began_with(
    make_proxy: Callable[..., Proxy], detectors_change: bool
) -> None:
    before = workers()
    proxy = make_proxy(detection={"workers": 1, "deadline": 30, "inline": 0})
    assert post(proxy, chat("fine")).status_code == 200
    old, (worker,) = hash_in_force(proxy), workers() - before
    new = POLICY.replace(
        "detect: [CREDIT_CARD, IBAN_CODE]\n    action: redact", "detect: [IBAN_CODE]\n    action: redact"
    )
    new = new if detectors_change else POLICY.replace("action: redact", "action: audit")
    assert new != POLICY
    os.kill(worker, signal.SIGSTOP)
    try:
        with in_background(lambda: post(proxy, chat(f"first {CARD}"))):
            time.sleep(0.5)
            proxy.policy.write_text(new)
            assert eventually(lambda: hash_in_force(proxy) != old, 20)
            os.kill(worker, signal.SIGCONT)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert proxy.received[-1].body == chat("first [REDACTED CREDIT_CARD]")
    post(proxy, chat(f"second {CARD}"))
    assert proxy.received[-1].body == chat(f"second {CARD}")
    judged_by = [event.policy[:16] for event in proxy.events(3)]
    assert judged_by == [old, old, hash_in_force(proxy)]
    assert judged_by[0] != judged_by[2]


def test_a_policy_with_a_mistake_leaves_the_old_one_in_force_and_says_so(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    old = hash_in_force(proxy)
    proxy.policy.write_text(POLICY.replace("action: block", "action: blok"))
    assert eventually(lambda: "outgate_policy_load_failed 1.0" in proxy.metrics(), 20)
    assert post(proxy, chat(fake("GITHUB_TOKEN"))).status_code == 403
    assert proxy.events()[-1].policy.startswith(old) and hash_in_force(proxy) == old
    assert any("blok" in one.getMessage() and one.levelno == logging.ERROR for one in caplog.records)
    proxy.policy.write_text(POLICY)
    assert eventually(lambda: "outgate_policy_load_failed 0.0" in proxy.metrics(), 20)


# --- an audit log that cannot be written -----------------------------------------------------


def broken(proxy: Proxy) -> tuple[Path, Path]:
    """The audit log's folder, moved aside, and where it is now."""
    folder = proxy.folder / "state" / "audit"
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.write_text("in the way")
    return folder, aside


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
def test_without_its_audit_log_nothing_is_forwarded_when_that_is_wanted(
    make_proxy: Callable[..., Proxy], sink: str
) -> None:
    proxy = make_proxy(audit={"sink": sink, "on_error": "block"})
    assert post(proxy, chat("one")).status_code == 200
    proxy.events()
    folder, aside = broken(proxy)
    post(proxy, chat("two"))  # it is told of after it is over
    assert eventually(lambda: "outgate_audit_failing 1.0" in proxy.metrics())
    count = len(proxy.received)
    answer = post(proxy, b'{"messages": []}', "https://api.anthropic.com/v1/messages")
    assert answer.status_code == 503
    assert answer.json()["type"] == "error" and answer.json()["error"]["type"] == "api_error"
    assert len(proxy.received) == count
    assert 'reason="audit_unavailable"' in proxy.metrics()
    folder.unlink()
    aside.rename(folder)
    assert eventually(lambda: post(proxy, chat("three")).status_code == 200, 20)
    assert eventually(lambda: proxy.events(4)[-1].reason == "")
    assert "audit_unavailable" in [event.reason for event in proxy.events()]


def test_without_its_audit_log_everything_goes_on_when_that_is_wanted(
    make_proxy: Callable[..., Proxy],
) -> None:
    proxy = make_proxy(audit={"on_error": "allow"})
    post(proxy, chat("one"))
    proxy.events()
    folder, aside = broken(proxy)
    for _ in range(3):
        assert post(proxy, chat("two")).status_code == 200
    assert eventually(lambda: "outgate_audit_failing 1.0" in proxy.metrics())
    folder.unlink()
    aside.rename(folder)
    assert len(proxy.events(4)) == 4  # what happened meanwhile was kept
    assert eventually(lambda: "outgate_audit_failing 0.0" in proxy.metrics())
