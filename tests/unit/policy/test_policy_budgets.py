"""Budgets of a policy: what they say of a request, as it is judged, explained, tested and compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from made_exchanges import EXCHANGE
from outgate.budget_pipeline import charge_of, within
from outgate.budgets import BudgetError, Demand, Ledger, Standing, key_of
from outgate.budgets.memory import MemoryStore
from outgate.catalogue import Catalogue
from outgate.gateway.spending import afforded
from outgate.model import Document, Exchange, Finding, Identity, Outcome, Segment, Usage, Verdict
from outgate.pipeline import Rules, inspect
from outgate.policy import PolicyError, load
from outgate.policy.diff import Direction, compare
from outgate.policy.explain import explain

CATALOGUE = Catalogue.load()
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "mail ann@analytical-engines.org"}]}
SECRET = b"k" * 32


def policy_of(folder: Path, budgets: str, head: str = "") -> Rules:
    file = folder / "policy.yaml"
    mail = "{name: mail, detect: [EMAIL_ADDRESS], action: redact}"
    file.write_text(f"version: 1\n{head}\nrules:\n  - {mail}\nbudgets:\n{budgets}\n")
    return Rules(CATALOGUE, load([file], providers=CATALOGUE.providers.values()), SECRET, 2**20)


def request(
    user: str | None = "ann", *, groups: tuple[str, ...] = (), client: str = "10.0.0.1", **change: Any
) -> Exchange:
    body = change.pop("body", None)
    body = json.dumps({**CHAT, **change}).encode() if body is None else body
    return replace(EXCHANGE, time=NOON, client=ip_address(client), body=body, identity=Identity(user, groups))


async def found(segments: Sequence[Segment]) -> Sequence[Finding]:
    return [
        Finding(number, segment.text.index("ann@"), len(segment.text), "EMAIL_ADDRESS", 1.0, "test")
        for number, segment in enumerate(segments)
        if "ann@" in segment.text
    ]


class Desk:
    """One process's judgement, with a ledger of its own and a clock that stands."""

    def __init__(self, rules: Rules) -> None:
        self.rules, self.now = rules, NOON
        self.ledger = Ledger(MemoryStore(1000), lambda: self.now)

    async def __call__(self, exchange: Exchange) -> Verdict:
        verdict = await inspect(exchange, self.rules, found)
        return await within(exchange, verdict, self.rules, self.ledger.admit)


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    return lambda budgets, head="": Desk(policy_of(tmp_path, budgets, head))


async def test_each_person_has_a_budget_of_their_own_however_the_name_is_spelled(desk: Any) -> None:
    judge = desk("  - {name: daily, per: identity.user, limit: {requests: 2}, window: 1d}")
    told = [await judge(request(user)) for user in ("ann", "Ann", "ANN", "bob", None, None, None)]
    assert [verdict.outcome for verdict in told] == [
        *(Outcome.EDIT, Outcome.EDIT, Outcome.BLOCK),
        *(Outcome.EDIT, Outcome.EDIT, Outcome.EDIT, Outcome.BLOCK),
    ]
    blocked = told[2]
    assert (blocked.status, blocked.rule, blocked.retry_after) == (429, "daily", 12 * 3600)
    assert (blocked.body, blocked.pairs, blocked.overdrawn) == (None, (), ("daily",))
    assert "2 requests per day. It begins anew at 2026-11-25 00:00 UTC." in blocked.message
    judge.now += timedelta(hours=12)
    assert (await judge(request("ann"))).outcome is Outcome.EDIT


async def test_a_request_counts_for_each_of_its_groups(desk: Any) -> None:
    judge = desk("  - {name: teams, per: identity.group, limit: {requests: 1}, window: 1h}")
    assert (await judge(request(groups=("sales", "all")))).outcome is Outcome.EDIT
    assert (await judge(request("bob", groups=("Sales",)))).outcome is Outcome.BLOCK
    assert (await judge(request("bob", groups=("ops",)))).outcome is Outcome.EDIT
    assert (await judge(request("eve", groups=("ops", "new")))).outcome is Outcome.BLOCK
    # ... and what was blocked took nothing of the other group's.
    assert (await judge(request("eve", groups=("new",)))).outcome is Outcome.EDIT


