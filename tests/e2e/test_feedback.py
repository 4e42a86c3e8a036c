"""Why it was stopped, that it is not sensitive, and a reason to send it all the same: through the real proxy.

People are addresses of the machine's loopback: each test has its own.
"""

from __future__ import annotations

import http.client
import json
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlencode

import anthropic
import httpx2
import openai
import pytest
from click.testing import CliRunner, Result

from e2e.conftest import Proxy, proxies
from e2e.raw import connect
from e2e.ways import chat, free_port
from e2e.who import basic, hashed
from outgate.cli import outgate
from outgate.dlp.examples import fake
from outgate.feedback.store import Store
from providers.standin import HOSTS, Server

POLICY = """
version: 1
help_url: https://help.corp.example/ai
rules:
  - name: credentials
    detect: [GITHUB_TOKEN]
    action: block
    exceptions: false
  - name: addresses
    detect: [EMAIL_ADDRESS]
    action: block
    message: "No addresses to {provider.name}. Read {why_url}"
  - name: code names
    detect: [PROJECT]
    action: block
    coach: true
  - name: plans
    detect: [PLAN]
    action: block
    coach: {for: 1h, then: redact}
detectors:
  words:
    - {entity: PROJECT, words: [Bluebird, Nightjar, Osprey, Kestrel, Merlin]}
    - {entity: PLAN, words: [Rainfall, Sunrise]}
"""
HOST = "outgate.internal"
PAGES = f"http://{HOST}"
FORM = "application/x-www-form-urlencoded"
_numbers = count(2)


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    routes = dict.fromkeys(HOSTS, f"127.0.0.1:{server.stand_in.port}")
    routes[HOST] = f"127.0.0.1:{server.stand_in.plain_port}"  # where it would arrive, were it sent on
    folder = tmp_path_factory.mktemp("feedback")
    users = folder / "users"
    users.write_text("".join(f"{name}:{hashed(f'{name} at work')}\n" for name in ("ada", "bo")))
    users.chmod(0o600)
    identity = {"sources": [{"htpasswd": str(users)}]}
    with proxies(server, folder) as make:
        yield make(
            POLICY, identity=identity, routes=routes, mode=["regular", f"socks5@127.0.0.1:{free_port()}"]
        )


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Person:
    """Somebody at an address of their own."""

    proxy: Proxy
    address: str
    user: str | None = None

    @property
    def shown(self) -> dict[str, str]:
        """What this person shows the proxy."""
        return {"proxy-authorization": basic(self.user, f"{self.user} at work")} if self.user else {}

    def page(self, path: str, body: bytes | None = None, method: str = "", **headers: str) -> Answer:
        """What the proxy's own host answers."""
        host, port = self.proxy.service.addresses[0]
        connection = http.client.HTTPConnection(host, port, timeout=30, source_address=(self.address, 0))
        sent = {
            "accept": "text/html",
            **self.shown,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        connection.request(method or ("GET" if body is None else "POST"), f"{PAGES}{path}", body, sent)
        return _read(connection)

    def send(self, text: str, **headers: str) -> Answer:
        """A chat request."""
        host, port = self.proxy.service.addresses[0]
        connection = http.client.HTTPSConnection(
            host, port, timeout=30, source_address=(self.address, 0), context=self.proxy.ssl
        )
        connection.set_tunnel("api.openai.com", 443, self.shown)
        sent = {"content-type": "application/json", **headers}
        connection.request("POST", "/v1/chat/completions", chat(text), sent)
        return _read(connection)

    def passes(self, text: str) -> bool:
        """Whether the provider receives it."""
        before = len(self.proxy.received)
        status = self.send(text).status
        assert (status == 200) is (len(self.proxy.received) > before)
        return status == 200

    def stopped(self, text: str) -> str:
        """The reference of what is stopped."""
        answer = self.send(text)
        assert answer.status == 403, answer.text
        return answer.headers["x-outgate-reference"]

    def case(self, reference: str) -> dict[str, Any]:
        answer = self.page(f"/why/{reference}", accept="application/json")
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def say(self, reference: str, verb: str, reason: str, **fields: str) -> Answer:
        """As a form of the page is sent by a browser."""
        given = {"token": self.case(reference)["token"], "reason": reason, **fields}
        return self.page(
            f"/why/{reference}/{verb}", urlencode(given).encode(), content_type=FORM, origin=PAGES
        )


def _read(connection: http.client.HTTPConnection) -> Answer:
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)


@pytest.fixture
def person(proxy: Proxy) -> Person:
    return Person(proxy, f"127.0.0.{next(_numbers)}")


@pytest.fixture
def another(proxy: Proxy) -> Person:
    return Person(proxy, f"127.0.0.{next(_numbers)}")


