"""A roll-out through the real proxy: who is judged by what, what a shadow policy tells, releases that come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from websockets.asyncio.client import connect

from e2e.conftest import Proxy
from e2e.ways import chat
from outgate.cli import outgate
from outgate.rollout import RolloutError, signing
from outgate.rollout.bundle import pack
from patience import eventually
from providers.bundles import BundleServer

SALES, PILOT = "127.0.0.2", "127.0.0.3"
PEOPLE = {SALES: {"user": "lee", "groups": ["sales"]}, PILOT: {"user": "kim", "groups": ["sales", "Pilots"]}}
URL = "/v1/chat/completions"
MakeProxy = Callable[..., Proxy]


def policy(word: str, *rules: str) -> str:
    """A policy that blocks one word, with further rules."""
    first = f"{{name: {word.lower()}, detect: [PROJECT], action: block}}"
    listed = "".join(f"  - {rule}\n" for rule in (first, *rules))
    return f"version: 1\nrules:\n{listed}detectors:\n  words: [{{entity: PROJECT, words: [{word}]}}]\n"


def post(proxy: Proxy, text: str, address: str = "127.0.0.1") -> httpx.Response:
    """As whoever is at an address."""
    host, port = proxy.service.addresses[0]
    connection = HTTPSConnection(host, port, timeout=30, source_address=(address, 0), context=proxy.ssl)
    connection.set_tunnel("api.openai.com", 443)
    try:
        connection.request("POST", URL, chat(text), {"content-type": "application/json"})
        answer = connection.getresponse()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())
    finally:
        connection.close()


def shadowed(proxy: Proxy, result: str) -> float:
    """Exchanges of which a shadow policy was found to say so."""
    line = f'outgate_shadow_exchanges_total{{result="{result}"}} '
    return next((float(one[len(line) :]) for one in proxy.metrics().splitlines() if one.startswith(line)), 0)


def command(proxy: Proxy, *words: str) -> Any:
    return CliRunner().invoke(outgate, ["policy", "--config", str(proxy.folder / "outgate.yaml"), *words])


def test_a_canary_group_is_judged_by_the_new_policy_in_requests_and_answers_and_others_are_not(
    make_proxy: MakeProxy, tmp_path: Path
) -> None:
    """The new policy looks for what the other does not, so each needs its own detectors."""
    answers = "{name: no codes, direction: response, detect: [CODE], action: block}"
    new = policy("Kingfisher", answers).replace(
        "words: [{", "words: [{entity: CODE, words: [Nightingale]}, {"
    )
    (tmp_path / "next.yaml").write_text(new)
    canary = {"policies": [str(tmp_path / "next.yaml")], "groups": ["pilots"]}
    proxy = make_proxy(
        policy("Bluebird"), rollout={"canary": canary}, identity={"sources": [{"networks": PEOPLE}]}
    )
    body = {"choices": [{"message": {"role": "assistant", "content": "It is Nightingale."}}]}
    proxy.stand_in.script = lambda *_: ("application/json", [json.dumps(body).encode()])

    assert post(proxy, "Kingfisher", SALES).json() == body
    assert post(proxy, "Bluebird", SALES).status_code == 403
    assert post(proxy, "Kingfisher", PILOT).status_code == 403
    stopped = post(proxy, "Bluebird", PILOT)
    assert stopped.status_code == 403
    assert "Nightingale" not in stopped.text
    assert [json.loads(one.body)["messages"][0]["content"] for one in proxy.received] == [
        "Kingfisher",
        "Bluebird",
    ]

    assert not asyncio.run(says(proxy, SALES, "Kingfisher"))
    assert asyncio.run(says(proxy, PILOT, "Kingfisher"))

    stable, *others = {event.policy for event in proxy.events(4) if event.user == "lee"}
    new_ones = {event.policy for event in proxy.events(4) if event.user == "kim"}
    assert others == []
    assert len(new_ones) == 1
    assert new_ones != {stable}
    metrics = proxy.metrics()
    assert f'outgate_policy_track_info{{hash="{stable[:16]}",track="stable"}} 1.0' in metrics
    assert f'outgate_policy_track_info{{hash="{new_ones.pop()[:16]}",track="canary"}} 1.0' in metrics

    assert command(proxy, "promote").exit_code == 0
    assert eventually(lambda: post(proxy, "Kingfisher", SALES).status_code == 403)
    assert command(proxy, "promote", "--undo").exit_code == 0
    assert eventually(lambda: post(proxy, "Kingfisher", SALES).status_code == 200)
    assert post(proxy, "Kingfisher", PILOT).status_code == 403


async def says(proxy: Proxy, address: str, text: str) -> bool:
    """Say something over a WebSocket; whether it was blocked."""
    proxy.stand_in.talk = lambda *_: [json.dumps({"type": "session.updated"})]
    url = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
    async with connect(
        url, proxy=proxy.url, ssl=proxy.ssl, local_addr=(address, 0), open_timeout=30
    ) as socket:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
        return bool(json.loads(await asyncio.wait_for(socket.recv(), 30))["type"] == "error")


def test_whom_the_canary_coaches_is_answered_by_the_canary(make_proxy: MakeProxy, tmp_path: Path) -> None:
    """Also by a command on the proxy's machine; and nobody else is."""
    (tmp_path / "next.yaml").write_text(
        policy("Bluebird").replace("action: block", "action: block, coach: true")
    )
    canary = {"policies": [str(tmp_path / "next.yaml")], "groups": ["pilots"]}
    proxy = make_proxy(
        policy("Bluebird"), rollout={"canary": canary}, identity={"sources": [{"networks": PEOPLE}]}
    )
    for address, coached in ((SALES, False), (PILOT, True)):
        reference = post(proxy, "Bluebird", address).headers["x-outgate-reference"]
        case = json.loads(page(proxy, f"/why/{reference}", address))
        assert case["coached"] is coached
        arguments = ["why", reference, "--config", str(proxy.folder / "outgate.yaml"), "--json"]
        assert json.loads(CliRunner().invoke(outgate, arguments).stdout)["coached"] is coached
    said = json.dumps({"token": case["token"], "reason": "the customer asked"}).encode()
    assert json.loads(page(proxy, f"/why/{reference}/justify", PILOT, said)) == {"kept": 1}
    assert post(proxy, "Bluebird", PILOT).status_code == 200
    assert post(proxy, "Bluebird", SALES).status_code == 403


