"""Java's own stores of roots. Those that are links to the system's are the system's business."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from outgate.setup.change import FromFile, certificate
from outgate.setup.machine import Command, Machine, SetupError

_PASSWORD = "changeit"  # Java's own, of a store that holds nothing secret # noqa: S105
_FOLDERS = ("/usr/lib/jvm", "/usr/java", "/opt/java", "/Library/Java/JavaVirtualMachines")


def stores(machine: Machine) -> Iterator[str]:
    """The store of every Java that has one of its own: JAVA_HOME's, and those where systems put them."""
    homes = [Path(machine.environment["JAVA_HOME"])] if machine.environment.get("JAVA_HOME") else []
    for folder in (*map(Path, _FOLDERS), machine.home / ".sdkman/candidates/java", machine.home / ".jdks"):
        homes += [home for found in sorted(folder.glob("*")) for home in (found, found / "Contents/Home")]
    seen = set()
    for home in homes:
        store = home / "lib" / "security" / "cacerts"
        if not _keytool(store).exists() or not store.is_file() or store.is_symlink():
            continue
        if (real := store.resolve()) not in seen:
            seen.add(real)
            yield str(real)


def _keytool(store: Path) -> Path:
    """The program of the Java whose store it is."""
    return store.parents[2] / "bin" / "keytool"


@dataclass(frozen=True, kw_only=True)
class JavaCertificate(FromFile):
    """A root in a store of Java's. ``root``: "yes" where the store is not this user's own."""

    store: str
    name: str
    root: str = ""
    why_root: ClassVar[str] = "this Java is the whole machine's"

    @property
    def told(self) -> str:
        return f"the root in {self.store}"

    def read(self, machine: Machine) -> str | None:
        if not Path(self.store).exists():
            return None
        done = machine.ask(*self._line("-list", "-rfc"))
        if done.code in (126, 127):
            raise SetupError(done.err)
        return certificate(done.out[done.out.find("-----BEGIN") :]) if done.code == 0 else None

    def write(self, machine: Machine, value: str | None) -> None:
        if self.root and os.name == "posix" and _keytool(Path(self.store)).stat().st_uid != 0:
            raise SetupError(f"{_keytool(Path(self.store))}: not root's own, so root does not run it")
        super().write(machine, value)

    def add(self, path: str) -> tuple[Command, ...]:
        return (Command(self._line("-importcert", "-noprompt", "-file", path), root=bool(self.root)),)

    def remove(self) -> tuple[Command, ...]:
        return (Command(self._line("-delete"), root=bool(self.root)),)

    def _line(self, *what: str) -> tuple[str, ...]:
        return (
            str(_keytool(Path(self.store))),
            *what,
            "-alias",
            self.name,
            "-keystore",
            self.store,
            "-storepass",
            _PASSWORD,
        )
