"""The machine that is set up: whose home, which system, and how programs are run there."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

System = Literal["linux", "macos", "windows"]
_PATIENCE = 120.0  # seconds for one command; `update-ca-certificates` with Java's hook takes a few


class SetupError(Exception):
    """A change cannot be made; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to. Code 127: there is no such program."""

    code: int
    out: str
    err: str


Runner = Callable[[Sequence[str], Mapping[str, str]], Done]


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> Done:
    """Run a program without a shell, and without input of ours: `sudo` asks on the terminal itself."""
    try:
        done = subprocess.run(  # noqa: S603
            list(arguments),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        return Done(127, "", f"{arguments[0]}: not installed")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Done(126, "", f"{arguments[0]}: {error}")
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Command:
    """One command line, and whether root (on Windows an administrator) has to run it."""

    arguments: tuple[str, ...]
    root: bool = False
    may_fail: bool = False  # what counts is what is read afterwards


@dataclass(frozen=True, slots=True)
class Machine:
    """Whose machine it is. Everything that a change does to it goes through here or to a file."""

    system: System
    home: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    runner: Runner = run
    is_root: bool = field(default_factory=lambda: os.name == "posix" and os.geteuid() == 0)

    def ask(self, *arguments: str, **variables: str) -> Done:
        """Run a command that changes nothing."""
        return self.runner(arguments, {**self.environment, **variables})

    def do(self, command: Command) -> None:
        """Run a command that changes something. Raises SetupError."""
        done = self.runner(self.elevated(command), self.environment)
        if done.code and not command.may_fail:
            told = (done.err.strip() or done.out.strip() or f"exit code {done.code}").splitlines()[-1]
            raise SetupError(f"{command.arguments[0]}: {told}")

    def elevated(self, command: Command) -> tuple[str, ...]:
        """The command line as this user has to write it."""
        if command.root and not self.is_root and self.system != "windows":
            return ("sudo", *command.arguments)
        return command.arguments

    def shown(self, command: Command) -> str:
        """The same for a person to read, and to copy."""
        arguments = self.elevated(command)
        return subprocess.list2cmdline(arguments) if self.system == "windows" else shlex.join(arguments)

    def which(self, name: str) -> str | None:
        """The path of a program of this machine."""
        return shutil.which(name, path=self.environment.get("PATH"))


def system_here() -> System:
    """The system that this process runs on."""
    return {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")  # type: ignore[return-value]
