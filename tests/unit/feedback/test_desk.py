"""Two users at one address, the pipeline, the audit log and the desk: all there is but the proxy core."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.test import tflow

from made_exchanges import EXCHANGE, chat
from outgate.audit import AuditEvent
from outgate.audit.checkpoint import Signer
from outgate.audit.erase import Person, erase
from outgate.audit.sink import Retention
from outgate.audit.sqlite import SqliteSink
from outgate.catalogue import Catalogue
from outgate.dlp.engine import Engine
from outgate.dlp.inline import detect_with
from outgate.feedback.desk import Desk, Standing, in_log
from outgate.feedback.errors import FeedbackError, RefusedError, UnknownReferenceError
from outgate.feedback.store import Store
from outgate.gateway.feedback import why
from outgate.gateway.pages import Pages
from outgate.metrics import Metrics
from outgate.model import Identity, Outcome, Verdict
from outgate.pipeline import Rules, inspect
from outgate.policy import load
from outgate.settings import Settings

RULES = """
version: 1
rules:
  - {name: names, detect: [PROJECT], action: block, coach: {then: pseudonymise}}
  - {name: plans, detect: [PLAN], action: redact, uneditable: block}
  - {name: no uploads, when: {path: /v1/files}, action: block}
detectors:
  words: [{entity: PROJECT, words: [Bluebird, Nightjar]}, {entity: PLAN, words: [Rainfall]}]