@pytest.mark.parametrize("takes", ["stable", "canary"])
def test_an_exception_is_for_whom_the_policy_that_judges_them_takes_one(
    takes: str, make_proxy: MakeProxy, tmp_path: Path
) -> None:
    """In force in both at once, in the shadow policy as well; and nobody is promised what would have no effect."""
    closed = policy("Bluebird").replace("action: block", "action: block, exceptions: false")
    given = {"stable": closed, "canary": closed, "shadow": policy("Bluebird")} | {takes: policy("Bluebird")}
    for name in ("canary", "shadow"):
        (tmp_path / f"{name}.yaml").write_text(given[name])
    rollout = {
        "canary": {"policies": [str(tmp_path / "canary.yaml")], "groups": ["pilots"]},
        "shadow": {"policies": [str(tmp_path / "shadow.yaml")]},
    }
    proxy = make_proxy(given["stable"], rollout=rollout, identity={"sources": [{"networks": PEOPLE}]})

    def review(*words: str) -> Any:
        return CliRunner().invoke(outgate, ["review", "--config", str(proxy.folder / "outgate.yaml"), *words])

    numbers = {}
    for address in (SALES, PILOT):
        reference = post(proxy, "Bluebird", address).headers["x-outgate-reference"]
        token = json.loads(page(proxy, f"/why/{reference}", address))["token"]
        said = json.dumps({"token": token, "reason": "it is on our site"}).encode()
        assert json.loads(page(proxy, f"/why/{reference}/not-sensitive", address, said)) == {"kept": 1}
        numbers[address] = str(json.loads(review("list", "--json").stdout)["reports"][-1]["id"])
    theirs, others = (SALES, PILOT) if takes == "stable" else (PILOT, SALES)

    refused = review("allow", numbers[others])
    assert "takes no exceptions" in str(refused.exception)
    assert review("allow", numbers[theirs]).exit_code == 0
    assert eventually(lambda: post(proxy, "Bluebird", theirs).status_code == 200)
    assert post(proxy, "Bluebird", others).status_code == 403

    everybody = review("allow", numbers[others], "--everyone")
    closed_track = "canary" if takes == "stable" else "stable"
    assert f"no effect on those whom the {closed_track} policy judges" in everybody.stderr

    def shadow_lets_pass() -> bool:
        assert post(proxy, "Bluebird", others).status_code == 403
        return shadowed(proxy, "would_allow") > 0

    assert eventually(shadow_lets_pass)
    assert shadowed(proxy, "would_block") == 0

    if takes == "canary":
        assert command(proxy, "promote").exit_code == 0
        again = review("allow", numbers[SALES])
        assert again.exit_code == 0 and "no effect" not in again.stderr
        assert eventually(lambda: post(proxy, "Bluebird", SALES).status_code == 200)


