"""People at a proxy that asks for reasons: what they send, say and are shown. Each has an address of the loopback's."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from e2e.conftest import Proxy, proxies
from e2e.ways import chat, free_port
from e2e.who import basic, hashed
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


@contextmanager
def coaching(server: Server, folder: Path) -> Iterator[Proxy]:
    """A proxy by that policy, in front of people at addresses and of two users."""
    routes = dict.fromkeys(HOSTS, f"127.0.0.1:{server.stand_in.port}")
    routes[HOST] = f"127.0.0.1:{server.stand_in.plain_port}"  # where it would arrive, were it sent on
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
        return read(connection)

    def send(self, text: str, **headers: str) -> Answer:
        """A chat request."""
        host, port = self.proxy.service.addresses[0]
        connection = http.client.HTTPSConnection(
            host, port, timeout=30, source_address=(self.address, 0), context=self.proxy.ssl
        )
        connection.set_tunnel("api.openai.com", 443, self.shown)
        sent = {"content-type": "application/json", **headers}
        connection.request("POST", "/v1/chat/completions", chat(text), sent)
        return read(connection)

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


def read(connection: http.client.HTTPConnection) -> Answer:
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
