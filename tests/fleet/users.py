"""People who talk to a provider through the fleet, each from an address of their own, and note what became of it.

A conversation has several turns, each with all that was said before, over connections that are not kept long: so
its turns come to different proxies. Every request has a name of its own (its model), by which it is found again at the
provider and in the database.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpcore

from outgate.dlp.examples import fake

HOST = "api.openai.com"
URL = f"https://{HOST}/v1/chat/completions"
DOMAIN, WORD, HARMLESS = "northwind-mail.com", "Bluebird", "harmless"
TURNS = 4
TIMEOUT = {"connect": 20.0, "read": 60.0, "write": 20.0, "pool": 20.0}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a user was told of one request."""

    name: str
    user: str
    kind: str  # talk, stream, secret, limited
    status: int  # 0: the connection was cut, which the user saw
    began: float
    seconds: float
    wrong: str = ""  # what is not as it has to be


class _From(httpcore.AnyIOBackend):
    """Connects from one address: the library says none when it connects to a proxy."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return await super().connect_tcp(*args, **{**options, "local_address": self._address})


@dataclass
class Load:
    """All users, and what they were told."""

    port: int
    context: ssl.SSLContext
    users: tuple[str, ...]
    outcomes: list[Outcome] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)  # what those saw who were cut off
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _over: bool = False

    def stop(self) -> None:
        self._over = True

    async def run(self) -> None:
        await asyncio.gather(*(self._live(number, user) for number, user in enumerate(self.users)))

    async def _live(self, number: int, user: str) -> None:
        choose = random.Random(number)
        while not self._over:
            await self._converse(number, user, choose)

    async def _converse(self, number: int, user: str, choose: random.Random) -> None:
        messages: list[dict[str, str]] = []
        limited = user == "few"
        address = f"kim.roe{next(self._numbers)}@{DOMAIN}"
        for turn in range(TURNS):
            if self._over:
                return
            async with self.pool(number) as pool:
                text = f"{HARMLESS} {turn}: ask {address} about {WORD}, please"
                messages.append({"role": "user", "content": text})
                outcome, said = await self.ask(
                    pool, user, "limited" if limited else choose.choice(["talk", "stream"]), messages
                )
                if outcome.status == 200:
                    messages.append({"role": "assistant", "content": said})
                else:
                    messages.pop()
                    await asyncio.sleep(0.2)
                if choose.random() < 0.3:
                    self.secrets.append(secret := fake("GITHUB_TOKEN", seed=next(self._numbers)))
                    await self.ask(
                        pool, user, "secret", [{"role": "user", "content": f"deploy with {secret}"}]
                    )
            await asyncio.sleep(1.0 if limited else choose.uniform(0.0, 0.1))

    def pool(self, number: int) -> httpcore.AsyncHTTPProxy:
        """Connections of one user."""
        return httpcore.AsyncHTTPProxy(
            f"http://127.0.0.1:{self.port}",
            ssl_context=self.context,
            network_backend=_From(address_of(number)),
        )

    async def ask(
        self, pool: httpcore.AsyncHTTPProxy, user: str, kind: str, messages: list[dict[str, str]]
    ) -> tuple[Outcome, str]:
        """One request; what was answered."""
        name = f"load-{kind}-{next(self._numbers)}"
        body = {"model": name, "messages": messages, "stream": kind == "stream"}
        began, status, said, wrong = time.monotonic(), 0, "", ""
        try:
            answer = await pool.request(
                "POST",
                URL,
                headers={"content-type": "application/json"},
                content=json.dumps(body).encode(),
                extensions={"timeout": TIMEOUT},
            )
            status = answer.status
            said = _said(answer.content, stream=kind == "stream") if status == 200 else ""
            wrong = _judged(kind, status, said, messages[-1]["content"])
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.TimeoutException,
            httpcore.ProxyError,
        ) as error:
            self.errors[f"{type(error).__name__}: {error}"] += 1
        outcome = Outcome(name, user, kind, status, began, time.monotonic() - began, wrong)
        self.outcomes.append(outcome)
        return outcome, said


def address_of(number: int) -> str:
    """Where a user connects from."""
    return f"127.0.1.{number + 1}"


def _said(content: bytes, *, stream: bool) -> str:
    if not stream:
        return str(json.loads(content)["choices"][0]["message"]["content"])
    events = [line.removeprefix(b"data: ") for line in content.split(b"\n") if line.startswith(b"data: ")]
    if not events or events.pop() != b"[DONE]":
        return "(a stream without its end)"
    parsed: list[dict[str, Any]] = [json.loads(event) for event in events]
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in parsed)


def _judged(kind: str, status: int, said: str, asked: str) -> str:
    """What is wrong with an answer; ``""`` if nothing is."""
    if status in (429, 503):
        return "" if status == 503 or kind == "limited" else "429"
    if kind == "secret":
        return "" if status == 403 else f"a secret was answered {status}"
    if status != 200:
        return f"answered {status}"
    wanted = asked.replace(WORD, "[REDACTED PROJECT]")
    return "" if said == wanted else f"{said!r} instead of {wanted!r}"


async def ask_plainly(load: Load, number: int, user: str, text: str) -> str:
    """What a user is answered to ``text``, over a new connection; not part of what is counted."""
    async with load.pool(number) as pool:
        body = {"model": "afterwards", "messages": [{"role": "user", "content": text}]}
        answer = await pool.request(
            "POST",
            URL,
            headers={"content-type": "application/json"},
            content=json.dumps(body).encode(),
            extensions={"timeout": TIMEOUT},
        )
        return _said(answer.content, stream=False) if answer.status == 200 else f"(answered {answer.status})"
