"""Chromium on a machine that is set up: AI sites come through the proxy, every other site does not."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest

from e2e.conftest import Proxy, proxies
from e2e.ways import free_port
from outgate.catalogue import Catalogue
from outgate.dlp.examples import fake
from outgate.gateway import pac
from outgate.gateway.health import PAC, HealthServer
from outgate.metrics import Metrics
from outgate.settings import Settings
from outgate.setup import linux
from outgate.setup.change import PLACES, Place
from outgate.setup.machine import Machine
from outgate.setup.session import Session
from programs import program
from providers.standin import Server

# No sandbox where there is none to be had (root in a container); nothing of its own in the background.
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update --disable-extensions --disable-quic"
).split()


class Person:
    """Someone with a home of their own and a browser."""

    def __init__(self, home: Path, server: Server, environment: Mapping[str, str]) -> None:
        self.home, self.server = home, server
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **environment}

    def trust(self, root: Path) -> None:
        """Have the browser trust a root of somebody else's."""
        database = f"sql:{self.home}/.pki/nssdb"
        command = [program("certutil"), "-A", "-d", database, "-n", "Stand-in", "-t", "C,,", "-i", str(root)]
        subprocess.run(command, check=True, timeout=60)

    def set_up(self, proxy: Proxy, *steps: str) -> Session:
        """What `outgate setup` does for this proxy's settings."""
        settings = Settings.load(proxy.folder / "outgate.yaml")
        settings = settings.model_copy(
            update={"state_dir": self.home / "state"}
        )  # the record is this person's
        session = Session(settings, Machine("linux", self.home, self.environment))
        told = list(session.do(steps))
        assert {item.state for item in told} <= {"done", "same"}, told
        return session

    def browse(self, url: str, *options: str, inside: Sequence[str] = ()) -> str:
        """The page that the browser shows in the end; with --screenshot, what that says."""
        port = self.server.stand_in.port
        # The only names there are: a direct connection to either is one to the stand-in.
        here = f"127.0.0.1:{port}"
        rules = f"MAP chatgpt.com {here},MAP intranet.example {here},MAP * ~NOTFOUND,EXCLUDE 127.0.0.1"
        command = [
            *(*inside, program("chromium"), *OPTIONS, f"--user-data-dir={self.home}/profile"),
            *(f"--host-resolver-rules={rules}", *(options or ("--dump-dom",)), url),
        ]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=90, errors="replace"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxies(server, tmp_path_factory.mktemp("browser")) as make:
        yield make(listen=f"127.0.0.1:{free_port()}", metrics=f"127.0.0.1:{free_port()}")


@pytest.fixture
def person(server: Server, tmp_path: Path) -> Iterator[Callable[..., Person]]:
    program("chromium")
    server.stand_in.reset()
    yield lambda **environment: Person(tmp_path, server, environment)


