"""``outgate demo``: what a client sends and what a provider receives, side by side.

Real requests through the real proxy, to a stand-in of three providers on this machine: no network
and no API key. Nothing of it stays. ``docs/pictures.py`` makes a picture of the same table.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from outgate.catalogue import Catalogue
from outgate.dlp.examples import fake
from outgate.gateway import ca
from outgate.gateway.loop import event_loop_factory
from outgate.gateway.service import Service
from outgate.settings import Settings

_HOSTS = ("api.openai.com", "api.anthropic.com", "api.deepseek.com")


@dataclass(frozen=True, slots=True)
class Step:
    """One request of the demo, and what became of it."""

    title: str
    host: str
    path: str
    text: str
    secrets: tuple[str, ...] = ()  # what of the text must not leave
    received: str = ""  # by the provider; empty: nothing
    told: str = ""  # to the client


@click.command()
def command() -> None:
    """Show what leaves and what does not, without a network or a key.

    Four made-up requests through the real proxy with the default policy, to a stand-in on this machine.
    """
    Console().print(table(play()))


def play() -> list[Step]:
    """Send the demo's requests through a proxy of their own. Raises what a proxy that cannot start raises."""
    with tempfile.TemporaryDirectory(prefix="outgate-demo-") as folder:
        provider = _Provider(Path(folder))
        settings = _settings(Path(folder), provider)
        with asyncio.Runner(loop_factory=event_loop_factory(settings.routes)) as runner:
            return runner.run(_play(settings, provider))


def table(steps: Iterable[Step]) -> Table:
    """Sent, received and told, side by side: what must not leave in red, what stands for it in green."""
    shown = Table(box=box.HORIZONTALS, show_lines=True, header_style="bold")
    for name, ratio in (("the client sends", 4), ("the provider receives", 4), ("the client is told", 5)):
        shown.add_column(name, ratio=ratio, overflow="fold")
    for step in steps:
        sent = Text.assemble((f"{step.title}\n", "bold"), (f"{step.host}\n", "dim"), step.text)
        for secret in step.secrets:
            sent.highlight_words([secret], "red")
        received = Text(step.received)
        received.highlight_regex(r"\[REDACTED [A-Z_]+\]", "green")
        status = "green" if step.told.startswith("200") else "yellow"
        told = Text(step.told)
        told.stylize(status, 0, 3)
        shown.add_row(sent, received if step.received else Text("nothing", "green"), told)
    return shown


def _requests() -> list[Step]:
    card, token, mail = fake("CREDIT_CARD"), fake("GITHUB_TOKEN"), fake("EMAIL_ADDRESS")
    chat = "/v1/chat/completions"
    return [
        Step("a harmless question", "api.openai.com", chat, "What is a monad?"),
        Step(
            "a customer's card",
            "api.openai.com",
            chat,
            f"Refund card {card}, customer {mail}",
            secrets=(card,),
        ),
        Step("a live key", "api.anthropic.com", "/v1/messages", f"Deploy with {token}", secrets=(token,)),
        Step("a restricted jurisdiction", "api.deepseek.com", "/chat/completions", "Summarise our plans"),
    ]


async def _play(settings: Settings, provider: _Provider) -> list[Step]:
    service = Service(settings)
    ready = asyncio.Event()
    serving = asyncio.create_task(service.run(on_ready=lambda _: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    played: list[Step] = []
    try:
        for step in _requests():
            provider.received = ""
            told = await asyncio.to_thread(_ask, service.addresses[0], settings.ca_dir / ca.ROOT, step)
            played.append(replace(step, received=provider.received, told=told))
    finally:
        service.stop()
        await serving
        provider.close()
    return played


def _ask(proxy: tuple[str, int], root: Path, step: Step) -> str:
    context = ssl.create_default_context(cafile=str(root))
    connection = http.client.HTTPSConnection(*proxy, context=context, timeout=60)
    connection.set_tunnel(step.host, 443)
    body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": step.text}]})
    connection.request("POST", step.path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told: dict[str, Any] = json.loads(answer.read())
    connection.close()
    error = told.get("error")
    return f"{answer.status} {error['message']}" if error else f"{answer.status} {told['content']}"


class _Provider:
    """The stand-in: keeps the text that it received, answers politely."""

    def __init__(self, folder: Path) -> None:
        self.received = ""
        self.root = folder / "provider.pem"
        certificate = folder / "provider-key.pem"
        _self_signed(self.root, certificate)
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                keeper.received = body["messages"][0]["content"]
                content = json.dumps({"content": "Certainly."}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _settings(folder: Path, provider: _Provider) -> Settings:
    settings = Settings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "metrics": None,
            "state_dir": folder / "state",
            "routes": dict.fromkeys(_HOSTS, provider.address),
            "extra_roots": [provider.root],
            "detection": {"scanner": "python", "workers": 1},  # a few short texts, and nothing to keep
            "log_level": "error",
        }
    )
    ca.create(settings.ca_dir, Catalogue.load().constraint_names())
    return settings


def _self_signed(root: Path, both: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "demo provider")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in _HOSTS]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    root.write_bytes(pem)
    both.touch(mode=0o600)
    both.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
