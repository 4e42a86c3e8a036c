"""Certificate databases of NSS, which Firefox, Chromium and Chrome have for themselves on Linux."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outgate.setup.change import Change, FromFile, certificate, missing_folders
from outgate.setup.machine import Command, Machine, SetupError

INSTALL = "certutil is not installed (Debian's libnss3-tools, Fedora's nss-tools, Arch's nss)"
# Below a home: where each way to install Firefox keeps its profiles, and where Chromium keeps its one database.
_PROFILES = (
    ".mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ".config/mozilla/firefox",
)
SHARED = ".pki/nssdb"
_SHARED = (SHARED, "snap/chromium/current/.pki/nssdb", ".var/app/org.chromium.Chromium/.pki/nssdb")
_HEADINGS = ("Trust Attributes", "SSL,S/MIME,JAR/XPI")  # of certutil's list
_FILES = ("cert9.db", "key4.db", "pkcs11.txt")


def databases(home: Path) -> Iterator[str]:
    """The folders of all databases that there are in a home."""
    for place in _SHARED:
        if (home / place / "cert9.db").exists():
            yield str(home / place)
    for place in _PROFILES:
        yield from (str(found.parent) for found in sorted((home / place).glob("*/cert9.db")))


@dataclass(frozen=True, kw_only=True)
class NssDatabase(Change):
    """A database, without a password. One of ours goes when nothing else has come to be in it."""

    folder: str

    @property
    def told(self) -> str:
        return f"the certificate database {self.folder}"

    def read(self, machine: Machine) -> str | None:
        return "made" if (Path(self.folder) / "cert9.db").exists() else None

    def commands(self, value: str | None) -> tuple[Command, ...]:
        return (
            Command(("mkdir", "-p", "-m", "0700", self.folder)),
            Command(("certutil", "-N", "-d", f"sql:{self.folder}", "--empty-password")),
        )

    def write(self, machine: Machine, value: str | None) -> None:
        if value is not None:
            if machine.which("certutil") is None:
                raise SetupError(INSTALL)
            super().write(machine, value)
            return
        listed = machine.ask("certutil", "-L", "-d", f"sql:{self.folder}").out.splitlines()
        certificates = [line for line in listed if line.strip() and not line.strip().endswith(_HEADINGS)]
        has_keys = (
            machine.ask("certutil", "-K", "-d", f"sql:{self.folder}").code == 0
        )  # it fails where there are none
        if certificates or has_keys:
            raise SetupError("something else is in it by now")
        for name in _FILES:
            (Path(self.folder) / name).unlink(missing_ok=True)

    def missing(self, machine: Machine) -> tuple[Path, ...]:
        return missing_folders(Path(self.folder))


@dataclass(frozen=True, kw_only=True)
class NssCertificate(FromFile):
    """A root in a database, trusted to name servers and for nothing else."""

    folder: str
    name: str

    @property
    def told(self) -> str:
        return f"the root in {self.folder}"

    def read(self, machine: Machine) -> str | None:
        if not (Path(self.folder) / "cert9.db").exists():
            return None
        done = machine.ask("certutil", "-L", "-d", f"sql:{self.folder}", "-n", self.name, "-a")
        if done.code == 127:
            raise SetupError(INSTALL)
        return certificate(done.out) if done.code == 0 else None

    def add(self, path: str) -> tuple[Command, ...]:
        options = ("-d", f"sql:{self.folder}", "-n", self.name, "-t", "C,,", "-i", path)
        return (Command(("certutil", "-A", *options)),)

    def remove(self) -> tuple[Command, ...]:
        return (Command(("certutil", "-D", "-d", f"sql:{self.folder}", "-n", self.name)),)
