"""The proxy's own pages: what a browser may be made to do there, what is kept of it, and who reaches them."""

from __future__ import annotations

import http.client
import re
import sqlite3
import subprocess
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner, Result

from e2e.conftest import Proxy
from e2e.people import FORM, HOST, PAGES, Person, read
from e2e.raw import connect
from e2e.ways import chat
from outgate.cli import outgate
from outgate.dlp.examples import fake

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
    answer = read(connection)
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
    foreign = Person(proxy, "127.0.1.1").stopped("about Bluebird")
    refused = run("justify", foreign, "--reason", "they have signed")
    assert (refused.exit_code, "No exchange of yours" in refused.stderr) == (1, True)
    ada = Person(proxy, "127.0.0.1", "ada").stopped("about Sunrise")
    assert run("why", ada, "--proxy", proxy.url).exit_code == 1
    assert run("why", ada, "--proxy", proxy.url.replace("//", "//ada:ada%20at%20work@")).exit_code == 0
    assert not (proxy.folder / "nothing").exists()
