"""Command-line agents as their vendors ship them, through ``outgate exec``: they work, and no value leaves.

``make agents`` installs them. Each does one task with its shell, for a model that never sees whom it is about.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.conftest import Proxy
from outgate.dlp.examples import fake
from outgate.gateway.loop import Connecting
from providers import models
from providers.standin import Script, Talk

ROOT = Path(__file__).parents[2]
PACKAGES = Path(__file__).parent / "agents" / "node_modules"
POLICY = """
version: 1
rules:
  - {name: keys, detect: [secrets], min_score: 0.8, action: block, message: A live credential must not leave.}
  - {name: people, detect: [PERSON, EMAIL_ADDRESS, PHONE_NUMBER], action: pseudonymise}
"""
VALUES = ("Ingrid Thorvaldsen", "ingrid.t@analytical-engines.org", "+1 415-555-2671")
LINE = "Ask {}, {} or {}, by noon.".format(*VALUES)


@dataclass(frozen=True)
class Agent:
    """How one is run without a person at its side, and what answers it."""

    command: tuple[str, ...]  # from ``PACKAGES``; the prompt comes last
    script: Script
    variables: Mapping[str, str]
    files: Mapping[str, Any] = field(default_factory=dict)  # of its home
    talk: Talk | None = None  # what answers over a WebSocket, if anything does


def _login() -> dict[str, Any]:
    """What Codex keeps of a login to ChatGPT, with tokens that nobody signed."""
    account = {"chatgpt_account_id": models.ACCOUNT, "chatgpt_plan_type": "pro", "chatgpt_user_id": "user"}
    claims = {"exp": int(time.time()) + 86_400, "https://api.openai.com/auth": account}
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "none"}, claims)
    )
    token = ".".join((*parts, "c2ln"))
    tokens = {"id_token": token, "access_token": token, "refresh_token": "none", "account_id": models.ACCOUNT}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"auth_mode": "chatgpt", "tokens": tokens, "last_refresh": now}


_CODEX = (
    *("@openai/codex/bin/codex.js", "exec", "--skip-git-repo-check", "--sandbox", "danger-full-access"),
    *("--disable", "plugins", "-c", "analytics.enabled=false", "-c", "check_for_update_on_startup=false"),
)
AGENTS = {
    "Claude Code": Agent(
        ("@anthropic-ai/claude-code-*/claude", "--permission-mode", "bypassPermissions", "-p"),
        models.anthropic,
        {
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "IS_SANDBOX": "1",  # or it does not work for root
        },
    ),
    "Codex": Agent(_CODEX, models.responses, {"CODEX_API_KEY": "none"}, talk=models.talk),
    # This model's tools are functions; a newer one's shell is a line of JavaScript.
    "Codex over HTTP": Agent((*_CODEX, "--model", "gpt-5.1"), models.responses, {"CODEX_API_KEY": "none"}),
    "Codex of ChatGPT": Agent(_CODEX, models.responses, {}, {".codex/auth.json": _login()}),
    "Gemini CLI": Agent(
        ("@google/gemini-cli/bundle/gemini.js", "--yolo", "--model", "gemini-2.5-flash", "-p"),
        models.gemini,
        {"GEMINI_API_KEY": "none", "GEMINI_CLI_TRUST_WORKSPACE": "true"},
        {".gemini/settings.json": {"privacy": {"usageStatisticsEnabled": False}}},
    ),
}

Ask = Callable[[str, str], subprocess.CompletedProcess[str]]


@pytest.fixture
def policy() -> str:
    """What the proxy goes by, unless a test says otherwise."""
    return POLICY


@pytest.fixture
def proxy(make_proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch, policy: str) -> Proxy:
    """One behind which there is nothing but the stand-in."""
    look_up = Connecting.getaddrinfo

    async def known(self: Connecting, host: Any, port: Any, **options: Any) -> Any:
        if host not in self.routes and host != "127.0.0.1":
            raise OSError(f"{host} is outside the test")
        return await look_up(self, host, port, **options)

    monkeypatch.setattr(Connecting, "getaddrinfo", known)
    return make_proxy(policy, detection={"workers": 1, "deadline": 60})


@pytest.fixture
def ask(proxy: Proxy, tmp_path: Path) -> Ask:
    """Has an agent do what a prompt says, in the folder ``work``."""
    values = yaml.safe_load((proxy.folder / "outgate.yaml").read_text())
    values["listen"] = proxy.url.removeprefix("http://")
    config = proxy.folder / "client.yaml"
    config.write_text(yaml.safe_dump(values))
    home, work = tmp_path / "home", tmp_path / "work"

    def ask(name: str, prompt: str) -> subprocess.CompletedProcess[str]:
        agent = AGENTS[name]
        found = sorted(PACKAGES.glob(agent.command[0]))
        if not found:
            pytest.skip(f"{name} is not installed (`make agents`)")
        stand_in = proxy.stand_in
        stand_in.script, stand_in.talk, stand_in.websockets = agent.script, agent.talk, agent.talk is not None
        work.mkdir(exist_ok=True)
        for path, content in agent.files.items():
            (home / path).parent.mkdir(parents=True)
            (home / path).write_text(json.dumps(content))
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT / "proxy")}
        command = (sys.executable, "-m", "outgate", "exec", "--config", str(config), "--", str(found[0]))
        process = subprocess.Popen(
            (*command, *agent.command[1:], prompt),
            env={**environment, "DO_NOT_TRACK": "1", **agent.variables},
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, problems = process.communicate(timeout=100)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        return subprocess.CompletedProcess((), process.returncode, out, problems)

    return ask


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_works_with_values_that_its_model_never_sees(
    proxy: Proxy, ask: Ask, tmp_path: Path, agent: str
) -> None:
    """What it runs has the values, and what it says of the result, which left without them like the prompt."""
    done = ask(agent, models.prompt(f"printf '%s\\n' '{LINE}' > out.txt && cat out.txt"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "work" / "out.txt").read_text() == f"{LINE}\n"
    assert LINE in done.stdout
    assert len([request for request in proxy.received if b"PHONE_NUMBER_" in request.body]) == 2
    for request in proxy.received:
        sent = request.path.encode() + b"".join(b"".join(header) for header in request.headers) + request.body
        assert not [value for value in (*VALUES, "Ingrid", "Thorvaldsen") if value.encode() in sent]
    told = proxy.metrics()
    assert not re.search(r"outgate_blocked_total\{.*\} [1-9]", told)
    assert set(re.findall(r'outgate_on_error_total\{.*reason="(\w+)"\} [1-9]', told)) <= {"client_left"}


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_that_comes_upon_a_key_says_why_it_was_stopped_and_does_not_ask_again(
    proxy: Proxy, ask: Ask, tmp_path: Path, agent: str
) -> None:
    secret = fake("GITHUB_TOKEN")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "settings").write_text(f"token = {secret}\n")
    done = ask(agent, models.prompt("cat settings"))
    assert "A live credential must not leave." in done.stdout + done.stderr
    assert done.returncode != 0
    assert [request for request in proxy.received if b"cat settings" in request.body]
    assert not [request for request in proxy.received if secret.encode() in request.body]
    assert 'outgate_blocked_total{rule="keys"} 1.0' in proxy.metrics()


USED_UP = """
version: 1
budgets: [{name: tokens, limit: {requests: 0}, window: day, message: Nothing is left.}]
"""


@pytest.mark.parametrize("policy", [USED_UP], ids=["used up"])
@pytest.mark.parametrize("agent", ["Codex over HTTP", "Claude Code", "Gemini CLI"])
def test_an_agent_whose_budget_is_used_up_says_so_and_asks_once(
    proxy: Proxy, ask: Ask, agent: str, policy: str
) -> None:
    done = ask(agent, models.prompt("echo hello"))
    told = done.stdout + done.stderr
    assert done.returncode != 0
    # Codex tells it in its own words, and when to try again.
    assert "hit your usage limit. Try again at" in told or "Nothing is left." in told
    assert 'outgate_blocked_total{rule="tokens"} 1.0' in proxy.metrics()
