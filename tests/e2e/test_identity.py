"""Users who show a password to the proxy: who it was is told to policy and audit, and nothing to a provider."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from websockets.asyncio.client import connect

from e2e import raw, ways
from e2e.conftest import Proxy, proxies
from e2e.who import CHAT, MIRROR, OPEN, POLICY, RESTRICTED, Who, asked_by, basic, curl, hashed
from outgate.audit import shadow
from outgate.gateway.identity import Identities
from outgate.gateway.refusals import Refusals
from outgate.identity import files
from outgate.identity.evidence import NOBODY
from outgate.identity.sources import Sources
from patience import eventually
from providers import echo
from providers.standin import Server

USERS = {"ada": "engine-1843", "bo": "difference: 1822", "cy": "analytical", "di": "jacquard"}
PEOPLE = "ada: {groups: [research, staff], device: laptop-7}\nbo: {groups: [staff]}\n"
MAIL = "ada.l@analytical-engines.org"


def auth(user: str) -> str:
    return basic(user, USERS[user])


class Site:
    """One proxy that wants to know everybody, over HTTP, SOCKS and a base URL."""

    def __init__(self, proxy: Proxy, users: Path, root: Path, socks: int, base: int) -> None:
        self.proxy, self.users, self.root, self.socks, self.base = proxy, users, root, socks, base

    def who(self, authorization: str | None) -> Who:
        return Who(self.proxy, {"Proxy-Authorization": authorization} if authorization else {})

    def curl(self, *options: str) -> ways.Curl:
        return curl(self.proxy, self.root, *options)

    def write(self, users: dict[str, str]) -> None:
        self.users.write_text("".join(f"{user}:{hashed(secret)}\n" for user, secret in users.items()))
        self.users.chmod(0o600)


@pytest.fixture(scope="module")
def one_for_all(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("identity")
    users, people = folder / "users", folder / "people.yaml"
    people.write_text(PEOPLE)
    socks, base = ways.free_port(), ways.free_port()
    with pytest.MonkeyPatch.context() as patch, proxies(server, folder) as make:
        patch.setattr(files, "_EVERY", 0.2)
        site = Site(None, users, server.root, socks, base)  # type: ignore[arg-type]
        site.write(USERS)
        site.proxy = make(
            POLICY,
            identity={
                "required": True,
                "sources": [{"htpasswd": str(users)}],
                "directory": {"file": str(people)},
            },
            mode=["regular", f"socks5@127.0.0.1:{socks}"],
            reverse={"mistral": base},
            connect_ports=[80, 443, server.stand_in.plain_port],
            routes={
                **dict.fromkeys(
                    (
                        OPEN,
                        RESTRICTED,
                        MIRROR,
                        "api.anthropic.com",
                        "intranet.example",
                        "unlisted.example.ai",
                    ),
                    f"127.0.0.1:{server.stand_in.port}",
                ),
                "intranet.example:80": f"127.0.0.1:{server.stand_in.plain_port}",
                f"{MIRROR}:80": f"127.0.0.1:{server.stand_in.plain_port}",
            },
        )
        yield site


@pytest.fixture
def site(one_for_all: Site) -> Site:
    one_for_all.proxy.stand_in.reset()
    return one_for_all


# --- CONNECT -------------------------------------------------------------------------------------


def test_who_has_shown_a_password_is_told_to_policy_and_audit(site: Site) -> None:
    assert asked_by("ada", "laptop-7") in site.who(auth("ada")).told()
    assert site.who(auth("ada")).post(RESTRICTED).status_code == 200
    refused = site.who(auth("bo")).post(RESTRICTED)
    assert refused.status_code == 403 and "Not for this group" in refused.text
    eventually(
        lambda: {event.user for event in site.proxy.events() if event.host == RESTRICTED} == {"ada", "bo"}
    )
    events = [event for event in site.proxy.events() if event.host == RESTRICTED]
    told = {event.user: (event.groups, event.device) for event in events}
    assert told == {"ada": (("research", "staff"), "laptop-7"), "bo": (("staff",), None)}


@pytest.mark.parametrize(
    "authorization",
    [None, basic("ada", "engine-1844"), basic("eve", "x"), "Basic %%%", "Bearer a.b.c", "Digest x", "Basic"],
    ids=["nothing", "wrong", "unknown", "unreadable", "a token", "another scheme", "half"],
)
def test_nobody_else_is_let_through(site: Site, authorization: str | None) -> None:
    for host in (OPEN, "intranet.example"):
        with pytest.raises(httpx.ProxyError, match="407"):
            site.who(authorization).post(host)
    assert site.proxy.received == []


def test_credentials_that_come_twice_are_none(site: Site) -> None:
    with raw.plain(site.proxy) as connection:
        twice = f"Proxy-Authorization: {auth('ada')}\r\n" * 2
        connection.sendall(f"CONNECT {OPEN}:443 HTTP/1.1\r\nHost: {OPEN}:443\r\n{twice}\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 407 ")


def test_a_tunnel_that_could_not_be_made_vouches_for_no_other_request_on_its_connection(site: Site) -> None:
    """A proxy in front of this one may send the next person's request over it."""
    with raw.plain(site.proxy) as connection:
        shown = f"Proxy-Authorization: {auth('ada')}\r\n"
        connection.sendall(f"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: 127.0.0.1:443\r\n{shown}\r\n".encode())
        assert raw.read_answer(connection).startswith(b"HTTP/1.1 502 ")
        asked = f"POST http://{MIRROR}{CHAT} HTTP/1.1\r\nHost: {MIRROR}\r\nContent-Length: 2\r\n\r\n{{}}"
        connection.sendall(asked.encode())
        answer = raw.read_answer(connection)
    assert answer.startswith(b"HTTP/1.1 407 "), answer


