"""The packs' own examples, the recognizers they name, and what must not be found."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid

import pytest

from outgate.dlp import entities, examples
from outgate.dlp.at_once import found_at_once
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import everywhere
from outgate.dlp.engine import Engine
from outgate.dlp.patterns import Rule, RuleDetector, rules

RULES = [rule for pack in ("secrets", "pii") for rule in rules(pack)]
GROUPS = entities.groups()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(DetectorConfig(entities=GROUPS["secrets"] | GROUPS["pii"]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_its_examples_and_not_its_counter_examples(rule: Rule) -> None:
    detector = RuleDetector(rule)
    for template in rule.match:
        assert list(everywhere(detector, examples.expand(template))), template
    for template in rule.ignore:
        assert not list(everywhere(detector, examples.expand(template))), template


def test_four_hundred_kinds_of_credentials_are_known() -> None:
    assert len(GROUPS["secrets"]) >= 400


def test_every_recognizer_that_is_named_exists(engine: Engine) -> None:
    from presidio_analyzer import predefined_recognizers

    for entity in entities.catalogue().values():
        for name in entity.recognizers:
            assert hasattr(predefined_recognizers, name), name


@pytest.mark.parametrize("entity", sorted(GROUPS["secrets"]))
def test_a_made_up_credential_is_found_in_prose(engine: Engine, entity: str) -> None:
    rule = next((rule for rule in RULES if rule.entity == entity), None)
    example = examples.expand(rule.match[0], 7) if rule else f"password: {examples.fake(entity, 7)}"
    text = f"Please look at this:\n{example}\nand tell me what is wrong."
    assert engine.scan([text])[0], entity


@pytest.mark.parametrize(
    "text",
    [
        "commit " + hashlib.sha1(b"x").hexdigest(),
        "sha256:" + hashlib.sha256(b"x").hexdigest(),
        '"integrity": "sha512-' + "A" * 10 + 'bC3dE5fG=="',
        f"id: {uuid.UUID(int=12345678901234567890)}",
        "api_key = YOUR_API_KEY",
        "password = os.environ['DB_PASSWORD']",
        "token: ${{ secrets.GITHUB_TOKEN }}",
        "logging.getLogger(__name__).info('INFO: Result: 42')",
        "Use S3, EKS and C4 diagrams; Error: not found",
    ],
)
def test_harmless_text_has_no_findings(engine: Engine, text: str) -> None:
    assert engine.scan([text])[0] == []


def test_a_value_found_once_is_found_everywhere(engine: Engine) -> None:
    value = examples.fake("GENERIC_SECRET")
    texts = [json.dumps({"password": value}), f"and bare: {value}", value]
    found = engine.scan(texts)
    assert all(found)
    assert texts[1][found[1][0].start : found[1][0].end] == value


def test_cards_and_ibans_are_checked(engine: Engine) -> None:
    card, iban = examples.fake("CREDIT_CARD"), examples.fake("IBAN_CODE")
    assert engine.scan([f"card {card}"])[0][0].entity == "CREDIT_CARD"
    wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
    assert not [m for m in engine.scan([f"card {wrong}"])[0] if m.entity == "CREDIT_CARD"]
    assert engine.scan([f"pay to {iban}"])[0][0].entity == "IBAN_CODE"


@pytest.mark.parametrize(
    "texts", [["nothing here"], ["mail ada@firma-mail.de", "card {card}", ""], ["x" * 90_000]]
)
async def test_few_places_are_judged_at_once_and_with_the_same_answer(
    engine: Engine, texts: list[str]
) -> None:
    whole = [text.format(card=examples.fake("CREDIT_CARD")) for text in texts]
    assert await found_at_once(engine, whole) == engine.found(whole, ("patterns",))


async def test_many_places_are_left_to_others(engine: Engine) -> None:
    text = " ".join(examples.fake("CREDIT_CARD", seed) for seed in range(1, 40))
    assert await found_at_once(engine, ["nothing here", text], 30) is None
    assert await found_at_once(engine, [text], 10_000) == engine.found([text], ("patterns",))


async def test_a_long_text_with_many_places_is_told_by_a_glance_at_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join(examples.fake("CREDIT_CARD", seed) for seed in range(1, 2_000))
    monkeypatch.setattr(engine, "found_if_few", None)
    assert await found_at_once(engine, [text]) is None


async def test_others_have_a_turn_while_long_texts_are_looked_through(engine: Engine) -> None:
    turns: list[int] = []

    async def other() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    try:
        assert await found_at_once(engine, ["Quiet words. " * 4_000] * 5) == [[]] * 5
        assert len(turns) >= 4
    finally:
        task.cancel()
