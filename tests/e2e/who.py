"""Clients that say who they are, and a policy that says back who it was."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import httpx

from e2e import ways
from e2e.conftest import Proxy
from e2e.ways import Curl

ASKED = "asked by {identity.user} on {identity.device}"
POLICY = f"""
version: 1
pseudonymise: {{scope: user}}
rules:
  - name: research only
    when: {{host: api.deepseek.com}}
    unless: {{identity.groups: [research]}}
    action: block
    message: Not for this group.
  - {{name: who, when: {{host: api.mistral.ai}}, action: block, message: "{ASKED}"}}
  - {{name: people, detect: [EMAIL_ADDRESS], action: pseudonymise}}
"""
MIRROR, RESTRICTED, OPEN = "api.mistral.ai", "api.deepseek.com", "api.openai.com"
CHAT = "/v1/chat/completions"


def hashed(secret: str) -> str:
    """As in an htpasswd file, with the least work that bcrypt knows."""
    return bcrypt.hashpw(secret.encode(), bcrypt.gensalt(4)).decode()


def basic(user: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def asked_by(user: str, device: str = "unknown") -> str:
    return f"asked by {user} on {device} "


@dataclass(frozen=True)
class Who:
    """A client of a proxy with these headers to it."""

    proxy: Proxy
    headers: dict[str, str]
    verify: Any = None

    def client(self, **options: Any) -> httpx.Client:
        through = httpx.Proxy(self.proxy.url, headers=self.headers)
        verify = self.verify or self.proxy.ssl
        return httpx.Client(proxy=through, verify=verify, timeout=30, trust_env=False, **options)

    def post(self, host: str = OPEN, content: bytes = ways.CLEAN, **options: Any) -> httpx.Response:
        """Raises httpx.ProxyError when the proxy does not connect."""
        with self.client() as client:
            return client.post(f"https://{host}{CHAT}", content=content, **options)

    def told(self) -> str:
        """Who the policy says it was."""
        answer = self.post(MIRROR)
        assert answer.status_code == 403, answer.text
        return answer.text


def curl(proxy: Proxy, root: Path, *options: str) -> Curl:
    return Curl(["--noproxy", "", *options], ways.roots(proxy, root))
