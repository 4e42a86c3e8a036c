"""A report tells what was recorded: every number, and nobody's name."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from reported_events import MARKUP, MONDAY, RIGHT_TO_LEFT, Made, event, record, strange

from outgate.dlp import entities
from outgate.model import Action, Direction, Uninspectable
from outgate.reports import kinds
from outgate.reports.advice import FIRST
from outgate.reports.beside import FalseAlarms, ShadowHost
from outgate.reports.error import ReportError
from outgate.reports.page import MOST_ROWS, page
from outgate.settings.reports import Reports


def kind(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in report["kinds"] if one["kind"] == name)
    return dict(found)


def titles(report: dict[str, Any]) -> str:
    return " | ".join(one["title"] for one in (*report["act_on"], *report["also"]))


def test_each_finding_is_stopped_taken_out_or_left(report: Made) -> None:
    made = report(
        [
            event(
                1,
                outcome="block",
                rule="a rule",
                findings=(record("AWS_ACCESS_KEY_ID", Action.BLOCK), record()),
            ),
            event(2, outcome="edit", findings=(record("CREDIT_CARD", Action.MASK), record())),
            event(3, findings=(record(),)),
            event(4, outcome="refuse", reason="too_large"),
            event(5),
        ]
    )
    totals = made["totals"]
    assert [totals[name] for name in ("exchanges", "stopped", "changed", "noted", "clean")] == [5, 2, 1, 1, 1]
    assert totals["findings"] == {"all": 5, "stopped": 2, "taken_out": 1, "left": 2}
    assert kind(made, "contact")["findings"] == {"all": 3, "stopped": 1, "taken_out": 0, "left": 2}
    assert kind(made, "contact")["values"] == 1  # one value, three times
    assert kind(made, "credentials")["findings"]["left"] == 0
    assert made["not_inspected"]["stopped"] == [{"what": "too_large", "name": "too_large", "count": 1}]


def test_what_models_answered_is_counted_apart(report: Made) -> None:
    made = report([event(1, findings=(record(direction=Direction.RESPONSE), record()))])
    assert made["totals"]["answers"] == 1
    assert made["totals"]["findings"]["all"] == 1


def test_people_are_counted_and_not_named(report: Made) -> None:
    events = [event(n, user=f"person-{n % 7}", groups=("a-group-of-all",)) for n in range(50)]
    events += [
        event(90, user=None, client="10.0.0.9"),
        event(91, user="the-lone-one", groups=("a-group-of-one",)),
    ]
    made = report(events)
    assert made["people"]["all"] == 9
    assert made["totals"]["unidentified_exchanges"] == 1
    assert [row["group"] for row in made["groups"]["rows"]] == ["a-group-of-all"]
    assert made["groups"]["not_told"] == 1
    told = json.dumps(made) + page(made)
    assert not any(name in told for name in ("person-", "the-lone-one", "a-group-of-one", "10.0.0.9"))


def test_people_are_named_when_that_is_asked_for(report: Made) -> None:
    made = report([event(1), event(2, user="bob"), event(3)], by_person=True)
    assert [(row["person"], row["exchanges"]) for row in made["people"]["named"]] == [("ada", 2), ("bob", 1)]
    assert ">bob<" in page(made)


def test_who_was_erased_is_counted_as_exchanges_and_as_nobody(report: Made) -> None:
    made = report([event(1), event(2, user=None, client="erased")])
    assert (made["totals"]["exchanges"], made["people"]["all"]) == (2, 1)
    assert any("erased" in limit for limit in made["limits"])


def test_every_day_is_there_also_one_without_a_request(report: Made) -> None:
    made = report([event(1), event(2, time=MONDAY + timedelta(days=3))])
    assert [(day["day"], day["exchanges"]) for day in made["days"]] == [
        ("2026-11-16", 1), ("2026-11-17", 0), ("2026-11-18", 0), ("2026-11-19", 1),
    ]  # fmt: skip


def test_rules_budgets_accounts_reasons_and_exceptions_are_told(report: Made) -> None:
    made = report(
        [
            event(
                1, outcome="block", rule="keys", findings=(record("GITHUB_TOKEN", Action.BLOCK, rule="keys"),)
            ),
            event(2, would_block="keys", findings=(record("GITHUB_TOKEN", rule="keys"),)),
            event(3, outcome="block", status=429, rule="a day"),
            event(4, rules=("a month", "justification:og_0000000000000001")),
            event(5, outcome="block", rule="allowed_accounts"),
            event(6, rules=("allowed_accounts",)),
            event(7, findings=(record(rule="exception:4", action=Action.ALLOW),)),
        ],
        budgets=frozenset({"a month"}),
    )
    keys = made["rules"][0]
    assert (keys["rule"], keys["blocked"], keys["would_block"]) == ("keys", 1, 1)
    assert keys["findings"] == {"block": 1, "audit": 1}
    assert {row["what"]: row["count"] for row in made["budgets"]} == {"a day": 1, "a month": 1}
    assert made["accounts"] == {"stopped": 1, "noted": 1}
    assert made["exceptions"] == {
        "findings_excepted": 1,
        "exchanges_justified": 1,
        "people_who_gave_reasons": 1,
    }
    assert not any(rule["rule"].startswith("justification:") for rule in made["rules"])


def test_a_transfer_is_what_is_operated_elsewhere_and_was_sent_something(report: Made) -> None:
    settings = Reports(safeguards={"anthropic": "a contract", "IL": "unused"}, purposes="help with writing")
    events = [
        event(1, findings=(record(),)),
        event(2, provider="anthropic", findings=(record(),)),
        event(3, provider="mistral", jurisdiction="FR", findings=(record(),)),
        event(
            4,
            provider="deepseek",
            jurisdiction="CN",
            findings=(record("PHONE_NUMBER"), record("GITHUB_TOKEN")),
        ),
        event(5, provider="moonshot", jurisdiction="CN", outcome="block", findings=(record(),)),
        event(6, provider=None, jurisdiction=None, host="unknown.example"),
        event(7, provider="aleph", jurisdiction="GB"),
    ]
    record_ = report(events, settings=settings)["transfers"]
    rows = {row["provider"]: (row["basis"], row["personal_findings"]) for row in record_["rows"]}
    assert rows == {
        "openai": ("conditional", 1),
        "anthropic": ("documented", 1),
        "deepseek": ("none", 1),
        "unknown": ("none", 0),
        "aleph": ("adequate", 0),
    }
    assert record_["purposes"] == ["help with writing"]
    assert "reports.organisation" in record_["missing"] and "reports.purposes" not in record_["missing"]
    home = report(events, settings=settings, region=("US", "FR", "CN", "UK"))["transfers"]
    assert [row["provider"] for row in home["rows"]] == ["unknown"]


def test_the_worst_is_told_first(report: Made) -> None:
    made = report(
        [
            event(1, findings=(record("GITHUB_TOKEN"),)),
            event(2, provider="deepseek", jurisdiction="CN", findings=(record(),)),
            event(3, reason="timeout"),
            event(4, would_block="x"),
            event(5, uninspectable=(Uninspectable("x", "audio/mpeg", 1),)),
        ],
        mode="audit",
        shadow=(ShadowHost("chat.example", 3, 4, 5, 6),),
        false_alarms=(FalseAlarms("a rule", "PERSON", 5, 4, 1, 4, 0),),
    )
    assert [one["title"] for one in made["act_on"]] == [
        "1 finding of credentials left",
        "1 finding of personal data went outside EEA with nothing to rest on",
        "1 request went out without having been inspected",
    ]
    assert made["act_on"][0]["references"] == ["og_0000000000000001"]
    assert len(made["act_on"]) == FIRST
    others = (
        "would have been blocked",
        "unread",
        "outside the catalogue",
        "false alarms",
        "wrong about PERSON",
    )
    assert all(word in titles(made) for word in others)


def test_a_day_with_far_more_stopped_than_usual_is_told(report: Made) -> None:
    quiet = [event(n, time=MONDAY + timedelta(days=n)) for n in range(6)]
    assert "against" not in titles(report(quiet))
    loud = [event(100 + n, time=MONDAY + timedelta(days=3), outcome="block", rule="x") for n in range(30)]
    assert "30 requests stopped on 2026-11-19, against 0 on a usual day" in titles(report(quiet + loud))


def test_nothing_recorded_is_said_so(report: Made) -> None:
    made = report([])
    assert made["act_on"] == made["also"] == made["days"] == []
    assert "the audit log has no request" in page(made)


def test_hostile_and_strange_names_are_text(report: Made) -> None:
    made = report(strange(), by_person=True)
    text = page(made)
    assert "<script" not in text
    assert MARKUP.replace("<", "&lt;").replace(">", "&gt;") in text
    assert f"<bdi>{RIGHT_TO_LEFT}</bdi>" in text
    providers = made["providers"]
    assert len(providers) == 501 and providers[-1]["provider"] == "other"
    assert sum(row["exchanges"] for row in providers) == made["totals"]["exchanges"] == 900
    assert f"{len(providers) - MOST_ROWS} others" in text
    assert "Week by week" in text


@pytest.mark.parametrize("what", [(), tuple(strange())], ids=["nothing", "strange things"])
def test_the_page_needs_nothing_but_itself(report: Made, what: Any) -> None:
    text = page(report(what))
    for outside in (
        "<script",
        "http://",
        "https://",
        "url(",
        "@import",
        "<img",
        "<link",
        "<iframe",
        " style=",
    ):
        assert outside not in text
    assert not re.search(r"<[^>]* on[a-z]+=", text)
    assert "default-src &#39;none&#39;" in text


def test_every_entity_has_one_kind_and_every_personal_one_a_category_of_the_ccpa() -> None:
    for entity, facts in entities.catalogue().items():
        assert kinds.kind_of(entity) != kinds.COMPANY, entity
        if facts.groups & {"payment", "health", "identity"}:
            assert any(entity in row.entities for row in kinds.ccpa()), entity
    members = [entity for one in kinds.kinds().values() for entity in one.entities]
    assert len(members) == len(set(members))


def test_countries_with_a_decision_of_adequacy_are_those_of_the_pack() -> None:
    home = kinds.region(["EEA"])
    text = (kinds.shipped.policies() / "packs" / "gdpr.yaml").read_text()
    stated = kinds.yaml.safe_load(text)["rules"][0]["unless"]["provider.jurisdiction"]
    assert home.countries | home.adequate == set(stated)


def test_a_region_that_is_none_is_told() -> None:
    assert kinds.region(["uk", "FR"]).countries == {"GB", "FR"}
    with pytest.raises(ReportError, match="neither one of EU, EEA, UK, US nor"):
        kinds.region(["Atlantis"])
