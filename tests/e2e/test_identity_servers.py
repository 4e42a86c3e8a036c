"""Users whom a directory server, an issuer of tokens or a proxy in front of this one knows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from e2e import ways
from e2e.conftest import Proxy, proxies
from e2e.who import CHAT, MIRROR, OPEN, POLICY, RESTRICTED, Who, asked_by, basic, curl
from outgate.identity import attempts, checks
from outgate.identity.evidence import UnavailableError
from outgate.settings.identity import Source
from patience import eventually
from programs import program
from providers import issuer, slapd
from providers.issuer import Issuer
from providers.standin import Server

FRONT = "127.0.0.9"  # where the proxy in front is


@dataclass
class Site:
    proxy: Proxy
    issuer: Issuer
    root: Path

    def who(self, authorization: str) -> Who:
        return Who(self.proxy, {"Proxy-Authorization": authorization})

    def from_the_front(self, url: str, *headers: str, at: str = FRONT) -> ways.Answer:
        said = [part for header in headers for part in ("--proxy-header", header)]
        options = ["--proxy", self.proxy.url, "--interface", at, *said]
        if url.startswith("http:"):
            options = [option.replace("--proxy-header", "-H") for option in options]
        return curl(self.proxy, self.root, *options).post(f"{url}{CHAT}", ways.CLEAN)


@pytest.fixture(scope="module")
def one_for_all(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("servers")
    secret = folder / "reader"
    secret.write_text(f"{slapd.READER_SECRET}\n")
    secret.chmod(0o600)
    tokens = Issuer()
    tokens.add("first")
    tokens.add("second", rsa_key=True)
    with (
        pytest.MonkeyPatch.context() as patch,
        slapd.directory(program("slapd"), folder, server.root, server.certificate, server.key) as directory,
        issuer.served(tokens),
        proxies(server, folder) as make,
    ):
        patch.setattr(attempts, "OF_ADDRESS", 1000)  # all that is wrong below is of one address
        people = {
            "url": directory.plain,  # with StartTLS
            "ca": str(server.root),
            "bind_dn": slapd.READER,
            "password_file": str(secret),
            "base": f"ou=people,{slapd.BASE}",
            "groups": {"base": f"ou=groups,{slapd.BASE}"},
            "device": "carLicense",
        }
        front = {
            "networks": [f"{FRONT}/32"],
            "user": "X-Forwarded-User",
            "groups": "X-Forwarded-Groups",
            "device": "X-Device",
        }
        accepted = {
            "issuer": issuer.NAME,
            "audience": [issuer.AUDIENCE],
            "jwks_url": tokens.url,
            "groups": "realm.roles",
            "device": "device_id",
            "leeway": 0,
        }
        made = make(
            POLICY,
            identity={
                "required": True,
                "sources": [{"header": front}, {"ldap": people}, {"tokens": accepted}],
                "directory": {"ldap": {**people, "url": directory.tls}},
            },
            routes={
                **dict.fromkeys((OPEN, RESTRICTED, MIRROR), f"127.0.0.1:{server.stand_in.port}"),
                "intranet.example": f"127.0.0.1:{server.stand_in.plain_port}",
            },
        )
        yield Site(made, tokens, server.root)


@pytest.fixture
def site(one_for_all: Site) -> Site:
    one_for_all.proxy.stand_in.reset()
    return one_for_all


# --- a directory server --------------------------------------------------------------------------


def test_the_directory_says_who_it_is_in_which_groups_and_at_which_device(site: Site) -> None:
    assert asked_by("ada", "laptop-7") in site.who(basic("ada", "engine-1843")).told()
    assert site.who(basic("ada", "engine-1843")).post(RESTRICTED).status_code == 200
    assert site.who(basic("bo", "difference")).post(RESTRICTED).status_code == 403


def test_a_user_is_called_as_the_directory_does(site: Site) -> None:
    """Or a rule about ``ada`` would be none for who types ``ADA``."""
    assert asked_by("ada", "laptop-7") in site.who(basic("ADA", "engine-1843")).told()


@pytest.mark.parametrize(
    ("user", "secret"),
    [
        ("ada", "engine-1844"),
        ("ada", " "),
        ("*", "engine-1843"),
        ("ada)(objectClass=*", "engine-1843"),
        ("a\\64a", "engine-1843"),
        ("twin", "twins"),  # two entries
        (f"uid=ada,ou=people,{slapd.BASE}", "engine-1843"),
    ],
)
def test_the_directory_is_asked_for_this_user_and_this_password(site: Site, user: str, secret: str) -> None:
    with pytest.raises(httpx.ProxyError, match="407"):
        site.who(basic(user, secret)).post()
    assert site.proxy.received == []


def test_an_empty_password_is_no_anonymous_bind(site: Site) -> None:
    with pytest.raises(httpx.ProxyError, match="407"):
        site.who(basic("ada", "")).post()


def test_the_doctor_sees_whether_servers_can_be_asked(site: Site) -> None:
    settings = site.proxy.service.settings.identity
    told = [check() for check in checks.of(settings)]
    assert len(told) == 3
    assert told[0].endswith(f"lets {slapd.READER} search") and told[2].endswith(f"lets {slapd.READER} search")
    assert told[1] == f"2 keys of {issuer.NAME} in {site.issuer.url}"
    assert list(checks.of(settings, offline=True)) == []
    ldap = settings.sources[1].ldap
    assert ldap
    for wrong, why in (
        ({"url": "ldaps://localhost:1"}, "localhost:1: "),
        ({"ca": None}, "CERTIFICATE_VERIFY_FAILED"),
        ({"bind_dn": "cn=nobody"}, "invalid"),
        ({"base": "dc=elsewhere"}, "noSuchObject"),
    ):
        broken = settings.model_copy(update={"sources": (Source(ldap=ldap.model_copy(update=wrong)),)})
        with pytest.raises(UnavailableError, match=why) as error:
            next(iter(checks.of(broken)))()
        assert slapd.READER_SECRET not in str(error.value)


# --- tokens --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["first", "second"])
@pytest.mark.parametrize("by_password", [False, True])
def test_a_token_says_who_it_is(site: Site, key: str, by_password: bool) -> None:
    token = site.issuer.token(key, realm={"roles": ["research"]}, device_id="phone-3", sub="eve")
    who = site.who(basic("token", token) if by_password else f"Bearer {token}")
    assert asked_by("eve", "phone-3") in who.told()
    assert who.post(RESTRICTED).status_code == 200
    assert site.proxy.received[-1].header("proxy-authorization") is None


def test_the_directory_adds_the_groups_of_a_tokens_user(site: Site) -> None:
    token = site.issuer.token()
    assert site.who(f"Bearer {token}").post(RESTRICTED).status_code == 200
    assert asked_by("ada", "laptop-7") in site.who(f"Bearer {token}").told()


def test_no_other_token_is_good(site: Site) -> None:
    for wrong in (
        {"lasts": -5},
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": None},
        {"sub": ""},
    ):
        with pytest.raises(httpx.ProxyError, match="407"):
            site.who(f"Bearer {site.issuer.token(**wrong)}").post()  # type: ignore[arg-type]
    good = site.issuer.token()
    with pytest.raises(httpx.ProxyError, match="407"):
        site.who(f"Bearer {good[:-4]}AAAA").post()
    assert site.proxy.received == []


def test_names_of_keys_that_nobody_has_make_nobody_ask_for_them_again_and_again(site: Site) -> None:
    site.who(f"Bearer {site.issuer.token()}").told()
    before = site.issuer.asked
    for number in range(5):
        with pytest.raises(httpx.ProxyError, match="407"):
            site.who(f"Bearer {site.issuer.token(head={'kid': f'made-up-{number}'})}").post()
    assert site.issuer.asked <= before + 1


@pytest.mark.parametrize("http2", [False, True])
def test_a_connection_is_no_more_than_its_token_was(site: Site, http2: bool) -> None:
    """Its client is told so, and then has to make another."""
    with site.who(f"Bearer {site.issuer.token(lasts=2)}").client(http2=http2) as client:
        url = f"https://{OPEN}{CHAT}"
        assert client.post(url, content=ways.CLEAN).status_code == 200
        deadline = time.monotonic() + 20
        while (answer := client.post(url, content=ways.CLEAN)).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert answer.status_code == 401
        assert "good no more" in answer.json()["error"]["message"]

        def has_to_connect_anew() -> bool:
            try:
                return client.post(url, content=ways.CLEAN).status_code == 0
            except httpx.ProxyError as error:
                return "407" in str(error)
            except httpx.RemoteProtocolError:  # it was being closed
                return False

        assert eventually(has_to_connect_anew, 20)


# --- a proxy in front of this one ----------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_proxy_in_front_is_believed(site: Site, scheme: str) -> None:
    said = ("X-Forwarded-User: eve", "X-Forwarded-Groups: research, staff", "X-Device: desk-1")
    if scheme == "https":
        told = site.from_the_front(f"https://{MIRROR}", *said)
        assert asked_by("eve", "desk-1").encode() in told.body
        assert site.from_the_front(f"https://{RESTRICTED}", *said).status == 200
        return
    assert site.from_the_front("http://intranet.example", *said).status == 200
    passed = {name.lower() for name, _ in site.proxy.received[-1].headers}
    assert not passed & {b"x-forwarded-user", b"x-forwarded-groups", b"x-device"}


def test_nobody_else_is_believed(site: Site) -> None:
    said = "X-Forwarded-User: eve"
    assert "407" in site.from_the_front(f"https://{OPEN}", said, at="127.0.0.1").problem
    assert site.from_the_front("http://intranet.example", said, at="127.0.0.1").status == 407
    assert site.proxy.received == []


def test_a_header_that_a_client_added_to_is_not_believed(site: Site) -> None:
    two = ("X-Forwarded-User: eve", "X-Forwarded-User: ada")
    assert "407" in site.from_the_front(f"https://{OPEN}", *two).problem


def test_what_a_client_says_inside_is_taken_off(site: Site) -> None:
    who = site.who(basic("bo", "difference"))
    headers = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "research"}
    assert who.post(RESTRICTED, headers=headers).status_code == 403
    assert who.post(OPEN, headers=headers).status_code == 200
    assert site.proxy.received[-1].header("x-forwarded-user") is None
    assert site.proxy.received[-1].header("x-forwarded-groups") is None