def command(proxy: Proxy, *words: str) -> Result:
    """A command on the proxy's machine."""
    where = [*words[:1], "--config", str(proxy.folder / "outgate.yaml"), *words[1:]]
    return CliRunner().invoke(outgate, where, prog_name="outgate")


def store(proxy: Proxy) -> Store:
    return Store(proxy.service.settings.feedback_path)


def soon(holds: Any) -> bool:
    """Whether something holds within a while: other processes look twice a second."""
    deadline = time.monotonic() + 15
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


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
    assert soon(lambda: any(f"justification:{reference}" in event.rules for event in proxy.events()))
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
    assert soon(lambda: ada.passes(text))
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
    assert _read(connection).status == 403


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

        assert soon(lambda: me.passes(f"write to {address}"))
        assert ask(f"write to {address} now").content
        assert address.encode() in proxy.received[-1].body
        assert not me.passes(f"write to {fake('EMAIL_ADDRESS', 2)}")
        assert not another.passes(f"write to {address}")
        assert soon(lambda: decided_by(proxy, f"exception:{number}"))
        assert decided_by(proxy, f"exception:{number}") == {"allow"}
        assert re.search(r"outgate_exceptions_in_force [1-9]", proxy.metrics())

        assert command(proxy, "review", "revoke", number).exit_code == 0
        assert soon(lambda: not me.passes(f"write to {address}"))
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
    assert soon(lambda: person.passes(text))
    assert soon(lambda: not person.passes(text))


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


# --- what a browser may be made to do ------------------------------------------------------------


def test_a_form_of_another_site_or_without_its_token_is_not_taken(person: Person) -> None:
    reference, other = person.stopped("about Bluebird"), person.stopped("Bluebird again")
    token = person.case(reference)["token"]
    stale = f"{int(token.partition('.')[0]) - 1}.{token.partition('.')[2]}"
    path, good = f"/why/{reference}/justify", urlencode({"token": token, "reason": "because"}).encode()

    def form(token: str) -> bytes:
        return urlencode({"token": token, "reason": "because"}).encode()

    for status, answer in (
        (403, person.page(path, form(""), content_type=FORM)),
        (403, person.page(path, form(stale), content_type=FORM)),
        (403, person.page(path, form(person.case(other)["token"]), content_type=FORM)),
        (403, person.page(path, good, content_type=FORM, origin="https://evil.example")),
        (403, person.page(path, good, content_type=FORM, origin="null")),
        (403, person.page(path, good, content_type=FORM, origin=PAGES, sec_fetch_site="cross-site")),
        (415, person.page(path, good, content_type="text/plain")),
        (415, person.page(path, b'{"token":', content_type="application/json")),
        (413, person.page(path, good + b"&x=" + b"x" * 20_000, content_type=FORM)),
        (405, person.page(f"{path}?{good.decode()}")),
        (405, person.page(f"/why/{reference}", good, content_type=FORM)),
    ):
        assert answer.status == status, answer
        assert "access-control-allow-origin" not in answer.headers
    assert not person.passes("about Bluebird")
    assert (
        person.page(path, good, content_type=FORM, origin=PAGES, sec_fetch_site="same-origin").status == 303
    )
    assert person.passes("about Bluebird")


def test_what_people_write_is_text_on_a_page_and_nothing_runs(person: Person) -> None:
    reference = person.stopped("about Bluebird")
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>\" onfocus='x'"
    assert person.say(reference, "justify", attack).status == 303
    answer = person.page(f"/why/{reference}")
    assert "<script" not in answer.text
    assert "<img" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    for path in ("/why/<script>", "/why/og_0123456789abcdef", f"/why/{reference}/../x", "/<b>"):
        answer = person.page(path)
        assert answer.status == 404
        assert "<script>" not in answer.text
        assert "<b>" not in answer.text
    assert person.page(f"/why/{reference}", method="HEAD").text == ""


def test_no_value_in_a_reason_is_kept(person: Person) -> None:
    address, token = fake("EMAIL_ADDRESS", 7), fake("GITHUB_TOKEN", 3)
    reference = person.stopped(f"about Bluebird for {address}")
    said = f"(Bluebird) is public, {address} too; {token} is old; mail: <{address.upper()}>"
    assert person.say(reference, "not-sensitive", said).status == 303
    settings = person.proxy.service.settings
    for file in settings.feedback_path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0
        held = file.read_bytes().lower()
        for value in ("bluebird", address, token):
            assert value.lower().encode() not in held, (value, file)
    with sqlite3.connect(settings.feedback_path) as connection:
        kept = {
            row[0]
            for row in connection.execute("SELECT reason FROM reports WHERE reference = ?", (reference,))
        }
    connection.close()
    assert kept == {
        "([PROJECT]) is public, [EMAIL_ADDRESS] too; [GITHUB_TOKEN] is old; mail: <[EMAIL_ADDRESS]>"
    }