def test_a_client_that_waits_to_be_asked_is_asked_on_the_same_connection(site: Site) -> None:
    asking = site.curl("--proxy", site.proxy.url, "--proxy-anyauth", "--proxy-user", "ada:engine-1843", "-v")
    answer = asking.post(f"https://{OPEN}{CHAT}", ways.CLEAN)
    assert answer.status == 200, answer
    assert 'proxy-authenticate: basic realm="outgate", charset="utf-8"' in answer.problem.lower()
    assert answer.problem.count("* Connected to 127.0.0.1") == 1


def test_tunnels_are_for_those_who_are_known(site: Site) -> None:
    known = site.curl("--proxy", site.proxy.url, "--proxy-user", "ada:engine-1843")
    ways.passes_unopened(known, site.proxy.received, "https://intranet.example")
    unknown = site.curl("--proxy", site.proxy.url)
    assert unknown.post("https://intranet.example/x", ways.CLEAN).status == 0
    assert len(site.proxy.received) == 1


def test_people_with_one_address_are_several_in_the_list_of_unopened_services(site: Site) -> None:
    file = shadow.path_of(site.proxy.service.settings)
    for user in ("ada", "bo", "ada"):
        curl = site.curl("--proxy", site.proxy.url, "--proxy-user", f"{user}:{USERS[user]}", "-k")
        assert curl.post("https://unlisted.example.ai/x", ways.CLEAN).status == 200
    assert site.curl("--proxy", site.proxy.url, "-k").post("https://unlisted.example.ai/x", b"").status == 0
    assert eventually(lambda: [(one.connections, one.people) for one in shadow.read(file)] == [(3, 2)])


