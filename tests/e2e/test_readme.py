"""The README, run: its shell blocks whole and in their order, by a person who has just cloned the project.

All ``sh`` blocks are run, by `sh -e`, in a home and a clone of their own. Put in their place is this and
no more:

- `make run` is run, with the Makefile's own recipe, but what it installs counts as installed:
  ``.venv/bin/outgate`` is a line that starts this checkout's code. The first install takes minutes and a network.
- the ports 8080 and 9464, in the commands and through an ``outgate.yaml``, so that a proxy that runs
  on this machine is in nobody's way.
- the terminal that `make run` keeps for itself is a process in the background.

YAML blocks that begin with a file's name are that file. What other blocks and the prose name (programs of
other vendors, systems' own tools, containers) is not run: it would change the machine or needs a network.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from outgate.catalogue import Catalogue
from outgate.cli import COMMANDS
from programs import program

pytestmark = pytest.mark.timeout(300)  # the first of them waits for all the commands

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = [text for language, text in BLOCKS if language == "sh"]
FILES = {
    found[1]: text
    for language, text in BLOCKS
    if language == "yaml" and (found := re.match(r"# (\S+\.yaml)\n", text))
}


def test_every_block_is_run_or_is_a_file() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", "yaml"}
    assert len(FILES) == sum(language == "yaml" for language, _ in BLOCKS)
    assert SHELL[0] == "make run\n"


class Clone:
    """A clone of the project in a home of its own, in which everything is installed."""

    def __init__(self, folder: Path) -> None:
        self.home, self.path = folder / "home", folder / "outgate"
        self.home.mkdir()
        self.path.mkdir()
        for name in ("Makefile", "pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, self.path)
        for name in ("requirements", ".ci"):
            shutil.copytree(ROOT / name, self.path / name)
        for name, text in FILES.items():
            (self.path / name).write_text(text)
        binaries = self.path / ".venv" / "bin"
        binaries.mkdir(parents=True)
        starter = f'#!/bin/sh\nPYTHONPATH={ROOT / "proxy"} exec {sys.executable} -P -m outgate "$@"\n'
        (binaries / "outgate").write_text(starter)
        (binaries / "outgate").chmod(0o755)
        for stamp in ("made", "run"):
            (self.path / ".venv" / stamp).touch()
        self.ports = {"8080": str(_free_port()), "9464": str(_free_port())}
        settings = "listen: 127.0.0.1:8080\nmetrics: 127.0.0.1:9464\n"
        (self.path / "outgate.yaml").write_text(self.here(settings))

    def here(self, text: str) -> str:
        """The README's text with this clone's ports."""
        for old, new in self.ports.items():
            text = text.replace(old, new)
        return text

    def start(self, script: str) -> subprocess.Popen[str]:
        """A shell of this home. It has nothing of ours but the PATH, and where this machine keeps roots."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL")}
        return subprocess.Popen(
            [program("sh"), "-e", "-c", self.here(script)],
            cwd=self.path,
            env={**kept, "HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ready(self) -> bool:
        try:
            address = f"http://127.0.0.1:{self.ports['9464']}/readyz"
            return httpx.get(address, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What a person sees who follows the README, on both outputs of the second terminal."""
    program("make")
    program("curl")
    clone = Clone(tmp_path_factory.mktemp("readme"))
    first = clone.start(SHELL[0])
    try:
        deadline = time.monotonic() + 60
        while not clone.ready():
            assert first.poll() is None, first.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        second = clone.start("".join(SHELL[1:]))
        written, errors = second.communicate(timeout=90)
        assert second.returncode == 0, written + errors
        yield written + errors
    finally:
        os.killpg(first.pid, signal.SIGTERM)
        written, errors = first.communicate(timeout=30)
    assert "listens on" in written
    assert "Traceback" not in errors


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "line",
    [
        r"DeepSeek is operated from CN and is not approved",
        r"sudo update-ca-certificates",
        r"(?m)^HTTPS_PROXY=http://127\.0\.0\.1:\d+$",
        r"(?m)^SSL_CERT_FILE=/",
        r"(?m)^NODE_EXTRA_CA_CERTS=/",
        r"(?m)^ok +policy ",
        r"ok  policy\.yaml: 5 rules",
        r"2 cases, 0 failed",
        r"(?m)^verdict block by 'our code names'",
        r"mask -> audit",
        r"laxer\.yaml lets out more",
        r"Ask \[REDACTED EMAIL_ADDRESS\] for the keys",
        r"deepseek +deepseek-chat +block",
        r"1 exchanges, 0 findings",
        r'outgate_exchanges_total{.*provider="deepseek".*} 1\.0',
    ],
)
def test_its_commands_do_what_it_says(told: str, line: str) -> None:
    assert re.search(line, told), told


def test_it_names_every_command_with_the_line_of_the_help() -> None:
    table = dict(re.findall(r"^\| `outgate ([a-z]+)` \| (.*) \|$", README, re.MULTILINE))
    assert table == {name: text for name, (_, text) in COMMANDS.items()}


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_its_settings_and_numbers_are_true() -> None:
    assert len(Catalogue.load().providers) > 100
    from outgate.settings import Settings

    settings = Settings()
    assert (settings.listen, settings.metrics) == ("127.0.0.1:8080", "127.0.0.1:9464")
    fields = set(Settings.model_fields)
    assert {"listen", "clients", "policies", "catalogue"} <= fields


def test_it_can_be_read_in_one_sitting() -> None:
    assert len(README.split()) < 1500
    assert max(len(line) for _, text in BLOCKS for line in text.splitlines()) <= 92  # no scrolling on GitHub
