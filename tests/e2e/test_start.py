"""What the proxy does not start with, and what does not take its policy's place."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from e2e.conftest import POLICY, Proxy
from e2e.test_traffic import chat, post
from outgate.dlp.examples import fake
from outgate.policy import PolicyError

NAMES = """
version: 1
rules:
  - name: people
    detect: [PERSON]
    action: redact
detectors:
  ner_model: a_model_that_is_not_installed
"""


def test_a_policy_that_wants_names_without_a_model_does_not_start_and_says_which(
    make_proxy: Callable[..., Proxy],
) -> None:
    with pytest.raises(PolicyError) as caught:
        make_proxy(NAMES)
    told = str(caught.value)
    assert "policy.yaml:5:" in told
    assert "PERSON: it needs the named-entity model 'a_model_that_is_not_installed'" in told
    assert "outgate[ner]" in told


def test_a_policy_that_wants_names_without_a_model_does_not_replace_one_that_works(
    make_proxy: Callable[..., Proxy],
) -> None:
    proxy = make_proxy()
    proxy.policy.write_text(
        POLICY.replace("[PROJECT]", "[PERSON]") + "  ner_model: a_model_that_is_not_installed\n"
    )
    end = time.monotonic() + 20
    while "outgate_policy_load_failed 1.0" not in proxy.metrics():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert post(proxy, chat(f"Bluebird {fake('CREDIT_CARD')}")).status_code == 200
    assert proxy.received[-1].body == chat("[REDACTED PROJECT] [REDACTED CREDIT_CARD]")
