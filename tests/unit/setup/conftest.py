"""A person's machine, in a folder: its own home, its own system store, its own desktop session. Nothing of the
machine that the tests run on is touched, and the runner refuses what would."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from outgate.settings import Settings
from outgate.setup import java, linux, machine
from outgate.setup.change import PLACES, Place
from outgate.setup.machine import Done, Machine
from outgate.setup.plan import Told
from outgate.setup.session import Session
from outgate.setup.systems import NAMES
from programs import program

STEPS = NAMES["linux"]
_SHIPPED = Path("/usr/share/ca-certificates")


@dataclass
class Laptop:
    """What a set-up sees, and what it leaves."""

    folder: Path
    environment: dict[str, str]
    asked: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def system(self) -> Path:
        return self.folder / "system"

    @property
    def state(self) -> Path:
        return self.home / ".local" / "state" / "outgate"

    @property
    def settings(self) -> Settings:
        return Settings(state_dir=self.state)

    @property
    def machine(self) -> Machine:
        return Machine("linux", self.home, self.environment, self.run, is_root=True)

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Done:
        assert not any(
            argument.startswith(("/etc/", "/usr/local/", "sql:/root")) for argument in arguments
        ), arguments
        assert arguments[0] != "sudo"
        self.asked.append(tuple(arguments))
        return machine.run(arguments, environment)

    def session(self) -> Session:
        return Session(self.settings, self.machine)

    def do(self, *steps: str) -> list[Told]:
        return list(self.session().do(steps or STEPS))

    def undo(self, *steps: str) -> list[Told]:
        return list(self.session().undo(steps or STEPS))

    def told(self, *command: str) -> str:
        """What a program of this person's says."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def tree(self) -> dict[str, object]:
        """Every folder, file and link, with its mode and its content."""
        found: dict[str, object] = {}
        for folder in (self.home, self.system):
            for path in sorted(folder.rglob("*")):
                name, facts = str(path.relative_to(self.folder)), path.lstat()
                if path.is_symlink():
                    found[name] = str(path.readlink())
                else:
                    found[name] = (oct(facts.st_mode), path.read_bytes() if path.is_file() else None)
        return found


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    """Debian with a shell's files and a browser of Chromium's kind, no desktop and no Java."""
    laptop = Laptop(tmp_path, {})
    tools = tmp_path / "tools"
    for folder in (laptop.home, tools, *(laptop.system / name for name in ("anchors", "certs", "hooks"))):
        folder.mkdir(parents=True)
    (tmp_path / "run").mkdir(mode=0o700)
    # Debian's own program, in folders of ours, with two roots instead of all.
    roots = [str(path.relative_to(_SHIPPED)) for path in sorted(_SHIPPED.rglob("ISRG*.crt"))]
    (laptop.system / "roots.conf").write_text("".join(f"{root}\n" for root in roots))
    update = tools / "update-ca-certificates"
    update.write_text(
        f"#!/bin/sh\nexec {shutil.which('update-ca-certificates') or 'false'} --localcertsdir {laptop.system}/anchors"
        f" --certsconf {laptop.system}/roots.conf"
        f' --etccertsdir {laptop.system}/certs --hooksdir {laptop.system}/hooks "$@"\n'
    )
    update.chmod(0o755)
    laptop.environment |= {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(laptop.home),
        "SHELL": "/bin/bash",
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "LC_ALL": "C.UTF-8",
    }
    subprocess.run([update], env=laptop.environment, capture_output=True, timeout=60, check=False)
    anchors = Place(str(laptop.system / "anchors"), ".crt", ("update-ca-certificates", "--fresh"))
    monkeypatch.setattr(linux, "_STORES", ("debian",))
    monkeypatch.setattr(linux, "_BROWSERS", {"chromium": ("sh",)})
    policies = Place(str(laptop.system / "policies" / "managed"), ".json")
    for name in tuple(PLACES):
        monkeypatch.delitem(PLACES, name)
    monkeypatch.setitem(PLACES, "debian", anchors)
    monkeypatch.setitem(PLACES, "chromium", policies)
    monkeypatch.setattr(java, "_FOLDERS", ())
    (laptop.home / ".bashrc").write_bytes(b"# mine, without an end of line: \xff")
    (laptop.home / ".bashrc").chmod(0o640)
    return laptop


@pytest.fixture
def desktop(laptop: Laptop) -> Iterator[Callable[[], Laptop]]:
    """The same in a session of GNOME's: a message bus and settings of its own."""
    for name in ("gsettings", "dconf", "dbus-run-session"):
        program(name)
    bus = subprocess.Popen(
        ["dbus-run-session", "--", "sh", "-c", 'echo "$DBUS_SESSION_BUS_ADDRESS"; cat'],
        env=laptop.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout and bus.stdin
    laptop.environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
    try:
        yield lambda: laptop
    finally:
        bus.stdin.close()
        bus.wait(30)
        bus.stdout.close()


def states(told: Sequence[Told]) -> dict[str, str]:
    """Step -> how it ended."""
    return {item.step: item.state for item in told if item.state != "asks"}
