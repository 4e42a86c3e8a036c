"""``outgate policy test`` on real files: what each case came to, and the exit code."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from policy_files import GOOD, POLICY, Shell, write

from outgate.policy.files import packs

SOURCES = Path(__file__).parents[3] / "proxy"


def test_cases_that_pass_are_listed_and_the_exit_code_is_0(shell: Shell) -> None:
    write(p=POLICY, p_test=GOOD)
    done = shell("policy", "test", "p.yaml")
    assert (done.code, done.err) == (0, "")
    assert done.text.splitlines() == [
        "p.test.yaml",
        "  ok   to China nothing goes",
        "  ok   a key is blocked",
        "  ok   cards are masked, mail is recorded, the model is noted",
        "3 cases, 0 failed",
    ]


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("{outcome: forward}", "outcome: expected forward, got edit"),
        ("{rule: keys}", "rule: expected keys, got None"),
        ("{status: 403}", "status: expected 403, got 0"),
        ("{reason: bad_json}", "reason: expected bad_json, got "),
        ("{would_block: keys}", "would_block: expected keys, got None"),
        ("{rules: [other]}", "rules: expected 'other', got 'noted'"),
        ("{rules: []}", "rules: expected none, got 'noted'"),
        ("{findings: {}}", "findings: CREDIT_CARD: expected nothing found, got mask by 'cards'"),
        (
            "{findings: {CREDIT_CARD: redact}}",
            "findings: CREDIT_CARD: expected redact, got mask by 'cards'",
        ),
        (
            "{findings: {CREDIT_CARD: {mask: mail}}}",
            "findings: CREDIT_CARD: expected mask by 'mail', got mask by 'cards'",
        ),
        (
            "{findings: {CREDIT_CARD: [mask, audit]}}",
            "findings: CREDIT_CARD: expected audit and mask, got mask by 'cards'",
        ),
        (
            "{findings: {CREDIT_CARD: mask, US_SSN: audit}}",
            "findings: US_SSN: expected audit, got nothing found",
        ),
        ("{message: sorry}", "message: 'sorry' is not in ''"),
        ("{body: {contains: hullo}}", "body: 'hullo' did not leave"),
        ("{body: {lacks: hello}}", "body: 'hello' left"),
    ],
)
def test_a_case_that_fails_says_where_it_stands_and_what_differs(
    shell: Shell, expect: str, told: str
) -> None:
    case = f"""\
cases:
  - name: passes
    given: {{text: hello}}
    expect: {{outcome: forward}}
  - name: fails
    given: {{model: qwen3, text: "hello {{{{fake:CREDIT_CARD}}}}"}}
    expect: {expect}
"""
    write(p=POLICY, p_test=case)
    done = shell("policy", "test", "p.yaml")
    assert done.code == 1
    lines = done.text.splitlines()
    assert lines[1:4] == ["  ok   passes", "  FAIL fails", f"       p.test.yaml:5: {told}"]
    assert lines[-1] == "2 cases, 1 failed"


def test_a_case_can_say_what_the_model_answers_and_what_becomes_of_it(shell: Shell) -> None:
    rules = """\
version: 1
rules:
  - {name: cards, direction: response, detect: [CREDIT_CARD], action: redact}
  - {name: keys, direction: response, detect: [GITHUB_TOKEN], action: block}
"""
    case = """\
cases:
  - name: a card goes
    given: {text: hello, answer: "pay {{fake:CREDIT_CARD}} now"}
    expect:
      findings: {}
      answer:
        {outcome: edit, findings: {CREDIT_CARD: {redact: cards}}, contains: "[REDACTED", lacks: "{{fake:CREDIT_CARD}}"}
  - name: a key blocks
    given: {provider: anthropic, text: hello, answer: "{{fake:GITHUB_TOKEN}}"}
    expect: {answer: {outcome: block, rule: keys}}
  - name: fails
    given: {provider: google-ai, text: hello, answer: "{{fake:CREDIT_CARD}}"}
    expect: {answer: {outcome: forward, contains: "{{fake:CREDIT_CARD}}"}}
