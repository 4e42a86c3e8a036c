"""``allowed_accounts`` in a policy: what it lists, whom it blocks, and how a change of it is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from outgate.catalogue import Catalogue
from outgate.model import Facts, Identity, Outcome
from outgate.model_accounts import Account
from outgate.pipeline import Rules, inspect
from outgate.policy import Policy, PolicyError, load
from outgate.policy.diff import Direction, compare
from outgate.policy.given import GivenSpec, exchange_of

CATALOGUE = Catalogue.load()
PROVIDERS = CATALOGUE.providers
KEYS = ("0" * 32, "1" * 32)
UUID = "00000000-aaaa-4bbb-8ccc-0123456789ab"


def made(tmp_path: Path, accounts: str, rest: str = "", name: str = "policy") -> Policy:
    file = tmp_path / f"{name}.yaml"
    file.write_text(f"version: 1\nallowed_accounts:\n  {accounts}\n{rest}")
    return load([file], providers=PROVIDERS.values())


def facts(provider: str, *accounts: Account) -> Facts:
    return Facts(
        provider=PROVIDERS[provider],
        region=None,
        model="m",
        model_origin=None,
        host="h",
        path="/",
        method="POST",
        identity=Identity(),
        client=ip_address("127.0.0.1"),
        time=datetime(2026, 1, 1, tzinfo=UTC),
        accounts=accounts,
    )


def key(number: int) -> Account:
    return Account("key", KEYS[number])


def organization(name: str) -> Account:
    return Account("organization", name, "scope")


OURS, THEIRS = organization("org-Ours"), organization("org-Theirs")
NOBODYS = Account("key", "")


@pytest.mark.parametrize(
    ("accounts", "goes_on"),
    [
        ((), False),
        ((OURS,), True),
        ((THEIRS,), False),
        ((OURS, THEIRS), False),
        ((OURS, key(1)), True),
        ((key(0),), True),
        ((key(0), THEIRS), False),
        ((key(1),), False),
        ((key(0), key(1)), False),
        ((key(0), NOBODYS), False),
        ((NOBODYS,), False),
        ((Account("project", "proj_Any", "scope"),), False),
        ((Account("project", "proj_Any", "scope"), key(0)), True),
        ((Account("organization", "", "scope"), key(0)), False),
        ((Account("organization", "org-Ours", "none"), key(1)), False),
        ((Account("organization", "org-Ours", "none"),), False),
    ],
)
def test_nothing_foreign_is_told_and_something_proves_whose_it_is(
    tmp_path: Path, accounts: tuple[Account, ...], goes_on: bool
) -> None:
    policy = made(tmp_path, f"openai: {{accounts: [organization:org-Ours, 'key:{KEYS[0]}']}}")
    judged = policy.gate(facts("openai", *accounts))
    assert judged.blocked_by == (None if goes_on else "allowed_accounts")
    assert policy.gate(facts("groq", *accounts)).blocked_by is None  # nothing is said of its accounts


def test_what_only_the_provider_can_tell_is_left_to_it_and_what_can_be_told_is_not(tmp_path: Path) -> None:
    web = made(tmp_path, f"claude-web: {{accounts: 'organization:{UUID}'}}")
    assert web.gate(facts("claude-web", NOBODYS)).blocked_by is None
    api = made(tmp_path, "openai: {accounts: organization:org-Ours}")
    assert api.gate(facts("openai", key(1))).blocked_by
    lent = made(tmp_path, "openai: {accounts: organization:org-Ours, unknown: provider}")
    assert lent.gate(facts("openai", key(1))).blocked_by is None
    assert lent.gate(facts("openai", key(1), THEIRS)).blocked_by
    assert lent.gate(facts("openai")).blocked_by is None


def test_no_gate_opens_what_it_blocks_and_audit_mode_names_it(tmp_path: Path) -> None:
    rule = "rules: [{name: open, when: {method: POST}, action: allow}]"
    policy = made(tmp_path, "openai: {accounts: organization:org-Ours}", rule)
    assert policy.gate(facts("openai", THEIRS)).blocked_by == "allowed_accounts"
    auditing = replace(policy, mode="audit")
    judged = auditing.gate(facts("openai", THEIRS))
    assert (judged.blocked_by, judged.would_block) == (None, "allowed_accounts")
    assert auditing.restrictions(PROVIDERS["openai"]) == ()
    assert policy.restrictions(PROVIDERS["openai"]) == ((b"openai-allowed-organization-ids", b"org-Ours"),)


def test_where_it_is_only_audited_it_is_noted_and_the_provider_is_told_nothing(tmp_path: Path) -> None:
    policy = made(tmp_path, "openai: {accounts: organization:org-Ours, unlisted: audit}")
    judged = policy.gate(facts("openai", THEIRS))
    assert (judged.blocked_by, judged.rules) == (None, ("allowed_accounts",))
    assert policy.restrictions(PROVIDERS["openai"]) == ()
    assert policy.gate(facts("openai", OURS)).rules == ()


def test_several_of_a_kind_are_told_together_and_those_of_another_kind_are_not(tmp_path: Path) -> None:
    other = UUID.replace("0", "f")
    policy = made(
        tmp_path, f"anthropic: {{accounts: ['organization:{UUID}', 'key:{KEYS[0]}', 'organization:{other}']}}"
    )
    assert policy.restrictions(PROVIDERS["anthropic"]) == (
        (b"anthropic-allowed-org-ids", f"{UUID},{other}".encode()),
    )


def test_the_accounts_of_the_first_file_that_names_a_provider_count(tmp_path: Path) -> None:
    made(tmp_path, "openai: {accounts: organization:org-Theirs}\n  groq: {unlisted: audit}", name="base")
    policy = made(tmp_path, "openai: {accounts: organization:org-Ours}", "include: [base.yaml]")
    assert policy.allowed_accounts["openai"].listed == ("organization:org-Ours",)
    assert set(policy.allowed_accounts) == {"openai", "groq"}


@pytest.mark.parametrize(
    ("accounts", "line", "told"),
    [
        ("opnai: {unlisted: audit}", 3, "did you mean openai?"),
        ("openai: {}", 3, "no account is listed"),
        ("openai: {accounts: [organisation:org-Ours]}", 3, "did you mean organization?"),
        (
            "openai:\n    accounts:\n      - organization:acme",
            5,
            "'acme' is not an id of the kind 'organization'",
        ),
        ("openai: {accounts: ['key:sk-made-up']}", 3, "`outgate account fingerprint` makes one"),
        ('openai: {accounts: ["organization:org-a\\r\\nX: y"]}', 3, "does not look like"),
        ("openai: {accounts: ['organization:org-aaaa,org-bbbb']}", 3, "does not look like"),
        (f"openai: {{accounts: 'key:{KEYS[0]}', unknown: provider}}", 3, "list one of: organization"),
        (f"groq: {{accounts: 'key:{KEYS[0]}', unknown: provider}}", 3, "leave `unknown` out"),
        ("openai: {unlisted: audit, unknown: provider}", 3, "not asked to turn anybody away"),
        ("openai: {unlisted: audit, message: no}", 3, "blocks nobody"),
        ("openai: {accounts: organization:org-Ours, message: '{acount}'}", 3, "did you mean account?"),
    ],
)
def test_what_could_never_hold_is_refused_with_its_line(
    tmp_path: Path, accounts: str, line: int, told: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        made(tmp_path, accounts)
    assert told in str(caught.value)
    assert caught.value.line == line


def test_no_rule_may_be_called_like_it(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is a setting's name"):
        made(
            tmp_path,
            "groq: {unlisted: audit}",
            "rules: [{name: allowed_accounts, when: {method: GET}, action: block}]",
        )


# --- as a fact ------------------------------------------------------------------------------------


def test_rules_can_ask_for_an_account_and_for_none(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "version: 1\nrules:\n  - {name: theirs, when: {account: 'organization:org-T*'}, action: block}\n"
        "  - {name: untold, when: {account: null}, action: audit}\n"
    )
    policy = load([file])
    assert policy.asks_accounts
    assert policy.gate(facts("openai", key(0), THEIRS)).blocked_by == "theirs"
    assert policy.gate(facts("openai", OURS)).rules == ()
    assert policy.gate(facts("openai")).rules == ("untold",)


def test_a_policy_that_does_not_ask_has_no_account_read() -> None:
    from outgate import shipped

    policy = load([shipped.policies() / "default.yaml"])
    assert not policy.asks_accounts
    verdict = judged(
        policy, {"provider": "openai", "text": "hello", "headers": {"OpenAI-Organization": "org-Ours"}}
    )
    assert verdict.facts is not None
    assert verdict.facts.accounts == ()


def judged(policy: Policy, given: dict[str, Any]) -> Any:
    async def detect(_: Any) -> tuple[()]:
        return ()

    exchange = exchange_of("og_1", GivenSpec.model_validate(given), CATALOGUE)
    return asyncio.run(inspect(exchange, Rules(CATALOGUE, policy, b"k" * 32, 1000), detect))


def test_a_body_that_cannot_be_read_opens_nothing(tmp_path: Path) -> None:
    policy = made(tmp_path, "openai: {accounts: organization:org-Ours}", "on_error: allow")
    given = {"provider": "openai", "body": "{", "headers": {"content-encoding": "rot13"}}
    verdict = judged(policy, given)
    assert (verdict.outcome, verdict.rule) == (Outcome.BLOCK, "allowed_accounts")
    ours = given | {"headers": {"content-encoding": "rot13", "openai-organization": "org-Ours"}}
    assert judged(policy, ours).outcome is Outcome.FORWARD


def test_who_is_blocked_is_told_what_was_seen(tmp_path: Path) -> None:
    policy = made(tmp_path, "openai: {accounts: organization:org-Ours}")
    given = {"provider": "openai", "text": "hello", "headers": {"openai-organization": "org-Theirs"}}
    assert "(organization:org-Theirs)" in judged(policy, given).message
    assert "(unknown)" in judged(policy, {"provider": "openai", "text": "hello"}).message


# --- diff -----------------------------------------------------------------------------------------


OURS_ONLY, TWO = "accounts: organization:org-Ours", "accounts: [organization:org-Ours, organization:org-More]"


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        (f"openai: {{{OURS_ONLY}}}", f"openai: {{{TWO}}}", "laxer"),
        (f"openai: {{{TWO}}}", f"openai: {{{OURS_ONLY}}}", "stricter"),
        (f"openai: {{{OURS_ONLY}}}", f"openai: {{{OURS_ONLY}, unlisted: audit}}", "laxer"),
        (f"openai: {{{OURS_ONLY}}}", f"openai: {{{OURS_ONLY}, unknown: provider}}", "laxer"),
        (f"openai: {{{OURS_ONLY}}}", "groq: {unlisted: audit}", "laxer"),
        ("openai: {unlisted: audit}", f"openai: {{{OURS_ONLY}}}", "stricter"),
        ("openai: {unlisted: audit}", "groq: {unlisted: audit}", "same"),
        ("openai: {unlisted: audit}", f"openai: {{{TWO}, unlisted: audit}}", "same"),
        (
            f"openai: {{accounts: [organization:org-Ours, 'key:{KEYS[0]}']}}",
            f"openai: {{{OURS_ONLY}}}",
            "laxer",
        ),
    ],
)
def test_a_change_of_whose_accounts_may_be_used_is_told(
    tmp_path: Path, old: str, new: str, direction: str
) -> None:
    told = compare(made(tmp_path, old), made(tmp_path, new), PROVIDERS.values())
    assert direction in {setting.direction for setting in told.settings}
    assert told.laxer is (direction == "laxer")
    assert told.changes == ()


def test_what_rules_do_differently_is_seen_although_no_account_is_told(tmp_path: Path) -> None:
    rules = "rules: [{name: mail, detect: [EMAIL_ADDRESS], action: %s}]"
    listed = "openai: {accounts: organization:org-Ours}"
    old, new = (made(tmp_path, listed, rules % action) for action in ("block", "audit"))
    told = compare(old, new, [PROVIDERS["openai"]])
    assert [change.direction for change in told.changes] == [Direction.LAXER]
    assert told.settings == ()


def test_a_rule_about_an_account_is_compared_where_it_holds(tmp_path: Path) -> None:
    rule = "rules: [{name: theirs, when: {account: 'organization:org-Theirs'}, action: %s}]"
    old, new = (made(tmp_path, "groq: {unlisted: audit}", rule % action) for action in ("block", "audit"))
    (change,) = compare(old, new, [PROVIDERS["openai"]]).changes
    assert change.where[0].circumstances == ("account: organization:org-Theirs",)
