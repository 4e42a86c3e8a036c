"""``outgate redact --policy``: the bytes that come out are those that went in, with the policy's edits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outgate import shipped
from outgate.dlp.examples import fake
from outgate.gateway.service import fingerprint_key
from outgate.model import Action
from outgate.transform.operators import replacement

Shell = Callable[..., Any]  # the fixture of conftest.py

CARD, MAIL, SSN, IBAN, TOKEN = (
    fake(entity) for entity in ("CREDIT_CARD", "EMAIL_ADDRESS", "US_SSN", "IBAN_CODE", "GITHUB_TOKEN")
)
POLICY = """\
version: 1
rules:
  - {name: no china, when: {provider.jurisdiction: CN}, unless: {identity.groups: ai}, action: block}
  - {name: keys, detect: [secrets], unless: {identity.user: root}, action: block}
  - {name: cards, detect: [CREDIT_CARD], action: mask}
  - {name: numbers, detect: [IBAN_CODE], action: redact}
  - {name: mail, detect: [EMAIL_ADDRESS], action: hash}
  - {name: let through, detect: [US_SSN], action: allow}
  - {name: recorded, detect: [secrets], action: audit}
"""


@pytest.fixture
def policy(shell: Shell) -> str:
    Path("p.yaml").write_text(POLICY)
    return "p.yaml"


def test_each_finding_gets_its_rules_action_and_every_other_byte_stays(shell: Shell, policy: str) -> None:
    text = b"\r\n\xff " + f"{CARD}\t{IBAN} \U0001f600 {MAIL}, SSN {SSN}\0".encode()
    done = shell("redact", "--policy", policy, stdin=text)
    key = fingerprint_key(Path.home() / ".local/state/outgate")
    hashed = replacement(Action.HASH, "EMAIL_ADDRESS", MAIL, key).encode()
    starred = b"*" * 12 + CARD[-4:].encode()
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        b"\r\n\xff "
        + starred
        + b"\t[REDACTED IBAN_CODE] \xf0\x9f\x98\x80 "
        + hashed
        + f", SSN {SSN}\0".encode()
    )


def test_the_same_value_has_the_same_hash_in_the_next_run(shell: Shell, policy: str) -> None:
    first = shell("redact", "--policy", policy, stdin=f"{MAIL} {MAIL}".encode()).out
    assert (
        shell("redact", "--policy", policy, stdin=MAIL.encode()).out == first.split()[0] == first.split()[1]
    )
    assert first.startswith(b"EMAIL_ADDRESS_")


def test_a_text_that_is_blocked_is_not_written_and_the_place_is_told_without_the_value(
    shell: Shell, policy: str
) -> None:
    done = shell("redact", "--policy", policy, stdin=f"{CARD}\nkey {TOKEN}\n".encode())
    assert (done.code, done.out) == (1, b"")
    assert "'keys' blocks this text" in done.err
    assert "line 2, column 5: GITHUB_TOKEN" in done.err
    assert TOKEN not in done.err
    assert CARD not in done.err


def test_a_gate_that_blocks_ends_it_before_anything_is_looked_for(shell: Shell, policy: str) -> None:
    done = shell("redact", "--policy", policy, "--provider", "deepseek", stdin=b"hello")
    assert (done.code, done.out) == (1, b"")
    assert "'no china' blocks this text" in done.err
    options = ("--provider", "deepseek", "--group", "staff", "--group", "ai")
    assert shell("redact", "--policy", policy, *options, stdin=b"hello").out == b"hello"


def test_who_writes_matters_where_a_rule_says_so(shell: Shell, policy: str) -> None:
    done = shell("redact", "--policy", policy, "--user", "root", stdin=TOKEN.encode())
    assert (done.code, done.out) == (0, TOKEN.encode())


def test_several_policies_are_one(shell: Shell, policy: str) -> None:
    Path("q.yaml").write_text(
        "version: 1\nrules: [{name: street, detect: [STREET_ADDRESS], action: redact}]\n"
    )
    text = f"{fake('STREET_ADDRESS')}: {CARD}".encode()
    done = shell("redact", "--policy", policy, "--policy", "q.yaml", stdin=text)
    assert done.out == b"[REDACTED STREET_ADDRESS]: " + b"*" * 12 + CARD[-4:].encode()


def test_audit_mode_changes_nothing_and_says_what_would_have_blocked(shell: Shell, policy: str) -> None:
    Path(policy).write_text(POLICY.replace("version: 1", "version: 1\nmode: audit"))
    text = f"{CARD} {TOKEN}".encode()
    done = shell("redact", "--policy", policy, stdin=text)
    assert (done.code, done.out) == (0, text)
    assert "'keys' would block this text, were it not audit mode" in done.err


def test_the_shipped_default_edits_a_text_as_the_proxy_does(shell: Shell) -> None:
    default = str(shipped.policies() / "default.yaml")
    done = shell("redact", "--policy", default, stdin=f"{CARD} {MAIL} SSN {SSN}".encode())
    assert done.out == f"[REDACTED CREDIT_CARD] {MAIL} SSN [REDACTED US_SSN]".encode()
    assert not (Path.home() / ".local").exists()  # no hash, no key


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--policy", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("--policy", "p.yaml", "--detect", "secrets"), "--detect does not go with --policy"),
        (("--policy", "p.yaml", "--provider", "opnai"), "'opnai'; did you mean openai?"),
        (("--policy", "broken.yaml"), "broken.yaml:3:"),
        (("--policy", "names.yaml"), "names.yaml:3:28: PERSON"),
    ],
)
def test_what_cannot_be_asked_is_bad_usage_and_nothing_is_written(
    shell: Shell, policy: str, arguments: tuple[str, ...], told: str
) -> None:
    Path("broken.yaml").write_text(POLICY.replace("action: block", "action: blok"))
    Path("names.yaml").write_text(
        "version: 1\ndetectors: {ner_model: not_there}\nrules: [{name: a, detect: [PERSON], action: audit}]\n"
    )
    done = shell("redact", *arguments, stdin=CARD.encode())
    assert (done.code, done.out) == (2, b"")
    assert told in done.err
    assert CARD not in done.err


def test_without_a_policy_everything_that_is_found_goes(shell: Shell) -> None:
    done = shell("redact", stdin=f"{TOKEN}\n{MAIL}".encode())
    assert (done.code, done.out) == (0, b"[REDACTED GITHUB_TOKEN]\n[REDACTED EMAIL_ADDRESS]")


def test_what_a_policy_would_pseudonymise_is_redacted_for_nothing_comes_back(shell: Shell) -> None:
    file = Path("placeholders.yaml")
    file.write_text("version: 1\nrules: [{name: mail, detect: [EMAIL_ADDRESS], action: pseudonymise}]\n")
    done = shell("redact", "--policy", str(file), stdin=f"to {MAIL}\n".encode())
    assert done.out == b"to [REDACTED EMAIL_ADDRESS]\n"
