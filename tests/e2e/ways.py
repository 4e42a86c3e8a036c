"""What every way in is held to: the same four requests, judged at the bytes that the provider receives."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.conftest import Proxy
from outgate.dlp.examples import fake
from providers.standin import Received

CLEAN = (
    b'{ "model":"gpt-4o" , "messages":[{"role":"user","content":"caf\\u00e9 1.0e2 \xe2\x82\xac"}],"n":1.50}'
)


def chat(text: str) -> bytes:
    """A chat request with this text."""
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}).encode()


@dataclass(frozen=True)
class Answer:
    """What curl got."""

    status: int  # 0: no answer of HTTP
    body: bytes
    problem: str

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Curl:
    """curl with the options that lead it through a way in."""

    options: Sequence[str]
    roots: Path
    inside: Sequence[str] = ()  # a command that runs it elsewhere
    program: str = "curl"

    def post(self, url: str, body: bytes, *options: str) -> Answer:
        command = [
            *self.inside,
            *(self.program, "-sS", "-m", "20", "--cacert", str(self.roots), *self.options, *options),
            *("-H", "content-type: application/json", "--data-binary", "@-", "-w", "\n%{http_code}", url),
        ]
        done = subprocess.run(command, input=body, capture_output=True, timeout=30, check=False)
        content, _, status = done.stdout.rpartition(b"\n")
        return Answer(int(status), content, done.stderr.decode())


def roots(proxy: Proxy, stand_in_root: Path) -> Path:
    """A file of the roots that a client of ours trusts: the proxy's, and the stand-in's for tunnels."""
    path = proxy.folder / "roots.pem"
    path.write_bytes(proxy.root.read_bytes() + stand_in_root.read_bytes())
    return path


def port(proxy: Proxy) -> str:
    """``HOST:PORT`` of the proxy's first way in."""
    host, number = proxy.service.addresses[0]
    return f"{host}:{number}"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def holds_to_the_policy(curl: Curl, received: list[Received], base: str) -> None:
    """A clean body arrives as it is, a card is taken out, a secret never arrives."""
    url = f"{base}/v1/chat/completions"
    answer = curl.post(url, CLEAN)
    assert answer.status == 200, answer
    assert received[-1].body == CLEAN
    card = fake("CREDIT_CARD")
    assert curl.post(url, chat(f"pay {card}")).status == 200
    assert received[-1].body == chat("pay [REDACTED CREDIT_CARD]")
    before = len(received)
    blocked = curl.post(url, chat(fake("GITHUB_TOKEN")))
    assert blocked.status == 403, blocked
    assert "A live credential must not leave." in blocked.json()["error"]["message"]
    assert len(received) == before


def passes_unopened(curl: Curl, received: list[Received], base: str) -> None:
    """A host outside the catalogue: its own certificate, and nothing of the body is looked at."""
    body = chat(fake("GITHUB_TOKEN"))
    answer = curl.post(f"{base}/x", body)
    assert answer.status == 200, answer
    assert received[-1].body == body