def text_of(page: str) -> str:
    return unescape(re.sub(r"<(style|title)>.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL))


def test_an_ai_site_is_filtered_and_another_site_is_none_of_our_business(
    proxy: Proxy, server: Server, person: Callable[..., Person]
) -> None:
    someone = person()
    someone.set_up(proxy, "browsers")
    someone.trust(server.root)
    assert proxy.service.settings.metrics
    by_pac = (f"--proxy-pac-url=http://{proxy.service.settings.metrics}{PAC}", "--dump-dom")

    before = {event.id for event in proxy.events(0)}
    shown = text_of(someone.browse(f"https://chatgpt.com/?q={fake('GITHUB_TOKEN')}", *by_pac))
    assert "A live credential must not leave." in shown
    (reference,) = {event.id for event in proxy.events(len(before) + 1)} - before
    assert reference in shown and "credentials" in shown and "GITHUB_TOKEN" in shown
    assert "chatgpt.com (ChatGPT)" in shown
    assert server.stand_in.received == []

    someone.browse("https://intranet.example/mine", *by_pac)
    assert {(got.host, got.path) for got in server.stand_in.received} >= {("intranet.example", "/mine")}
    assert "outgate_tunnels_total 0.0" in proxy.metrics()
    assert len(proxy.events()) == len(before) + 1


@pytest.mark.parametrize(("direct", "reached"), [(False, False), (True, True)])
def test_without_the_proxy_an_ai_site_fails_the_way_that_the_settings_say(
    server: Server, person: Callable[..., Person], direct: bool, reached: bool
) -> None:
    someone = person()
    script = pac.script(Catalogue.load().hosts(), [f"127.0.0.1:{free_port()}"], direct=direct)
    serving = HealthServer(Metrics(), lambda: (True, []), "127.0.0.1:0", pac=script)
    serving.start()
    url = "http://{}:{}{}".format(*serving.address, PAC)
    try:
        someone.browse(
            "https://chatgpt.com/", f"--proxy-pac-url={url}", "--ignore-certificate-errors", "--dump-dom"
        )
    finally:
        serving.close()
    assert ([got.host for got in server.stand_in.received if got.path == "/"] != []) is reached


def test_when_the_first_proxy_of_the_list_is_dead_the_second_is_used(
    proxy: Proxy, server: Server, person: Callable[..., Person]
) -> None:
    someone = person()
    someone.set_up(proxy, "browsers")
    live = "{}:{}".format(*proxy.service.addresses[0])
    script = pac.script(Catalogue.load().hosts(), [f"127.0.0.1:{free_port()}", live])
    serving = HealthServer(Metrics(), lambda: (True, []), "127.0.0.1:0", pac=script)
    serving.start()
    url = "http://{}:{}{}".format(*serving.address, PAC)
    try:
        page = f"https://chatgpt.com/?q={fake('GITHUB_TOKEN')}"
        shown = text_of(someone.browse(page, f"--proxy-pac-url={url}", "--dump-dom"))
    finally:
        serving.close()
    assert "A live credential must not leave." in shown
    assert server.stand_in.received == []


def test_a_desktop_that_is_set_up_needs_no_more_than_a_browser_that_is_started(
    proxy: Proxy, server: Server, person: Callable[..., Person]
) -> None:
    """All of it: GNOME's settings lead Chromium to the PAC file, that to the proxy, whose root it trusts."""
    someone = person(XDG_CURRENT_DESKTOP="GNOME")
    with session_bus(someone.environment) as address:
        someone.environment["DBUS_SESSION_BUS_ADDRESS"] = address
        session = someone.set_up(proxy, "browsers", "proxy")
        shown = text_of(someone.browse(f"https://chatgpt.com/?q={fake('GITHUB_TOKEN')}"))
        assert "A live credential must not leave." in shown
        assert server.stand_in.received == []
        session.undo(["browsers", "proxy"])
        someone.browse("https://chatgpt.com/", "--ignore-certificate-errors", "--dump-dom")
        assert [got.host for got in server.stand_in.received if got.path == "/"] == ["chatgpt.com"]


@contextmanager
def session_bus(environment: Mapping[str, str]) -> Iterator[str]:
    """The address of a message bus of a person's own, whose services have that person's home."""
    command = [program("dbus-run-session"), "--", "sh", "-c", 'echo "$DBUS_SESSION_BUS_ADDRESS"; cat']
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as bus:
        assert bus.stdin and bus.stdout
        try:
            yield bus.stdout.readline().strip()
        finally:
            bus.stdin.close()
            bus.wait(30)


@pytest.mark.parametrize("policy", [True, False])
def test_without_a_pac_file_to_ask_a_browser_with_our_policy_reaches_nothing(
    proxy: Proxy,
    server: Server,
    person: Callable[..., Person],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: bool,
) -> None:
    """Without it browsers connect directly when the PAC file cannot be fetched: that is what the policy is for."""
    someone, managed = person(), tmp_path / "etc" / "policies" / "managed"
    managed.mkdir(parents=True)
    # Where Debian's Chromium looks for policies is this folder, for the one process.
    inside = ("unshare", "-m", "sh", "-c", f'mount --bind {tmp_path}/etc /etc/chromium && exec "$@"', "sh")
    if subprocess.run([*inside, "true"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    if policy:
        monkeypatch.setitem(PLACES, "chromium", Place(str(managed), ".json"))
        monkeypatch.setattr(linux, "_BROWSERS", {"chromium": ("chromium",)})
        with monkeypatch.context() as gone:
            gone.setattr("outgate.setup.wanted.pac_url", lambda _: f"http://127.0.0.1:{free_port()}{PAC}")
            someone.set_up(proxy, "browser-policy")
        options = ["--dump-dom"]
    else:
        options = [f"--proxy-pac-url=http://127.0.0.1:{free_port()}{PAC}", "--dump-dom"]
    someone.browse("https://chatgpt.com/", "--ignore-certificate-errors", *options, inside=inside)
    assert ([got.host for got in server.stand_in.received if got.path == "/"] == []) is policy