def test_a_reason_that_says_nothing_or_too_much_is_refused(person: Person) -> None:
    reference = person.stopped("about Bluebird")
    for reason in ("", "  . ", "x" * 501):
        assert person.say(reference, "justify", reason).status == 422
    assert person.say(reference, "not-sensitive", "no reason", finding="9").status == 422
    assert not person.passes("about Bluebird")


def test_a_client_that_asks_too_often_has_to_wait(person: Person, another: Person) -> None:
    statuses = [
        person.page("/why/og_0123456789abcdef/justify", b"", content_type=FORM).status for _ in range(21)
    ]
    assert statuses == [403] * 20 + [429]
    assert another.page("/why/og_0123456789abcdef").status == 404


# --- where the pages are -------------------------------------------------------------------------


def test_what_is_for_our_own_name_never_leaves(person: Person) -> None:
    proxy, before = person.proxy, len(person.proxy.received)
    assert person.page("/").status == 404
    assert person.page("/v1/chat/completions", chat("x"), content_type="application/json").status == 404
    assert person.page("/", host="api.openai.com").status == 421
    assert person.page("/", method="CONNECT").status != 200
    with proxy.client() as client:  # by another name of the same, and named by the header alone
        assert client.get("http://OUTGATE.internal./").status_code == 404
        assert client.get("http://api.openai.com/", headers={"host": HOST}).status_code == 421
    with connect(proxy, f"{HOST}:80") as tunnel:
        tunnel.sendall(f"GET / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n".encode())
        assert b"404" in tunnel.recv(4096).split(b"\r\n")[0]
    assert len(proxy.received) == before


def test_a_client_that_speaks_socks_reaches_the_pages(person: Person) -> None:
    reference, (host, port) = person.stopped("about Bluebird"), person.proxy.service.addresses[1]
    words = ["curl", "-sS", "-m", "20", "--interface", person.address, "--socks5-hostname", f"{host}:{port}"]
    told = subprocess.run([*words, f"{PAGES}/why/{reference}"], capture_output=True, timeout=30, check=True)
    assert b"code names" in told.stdout


def test_a_person_in_a_browser_is_led_to_the_page(person: Person) -> None:
    host, port = person.proxy.service.addresses[0]
    connection = http.client.HTTPSConnection(
        host, port, timeout=30, source_address=(person.address, 0), context=person.proxy.ssl
    )
    connection.set_tunnel("chatgpt.com", 443)
    connection.request("GET", "/?q=Bluebird", headers={"accept": "text/html"})
    answer = _read(connection)
    assert answer.status == 403
    link = re.search(r'href="http://outgate\.internal(/why/og_[0-9a-f]{16})"', answer.text)
    assert link
    page = person.page(link[1])
    assert page.status == 200
    assert "code names" in page.text
    assert "PROJECT" in page.text
    assert "Bluebird" not in page.text


def test_another_machine_asks_and_says_through_the_proxy(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTGATE_CONFIG", str(proxy.folder / "elsewhere.yaml"))
    (proxy.folder / "elsewhere.yaml").write_text(f"state_dir: {proxy.folder / 'nothing'}\n")
    me = Person(proxy, "127.0.0.1")
    reference = me.stopped("Merlin and Sunrise")

    def run(*words: str) -> Result:
        return CliRunner().invoke(outgate, words, prog_name="outgate")

    told = run("why", reference, "--proxy", proxy.url)
    assert told.exit_code == 0, told.output
    assert f"{reference}  block by rule 'code names'" in told.stdout
    assert "in messages[0].content (user), fingerprint " in told.stdout
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert (
        run("feedback", reference, "--not-sensitive", "--finding", "2", "--reason", "weather").stdout
        == "1 reported\n"
    )
    assert run("justify", reference, "--reason", "they have signed").exit_code == 0
    assert me.passes("Merlin and Sunrise")
    foreign = Person(proxy, f"127.0.0.{next(_numbers)}").stopped("about Bluebird")
    refused = run("justify", foreign, "--reason", "they have signed")
    assert (refused.exit_code, "No exchange of yours" in refused.stderr) == (1, True)
    ada = Person(proxy, "127.0.0.1", "ada").stopped("about Sunrise")
    assert run("why", ada, "--proxy", proxy.url).exit_code == 1
    assert run("why", ada, "--proxy", proxy.url.replace("//", "//ada:ada%20at%20work@")).exit_code == 0
    assert not (proxy.folder / "nothing").exists()