def test_the_vendors_clients_take_credentials_from_the_proxys_address(site: Site) -> None:
    address = site.proxy.url.replace("//", "//ada:engine-1843@")
    options: dict[str, Any] = {"verify": site.proxy.ssl, "trust_env": False}
    message: list[Any] = [{"role": "user", "content": "hello"}]
    with openai.OpenAI(api_key="k", http_client=httpx2.Client(proxy=address, **options)) as gpt:
        assert gpt.chat.completions.create(model="gpt-4o", messages=message).choices
    with anthropic.Anthropic(api_key="k", http_client=httpx2.Client(proxy=address, **options)) as claude:
        assert claude.messages.create(model="claude", max_tokens=9, messages=message).content
    unknown = httpx2.Client(proxy=site.proxy.url, **options)
    with openai.OpenAI(api_key="k", http_client=unknown, max_retries=0) as gpt:
        with pytest.raises(openai.APIConnectionError) as error:
            gpt.chat.completions.create(model="gpt-4o", messages=message)
        assert "407" in str(error.value.__cause__)
    assert site.proxy.received[0].header("authorization") == "Bearer k"
    assert all(request.header("proxy-authorization") is None for request in site.proxy.received)


@pytest.mark.parametrize("http2", [False, True])
def test_nothing_that_is_said_in_a_tunnel_makes_it_somebody_elses(site: Site, http2: bool) -> None:
    with site.who(auth("bo")).client(http2=http2) as client:
        headers = {"Proxy-Authorization": auth("ada"), "X-Forwarded-User": "ada"}
        answer = client.post(f"https://{MIRROR}{CHAT}", content=ways.CLEAN, headers=headers)
        assert asked_by("bo") in answer.text
        assert client.post(f"https://{OPEN}{CHAT}", content=ways.CLEAN, headers=headers).status_code == 200
    assert site.proxy.received[-1].header("proxy-authorization") is None


async def test_a_websocket_is_its_users(site: Site) -> None:
    address = site.proxy.url.replace("//", "//di:jacquard@")
    url = f"wss://{OPEN}/v1/realtime?model=gpt-realtime"
    async with connect(url, proxy=address, ssl=site.proxy.ssl, open_timeout=30) as client:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": MAIL}]}
        await client.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await client.recv()
    assert eventually(lambda: any(event.websocket and event.user == "di" for event in site.proxy.events()))


# --- other ways in -------------------------------------------------------------------------------


