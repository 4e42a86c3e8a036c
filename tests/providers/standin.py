"""A stand-in that answers in the shapes of OpenAI, Anthropic and Gemini, and keeps what it received."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypercorn.asyncio import serve
from hypercorn.config import Config

HOSTS = (
    "api.openai.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "api.deepseek.com",
    "chatgpt.com",
    "bedrock-runtime.us-east-1.amazonaws.com",
    "api.cohere.com",
    "api.mistral.ai",
    "ollama.com",
    "intranet.example",
    "localhost",
)


# A request's path and JSON -> the answer's content type and the pieces of its body.
Script = Callable[[str, dict[str, Any]], tuple[str, list[bytes]]]
# A message of a WebSocket, and its path -> the messages that answer it; None closes the connection.
Talk = Callable[[str, bytes], list[str | bytes | None]]


@dataclass
class Received:
    """One request, as it arrived."""

    method: str
    host: str
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    http_version: str

    def header(self, name: str) -> str | None:
        return next((v.decode() for k, v in self.headers if k.lower() == name.encode()), None)


@dataclass
class StandIn:
    """The running server and its memory."""

    port: int = 0
    plain_port: int = 0  # without TLS
    received: list[Received] = field(default_factory=list)
    disconnected: threading.Event = field(default_factory=threading.Event)
    pause: float = 0.0  # seconds between events of a stream
    events: int = 5
    under_way: int = 0  # requests that are being answered
    most: int = 0  # of them, at any time
    gate: threading.Event = field(default_factory=threading.Event)  # what a held stream waits for
    hold: bool = False  # hold streams after their first event
    websockets: bool = True  # or who asks for one is told to do without
    trailers: bool = False  # end streams with trailers
    script: Script | None = None  # what answers instead,
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)  # with these headers more
    talk: Talk | None = None  # what answers over a WebSocket instead

    def last(self) -> Received:
        return self.received[-1]

    @property
    def held(self) -> bool:
        return self.hold and not self.gate.is_set() and not self.disconnected.is_set()

    def reset(self) -> None:
        """As it was at first, for another test."""
        self.received.clear()
        self.disconnected.clear()
        self.gate.clear()
        self.websockets = True
        self.pause, self.events, self.hold, self.trailers, self.most = 0.0, 5, False, False, 0
        self.script, self.talk, self.headers = None, None, []


def certificates(folder: Path, hosts: Sequence[str] = HOSTS) -> tuple[Path, Path, Path]:
    """A root, and a leaf with its key for all hosts: (root.pem, leaf.pem, leaf.key)."""
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stand-in root")])
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(UTC)

    def build(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=7))
        )

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = (
        build(root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        build(leaf_name, leaf_key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    paths = folder / "standin-root.pem", folder / "standin.pem", folder / "standin.key"
    paths[0].write_bytes(root.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


def app(stand_in: StandIn) -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    """The ASGI application."""

    async def handle(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["type"] == "websocket":
            await _websocket(stand_in, scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.disconnect":
                return
            if not message.get("more_body"):
                break
        raw = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("latin-1") + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
        host = next((v.decode() for k, v in scope["headers"] if k in (b"host", b":authority")), "")
        headers = list(scope["headers"])
        stand_in.received.append(Received(scope["method"], host, path, headers, body, scope["http_version"]))
        stand_in.under_way += 1
        stand_in.most = max(stand_in.most, stand_in.under_way)
        try:
            await _answer(stand_in, scope["path"], body, receive, send)
        finally:
            stand_in.under_way -= 1

    return handle


async def _websocket(stand_in: StandIn, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await receive()
    if not stand_in.websockets:
        await send({"type": "websocket.http.response.start", "status": 426, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
        return
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        data = message.get("text") or message.get("bytes") or ""
        raw = data.encode() if isinstance(data, str) else data
        stand_in.received.append(
            Received("WEBSOCKET", "", scope["path"], list(scope["headers"]), raw, "websocket")
        )
        if stand_in.talk is None:
            await send({"type": "websocket.send", "text": json.dumps({"type": "echo", "size": len(raw)})})
            continue
        for told in stand_in.talk(scope["path"], raw):
            if told is None:
                await send({"type": "websocket.close", "code": 1000})
                return
            await send({"type": "websocket.send", "text" if isinstance(told, str) else "bytes": told})


async def _answer(stand_in: StandIn, path: str, body: bytes, receive: Receive, send: Send) -> None:
    try:
        asked = json.loads(body) if body else {}
    except ValueError:
        asked = {}
    asked = asked if isinstance(asked, dict) else {}
    if stand_in.script is not None:
        kind, pieces = stand_in.script(path, asked)
        await _start(send, kind.encode(), stand_in.headers)
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(stand_in.pause)
        await send({"type": "http.response.body", "body": b""})
        return
    if asked.get("stream") or "streamGenerateContent" in path:
        await _stream(stand_in, path, receive, send)
        return
    content = json.dumps(_whole(path)).encode()
    await _start(send, b"application/json", [(b"content-length", str(len(content)).encode())])
    await send({"type": "http.response.body", "body": content})


async def _start(
    send: Send, kind: bytes, extra: list[tuple[bytes, bytes]] | None = None, *, trailers: bool = False
) -> None:
    headers = [(b"content-type", kind), (b"alt-svc", b'h3=":443"'), *(extra or [])]
    await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": trailers})


async def _stream(stand_in: StandIn, path: str, receive: Receive, send: Send) -> None:
    await _start(send, b"text/event-stream", trailers=stand_in.trailers)

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        stand_in.disconnected.set()

    watcher = asyncio.create_task(watch())
    for event in stream_events(path, stand_in.events):
        await send({"type": "http.response.body", "body": event, "more_body": True})
        while stand_in.held:  # noqa: ASYNC110 - until a test, in another thread, lets it go on
            await asyncio.sleep(0.01)
        if stand_in.pause:
            await asyncio.sleep(stand_in.pause)
            if stand_in.disconnected.is_set():
                return
    await send({"type": "http.response.body", "body": b""})
    if stand_in.trailers:
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": False})
    watcher.cancel()


def stream_events(path: str, count: int) -> list[bytes]:
    """The events of a streamed answer, in the API's shape."""

    def sse(data: dict[str, Any], name: str | None = None) -> bytes:
        head = f"event: {name}\n" if name else ""
        return f"{head}data: {json.dumps(data)}\n\n".encode()

    if "/messages" in path:
        start = {"type": "message_start", "message": {**_whole(path), "content": [], "stop_reason": None}}
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        deltas = [
            sse(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": f"w{i} "},
                },
                "content_block_delta",
            )
            for i in range(count)
        ]
        return [
            sse(start, "message_start"),
            sse(block, "content_block_start"),
            *deltas,
            sse({"type": "content_block_stop", "index": 0}, "content_block_stop"),
            sse(
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn"},
                    "usage": {"output_tokens": 5},
                },
                "message_delta",
            ),
            sse({"type": "message_stop"}, "message_stop"),
        ]
    if "GenerateContent" in path:
        return [
            sse({"candidates": [{"content": {"role": "model", "parts": [{"text": f"w{i} "}]}, "index": 0}]})
            for i in range(count)
        ]
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    events = [
        sse({**chunk, "choices": [{"index": 0, "delta": {"content": f"w{i} "}, "finish_reason": None}]})
        for i in range(count)
    ]
    return [*events, b"data: [DONE]\n\n"]