def page(proxy: Proxy, path: str, address: str, body: bytes | None = None) -> bytes:
    """One of the proxy's own, as JSON, as whoever is at an address."""
    host, port = proxy.service.addresses[0]
    connection = HTTPConnection(host, port, timeout=30, source_address=(address, 0))
    headers = {"accept": "application/json", "content-type": "application/json"}
    connection.request("POST" if body else "GET", f"http://outgate.internal{path}", body, headers)
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize("same_detectors", [True, False])
def test_what_a_shadow_policy_would_do_is_counted_and_not_a_byte_is_changed(
    same_detectors: bool, make_proxy: MakeProxy, tmp_path: Path
) -> None:
    """Words: B is blocked by the one in force, K by the shadow, N is treated in another way, all others the same."""
    lists = "[{entity: BB, words: [Bluebird]}, {entity: KK, words: [Kingfisher]}, {entity: NN, words: [Nightingale]}]"

    def of(b: str, k: str, n: str, more: str = "") -> str:
        rules = (
            f"{{name: {e} rule, detect: [{e}], action: {a}}}"
            for e, a in zip(("BB", "KK", "NN"), (b, k, n), strict=True)
        )
        listed = "".join(f"  - {rule}\n" for rule in rules)
        return f"version: 1\nrules:\n{listed}{more}detectors:\n  words: {lists}\n"

    more = "" if same_detectors else "  - {name: cards, detect: [CREDIT_CARD], action: audit}\n"
    draft = tmp_path / "draft.yaml"
    draft.write_text(of("allow", "block", "redact", more))
    proxy = make_proxy(of("block", "allow", "audit"), rollout={"shadow": {"policies": [str(draft)]}})
    texts = ["nothing", "Bluebird", "Kingfisher", "Nightingale", "Nightingale"]
    assert [post(proxy, text).status_code for text in texts] == [200, 403, 200, 200, 200]
    sent = [json.loads(one.body) for one in proxy.received]
    assert sent == [json.loads(chat(text)) for text in texts if text != "Bluebird"]

    assert eventually(lambda: shadowed(proxy, "other_action") == 2)
    assert [shadowed(proxy, one) for one in ("same", "would_block", "would_allow", "failed", "dropped")] == [
        1,
        1,
        1,
        0,
        0,
    ]
    rule = 'outgate_shadow_differences_total{kind="would_block",provider="openai",rule="KK rule"} 1.0'
    assert rule in proxy.metrics()
    assert {event.policy for event in proxy.events(5)} == {proxy.events(5)[0].policy}

    def rows() -> list[dict[str, Any]]:
        return list(json.loads(command(proxy, "shadow", "--json").stdout))

    assert eventually(lambda: len(rows()) == 3)
    told = [(row["kind"], row["rule"], row["entity"], row["change"], row["count"]) for row in rows()]
    assert told[0] == ("other_action", "NN rule", "NN", "audit -> redact", 2)
    assert set(told[1:]) == {
        ("would_block", "KK rule", "KK", "sent -> blocked", 1),
        ("would_allow", "BB rule", "BB", "blocked -> sent", 1),
    }
    references = {event.id for event in proxy.events(5)}
    assert {reference for row in rows() for reference in row["examples"]} <= references
    assert "Kingfisher" not in command(proxy, "shadow").stdout
    assert (
        b"Kingfisher" not in (proxy.folder / "state" / "policies" / "shadow" / "differences.db").read_bytes()
    )


@pytest.fixture
def bundles(tmp_path: Path) -> Iterator[BundleServer]:
    (tmp_path / "bundles").mkdir()
    with BundleServer(tmp_path / "bundles") as server:
        yield server


def test_a_release_that_is_published_takes_effect_while_the_proxy_runs_and_a_forged_one_does_not(
    make_proxy: MakeProxy, bundles: BundleServer, tmp_path: Path, server: Any
) -> None:
    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    signing.keygen(private, public)

    def publish(version: int, word: str, key: Path = private) -> None:
        packed = pack({"policy.yaml": policy(word).encode()}, version, datetime.now(UTC), None)
        bundles.publish(packed, signing.sign(packed, key))

    source = {"url": bundles.url, "keys": [str(public)], "every": 1}
    roots = [str(server.root), str(bundles.root)]
    with pytest.raises(RolloutError, match="does not start without one"):
        make_proxy(policy_source=source, extra_roots=roots)
    publish(1, "Bluebird")
    proxy = make_proxy(policy_source=source, extra_roots=roots)
    assert [post(proxy, word).status_code for word in ("Bluebird", "Kingfisher")] == [403, 200]
    publish(2, "Kingfisher")
    assert eventually(lambda: post(proxy, "Kingfisher").status_code == 403)
    assert post(proxy, "Bluebird").status_code == 200
    assert "outgate_policy_release_version 2.0" in proxy.metrics()

    signing.keygen(tmp_path / "other.pem", tmp_path / "other.pub.pem")
    publish(3, "Goldfinch", tmp_path / "other.pem")
    assert eventually(lambda: "outgate_policy_source_failing 1.0" in proxy.metrics())
    assert [post(proxy, word).status_code for word in ("Bluebird", "Kingfisher", "Goldfinch")] == [
        200,
        403,
        200,
    ]
    told = command(proxy, "status")
    assert told.exit_code == 1
    assert "version 2 of" in told.stdout
    assert f"not signed with {public}" in told.stdout
    assert 'result="refused"' in proxy.metrics()