"""
    write(p=rules, p_test=case)
    lines = shell("policy", "test", "p.yaml").text.splitlines()
    assert lines[1:4] == ["  ok   a card goes", "  ok   a key blocks", "  FAIL fails"]
    assert "answer: expected forward, got edit" in lines[4]
    assert "did not arrive" in lines[5]
    none_given = "cases: [{name: a, given: {text: hi}, expect: {answer: {outcome: edit}}}]"
    write(p=rules, p_test=none_given)
    assert "an answer, and none is given" in shell("policy", "check", "p.test.yaml").err


def test_nothing_of_a_blocked_body_counts_as_having_left(shell: Shell) -> None:
    case = "cases: [{name: a, given: {provider: deepseek, text: hello}, expect: {body: {contains: hello}}}]"
    write(p=POLICY, p_test=case)
    assert "body: 'hello' did not leave" in shell("policy", "test", "p.yaml").text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cases: [\n", "p.test.yaml:2:1: not valid YAML"),
        ("cases: []\n", "p.test.yaml:1:8: "),
        (
            "cases:\n  - name: a\n    given: {txt: hi}\n    expect: {outcome: block}\n",
            "p.test.yaml:3:13: unknown key `txt`; did you mean text?",
        ),
        (
            "cases:\n  - name: a\n    given: {text: hi}\n    expect: {outcome: blok}\n",
            "p.test.yaml:4:23: 'blok' is not one of: forward, edit, block, refuse; did you mean block?",
        ),
        (
            "cases:\n  - name: a\n    given: {text: hi}\n    expect: {findings: {US_SSN: redcat}}\n",
            "p.test.yaml:4:33: 'redcat' is not one of: allow, audit, redact, mask, hash, pseudonymise, block; "
            "did you mean redact?",
        ),
        (
            "cases:\n  - name: a\n    given: {text: hi}\n    expect: {}\n",
            "p.test.yaml:4:13: nothing is expected",
        ),
        (
            "cases:\n  - name: a\n    given: {text: hi, body: ho}\n    expect: {outcome: block}\n",
            "p.test.yaml:3:12: only one of `text`, `messages` and `body` can be given",
        ),
        (
            "cases:\n  - name: a\n    given: {provider: opnai, text: hi}\n    expect: {outcome: block}\n",
            "p.test.yaml:3:23: no provider of the catalogue is called 'opnai'; did you mean openai?",
        ),
        (
            "cases:\n  - name: a\n    given: {provider: azure-openai, text: hi}\n    expect: {outcome: block}\n",
            "p.test.yaml:3:23: azure-openai has a host for each customer; give a `url` instead",
        ),
        (
            "cases:\n  - name: a\n    given: {url: openai.com, text: hi}\n    expect: {outcome: block}\n",
            "p.test.yaml:3:18: 'openai.com' is not a URL",
        ),
        (
            "cases:\n  - name: a\n    given: {text: 'x {{fake:GITHUB_TOKN}}'}\n    expect: {outcome: block}\n",
            "p.test.yaml:3:19: there is no made-up GITHUB_TOKN; did you mean GITHUB_TOKEN?",
        ),
        (
            "cases:\n  - name: a\n    given: {text: 'x {{fake:US_PASSPORT}}'}\n    expect: {outcome: block}\n",
            "p.test.yaml:3:19: there is no made-up US_PASSPORT; write out a value",
        ),
        (
            "policy: other.yaml\ncases:\n  - {name: a, given: {text: hi}, expect: {outcome: block}}\n",
            "other.yaml: cannot be read",
        ),
    ],
)
def test_a_file_of_cases_that_cannot_be_used_ends_with_2_and_the_others_are_run(
    shell: Shell, text: str, told: str
) -> None:
    write(p=POLICY, p_test=text, q=POLICY, q_test=GOOD)
    done = shell("policy", "test", "p.yaml", "q.yaml")
    assert done.code == 2
    assert told in done.err
    assert done.text.splitlines()[-1] == "3 cases, 0 failed; files that cannot be used: 1"


def test_a_broken_policy_under_good_cases_ends_with_2(shell: Shell) -> None:
    write(p=POLICY.replace("mask", "maks"), p_test=GOOD)
    done = shell("policy", "test", "p.yaml")
    assert done.code == 2
    assert "p.yaml:6:50: 'maks' is not one of" in done.err


def test_a_policy_without_cases_and_a_file_that_is_not_there_end_with_2(shell: Shell) -> None:
    write(p=POLICY)
    assert "p.yaml: there are no cases beside it (p.test.yaml)" in shell("policy", "test", "p.yaml").err
    done = shell("policy", "test", "q.yaml")
    assert (done.code, done.err) == (2, "q.yaml: there is no such file\n")


def test_a_policy_and_its_cases_may_both_be_named_and_are_run_once(shell: Shell) -> None:
    write(p=POLICY, p_test=GOOD)
    assert "3 cases, 0 failed" in shell("policy", "test", "p.test.yaml", "p.yaml").text
    assert "3 cases, 0 failed" in shell("policy", "test", "p.test.yaml").text


def test_cases_may_be_about_several_files_together(shell: Shell) -> None:
    write(p=POLICY, q="version: 1\nrules: [{name: nobody, action: block}]\n")
    write(both_test="policy: [q.yaml, p.yaml]\n" + GOOD)
    assert "rule: expected no china, got nobody" in shell("policy", "test", "both.test.yaml").text


def test_rules_that_no_case_tries_are_named_and_fail_nothing(shell: Shell) -> None:
    write(p=POLICY, p_test=GOOD[: GOOD.index("  - name: cards")])
    done = shell("policy", "test", "p.yaml")
    assert done.code == 0
    untried = [line for line in done.text.splitlines() if "no case is decided by" in line]
    assert untried == [f"  no case is decided by {name!r}" for name in ("noted", "cards", "mail")]


def test_without_files_all_that_are_shipped_are_tested(shell: Shell) -> None:
    done = shell("policy", "test")
    assert done.code == 0, done.text
    files = [line for line in done.text.splitlines() if line.endswith(".test.yaml")]
    assert len(files) == 1 + len(packs())


def test_without_files_those_of_the_settings_are_tested(shell: Shell) -> None:
    write(p=POLICY, p_test=GOOD.replace("block", "edit"))
    Path("outgate.yaml").write_text("policies: [p.yaml]\n")
    done = shell("policy", "test")
    assert done.code == 1
    assert done.text.splitlines()[-1] == "3 cases, 2 failed"


def test_there_are_colours_on_a_terminal_and_nowhere_else(shell: Shell, tmp_path: Path) -> None:
    write(p=POLICY, p_test=GOOD.replace("block", "edit"))
    assert b"\x1b" not in shell("policy", "test", "p.yaml").out
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "outgate", "policy", "test", "p.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "TERM": "xterm"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not chunk:
                break
            shown += chunk
    os.close(ours)
    assert process.returncode == 1
    assert b"\x1b[31mFAIL\x1b[0m" in shown
    assert b"\x1b[32mok" in shown
