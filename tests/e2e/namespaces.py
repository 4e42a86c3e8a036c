"""Network namespaces of our own, kept by open files alone: they are gone when the test is, however it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

CLIENT, GATEWAY = "10.77.1.2", "10.77.1.1"  # one network
NEAR, PROVIDER = "10.77.2.1", "10.77.2.2"  # the gateway's side of the other, and what is there


class Namespace:
    """A network of one machine. Threads enter it; what they start is in it."""

    def __init__(self) -> None:
        self._file = -1
        _in_thread(self._make)
        self.command("ip", "link", "set", "lo", "up")

    def _make(self) -> None:
        os.unshare(os.CLONE_NEWNET)
        self._file = os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    @property
    def path(self) -> str:
        """A name for it that other commands understand."""
        return f"/proc/{os.getpid()}/fd/{self._file}"

    def enter(self) -> None:
        """Move the calling thread into it, for good."""
        os.setns(self._file, os.CLONE_NEWNET)

    def command(self, *words: str) -> str:
        """Run a command in it; its output."""
        done = subprocess.run([*self.prefix, *words], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout

    @property
    def prefix(self) -> tuple[str, ...]:
        """What makes a command run in it."""
        return ("nsenter", f"--net={self.path}")

    def close(self) -> None:
        os.close(self._file)


@dataclass
class Network:
    """client -- gateway -- provider: the client reaches the provider through the gateway alone."""

    client: Namespace
    gateway: Namespace
    provider: Namespace

    @classmethod
    def make(cls) -> Self:
        network = cls(Namespace(), Namespace(), Namespace())
        _join(network.client, CLIENT, network.gateway, GATEWAY)
        _join(network.gateway, NEAR, network.provider, PROVIDER)
        network.client.command("ip", "route", "add", "default", "via", GATEWAY)
        return network

    def close(self) -> None:
        for namespace in (self.client, self.gateway, self.provider):
            namespace.close()


def lacking(*commands: str) -> str:
    """Why this cannot be done here; ``""`` when it can."""
    for command in ("ip", "nsenter", *commands):
        if shutil.which(command) is None:
            return f"{command} is not installed"
    if not hasattr(os, "setns") or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    if not Path("/proc/thread-self/ns/net").exists():
        return "/proc is not there"
    try:
        Namespace().close()
    except (OSError, AssertionError) as error:
        return f"no network namespace can be made: {error}"
    return ""


def _join(one: Namespace, one_address: str, other: Namespace, other_address: str) -> None:
    near, far = (f"v{address.replace('.', '')}" for address in (one_address, other_address))
    one.command("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", other.path)
    for namespace, link, address in ((one, near, one_address), (other, far, other_address)):
        namespace.command("ip", "addr", "add", f"{address}/24", "dev", link)
        namespace.command("ip", "link", "set", link, "up")


def _in_thread(work: Callable[[], Any]) -> None:
    """``unshare`` and ``setns`` move one thread; ours is to stay where it is."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
