"""Excepted and justified values, as a policy judges them: whose, for how long, and what they never open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgate.model import BODY, Action, Document, Facts, Finding, Identity, Judgement, Provider, Role, Segment
from outgate.policy import Policy, PolicyError, load
from outgate.policy.diff import compare
from outgate.policy.exceptions import EVERYONE, NONE, Excepted, Exceptions, Justified, person
from outgate.policy.explain import explain

RULES = """
version: 1
rules:
  - {name: keys, detect: [GITHUB_TOKEN], action: block, exceptions: false}
  - {name: names, detect: [PROJECT], action: block, coach: {for: 2h, then: mask}}
  - {name: cards, detect: [CREDIT_CARD], action: redact}
  - {name: mail, detect: [EMAIL_ADDRESS], action: block}
detectors:
  words: [{entity: PROJECT, words: [Bluebird]}]
"""
NOON = datetime(2026, 1, 7, 12, tzinfo=UTC)
OPENAI = Provider("openai", "OpenAI", "OpenAI", "US", "api")
KIM = Identity("kim", ("research", "staff"))
FACTS = Facts(
    OPENAI,
    None,
    "m",
    None,
    "api.openai.com",
    "/",
    "POST",
    KIM,
    ip_address("10.0.0.7"),
    NOON,
    reference="og_1",
    why_url="why og_1",
)


def made(tmp_path: Path, rules: str = RULES) -> Policy:
    file = tmp_path / "policy.yaml"
    file.write_text(rules)
    return load([file])


def judged(policy: Policy, exceptions: Exceptions, *entities: str, facts: Facts = FACTS) -> Judgement:
    """Of findings whose fingerprints are their entities in lower case."""
    segments = tuple(Segment("value", Role.USER, "p", BODY, 0, 5, "utf8") for _ in entities)
    findings = [Finding(at, 0, 5, entity, 1.0, "d") for at, entity in enumerate(entities)]
    return policy.judge(
        facts, Document(segments), findings, exceptions=exceptions, fingerprint=lambda f: f.entity.lower()
    )


def excepted(
    fingerprint: str, who: str = EVERYONE, provider: str | None = None, hours: float = 1
) -> Exceptions:
    return Exceptions([Excepted(7, fingerprint, who, provider, NOON + timedelta(hours=hours))])


def justified(fingerprint: str = "project", **changes: Any) -> Exceptions:
    values: dict[str, Any] = {
        "reference": "og_0",
        "person": "user:kim",
        "provider": "openai",
        "rule": "names",
        "fingerprint": fingerprint,
        "expires": NOON + timedelta(hours=1),
    }
    return Exceptions((), [Justified(**{**values, **changes})])


def test_an_excepted_value_is_allowed_by_its_number_and_no_other_is(tmp_path: Path) -> None:
    policy = made(tmp_path)
    told = judged(policy, excepted("email_address"), "EMAIL_ADDRESS", "CREDIT_CARD")
    assert [(one.rule, one.action) for one in told.decisions] == [
        ("exception:7", Action.ALLOW),
        ("cards", Action.REDACT),
    ]
    assert told.blocked_by is None
    assert judged(policy, excepted("email_address"), "PROJECT").blocked_by == "names"


def test_a_rule_that_takes_no_exceptions_takes_none(tmp_path: Path) -> None:
    told = judged(made(tmp_path), excepted("github_token"), "GITHUB_TOKEN")
    assert (told.blocked_by, told.decisions[0].rule) == ("keys", "keys")


@pytest.mark.parametrize(
    ("who", "provider", "hours", "holds"),
    [
        (EVERYONE, None, 1, True),
        (EVERYONE, "openai", 1, True),
        (EVERYONE, "mistral", 1, False),
        (EVERYONE, None, 0, False),  # it ends at this very moment
        ("user:kim", None, 1, True),
        ("user:Kim", None, 1, False),
        ("user:lee", None, 1, False),
        ("group:staff", "openai", 1, True),
        ("group:board", None, 1, False),
        ("address:10.0.0.7", None, 1, True),
        ("address:10.0.0.8", None, 1, False),
        ("kim", None, 1, False),
    ],
)
def test_an_exception_is_for_whom_where_and_as_long_as_it_says(
    tmp_path: Path, who: str, provider: str | None, hours: float, holds: bool
) -> None:
    told = judged(made(tmp_path), excepted("email_address", who, provider, hours), "EMAIL_ADDRESS")
    assert (told.blocked_by is None) is holds


def test_the_one_that_lasts_longest_counts() -> None:
    both = [Excepted(n, "f", EVERYONE, None, NOON + timedelta(hours=n)) for n in (2, 9, 5)]
    found = Exceptions(both).exception("f", FACTS)
    assert found is not None
    assert found.id == 9


def test_who_is_not_identified_is_an_address_and_a_name_is_no_address() -> None:
    assert person(Identity(), ip_address("10.0.0.7")) == "address:10.0.0.7"
    assert person(Identity("10.0.0.7"), ip_address("10.0.0.9")) == "user:10.0.0.7"


def test_a_coached_block_says_how_to_go_on_and_is_passed_once_it_is_justified(tmp_path: Path) -> None:
    policy = made(tmp_path)
    told = judged(policy, NONE, "PROJECT")
    assert (told.blocked_by, told.coached) == ("names", True)
    assert "PROJECT" in told.message
    assert "why og_1" in told.message
    assert 'outgate justify og_1 --reason "..."' in told.message
    told = judged(policy, justified(), "PROJECT")
    assert (told.blocked_by, told.coached, told.rules) == (None, False, ("justification:og_0",))
    assert [(one.rule, one.action) for one in told.decisions] == [("names", Action.MASK)]


@pytest.mark.parametrize(
    "change",
    [
        {"person": "user:lee"},
        {"person": "address:10.0.0.7"},
        {"provider": "mistral"},
        {"rule": "mail"},
        {"fingerprint": "another"},
        {"expires": NOON},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_reason_is_for_one_person_provider_rule_value_and_time(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    told = judged(made(tmp_path), justified(**change), "PROJECT")
    assert (told.blocked_by, told.coached, told.rules) == ("names", True, ())


def test_a_reason_opens_nothing_that_another_rule_blocks(tmp_path: Path) -> None:
    policy = made(tmp_path)
    for exceptions in (NONE, justified()):  # the rule that does not coach is named, though it stands lower
        for entities in (("PROJECT", "EMAIL_ADDRESS"), ("EMAIL_ADDRESS", "PROJECT")):
            told = judged(policy, exceptions, *entities)
            assert (told.blocked_by, told.coached) == ("mail", False)
    told = judged(policy, justified("email_address", rule="mail"), "EMAIL_ADDRESS")
    assert told.blocked_by == "mail"


def test_in_audit_mode_a_justified_value_would_not_be_blocked_and_nothing_is_changed(tmp_path: Path) -> None:
    policy = made(tmp_path, RULES.replace("version: 1", "version: 1\nmode: audit"))
    told = judged(policy, NONE, "PROJECT")
    assert (told.would_block, told.coached, told.decisions[0].action) == ("names", False, Action.AUDIT)
    told = judged(policy, justified(), "PROJECT")
    assert (told.would_block, told.decisions[0].action) == (None, Action.AUDIT)


def test_without_exceptions_no_fingerprint_is_asked_for(tmp_path: Path) -> None:
    def asked(_finding: Finding) -> str:
        raise AssertionError

    document = Document((Segment("value", Role.USER, "p", BODY, 0, 5, "utf8"),))
    findings = [Finding(0, 0, 5, "EMAIL_ADDRESS", 1.0, "d")]
    assert made(tmp_path).judge(FACTS, document, findings, fingerprint=asked).blocked_by == "mail"


def test_an_answer_is_judged_with_exceptions_too(tmp_path: Path) -> None:
    rules = "version: 1\nrules: [{name: back, detect: [EMAIL_ADDRESS], action: block, direction: response}]"
    policy = made(tmp_path, rules)
    document = Document((Segment("value", Role.ASSISTANT, "p", BODY, 0, 5, "utf8"),))
    findings = [Finding(0, 0, 5, "EMAIL_ADDRESS", 1.0, "d")]
    for exceptions, blocked in ((NONE, "back"), (excepted("f"), None)):
        told = policy.judge_answer(
            FACTS, document, findings, exceptions=exceptions, fingerprint=lambda _: "f"
        )
        assert told.blocked_by == blocked


def test_an_explanation_tells_of_the_exception(tmp_path: Path) -> None:
    document = Document((Segment("value", Role.USER, "p", BODY, 0, 5, "utf8"),))
    findings = [Finding(0, 0, 5, "EMAIL_ADDRESS", 1.0, "d")]
    told = explain(
        made(tmp_path), FACTS, document, findings, exceptions=excepted("f"), fingerprint=lambda _: "f"
    )
    assert (told.findings[0].excepted, told.findings[0].action) == ("exception:7", Action.ALLOW)
    assert told.findings[0].rule is not None
    assert told.findings[0].rule.name == "mail"


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("{name: a, detect: [EMAIL_ADDRESS], action: redact, coach: true}", "for a rule that blocks"),
        ("{name: a, action: block, coach: true}", "needs `detect`"),
        ("{name: a, detect: [EMAIL_ADDRESS], action: block, coach: {then: block}}", "no repeat pass"),
        ("{name: a, detect: [EMAIL_ADDRESS], action: block, coach: {for: 91d}}", "at most 90d"),
        ("{name: a, detect: [EMAIL_ADDRESS], action: block, coach: {for: 0h}}", "30m, 8h or 7d"),
        (
            "{name: a, detect: [EMAIL_ADDRESS], action: block, direction: response, coach: true}",
            "for requests",
        ),
        ("{name: a, action: block, exceptions: false}", "`exceptions` is about findings"),
        ("{name: 'exception:7', action: audit}", "a setting's name"),
    ],
)
def test_what_makes_no_sense_is_an_error_with_its_place(tmp_path: Path, rule: str, wrong: str) -> None:
    with pytest.raises(PolicyError) as caught:
        made(tmp_path, f"version: 1\nrules:\n  - {rule}\n")
    assert wrong in str(caught.value.problems[0])
    assert "policy.yaml:3:" in str(caught.value.problems[0])


def test_coach_false_is_a_plain_block(tmp_path: Path) -> None:
    rule = "version: 1\nrules: [{name: a, detect: [EMAIL_ADDRESS], action: block, coach: false}]"
    assert made(tmp_path, rule).rules[0].coach is None


def test_more_coaching_and_exceptions_are_laxer(tmp_path: Path) -> None:
    old = made(tmp_path)
    for changed, laxer in (
        (RULES.replace("exceptions: false", "exceptions: true"), True),
        (RULES.replace("then: mask", "then: audit"), True),
        (RULES.replace("for: 2h", "for: 3h"), True),
        (RULES.replace("for: 2h", "for: 1h"), False),
        (RULES.replace("then: mask", "then: redact"), False),
        (RULES.replace(", coach: {for: 2h, then: mask}", ""), False),
    ):
        comparison = compare(old, made(tmp_path, changed), [OPENAI])
        assert len(comparison.settings) == 1
        assert comparison.laxer is laxer
    plain = made(tmp_path, RULES.replace(", coach: {for: 2h, then: mask}", ""))
    assert compare(plain, old, [OPENAI]).laxer


_words = st.sampled_from(["a", "b", "user:kim", "group:staff", EVERYONE, "address:10.0.0.7"])


@given(
    st.lists(
        st.tuples(_words, _words, st.sampled_from([None, "openai", "x"]), st.integers(-2, 2)), max_size=12
    ),
    st.sampled_from(["a", "b"]),
)
def test_look_ups_say_what_asking_each_would(
    told: list[tuple[str, str, str | None, int]], fingerprint: str
) -> None:
    every = [
        Excepted(number, mark, who, provider, NOON + timedelta(hours=hours))
        for number, (mark, who, provider, hours) in enumerate(told)
    ]
    mine = {EVERYONE, "user:kim", "address:10.0.0.7", "group:staff", "group:research"}
    fitting = {
        one.id
        for one in every
        if one.fingerprint == fingerprint
        and one.who in mine
        and one.provider in (None, "openai")
        and one.expires > NOON
    }
    found = Exceptions(every).exception(fingerprint, FACTS)
    assert (found is None) == (not fitting)
    assert found is None or found.id in fitting
    assert Exceptions(every).exception(fingerprint, replace(FACTS, time=NOON + timedelta(days=9))) is None
