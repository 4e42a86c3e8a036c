"""``outgate policy check|test|explain|diff|schema`` on real files: exit codes, places, what is said."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outgate import shipped
from outgate.dlp.examples import fake
from outgate.policy.files import packs

Shell = Callable[..., Any]  # the fixture of conftest.py

SOURCES = Path(__file__).parents[3] / "proxy"
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


# --- test ---------------------------------------------------------------------------------------


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


# --- check --------------------------------------------------------------------------------------


def test_a_good_policy_is_told_in_a_line(shell: Shell) -> None:
    write(p=POLICY, p_test=GOOD)
    done = shell("policy", "check", "p.yaml", "p.test.yaml")
    assert done.code == 0
    first, second = done.text.splitlines()
    assert first.startswith("ok  p.yaml: 5 rules, ")
    assert second == "ok  p.test.yaml: 3 cases"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("action: mask", "acton: mask", "p.yaml:6:42: unknown key `acton`; did you mean action?"),
        ("action: mask", "action: maks", "p.yaml:6:50: 'maks' is not one of"),
        ("[CREDIT_CARD]", "[CREDIT_CRAD]", "p.yaml:6:28: no detector provides 'CREDIT_CRAD'; did you mean"),
        (
            "CN",
            "UK",
            "p.yaml:3:52: 'UK' is not an ISO 3166-1 country code such as US or DE: UK is written GB",
        ),
        ("CN", "China", "p.yaml:3:52: 'China' is not an ISO 3166-1 country code such as US or DE"),
        ("provider.jurisdiction: CN", "provider.id: deepsek", "did you mean deepseek?"),
        ("name: cards", "name: keys", "p.yaml:6:12: a second rule is called 'keys'; first at p.yaml:5"),
        ("name: cards", "name: on_error", "p.yaml:6:12: 'on_error' is a setting's name, not a rule's"),
        (
            "rules:",
            "mode: enforc\nrules:",
            "p.yaml:2:7: 'enforc' is not one of: enforce, audit; did you mean",
        ),
        ("rules:", "include: pack:gdrp\nrules:", "p.yaml:2:10: no pack is called 'gdrp'; did you mean gdpr?"),
        ("rules:", "include: r.yaml\nrules:", "p.yaml:2:10: there is no file r.yaml; did you mean"),
        ("rules:", "rules: []\nrules:", "p.yaml:3:1: `rules` is here twice; first on line 2"),
        ("min_score: 0.8", "min_score: 8", "p.yaml:5:"),
        ("when: {model:", "when: {modl:", "p.yaml:4:26: unknown key `modl`; did you mean model?"),
    ],
)
def test_a_mistake_is_told_by_line_and_column_with_what_was_meant_and_the_code_is_1(
    shell: Shell, old: str, new: str, told: str
) -> None:
    assert old in POLICY
    write(p=POLICY.replace(old, new, 1), q=POLICY)
    done = shell("policy", "check", "p.yaml", "q.yaml")
    assert done.code == 1
    assert told in done.err
    assert "ok  q.yaml" in done.text


def test_all_mistakes_of_a_file_are_told_at_once_in_its_order(shell: Shell) -> None:
    write(p=POLICY.replace("CN", "XX").replace("[CREDIT_CARD]", "[CARDS]").replace("min_score", "score"))
    lines = shell("policy", "check", "p.yaml").err.splitlines()
    assert [line.split(":")[1] for line in lines] == ["3", "5", "6"]


def test_a_rule_that_is_never_reached_is_a_warning(shell: Shell) -> None:
    write(p=POLICY + "  - {name: late, detect: [CREDIT_CARD], action: block}\n")
    done = shell("policy", "check", "p.yaml")
    assert done.code == 0
    assert "p.yaml:8:5: rule 'late' never decides: 'cards' above it comes first" in done.err


def test_a_rule_whose_model_is_not_installed_is_a_mistake_unless_that_is_not_asked(shell: Shell) -> None:
    names = (
        "version: 1\ndetectors: {ner_model: not_there}\nrules: [{name: a, detect: [PERSON], action: audit}]\n"
    )
    write(p=names)
    done = shell("policy", "check", "p.yaml")
    assert (done.code, "p.yaml:3:28: PERSON: it needs" in done.err) == (1, True)
    assert shell("policy", "check", "--no-model", "p.yaml").code == 0


# --- explain ------------------------------------------------------------------------------------


def test_explain_says_which_rule_decides_and_why_not_the_others_and_shows_no_value(shell: Shell) -> None:
    write(p=POLICY)
    text = f"card {fake('CREDIT_CARD')} of {fake('EMAIL_ADDRESS')}"
    done = shell("policy", "explain", "--policy", "p.yaml", stdin=text.encode())
    assert done.code == 0
    assert "verdict edit" in done.text
    assert "block   no china: provider.jurisdiction is US, not CN" in done.text
    assert "block   keys: detects other entities than CREDIT_CARD" in done.text
    assert "=> mask    cards" in done.text
    assert "=> audit   mail" in done.text
    assert fake("CREDIT_CARD") not in done.text
    assert fake("EMAIL_ADDRESS") not in done.text


def test_explain_tells_whose_placeholders_are_made_and_leaves_those_that_are_there_alone(
    shell: Shell,
) -> None:
    write(p="version: 1\nrules: [{name: mail, detect: [EMAIL_ADDRESS, PASSWORD], action: pseudonymise}]\n")
    text = "kim.roe@northwind-mail.com, password: PASSWORD_" + "ab2cd3ef4gh5"
    done = shell("policy", "explain", "--policy", "p.yaml", "--user", "kim", stdin=text.encode())
    assert "scope   user:kim" in done.text
    assert "=> pseudonymise mail" in done.text
    assert "finding 1: EMAIL_ADDRESS" in done.text
    assert "finding 2" not in done.text


def test_explain_takes_who_asks_whom_when_from_its_options(shell: Shell) -> None:
    write(
        p="version: 1\nrules:\n"
        "  - {name: research, when: {identity.groups: ai, client.network: 10.0.0.0/8}, action: allow}\n"
        "  - {name: at night, when: {time: {hours: '22:00-06:00'}}, action: block}\n"
    )
    options = ("--policy", "p.yaml", "--time", "2026-01-31T23:30+00:00")
    assert "verdict block by 'at night'" in shell("policy", "explain", *options, stdin=b"x").text
    more = ("--group", "ai", "--client", "10.2.3.4", "--provider", "mistral")
    done = shell("policy", "explain", *options, *more, stdin=b"x")
    assert "to      Mistral AI (mistral, FR)" in done.text
    assert "verdict forward" in done.text
    assert "=> allow   research: because identity.groups is ai and client.network is 10.2.3.4" in done.text


def test_explain_reads_a_body_and_tells_the_place_of_a_finding(shell: Shell) -> None:
    write(p=POLICY)
    body = (
        b'{"model": "qwen3", "messages": [{"role": "system", "content": "%s"}]}'
        % fake("GITHUB_TOKEN").encode()
    )
    done = shell("policy", "explain", "--policy", "p.yaml", stdin=body)
    assert "verdict block by 'keys'" in done.text
    assert "in messages[0].content (system), characters 0 to 40" in done.text
    assert "=> audit   noted: because model is qwen3" in done.text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--provider", "opnai"), "did you mean openai?"),
        (("--client", "here"), "--client"),
        (("--time", "yesterday"), "--time"),
        (("--url", "nowhere"), "is not a URL"),
    ],
)
def test_explain_with_an_option_that_means_nothing_is_bad_usage(
    shell: Shell, options: tuple[str, ...], told: str
) -> None:
    done = shell("policy", "explain", *options, stdin=b"x")
    assert done.code == 2
    assert told in done.err


def test_explain_of_a_body_that_cannot_be_read_says_so(shell: Shell) -> None:
    done = shell("policy", "explain", stdin=b'{"messages": [], "messages": []}')
    assert (done.code, "refuse duplicate_key" in done.text) == (0, True)


# --- diff ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("action: mask", "action: audit", 1, "- laxer     mask -> audit: CREDIT_CARD"),
        ("action: mask", "action: redact", 0, "+ stricter  mask -> redact: CREDIT_CARD"),
        ("jurisdiction: CN", "jurisdiction: RU", 1, "- laxer     block -> allow: requests as a whole"),
        ("min_score: 0.8", "min_score: 0.9", 1, "with score 0.80 to 0.90"),
        ("version: 1", "version: 1\non_error: allow", 1, "- laxer     on_error: block -> allow"),
        ("version: 1", "version: 1\nmode: audit", 1, "- laxer     mode: enforce -> audit"),
        ("version: 1", "version: 1\nuninspectable: block", 0, "+ stricter  uninspectable: audit -> block"),
        ('model: "qwen*"', 'model: "gwen*"', 0, "~ same      audit -> allow: requests as a whole"),
        ("name: cards", "name: numbers", 0, "no rule decides otherwise"),
    ],
)
def test_diff_ends_with_1_only_when_something_leaves_that_did_not(
    shell: Shell, old: str, new: str, code: int, told: str
) -> None:
    write(p=POLICY, q=POLICY.replace(old, new, 1))
    done = shell("policy", "diff", "p.yaml", "q.yaml")
    assert told in done.text
    assert done.code == code


def test_diff_runs_the_cases_of_both_and_tells_those_with_another_verdict(shell: Shell) -> None:
    write(p=POLICY, p_test=GOOD, q=POLICY.replace("action: mask", "action: audit"))
    done = shell("policy", "diff", "p.yaml", "q.yaml")
    assert "case 'cards are masked, mail is recorded, the model is noted': edit" in done.text
    assert "case 'a key is blocked'" not in done.text


def test_diff_of_a_policy_that_cannot_be_used_ends_with_2(shell: Shell) -> None:
    write(p=POLICY, q=POLICY.replace("action: mask", "acton: mask"))
    done = shell("policy", "diff", "p.yaml", "q.yaml")
    assert (done.code, "q.yaml:6:42: unknown key `acton`" in done.err) == (2, True)
    assert shell("policy", "diff", "p.yaml", "nowhere.yaml").code == 2


def test_the_shipped_default_differs_from_itself_in_nothing(shell: Shell) -> None:
    default = str(shipped.policies() / "default.yaml")
    done = shell("policy", "diff", default, default)
    assert (done.code, done.text) == (0, "no rule decides otherwise\n")
