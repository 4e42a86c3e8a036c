"""Placeholders through the pipeline: the same in every turn, field, process; never of themselves."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from made_exchanges import EXCHANGE
from outgate.catalogue import Catalogue
from outgate.dlp import DetectionError
from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine
from outgate.dlp.inline import detect_with
from outgate.model import Exchange, Finding, Identity, Outcome, Pair, Segment, Verdict
from outgate.pipeline import Detect, Known, Rules, inspect
from outgate.policy import Policy, load
from outgate.transform.note import TEXT
from outgate.transform.surrogates import is_surrogate

KEY = b"made-up key of the tests"
ALICE = Identity("alice")
MAIL, PHONE, ADDRESS = "jane.doe@corp-mail.de", "+1 212 736 5000", "81.169.145.70"
POLICY = """
version: 1
pseudonymise: {{style: {style}, scope: {scope}, note: {note}}}
{settings}
rules:
  - {{name: keys, detect: [secrets], action: block}}
  - {{name: people, detect: [EMAIL_ADDRESS, PHONE_NUMBER, IP_ADDRESS], action: pseudonymise}}
"""


@cache
def catalogue() -> Catalogue:
    return Catalogue.load()


@cache
def detecting(config: DetectorConfig) -> Detect:
    return detect_with(Engine(config))


def policy(
    folder: Path, *, style: str = "tag", scope: str = "user", note: str = "false", settings: str = ""
) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(POLICY.format(style=style, scope=scope, note=note, settings=settings))
    return load([file])


def exchange(body: Any, who: Identity = ALICE, host: str = "api.openai.com", path: str = "") -> Exchange:
    return replace(
        EXCHANGE,
        host=host,
        target=(path or "/v1/chat/completions").encode(),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        identity=who,
    )


def said(*texts: str) -> dict[str, Any]:
    return {"model": "some-model", "messages": [{"role": "user", "content": text} for text in texts]}


async def judged(
    policy: Policy, exchange: Exchange, known: Known | None = None, detect: Detect | None = None
) -> Verdict:
    rules = Rules(catalogue(), policy, KEY, 2**20)
    detect = detect or detecting(policy.detectors)
    if known is None:
        return await inspect(exchange, rules, detect)
    return await inspect(exchange, rules, detect, known=known)


async def test_a_value_leaves_as_a_placeholder_and_the_verdict_says_whose_and_of_what(tmp_path: Path) -> None:
    verdict = await judged(policy(tmp_path), exchange(said(f"mail {MAIL}", f"{MAIL.upper()} again")))
    assert verdict.outcome is Outcome.EDIT
    assert verdict.body is not None
    (pair,) = verdict.pairs
    assert (verdict.scope, pair.value) == ("user:alice", MAIL)
    assert verdict.body == exchange(said(f"mail {pair.placeholder}", f"{pair.placeholder} again")).body
    assert MAIL not in repr(verdict.pairs)


async def test_another_person_has_another_placeholder(tmp_path: Path) -> None:
    pairs = [
        (await judged(policy(tmp_path), exchange(said(MAIL), who))).pairs[0].placeholder
        for who in (ALICE, Identity("bob"), Identity())
    ]
    assert len(set(pairs)) == 3


async def test_the_scope_is_told_where_nothing_is_found_for_the_answer_may_hold_placeholders(
    tmp_path: Path,
) -> None:
    verdict = await judged(policy(tmp_path), exchange(said("hello")))
    assert (verdict.outcome, verdict.scope, verdict.pairs) == (Outcome.FORWARD, "user:alice", ())
    assert (await judged(policy(tmp_path, settings="mode: audit"), exchange(said(MAIL)))).scope == ""
    laxer = policy(tmp_path, settings="on_error: allow")
    assert (await judged(laxer, exchange(said(MAIL)), detect=late)).scope == "user:alice"


async def late(segments: Sequence[Segment]) -> Sequence[Finding]:
    raise DetectionError("timeout")


async def test_the_line_to_the_model_is_in_every_request_that_leaves_and_of_tags_only(tmp_path: Path) -> None:
    noting = policy(tmp_path, note="true")
    verdict = await judged(noting, exchange(said("hello")))
    assert (verdict.outcome, verdict.pairs) == (Outcome.EDIT, ())
    assert TEXT.encode() in (verdict.body or b"")
    message = replace(exchange(said("hello")), websocket=True)
    assert (await judged(noting, message)).outcome is Outcome.FORWARD
    shaped = policy(tmp_path, note="true", style="surrogate")
    assert (await judged(shaped, exchange(said("hello")))).outcome is Outcome.FORWARD
    again = await judged(noting, exchange(verdict.body))
    assert again.records == ()


async def test_the_line_to_the_model_alone_breaks_no_signature(tmp_path: Path) -> None:
    noting, key = policy(tmp_path, note="true"), b"AWS4-HMAC-SHA256 Credential=x"
    hello, mail = (
        replace(made, headers=(*made.headers, (b"authorization", key)))
        for made in (exchange(said("hello")), exchange(said(MAIL)))
    )
    verdict = await judged(noting, hello)
    assert (verdict.outcome, verdict.body) == (Outcome.FORWARD, None)
    assert TEXT.encode() in ((await judged(noting, mail)).body or b"")


async def test_what_is_blocked_makes_no_pairs(tmp_path: Path) -> None:
    key = "ghp" + "_" + "0123456789abcdefABCDEF0123456789wxyz"
    verdict = await judged(policy(tmp_path), exchange(said(f"{MAIL} password: Xk7#pQ2$vL9w {key}")))
    assert (verdict.outcome, verdict.pairs) == (Outcome.BLOCK, ())


@pytest.mark.parametrize("style", ["tag", "surrogate"])
async def test_a_placeholder_that_comes_back_stays_as_it_is(tmp_path: Path, style: str) -> None:
    text = f"write to {MAIL}, call {PHONE}, the visitor came from {ADDRESS}"
    made = policy(tmp_path, style=style)
    first = await judged(made, exchange(said(text)))
    assert first.body is not None
    assert {pair.value for pair in first.pairs} == {MAIL, PHONE, ADDRESS}
    again = await judged(made, exchange(first.body))
    assert (again.outcome, again.body, again.records) == (Outcome.FORWARD, None, ())


async def test_a_placeholder_is_not_blocked_as_a_password_and_what_only_looks_like_one_is(
    tmp_path: Path,
) -> None:
    word = "ab2cd3" + "ef4gh5"
    verdict = await judged(policy(tmp_path), exchange(said(f"password: EMAIL_ADDRESS_{word}")))
    assert verdict.outcome is Outcome.FORWARD
    verdict = await judged(policy(tmp_path), exchange(said(f"password: PROD_{word}")))
    assert (verdict.outcome, verdict.rule) == (Outcome.BLOCK, "keys")


async def test_surrogates_ask_what_the_scope_has_and_tags_do_not(tmp_path: Path) -> None:
    asked: list[str] = []

    async def known(scope: str) -> Mapping[str, str]:
        asked.append(scope)
        return taken

    taken: dict[str, str] = {}
    await judged(policy(tmp_path), exchange(said(ADDRESS)), known)
    assert asked == []
    made = policy(tmp_path, style="surrogate")
    (first,) = (await judged(made, exchange(said(f"visitor {ADDRESS}")), known)).pairs
    assert asked == ["user:alice"]
    taken[first.placeholder] = "81.169.145.71"
    (second,) = (await judged(made, exchange(said(f"visitor {ADDRESS}")), known)).pairs
    assert is_surrogate(second.placeholder)
    assert first.placeholder != second.placeholder


def turns(count: int) -> list[dict[str, Any]]:
    """An agent's session: what the user says, calls of tools, and their results, with new people each turn."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You help in the repository of someone@corp-mail.de."}
    ]
    for turn in range(count):
        new, old = f"colleague{turn}@corp-mail.de", f"COLLEAGUE{turn // 2}@corp-mail.de"
        arguments = json.dumps({"command": f'grep -r "{new}" .', "note": f"as {old}\n"})
        call = {
            "id": f"call_{turn}",
            "type": "function",
            "function": {"name": "shell", "arguments": arguments},
        }
        messages += [
            {"role": "user", "content": f"Turn {turn}: ask {new}, then {old}; dial +1 212 736 5{turn:03}."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {
                "role": "tool",
                "tool_call_id": f"call_{turn}",
                "content": f"a.txt:{new}\nlogin from 81.169.145.{turn}",
            },
            {"role": "assistant", "content": f"{new} is in a.txt \u2713"},
        ]
    return messages


def body_of(turn: int) -> bytes:
    return json.dumps({"model": "some-model", "messages": turns(turn)}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("style", "scope", "note"),
    [
        ("tag", "user", "false"),
        ("tag", "conversation", "true"),
        ("surrogate", "user", "false"),
        ("surrogate", "conversation", "false"),
    ],
)
async def test_the_edited_body_of_each_turn_is_a_prefix_of_the_next_turns(
    tmp_path: Path, style: str, scope: str, note: str
) -> None:
    made = policy(tmp_path, style=style, scope=scope, note=note)
    stored: dict[str, str] = {}

    async def known(scope: str) -> Mapping[str, str]:
        return stored

    before, scopes = b"", set()
    for turn in range(1, 31):
        verdict = await judged(made, exchange(body_of(turn)), known)
        assert verdict.body is not None
        stored |= {pair.placeholder: pair.value for pair in verdict.pairs}
        assert verdict.body.startswith(before), turn
        assert b"@corp-mail.de" not in verdict.body
        assert (TEXT.encode() in verdict.body) is (note == "true")
        before = verdict.body.removesuffix(b"]}")
        scopes.add(verdict.scope)
    assert len(scopes) == 1


def test_another_process_with_the_same_key_edits_the_same(tmp_path: Path) -> None:
    verdict = asyncio.run(judged(policy(tmp_path), exchange(body_of(30))))
    script = (
        "import asyncio, sys; sys.path.append('tests'); "
        "from pathlib import Path; from tests.unit import test_pseudonymise as t; "
        "v = asyncio.run(t.judged(t.load([Path(sys.argv[1])]), t.exchange(t.body_of(30)))); "
        "sys.stdout.buffer.write(v.body)"
    )
    root = Path(__file__).parents[2]
    arguments = [sys.executable, "-c", script, str(tmp_path / "policy.yaml")]
    other = subprocess.run(arguments, cwd=root, capture_output=True, check=True).stdout
    assert other == verdict.body


async def test_what_overlaps_and_asks_for_other_things_is_redacted_and_has_no_pair(tmp_path: Path) -> None:
    made = policy(tmp_path)
    hashing = replace(made.rules[1], name="h", action=made.rules[1].action.HASH, entities=frozenset({"X"}))
    made = replace(made, rules=(*made.rules, hashing))
    text = said("0123456789")

    async def overlapping(segments: Sequence[Segment]) -> Sequence[Finding]:
        index = next(i for i, segment in enumerate(segments) if segment.text == "0123456789")
        return (Finding(index, 1, 6, "EMAIL_ADDRESS", 1.0, "t"), Finding(index, 4, 9, "X", 1.0, "t"))

    verdict = await judged(made, exchange(text), detect=overlapping)
    assert verdict.body == exchange(said("0[REDACTED EMAIL_ADDRESS]9")).body
    assert verdict.pairs == ()


async def test_a_value_is_kept_as_it_stands_whatever_is_in_it(tmp_path: Path) -> None:
    value = 'a"b\\c\n\u00e9\ud83d'

    async def all_of_it(segments: Sequence[Segment]) -> Sequence[Finding]:
        return [
            Finding(i, 0, len(segment.text), "EMAIL_ADDRESS", 1.0, "t")
            for i, segment in enumerate(segments)
            if segment.text == value
        ]

    (pair,) = (await judged(policy(tmp_path), exchange(said(value)), detect=all_of_it)).pairs
    assert pair == Pair(pair.placeholder, value)