async def test_provider_model_and_client_tell_apart_what_they_say(desk: Any) -> None:
    judge = desk("  - {name: each, per: [provider, model, client], limit: {requests: 1}, window: 1h}")
    assert (await judge(request(client="2001:db8::1"))).outcome is Outcome.EDIT
    assert (await judge(request(client="2001:db8::2", model=" GPT-4o"))).outcome is Outcome.BLOCK
    assert (await judge(request(client="2001:db8::2", model="gpt-4o-mini"))).outcome is Outcome.EDIT
    assert (await judge(request(client="2001:db8:0:1::1"))).outcome is Outcome.EDIT


def batch(*models: str) -> Exchange:
    """Many requests in one, each for a model of its own."""
    each = [
        {"custom_id": str(number), "params": {**CHAT, "model": model}} for number, model in enumerate(models)
    ]
    one = request(body=json.dumps({"requests": each}).encode())
    return replace(one, host="api.anthropic.com", target=b"/v1/messages/batches")


async def test_a_batch_is_asked_of_every_model_that_it_is_for(desk: Any) -> None:
    judge = desk(
        "  - {name: big, when: {model: '*opus*'}, limit: {requests: 2}, window: 1d, message: 'no {model}'}\n"
        "  - {name: each, per: model, limit: {requests: 3}, window: 1d, message: '{model} is used up'}\n"
    )

    async def told(*models: str) -> str:
        return str((await judge(batch(*models))).message)

    assert await told("claude-haiku-4-5", "claude-opus-4-5", "claude-opus-4-5") == ""  # is one request
    assert await told("claude-opus-4-6", "claude-haiku-4-5") == ""
    assert await told("claude-haiku-4-5", "claude-opus-4-7") == "no claude-opus-4-7"
    assert await told("claude-haiku-4-5") == ""  # of which nothing was taken for the one before
    assert await told("claude-sonnet-4-5", "claude-haiku-4-5") == "claude-haiku-4-5 is used up"
    assert [await told("claude-sonnet-4-5") for _ in range(4)] == ["", "", "", "claude-sonnet-4-5 is used up"]


async def test_a_batch_for_more_models_and_groups_than_can_be_counted_is_an_error(desk: Any) -> None:
    judge = desk("  - {name: a, per: [model, identity.group], limit: {requests: 9}, window: 1d}\n")
    one = batch(*(f"m{number}" for number in range(50)))
    assert (await judge(replace(one, identity=Identity("ann", tuple("abcd"))))).outcome is not Outcome.BLOCK
    with pytest.raises(BudgetError, match="more than 200 groups and models"):
        await judge(replace(one, identity=Identity("ann", tuple("abcde"))))


async def test_without_per_all_count_together_and_conditions_say_who_counts(desk: Any) -> None:
    judge = desk(
        "  - {name: guests, when: {identity.user: 'guest*'}, unless: {model: gpt-4o-mini}, "
        "limit: {requests: 1}, window: 1h}"
    )
    assert (await judge(request("guest1"))).outcome is Outcome.EDIT
    assert (await judge(request("guest2"))).rule == "guests"
    assert (await judge(request("guest2", model="gpt-4o-mini"))).outcome is Outcome.EDIT
    assert (await judge(request("ann"))).outcome is Outcome.EDIT


async def test_bytes_and_findings_are_taken_before_the_request_leaves(desk: Any) -> None:
    size = len(request().body)
    judge = desk(f"  - {{name: bytes, limit: {{input_bytes: {2 * size}}}, window: 1h}}")
    assert [(await judge(request())).outcome for _ in range(3)] == [Outcome.EDIT, Outcome.EDIT, Outcome.BLOCK]
    judge = desk("  - {name: leaks, limit: {findings: 1}, window: 1h}")
    clean = request(messages=[{"role": "user", "content": "hello"}])
    for exchange, outcome in (
        (clean, Outcome.FORWARD),
        (request(), Outcome.EDIT),
        (request(), Outcome.BLOCK),
        (clean, Outcome.FORWARD),
    ):
        assert (await judge(exchange)).outcome is outcome


async def test_tokens_that_were_charged_block_what_comes_next(desk: Any) -> None:
    judge = desk(
        "  - {name: requests, limit: {requests: 9}, window: 1h}\n"
        "  - {name: tokens, per: identity.user, limit: {output_tokens: 50, tokens: 70}, window: month,"
        " zone: Europe/Berlin, message: 'No more: {limit} a {window}, {resets}.'}"
    )
    verdict = await judge(request())
    assert len(verdict.charges) == 1  # requests are counted already
    await judge.ledger.settle(verdict.charges, Usage(30, 40))
    blocked = await judge(request())
    assert blocked.message == "No more: 70 tokens a month, 2026-12-01 00:00 CET."
    assert (await judge(request("bob"))).outcome is Outcome.EDIT