def test_each_plain_request_says_for_itself_who_asks(site: Site) -> None:
    """A proxy in front of this one may send several people's over one connection."""

    def ask(host: str, *more: str) -> bytes:
        lines = "".join(f"{line}\r\n" for line in (f"Host: {host}", "Content-Length: 2", *more))
        connection.sendall(f"POST http://{host}{CHAT} HTTP/1.1\r\n{lines}\r\n{{}}".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(body) < length:
            body += connection.recv(65536)
        return head + body

    with raw.plain(site.proxy) as connection:
        assert asked_by("ada", "laptop-7").encode() in ask(MIRROR, f"Proxy-Authorization: {auth('ada')}")
        assert ask(MIRROR).startswith(b"HTTP/1.1 407 ")
        assert asked_by("bo").encode() in ask(MIRROR, f"Proxy-Authorization: {auth('bo')}")
        assert ask("intranet.example").startswith(b"HTTP/1.1 407 ")
        assert site.proxy.received == []
        passed = ask("intranet.example", f"Proxy-Authorization: {auth('bo')}")
        assert passed.startswith(b"HTTP/1.1 200 ")
    assert site.proxy.received[-1].header("proxy-authorization") is None


def test_socks_clients_show_a_password(site: Site) -> None:
    at = f"127.0.0.1:{site.socks}"
    known = site.curl("--socks5-hostname", at, "--proxy-user", "ada:engine-1843")
    assert asked_by("ada", "laptop-7").encode() in known.post(f"https://{MIRROR}{CHAT}", ways.CLEAN).body
    ways.passes_unopened(known, site.proxy.received, "https://intranet.example")
    before = len(site.proxy.received)
    for options in (["--proxy-user", "ada:engine-1844"], ["--proxy-user", "eve:x"], []):
        for host in (OPEN, "intranet.example"):
            answer = site.curl("--socks5-hostname", at, *options).post(f"https://{host}{CHAT}", ways.CLEAN)
            assert answer.status == 0, answer
    assert len(site.proxy.received) == before


def test_with_a_base_url_credentials_are_a_header(site: Site) -> None:
    """And who shows none is told so in the provider's shape."""
    url = f"http://127.0.0.1:{site.base}{CHAT}"
    with httpx.Client(trust_env=False, timeout=30) as client:
        for wrong in ({}, {"Proxy-Authorization": basic("ada", "no")}, {"Authorization": auth("ada")}):
            refused = client.post(url, content=ways.CLEAN, headers=wrong)
            assert refused.status_code == 401, refused.text
            assert "Outgate does not know" in refused.text
        told = client.post(url, content=ways.CLEAN, headers={"Proxy-Authorization": auth("ada")})
        assert asked_by("ada", "laptop-7") in told.text
    assert site.proxy.received == []


# --- what follows --------------------------------------------------------------------------------


def test_two_users_of_one_address_do_not_share_placeholders(site: Site) -> None:
    site.proxy.stand_in.script = echo.chat

    def say(user: str, text: str) -> tuple[str, str]:
        """What the provider was told, and what the user gets back."""
        body = ways.chat(text)
        answer = site.who(auth(user)).post(content=body)
        sent = json.loads(site.proxy.received[-1].body)["messages"][0]["content"]
        return sent, answer.json()["choices"][0]["message"]["content"]

    sent, back = say("ada", MAIL)
    assert sent.startswith("EMAIL_ADDRESS_") and back == MAIL
    assert say("ada", sent) == (sent, MAIL)
    assert say("bo", sent) == (sent, sent)
    other, back = say("bo", MAIL)
    assert other != sent and back == MAIL


def test_guessing_is_slowed_and_hinders_nobody_who_is_known(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    def curl_at(address: str, user: str, secret: str) -> ways.Answer:
        options = ["--proxy", site.proxy.url, "--interface", address, "--proxy-user", f"{user}:{secret}"]
        return site.curl(*options).post(f"https://{OPEN}{CHAT}", ways.CLEAN)

    assert curl_at("127.0.0.70", "cy", USERS["cy"]).status == 200
    for guess in range(6):
        assert "response 407" in curl_at("127.0.0.71", "cy", f"guess-{guess}").problem
    assert "response 429" in curl_at("127.0.0.71", "cy", "guess-7").problem
    assert "response 429" in curl_at("127.0.0.72", "cy", "guess-8").problem  # from wherever
    assert "response 407" in curl_at("127.0.0.70", "cy", "guess-9").problem  # but where cy has been
    assert curl_at("127.0.0.70", "cy", USERS["cy"]).status == 200
    assert curl_at("127.0.0.71", "di", USERS["di"]).status == 200
    assert 'identity_refused_total{kind="slowed"} 2.0' in site.proxy.metrics()
    told = [record.getMessage() for record in caplog.records if "127.0.0.71" in record.getMessage()]
    assert len(told) == 1 and told[0].count("as cy") == 1
    assert "guess" not in caplog.text


def test_the_name_of_nobody_is_not_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """People type their passwords there."""
    options = ["--proxy", site.proxy.url, "--interface", "127.0.0.73", "--proxy-user", "hunter2:x"]
    assert "response 407" in site.curl(*options).post(f"https://{OPEN}{CHAT}", ways.CLEAN).problem
    assert "127.0.0.73 is refused" in caplog.text
    assert "hunter2" not in caplog.text


def test_whoever_is_taken_out_of_the_file_is_known_no_more(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Within seconds, on connections that stand, too; a file that cannot be used changes nothing."""
    fay = {"fay": "difference"}
    site.write(USERS | fay)
    options = ["--proxy", site.proxy.url, "--proxy-user", "fay:difference"]
    url = f"https://{OPEN}{CHAT}"
    assert eventually(lambda: site.curl(*options).post(url, ways.CLEAN).status == 200, 20)
    with site.who(basic("fay", "difference")).client() as client:
        assert client.post(url, content=ways.CLEAN).status_code == 200
        site.users.write_text("not a user\n")
        assert eventually(lambda: "users:1: not a bcrypt hash" in caplog.text, 20)
        assert client.post(url, content=ways.CLEAN).status_code == 200
        assert 'identity_refused_total{kind="file"} 1.0' in site.proxy.metrics()
        site.write(USERS)
        assert eventually(lambda: client.post(url, content=ways.CLEAN).status_code == 401, 20)
    with pytest.raises(httpx.ProxyError, match="407"):
        site.who(basic("fay", "difference")).post()


# --- when it breaks ------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["connect", "plain", "socks", "base"])
def test_a_source_that_breaks_lets_nobody_through(
    site: Site, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Sources, evidence: object) -> object:
        raise SystemError

    def breaks(*_: object) -> object:
        raise SystemError

    monkeypatch.setattr(Sources, "identify", broken)
    url = {"base": f"http://127.0.0.1:{site.base}", "plain": f"http://{MIRROR}"}.get(way, f"https://{OPEN}")
    through = {
        "socks": ["--socks5-hostname", f"127.0.0.1:{site.socks}"],
        "base": ["--noproxy", "*"],
    }.get(way, ["--proxy", site.proxy.url])
    asking = site.curl(*through, "--proxy-user", "ada:engine-1843")
    answer = asking.post(f"{url}{CHAT}", ways.CLEAN)
    assert answer.status in (0, 503), answer
    assert site.proxy.received == []
    monkeypatch.setattr(Identities, "_evidence", breaks)
    assert asking.post(f"{url}{CHAT}", ways.CLEAN).status in (0, 503)
    monkeypatch.setattr(Refusals, "__call__", breaks)
    assert asking.post(f"{url}{CHAT}", ways.CLEAN).status in (0, 503)
    assert site.proxy.received == []


def test_what_is_sent_by_whom_nobody_knows_yet_does_not_pile_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may connect could fill the proxy's memory, while it asks who that is."""

    async def slow(self: Sources, evidence: object) -> object:
        await asyncio.sleep(2)
        return NOBODY

    monkeypatch.setattr(Sources, "identify", slow)
    piece, sent = bytes(2**18), 0
    with raw.plain(site.proxy) as connection:
        connection.sendall(f"POST http://{MIRROR}{CHAT} HTTP/1.1\r\nHost: {MIRROR}\r\n".encode())
        connection.sendall(b"Content-Length: 1000000000\r\n\r\n")
        connection.settimeout(0.7)
        with pytest.raises(TimeoutError):
            while sent < 2**29:
                sent += connection.send(piece)
        connection.settimeout(30)
        connection.sendall(piece * 300)  # it goes on once that is known, and is too large
        assert raw.read_answer(connection).startswith(b"HTTP/1.1 413 ")
    assert sent < 32 * 2**20


def test_nor_does_what_follows_a_password_that_is_being_looked_at(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(self: Sources, evidence: object) -> object:
        await asyncio.sleep(3)
        return NOBODY

    with socket.create_connection(("127.0.0.1", site.socks), 15) as connection:
        connection.sendall(b"\5\1\2")
        assert connection.recv(2) == b"\5\2"
        monkeypatch.setattr(Sources, "identify", slow)
        sent = 0
        with pytest.raises(ConnectionError):
            connection.sendall(b"\1\3ada\1x")
            while sent < 2**26:
                sent += connection.send(bytes(2**18))


def test_sources_that_hang_are_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hanging(self: Sources, evidence: object) -> object:
        await asyncio.sleep(60)
        return NOBODY

    monkeypatch.setattr(Sources, "identify", hanging)
    monkeypatch.setattr("outgate.gateway.identity._PATIENCE", 0.2)
    with pytest.raises(httpx.ProxyError, match="503"):
        site.who(auth("ada")).post()
