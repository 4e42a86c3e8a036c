"""Why it was stopped, that it is not sensitive, and a reason to send it all the same: through the real proxy."""

from __future__ import annotations

import http.client
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import anthropic
import httpx2
import openai
import pytest
from click.testing import CliRunner, Result

from e2e.conftest import Proxy
from e2e.people import FORM, PAGES, Person, read
from e2e.ways import chat
from outgate.cli import outgate
from outgate.dlp.examples import fake
from outgate.feedback.store import Store
from patience import eventually


def command(proxy: Proxy, *words: str) -> Result:
    """A command on the proxy's machine."""
    where = [*words[:1], "--config", str(proxy.folder / "outgate.yaml"), *words[1:]]
    return CliRunner().invoke(outgate, where, prog_name="outgate")


def store(proxy: Proxy) -> Store:
    return Store(proxy.service.settings.feedback_path)


def decided_by(proxy: Proxy, name: str) -> set[str]:
    """What was done about findings by a rule of this name, as the audit log has it."""
    return {str(one.action) for event in proxy.events() for one in event.findings if one.rule == name}


# --- coaching ------------------------------------------------------------------------------------


def test_openai_is_warned_justifies_and_passes_and_the_log_holds_it(proxy: Proxy) -> None:
    me = Person(proxy, "127.0.0.1")
    with proxy.client() as http_client:
        sdk = openai.OpenAI(api_key="k", http_client=http_client)
        messages: list[Any] = [{"role": "user", "content": "Is Osprey on time?"}]
        before = len(proxy.received)
        with pytest.raises(openai.PermissionDeniedError) as caught:
            sdk.chat.completions.create(model="gpt-4o", messages=messages)
        told = str(caught.value)
        assert len(proxy.received) == before  # nor was it tried again
        reference = caught.value.response.headers["x-outgate-reference"]
        assert "PROJECT" in told
        assert f"{PAGES}/why/{reference}" in told
        assert f"outgate justify {reference}" in told
        assert me.say(reference, "justify", "a talk that is public").status == 303
        assert sdk.chat.completions.create(model="gpt-4o", messages=messages).choices
        assert b"Osprey" in proxy.received[-1].body  # `then: audit` changes nothing
        with pytest.raises(openai.PermissionDeniedError):  # another value
            sdk.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "Is Osprey like Kestrel?"}]
            )
    assert eventually(lambda: any(f"justification:{reference}" in event.rules for event in proxy.events()))
    passed = next(event for event in proxy.events() if f"justification:{reference}" in event.rules)
    assert passed.outcome == "forward"
    assert [(one.rule, str(one.action)) for one in passed.findings] == [("code names", "audit")]
    assert "a talk that is public" in me.page(f"/why/{reference}").text
    metrics = proxy.metrics()
    assert re.search(r'outgate_coached_total\{provider="openai",result="warned"\} [1-9]', metrics)
    assert re.search(r'outgate_coached_total\{provider="openai",result="passed"\} [1-9]', metrics)
    assert re.search(r'outgate_feedback_total\{kind="justify",result="taken"\} [1-9]', metrics)


def test_a_reason_counts_for_who_gave_it_alone(person: Person, another: Person) -> None:
    reference = person.stopped("about Bluebird")
    assert another.page(f"/why/{reference}").status == 404
    token = person.case(reference)["token"]
    body = urlencode({"token": token, "reason": "I was told to"}).encode()
    assert another.page(f"/why/{reference}/justify", body, content_type=FORM).status == 403
    assert not person.passes("about Bluebird")
    assert person.say(reference, "justify", "the customer asked").status == 303
    assert person.passes("more about Bluebird")
    assert not another.passes("about Bluebird")


def test_users_at_one_address_have_reasons_exceptions_and_pages_of_their_own(person: Person) -> None:
    ada, bo = (Person(person.proxy, person.address, name) for name in ("ada", "bo"))
    name, text = "about Bluebird", f"write to {fake('EMAIL_ADDRESS', 9)}"
    reference = ada.stopped(name)
    for other in (bo, person):
        assert other.page(f"/why/{reference}").status == 404
    assert ada.say(reference, "justify", "the customer asked").status == 303
    fingerprint = ada.case(ada.stopped(text))["findings"][0]["fingerprint"]
    allowed = command(person.proxy, "review", "allow", fingerprint, "--user", "ada", "--provider", "openai")
    assert allowed.exit_code == 0, allowed.output
    assert eventually(lambda: ada.passes(text))
    assert ada.passes(name)
    for other in (bo, person):
        assert not other.passes(name)
        assert not other.passes(text)


def test_a_reason_counts_for_its_provider_alone(person: Person) -> None:
    reference = person.stopped("about Nightjar")
    assert person.say(reference, "justify", "the customer asked").status == 303
    assert person.passes("about Nightjar")
    host, port = person.proxy.service.addresses[0]
    connection = http.client.HTTPSConnection(
        host, port, timeout=30, source_address=(person.address, 0), context=person.proxy.ssl
    )
    connection.set_tunnel("api.mistral.ai", 443)
    connection.request(
        "POST", "/v1/chat/completions", chat("about Nightjar"), {"content-type": "application/json"}
    )
    assert read(connection).status == 403


def test_a_justified_repeat_gets_what_the_rule_says_is_then_done(person: Person) -> None:
    reference = person.stopped("about Rainfall")
    assert person.say(reference, "justify", "only the outline").status == 303
    assert person.passes("about Rainfall")
    assert b"about [REDACTED PLAN]" in person.proxy.received[-1].body


