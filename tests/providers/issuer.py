"""An issuer of tokens: its keys, its published key set, and a server that has it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

NAME, AUDIENCE = "https://login.corp.example", "outgate"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Issuer:
    """Signs what it is asked to."""

    keys: dict[str, Key] = field(default_factory=dict)  # by their published names
    asked: int = 0  # how often its key set was fetched
    url: str = ""
    down: bool = False

    def add(self, name: str, *, rsa_key: bool = False) -> None:
        self.keys[name] = (
            rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
        )

    def key_set(self) -> dict[str, Any]:
        return {"keys": [self.published(name) for name in self.keys]}

    def published(self, name: str) -> dict[str, Any]:
        key = self.keys[name].public_key()
        made = RSAAlgorithm.to_jwk(key) if isinstance(key, rsa.RSAPublicKey) else ECAlgorithm.to_jwk(key)
        return {**json.loads(made), "kid": name, "use": "sig"}

    def token(
        self, key: str = "first", *, head: dict[str, Any] | None = None, lasts: float = 60, **claims: Any
    ) -> str:
        """A good one, but for what is said here. A claim of None is left out."""
        signs = self.keys[key]
        given = {"iss": NAME, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time() + lasts), **claims}
        algorithm = "RS256" if isinstance(signs, rsa.RSAPrivateKey) else "ES256"
        headers: dict[str, Any] = {"kid": key, **(head or {})}
        return jwt.encode(
            {name: value for name, value in given.items() if value is not None},
            signs,
            algorithm,
            headers={name: value for name, value in headers.items() if value is not None},
        )


@contextmanager
def served(issuer: Issuer) -> Iterator[Issuer]:
    """With its key set at ``issuer.url``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            content = json.dumps(issuer.key_set()).encode()
            self.send_response(503 if issuer.down else 200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    issuer.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
