"""``outgate exec`` with real commands: each finds the proxy and its roots by what its environment says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.conftest import Proxy
from e2e.ways import chat, free_port
from outgate.dlp.examples import fake

ROOT = Path(__file__).parents[2]
URL = "https://api.openai.com/v1/chat/completions"


@pytest.fixture
def outgate(make_proxy: Callable[..., Proxy]) -> Callable[..., subprocess.Popen[str]]:
    """Starts ``outgate exec -- COMMAND`` for a running proxy."""
    proxy = make_proxy()
    values = yaml.safe_load((proxy.folder / "outgate.yaml").read_text())
    values["listen"] = proxy.url.removeprefix("http://")
    config = proxy.folder / "client.yaml"
    config.write_text(yaml.safe_dump(values))

    def start(*command: str, **environment: str) -> subprocess.Popen[str]:
        kept = {"PATH": os.environ["PATH"], "HOME": str(proxy.folder), "PYTHONPATH": str(ROOT / "proxy")}
        return subprocess.Popen(
            [sys.executable, "-m", "outgate", "exec", "--config", str(config), "--", *command],
            env={**kept, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    start.proxy = proxy  # type: ignore[attr-defined]
    return start


def told(process: subprocess.Popen[str]) -> str:
    out, problems = process.communicate(timeout=30)
    assert process.returncode == 0, problems
    return out


_URLLIB = """
import sys
from urllib import error, request
try:
    print(request.urlopen(request.Request(sys.argv[1], sys.stdin.buffer.read())).status)
except error.HTTPError as answer:
    print(answer.status)
"""
_REQUESTS = (
    "import sys, requests; print(requests.post(sys.argv[1], data=sys.stdin.buffer.read()).status_code)"
)
_HTTPX = "import sys, httpx; print(httpx.post(sys.argv[1], content=sys.stdin.buffer.read()).status_code)"
CLIENTS = {
    "curl": ["curl", "-sS", "-w", "%{http_code}", "-o", "/dev/null", "-d", "@-"],
    "urllib": [sys.executable, "-c", _URLLIB],
    "requests": [sys.executable, "-c", _REQUESTS],
    "httpx": [sys.executable, "-c", _HTTPX],
}


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_find_the_proxy_and_its_roots(outgate: Any, client: str) -> None:
    """The tunnel's host has a certificate of another root: what was trusted before still is."""
    for url, text, status in (
        (URL, "hello", 200),
        (URL, fake("GITHUB_TOKEN"), 403),
        ("https://intranet.example/x", "hello", 200),
    ):
        process = outgate(*CLIENTS[client], url)
        out, problems = process.communicate(chat(text).decode(), timeout=30)
        assert out.strip() == str(status), problems
    assert [request.host for request in outgate.proxy.received] == ["api.openai.com", "intranet.example"]


_NODE = """
const { request } = require("http"), { connect } = require("tls");
const proxy = new URL(process.env.HTTPS_PROXY), host = process.argv[1];
const asked = request({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path: host + ":443" });
asked.on("connect", (_, socket) => connect({ socket, servername: host }, function () {
  console.log(this.authorized);
  this.end();
}));
asked.end();
"""


@pytest.mark.parametrize("host", ["api.openai.com", "intranet.example"])
def test_node_trusts_the_proxy_and_what_it_trusted_before(outgate: Any, host: str) -> None:
    assert shutil.which("node"), "node is not installed; it is needed to test what it trusts"
    assert told(outgate("node", "-e", _NODE, host)).strip() == "true"


def test_every_variable_of_roots_names_one_file_that_exists(outgate: Any) -> None:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    variables = json.loads(told(outgate(sys.executable, "-c", code)))
    names = (
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "AWS_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "PIP_CERT",
    )
    names = (
        *names,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "NODE_EXTRA_CA_CERTS",
        "DENO_CERT",
        "CARGO_HTTP_CAINFO",
    )
    (bundle,) = {variables[name] for name in names}
    assert Path(bundle).is_file()
    assert {variables[name] for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")} == {
        outgate.proxy.url
    }
    host, _, port = outgate.proxy.url.removeprefix("http://").partition(":")
    assert f"-Dhttps.proxyHost={host} -Dhttps.proxyPort={port}" in variables["JAVA_TOOL_OPTIONS"]


def test_the_exit_code_is_the_commands(outgate: Any) -> None:
    assert outgate("sh", "-c", "exit 7").wait(20) == 7
    assert outgate("sh", "-c", "kill -TERM $$").wait(20) == -signal.SIGTERM
    missing = outgate("a-command-that-does-not-exist")
    assert "command not found" in missing.communicate(timeout=20)[1]
    assert missing.returncode == 127
    assert outgate("/etc/passwd").wait(20) == 126


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_command(outgate: Any, sent: signal.Signals) -> None:
    code = (
        "import os, signal, sys, time\n"
        f"signal.signal({int(sent)}, lambda *_: (os.write(1, b'heard\\n'), sys.exit(9)))\n"
        "os.write(1, b'ready\\n')\n"
        "time.sleep(20)"
    )
    process = outgate(sys.executable, "-c", code)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(sent)
    out, problems = process.communicate(timeout=20)
    assert (out, process.returncode) == ("heard\n", 9), problems


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_command_ignores_no_signal_that_it_would_not_ignore_without_us(outgate: Any) -> None:
    command = ("sed", "-n", "s/SigIgn:\t//p", "/proc/self/status")
    without = int(subprocess.run(command, capture_output=True, check=True).stdout, 16)
    ignored = int(told(outgate(*command)), 16)
    assert ignored & ~without & (1 << 31) - 1 == 0  # above are the C library's own


def test_a_proxy_that_does_not_run_is_told_and_one_that_does_is_not(outgate: Any) -> None:
    assert outgate("true").communicate(timeout=20)[1] == ""
    config = outgate.proxy.folder / "client.yaml"
    config.write_text(config.read_text().replace(outgate.proxy.url.rpartition(":")[2], str(free_port())))
    process = outgate("true")
    assert "start it with `outgate run`" in process.communicate(timeout=20)[1]
    assert process.returncode == 0