def _whole(path: str) -> dict[str, Any]:
    if "/messages" in path:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": "hello"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "input_tokens": 3,
            "usage": {"input_tokens": 3, "output_tokens": 1},
        }
    if "enerateContent" in path:
        part = {
            "content": {"role": "model", "parts": [{"text": "hello"}]},
            "index": 0,
            "finishReason": "STOP",
        }
        return {"candidates": [part]}
    if "countTokens" in path:
        return {"totalTokens": 3}
    if "/embeddings" in path:
        return {
            "object": "list",
            "model": "text-embedding-3-small",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
    if "/responses" in path:
        content = [{"type": "output_text", "text": "hello", "annotations": []}]
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": "gpt-4o",
            "output": [
                {
                    "id": "m1",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": content,
                }
            ],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }
    message = {"role": "assistant", "content": "hello"}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


class Server:
    """The stand-in on a thread of its own, so that synchronous clients can be tested too."""

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        plain_port: int = 0,
        enter: Callable[[], None] | None = None,
        alpn: tuple[str, ...] = ("h2", "http/1.1"),
    ) -> None:
        self._enter = enter  # where the thread goes first: a network namespace
        self.stand_in = StandIn()
        self.root, self.certificate, self.key = certificates(folder)
        self._config = Config()
        self._config.bind, self._config.insecure_bind = [f"{host}:{port}"], [f"{host}:{plain_port}"]
        self._config.certfile, self._config.keyfile = str(self.certificate), str(self.key)
        self._config.alpn_protocols = list(alpn)
        self._config.loglevel = "CRITICAL"
        self._config.accesslog = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        if self._enter:
            self._enter()
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        sockets = self._config.create_sockets()
        self.stand_in.port = sockets.secure_sockets[0].getsockname()[1]
        self.stand_in.plain_port = sockets.insecure_sockets[0].getsockname()[1]
        self._config.create_sockets = lambda: sockets  # type: ignore[method-assign]
        self._ready.set()
        await serve(app(self.stand_in), self._config, shutdown_trigger=self._stop.wait)  # type: ignore[arg-type]


def client_context(*roots: Path) -> ssl.SSLContext:
    """A TLS context that trusts these roots alone."""
    context = ssl.create_default_context(cafile=str(roots[0]))
    for root in roots[1:]:
        context.load_verify_locations(str(root))
    return context