"""
KEY = b"k" * 32


class House:
    """Everything between the bytes of a request and what is said of it."""

    def __init__(self, folder: Path) -> None:
        (folder / "policy.yaml").write_text(RULES)
        policy, self.catalogue = load([folder / "policy.yaml"]), Catalogue.load()
        self.rules = Rules(self.catalogue, policy, KEY, 2**20, why="http://outgate.internal/why/")
        self.detect = detect_with(Engine(policy.detectors))
        self.sink = SqliteSink(folder / "audit" / "audit.db", Retention(seconds=9e9, size=2**30))
        self.sink.open()
        self.store = Store(folder / "feedback" / "feedback.db")
        self.thread = ThreadPoolExecutor(1)
        self.desk = Desk(in_log(folder / "audit" / "audit.db"), self.store, self.thread, self.standing)
        self.number = 0

    def standing(self, *_asker: object) -> Standing:
        return Standing(self.rules.policy, self.catalogue, self.detect, KEY, self.rules.why)

    async def send(
        self, text: str, user: str | None, path: str = "/v1/chat/completions"
    ) -> tuple[str, Verdict]:
        self.number += 1
        exchange = replace(
            EXCHANGE,
            id=f"og_{self.number:016x}",
            time=datetime.now(UTC),
            client=ip_address("10.0.0.7"),
            target=path.encode(),
            body=chat(text),
            identity=Identity(user),
        )
        rules = replace(self.rules, exceptions=self.store.in_force(datetime.now(UTC))[0])
        verdict = await inspect(exchange, rules, self.detect)
        sizes: dict[str, Any] = {
            "status": verdict.status,
            "request_bytes": 1,
            "response_bytes": 1,
            "seconds": 0.1,
        }
        self.sink.write(deque([AuditEvent.of(exchange, verdict, policy_hash="0", **sizes)]))
        return exchange.id, verdict


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.thread.shutdown()
    house.sink.close()
    house.store.close()


async def test_a_users_reason_is_theirs_at_an_address_that_others_share(house: House) -> None:
    reference, verdict = await house.send("about Bluebird", "kim")
    assert (verdict.outcome, verdict.coached) == (Outcome.BLOCK, True)
    for other in ("user:lee", "address:10.0.0.7", "user:10.0.0.7", ""):
        with pytest.raises(UnknownReferenceError):
            await house.desk.case(reference, other)
        with pytest.raises(UnknownReferenceError):
            await house.desk.justify(reference, other, "I say so")
    await house.desk.justify(reference, "user:kim", "the customer asked")
    reference, verdict = await house.send("about Bluebird", "kim")
    assert verdict.outcome is Outcome.EDIT
    assert verdict.body is not None
    assert b"Bluebird" not in verdict.body
    assert [pair.value for pair in verdict.pairs] == ["Bluebird"]
    assert verdict.scope == "user:kim"
    for user in ("lee", None):
        assert (await house.send("about Bluebird", user))[1].coached
    assert (await house.send("about Nightjar", "kim"))[1].coached
    case = await house.desk.case(reference, "user:kim")
    assert "let through" in case.what_to_do[0]


async def test_an_administrator_sees_all_and_acts_for_who_was_blocked(house: House) -> None:
    reference, _ = await house.send("about Bluebird", "kim")
    await house.desk.justify(reference, None, "they have signed", by="root")
    (given,) = (await house.desk.case(reference, None)).to_json()["reasons"]
    assert (given["given_by"], given["counts"], given["reason"]) == ("root", True, "they have signed")
    assert (await house.send("about Bluebird", "kim"))[1].outcome is Outcome.EDIT
    assert await house.desk.not_sensitive(reference, None, "it is on our site") == 1
    assert house.store.reports()[0].person == "user:kim"


async def test_what_an_erased_person_sent_is_nobodys_and_an_administrator_still_reads_it(
    house: House, tmp_path: Path
) -> None:
    named, _ = await house.send("about Bluebird", "kim")
    unnamed, _ = await house.send("about Bluebird", None)
    log = tmp_path / "audit" / "audit.db"
    for person in (Person(user="kim"), Person(client="10.0.0.7")):
        assert erase(log, person, "", Signer([b"s" * 32])) == 1
    for reference in (named, unnamed):
        for who in ("user:kim", "address:10.0.0.7", "address:erased", "erased"):
            with pytest.raises(UnknownReferenceError):
                await house.desk.case(reference, who)
        case = (await house.desk.case(reference, None)).to_json()
        assert (case["person"], case["outcome"], case["rule"]) == ("erased", "block", "names")
        assert case["findings"][0]["entity"] == "PROJECT"
        assert not case["coached"]
        assert not any("outgate" in line for line in case["what_to_do"])
        with pytest.raises(RefusedError, match="was erased"):
            await house.desk.not_sensitive(reference, None, "it is on our site")
        with pytest.raises(RefusedError, match="was erased"):
            await house.desk.justify(reference, None, "they have signed")
    assert not house.store.reports()


async def test_no_reason_is_taken_for_what_no_coaching_rule_blocked(house: House) -> None:
    forwarded, _ = await house.send("hello", "kim")
    edited, verdict = await house.send("about Rainfall", "kim")
    assert verdict.outcome is Outcome.EDIT
    gated, verdict = await house.send("about Bluebird", "kim", "/v1/files")
    assert verdict.rule == "no uploads"
    for reference in (forwarded, edited, gated):
        assert not (await house.desk.case(reference, "user:kim")).coached
        with pytest.raises(RefusedError):
            await house.desk.justify(reference, "user:kim", "I say so")
    assert not house.store.in_force(datetime.now(UTC))[0]
    with pytest.raises(RefusedError, match="no finding 2"):
        await house.desk.not_sensitive(edited, "user:kim", "I say so", 2)
    with pytest.raises(RefusedError, match="Nothing was found"):
        await house.desk.not_sensitive(forwarded, "user:kim", "I say so")


async def test_a_rule_that_coaches_no_more_takes_no_reasons(house: House, tmp_path: Path) -> None:
    reference, _ = await house.send("about Bluebird", "kim")
    await house.desk.justify(reference, "user:kim", "the customer asked")
    (tmp_path / "policy.yaml").write_text(RULES.replace(", coach: {then: pseudonymise}", ""))
    house.rules = replace(house.rules, policy=load([tmp_path / "policy.yaml"]))
    assert (await house.send("about Bluebird", "kim"))[1].outcome is Outcome.BLOCK
    with pytest.raises(RefusedError, match="takes no reasons"):
        await house.desk.justify(reference, "user:kim", "the customer asked")


@pytest.mark.parametrize("reference", ["", "og_1", "og_" + "f" * 16, "../../x", "og_" + "0" * 15 + "\n"])
async def test_what_is_no_reference_is_nobodys(house: House, reference: str) -> None:
    with pytest.raises(UnknownReferenceError):
        await house.desk.case(reference, None)


async def test_without_an_audit_log_it_is_told(house: House, tmp_path: Path) -> None:
    desk = Desk(in_log(tmp_path / "none.db"), house.store, house.thread, house.standing)
    with pytest.raises(FeedbackError, match=r"none\.db"):
        await desk.case("og_" + "0" * 16, None)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"SQLite format 3\0" + b"x" * 4096)
    with pytest.raises(FeedbackError, match=r"broken\.db"):
        await Desk(in_log(broken), house.store, house.thread, house.standing).case("og_" + "0" * 16, None)


async def _page(
    pages: Pages,
    path: str,
    body: bytes = b"",
    accept: str = "application/json",
    client: str = "10.0.0.7",
) -> tuple[int, Any]:
    flow = tflow.tflow()
    flow.client_conn.peername, flow.client_conn.sni = (client, 1), None
    flow.request.host = flow.request.headers["host"] = "outgate.internal"
    flow.request.path, flow.request.method, flow.request.content = path, "POST" if body else "GET", body
    flow.request.headers.update({"accept": accept, "content-type": "application/json"})
    pages.requestheaders(flow)
    await pages.request(flow)
    assert flow.response is not None
    return (
        flow.response.status_code,
        flow.response.json() if accept == "application/json" else flow.response.text,
    )


async def test_a_page_that_was_open_for_too_long_has_to_be_loaded_again(house: House) -> None:
    now = [1_000_000.0]

    async def changed() -> None:
        return None

    pages = Pages(house.desk, KEY, Metrics(), changed, clock=lambda: now[0])
    reference, _ = await house.send("about Bluebird", None)
    status, case = await _page(pages, f"/why/{reference}")
    assert status == 200
    said = json.dumps({"token": case["token"], "reason": "the customer asked"}).encode()
    for moment, expected in ((1_000_000.0 + 7201, 403), (1_000_000.0 - 1, 403), (1_000_000.0 + 7200, 200)):
        now[0] = moment
        assert (await _page(pages, f"/why/{reference}/justify", said))[0] == expected
    assert (await house.send("about Bluebird", None))[1].outcome is Outcome.EDIT


@pytest.mark.parametrize(("body", "most", "status"), [(b"", 120, 404), (b"{}", 20, 403)], ids=["read", "say"])
async def test_another_address_of_the_same_network_may_not_ask_more_often(
    house: House, body: bytes, most: int, status: int
) -> None:
    async def changed() -> None:
        return None

    pages = Pages(house.desk, KEY, Metrics(), changed, clock=lambda: 1.0)
    path = "/why/og_0000000000000000/justify" if body else "/why/nothing"

    async def asked(client: str) -> int:
        return (await _page(pages, path, body, client=client))[0]

    assert {await asked(f"2001:db8::{number:x}") for number in range(most)} == {status}
    assert await asked("2001:db8::1:0:0:1") == 429
    assert await asked("2001:db8:0:1::1") == status


async def test_pages_that_are_turned_off_are_answered_all_the_same(house: House, tmp_path: Path) -> None:
    async def changed() -> None:
        return None

    pages = Pages(None, KEY, Metrics(), changed)
    reference, _ = await house.send("about Bluebird", None)
    assert (await _page(pages, f"/why/{reference}"))[0] == 404
    plain = Settings(state_dir=tmp_path)
    assert why(plain) == "http://outgate.internal/why/"
    off = plain.feedback.model_copy(update={"pages": False})
    for settings in (
        plain.model_copy(update={"feedback": off}),
        plain.model_copy(update={"mode": ("local",)}),
    ):
        assert why(settings) == "outgate why "


async def test_a_log_that_breaks_is_told_without_its_path(house: House, tmp_path: Path) -> None:
    async def changed() -> None:
        return None

    desk = Desk(in_log(tmp_path / "none.db"), house.store, house.thread, house.standing)
    pages = Pages(desk, KEY, Metrics(), changed)
    status, told = await _page(pages, "/why/og_" + "0" * 16)
    assert (status, "none.db" in told["error"]) == (503, False)


async def test_an_excepted_value_passes_until_it_ends_for_who_it_is_for(house: House) -> None:
    reference, _ = await house.send("about Bluebird", "kim")
    fingerprint = (await house.desk.case(reference, "user:kim")).findings[0].fingerprint
    now = datetime.now(UTC)
    house.store.let_pass(fingerprint, "PROJECT", "user:kim", "openai", timedelta(hours=1), "root", now)
    _, verdict = await house.send("about bluebird", "kim")  # in any case and spacing
    assert verdict.outcome is Outcome.FORWARD
    assert [record.rule for record in verdict.records] == ["exception:1"]
    assert (await house.send("about Bluebird", "lee"))[1].outcome is Outcome.BLOCK