def test_no_reason_opens_what_another_rule_blocks(person: Person) -> None:
    text = f"Bluebird is led by {fake('EMAIL_ADDRESS')}"
    answer = person.send(text)
    reference = answer.headers["x-outgate-reference"]
    told = answer.json()["error"]["message"]
    assert told.startswith("No addresses to OpenAI.")  # the one that no reason helps with
    assert f"Read {PAGES}/why/{reference}" in told
    assert "justify" not in told
    refused = person.say(reference, "justify", "the customer asked")
    assert refused.status == 422
    assert "takes no reasons" in refused.text
    alone = person.stopped("Bluebird alone")
    assert person.say(alone, "justify", "the customer asked").status == 303
    assert person.passes("Bluebird alone")
    assert not person.passes(text)


# --- exceptions ----------------------------------------------------------------------------------


def test_anthropic_is_stopped_reported_and_let_through_for_that_person_until_it_is_revoked(
    proxy: Proxy, another: Person
) -> None:
    me, address = Person(proxy, "127.0.0.1"), fake("EMAIL_ADDRESS")
    with httpx2.Client(proxy=proxy.url, verify=proxy.ssl, trust_env=False) as http_client:
        sdk = anthropic.Anthropic(api_key="k", http_client=http_client)

        def ask(text: str) -> Any:
            messages: list[Any] = [{"role": "user", "content": text}]
            return sdk.messages.create(model="claude-sonnet-4-5", max_tokens=10, messages=messages)

        with pytest.raises(anthropic.PermissionDeniedError) as caught:
            ask(f"write to {address}")
        reference = caught.value.response.headers["x-outgate-reference"]
        told = command(proxy, "why", reference, "--json")
        assert told.exit_code == 0, told.output
        case = json.loads(told.stdout)
        assert (case["outcome"], case["rule"], case["provider"]) == ("block", "addresses", "anthropic")
        assert case["message"] == f"No addresses to Anthropic. Read {PAGES}/why/{reference}"
        (finding,) = case["findings"]
        assert (finding["entity"], finding["role"], finding["number"]) == ("EMAIL_ADDRESS", "user", 1)
        assert finding["place"] == "messages[0].content"
        assert address not in told.output
        assert (
            me.say(reference, "not-sensitive", f"{address} is on our front page", finding="1").status == 303
        )
        assert me.case(reference)["findings"][0]["reported"] == "open"

        listed = json.loads(command(proxy, "review", "list", "--json").stdout)
        (report,) = [one for one in listed["reports"] if one["reference"] == reference]
        assert report["reason"] == "[EMAIL_ADDRESS] is on our front page"
        shown = json.loads(command(proxy, "review", "show", str(report["id"]), "--json").stdout)
        assert (shown["person"], shown["times"], shown["events"] >= 1) == ("address:127.0.0.1", 1, True)
        allowed = command(proxy, "review", "allow", str(report["id"]), "--for", "1h", "--by", "kim")
        assert allowed.exit_code == 0, allowed.output
        number = re.match(r"exception (\d+): EMAIL_ADDRESS", allowed.stdout)[1]  # type: ignore[index]

        assert eventually(lambda: me.passes(f"write to {address}"))
        assert ask(f"write to {address} now").content
        assert address.encode() in proxy.received[-1].body
        assert not me.passes(f"write to {fake('EMAIL_ADDRESS', 2)}")
        assert not another.passes(f"write to {address}")
        assert eventually(lambda: decided_by(proxy, f"exception:{number}"))
        assert decided_by(proxy, f"exception:{number}") == {"allow"}
        assert re.search(r"outgate_exceptions_in_force [1-9]", proxy.metrics())

        assert command(proxy, "review", "revoke", number).exit_code == 0
        assert eventually(lambda: not me.passes(f"write to {address}"))
    rows = json.loads(command(proxy, "review", "list", "--all", "--json").stdout)["exceptions"]
    (row,) = [one for one in rows if str(one["id"]) == number]
    assert (row["made_by"], row["who"], row["revoked"] is None) == ("kim", "address:127.0.0.1", False)
    (tally,) = [
        one for one in json.loads(command(proxy, "review", "stats", "--json").stdout) if one["allowed"]
    ]
    assert (tally["rule"], tally["entity"], tally["false_alarms"]) == ("addresses", "EMAIL_ADDRESS", 1.0)


def test_an_exception_ends_by_itself(person: Person) -> None:
    text = f"write to {fake('EMAIL_ADDRESS', 5)}"
    fingerprint = person.case(person.stopped(text))["findings"][0]["fingerprint"]
    kept = store(person.proxy)
    kept.let_pass(fingerprint, "", "everyone", "openai", timedelta(seconds=3), "kim", datetime.now(UTC))
    kept.close()
    assert eventually(lambda: person.passes(text))
    assert eventually(lambda: not person.passes(text))


def test_a_rule_may_take_no_exceptions(person: Person) -> None:
    text = f"use {fake('GITHUB_TOKEN')}"
    reference = person.stopped(text)
    assert person.say(reference, "not-sensitive", "an example of the vendor's").status == 303
    listed = json.loads(command(person.proxy, "review", "list", "--json").stdout)
    (report,) = [one for one in listed["reports"] if one["reference"] == reference]
    refused = command(person.proxy, "review", "allow", str(report["id"]))
    assert "takes no exceptions" in str(refused.exception)
    by_hand = command(person.proxy, "review", "allow", report["fingerprint"], "--everyone")
    assert by_hand.exit_code == 0, by_hand.output
    time.sleep(1.5)  # more than it takes to be in force
    assert not person.passes(text)