async def test_of_several_that_are_used_up_the_first_is_named_and_the_last_to_begin_anew_is_waited_for(
    desk: Any,
) -> None:
    judge = desk(
        "  - {name: minute, limit: {requests: 1}, window: 1m}\n"
        "  - {name: noted, limit: {requests: 1}, window: 30d, action: audit}\n"
        "  - {name: hour, limit: {requests: 1}, window: 1h}"
    )
    assert (await judge(request())).overdrawn == ()
    blocked = await judge(request())
    assert (blocked.rule, blocked.retry_after, blocked.overdrawn) == (
        "minute",
        3600,
        ("minute", "noted", "hour"),
    )


async def test_a_budget_that_only_notes_lets_through_and_is_told(desk: Any) -> None:
    judge = desk("  - {name: noted, limit: {requests: 1}, window: 1h, action: audit}")
    assert (await judge(request())).rules == ()
    told = await judge(request())
    assert (told.outcome, told.rules, told.overdrawn, told.would_block) == (
        Outcome.EDIT,
        ("noted",),
        ("noted",),
        None,
    )


async def test_in_audit_mode_nothing_is_blocked_and_what_would_be_is_told(desk: Any) -> None:
    judge = desk("  - {name: daily, limit: {requests: 1}, window: 1d}", "mode: audit")
    assert (await judge(request())).would_block is None
    told = [await judge(request()) for _ in range(2)]
    assert {(verdict.outcome, verdict.would_block) for verdict in told} == {(Outcome.FORWARD, "daily")}
    assert all(verdict.body is None for verdict in told)


async def test_what_a_rule_blocks_or_has_no_body_takes_nothing(desk: Any) -> None:
    judge = desk("  - {name: daily, limit: {requests: 1}, window: 1d}", "uninspectable: audit")
    refused = await judge(request(body=b"{not json"))
    assert refused.outcome is Outcome.REFUSE
    assert (await judge(request(body=b""))).outcome is Outcome.FORWARD
    assert (await judge(request())).outcome is Outcome.EDIT


async def test_what_on_error_lets_through_unread_counts(desk: Any) -> None:
    judge = desk("  - {name: daily, per: identity.user, limit: {requests: 1}, window: 1d}", "on_error: allow")
    broken = request(body=b"{not json")
    assert (await judge(broken)).outcome is Outcome.FORWARD
    assert (await judge(broken)).outcome is Outcome.BLOCK


async def test_more_groups_than_anybody_has_are_an_error_and_no_way_round(desk: Any) -> None:
    judge = desk("  - {name: teams, per: identity.group, limit: {requests: 1}, window: 1h}")
    with pytest.raises(BudgetError, match="more than 200 groups"):
        await judge(request(groups=tuple(f"g{number}" for number in range(201))))


@pytest.mark.parametrize(
    ("head", "outcome"),
    [("", Outcome.REFUSE), ("on_error: allow", Outcome.EDIT), ("mode: audit", Outcome.FORWARD)],
)
async def test_where_nobody_can_say_what_is_left_on_error_decides_and_edits_stay(
    tmp_path: Path, head: str, outcome: Outcome
) -> None:
    rules = policy_of(tmp_path, "  - {name: daily, limit: {requests: 1}, window: 1d}", head)
    blocks = outcome is Outcome.REFUSE
    verdict = await inspect(request(), rules, found)
    told = await afforded(request(), verdict, rules, None, blocks=blocks)
    assert (told.outcome, told.reason) == (outcome, "budget")
    if outcome is Outcome.REFUSE:
        assert (told.status, told.body) == (503, None)
    else:
        assert told.body == verdict.body


async def test_one_look_asks_for_all_budgets(tmp_path: Path) -> None:
    rules = policy_of(
        tmp_path,
        "  - {name: a, limit: {requests: 9}, window: 1d}\n  - {name: b, limit: {tokens: 9}, window: 1h}",
    )
    asked: list[Sequence[Demand]] = []

    async def admit(demands: Sequence[Demand]) -> Sequence[Standing]:
        asked.append(demands)
        return [Standing({}, NOON) for _ in demands]

    await within(request(), await inspect(request(), rules, found), rules, admit)
    assert [[demand.budget for demand in demands] for demands in asked] == [["a", "b"]]


