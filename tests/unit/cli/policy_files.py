"""A policy and its cases, and files of a working folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Shell = Callable[..., Any]  # the fixture of conftest.py
POLICY = """\
version: 1
rules:
  - {name: no china, when: {provider.jurisdiction: CN}, action: block}
  - {name: noted, when: {model: "qwen*"}, action: audit}
  - {name: keys, detect: [secrets], min_score: 0.8, action: block}
  - {name: cards, detect: [CREDIT_CARD], action: mask}
  - {name: mail, detect: [EMAIL_ADDRESS], action: audit}
"""
GOOD = """\
cases:
  - name: to China nothing goes
    given: {provider: deepseek, text: hello}
    expect: {outcome: block, rule: no china}
  - name: a key is blocked
    given: {text: "{{fake:GITHUB_TOKEN}}"}
    expect: {outcome: block, rule: keys}
  - name: cards are masked, mail is recorded, the model is noted
    given: {model: qwen3, text: "{{fake:CREDIT_CARD}} {{fake:EMAIL_ADDRESS}}"}
    expect:
      rules: [noted]
      findings: {CREDIT_CARD: {mask: cards}, EMAIL_ADDRESS: audit}
      body: {contains: "{{fake:EMAIL_ADDRESS}}", lacks: "{{fake:CREDIT_CARD}}"}
"""


def write(**files: str) -> None:
    """Files of the working folder: ``p`` is p.yaml, ``p_test`` is p.test.yaml."""
    for name, text in files.items():
        Path(name.replace("_test", ".test") + ".yaml").write_text(text)