def test_a_counter_is_a_keyed_hash_and_another_limit_goes_on_where_another_window_begins_anew(
    tmp_path: Path,
) -> None:
    def counter(window: str = "1d", limit: int = 5, per: str = "identity.user", key: bytes = SECRET) -> bytes:
        text = f"  - {{name: daily, per: [{per}], limit: {{requests: {limit}}}, window: {window}}}"
        (budget,) = policy_of(tmp_path, text).policy.budgets
        return charge_of(budget, ("ann",), key_of(key)).counter

    assert counter() == counter(limit=9)
    different = {counter(), counter("1h"), counter(per="client"), counter(key=b"x" * 32)}
    assert len(different) == 4
    assert all(len(each) == 16 and b"ann" not in each for each in different)


# --- the file --------------------------------------------------------------------------------------

WRONG = [
    ("{name: a, limit: {requests: 1}, window: 5x}", "'5x' is no window"),
    ("{name: a, limit: {requests: 1}, window: 400d}", "'400d' is no window"),
    ("{name: a, limit: {request: 1}, window: 1d}", "not one of"),
    ("{name: a, limit: {}, window: 1d}", "at least 1 item"),
    ("{name: a, limit: {requests: -1}, window: 1d}", "greater than or equal to 0"),
    ("{name: a, per: user, limit: {requests: 1}, window: 1d}", "not one of: identity.user"),
    ("{name: mail, limit: {requests: 1}, window: 1d}", "a second rule is called 'mail'"),
    ("{name: on_error, limit: {requests: 1}, window: 1d}", "is a setting's name"),
    ("{name: a, limit: {requests: 1}, window: 1d, zone: Europe/Berlin}", "`zone` is of a calendar's"),
    ("{name: a, limit: {requests: 1}, window: 1d, action: audit, message: x}", "blocks nothing"),
    ("{name: a, limit: {requests: 1}, window: 1d, message: '{limt}'}", "did you mean limit"),
    ("{name: a, when: {provider.id: opnai}, limit: {requests: 1}, window: 1d}", "did you mean openai"),
]


@pytest.mark.parametrize(("budget", "problem"), WRONG)
def test_a_slip_in_a_budget_is_told_with_its_line(tmp_path: Path, budget: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of(tmp_path, f"  - {budget}")
    (told,) = {str(each) for each in caught.value.problems}
    assert problem in told
    assert "policy.yaml:6" in told


def test_a_rules_message_has_no_fields_of_a_budget(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nrules: [{name: a, action: block, message: '{resets}'}]\n")
    with pytest.raises(PolicyError, match="not a field"):
        load([file])


async def test_explain_says_which_budgets_a_request_counts_for(tmp_path: Path) -> None:
    rules = policy_of(
        tmp_path,
        "  - {name: guests, when: {identity.user: 'guest*'}, limit: {requests: 1}, window: 1h}\n"
        "  - {name: all, limit: {requests: 1}, window: 1h}",
    )
    verdict = await inspect(request(), rules, found)
    assert verdict.facts is not None
    told = explain(rules.policy, verdict.facts, Document(()), ())
    assert [(step.budget.name, step.counts, step.why) for step in told.budgets] == [
        ("guests", False, "identity.user is ann, not guest*"),
        ("all", True, ""),
    ]


ONE = "{name: a, per: identity.user, limit: {requests: 5, tokens: 9}, window: 1d}"


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        (ONE, ONE, None),
        (ONE, ONE.replace("5", "4"), Direction.STRICTER),
        (ONE, ONE.replace("5", "6"), Direction.LAXER),
        (ONE, ONE.replace(", tokens: 9", ""), Direction.LAXER),
        (ONE, ONE.replace("1d", "1h"), Direction.LAXER),
        (ONE, ONE.replace("identity.user", "client"), Direction.LAXER),
        (ONE, ONE.replace("}, w", "}, unless: {model: x}, w"), Direction.LAXER),
        (ONE, ONE.replace("1d}", "1d, action: audit}"), Direction.LAXER),
        (ONE, ONE.replace("name: a", "name: b"), Direction.LAXER),
        (ONE, ONE.replace("5, t", "5, findings: 2, t"), Direction.STRICTER),
    ],
)
def test_diff_says_whether_a_budget_allows_more(
    tmp_path: Path, old: str, new: str, direction: Direction | None
) -> None:
    before, after = (policy_of(tmp_path, f"  - {text}").policy for text in (old, new))
    changes = compare(before, after, CATALOGUE.providers.values()).settings
    assert (changes[0].direction if changes else None) is direction
    assert not compare(after, after, CATALOGUE.providers.values()).settings
