"""The CA, as something that a set-up makes and takes away again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from outgate.catalogue import Catalogue
from outgate.gateway import ca
from outgate.settings import Settings
from outgate.setup.change import Change, missing_folders, read_text
from outgate.setup.machine import Command, Machine, SetupError

NAME, PURPOSE = "ca", "make a certificate authority for this machine alone"


@dataclass(frozen=True, kw_only=True)
class Authority(Change):
    """Its value is the root's fingerprint, which is known once it is made. One that is there already is kept."""

    folder: str
    catalogue: str = ""
    exact: ClassVar[bool] = False

    @property
    def told(self) -> str:
        return f"the CA in {self.folder}"

    def read(self, machine: Machine) -> str | None:
        folder = Path(self.folder)
        if not ca.exists(folder):
            return None
        try:
            root = x509.load_pem_x509_certificate((read_text(folder / ca.ROOT) or "").encode())
        except ValueError:
            return "unreadable"
        return root.fingerprint(hashes.SHA256()).hex()

    def is_done(self, now: str | None) -> bool:
        return now is not None

    def write(self, machine: Machine, value: str | None) -> None:
        folder = Path(self.folder)
        try:
            if value is not None:
                extra = Path(self.catalogue) if self.catalogue else None
                ca.create(folder, Catalogue.load(extra=extra).constraint_names())
                return
            for name in (ca.SIGNING, ca.ROOT, ca.ROOT_KEY):
                for path in (folder / name, *folder.glob(f"{name}.*.old")):
                    path.unlink(missing_ok=True)
        except ca.CaError as error:
            raise SetupError(error.message) from None
        except OSError as error:
            raise SetupError(f"{error.filename}: {error.strerror}") from None

    def commands(self, value: str | None) -> tuple[Command, ...]:
        return ()

    def missing(self, machine: Machine) -> tuple[Path, ...]:
        return missing_folders(Path(self.folder))

    def shown(self, machine: Machine) -> list[str]:
        return [f"outgate ca init   # in {self.folder}"]


def changes(settings: Settings) -> Iterator[Change]:
    """The one change."""
    catalogue = str(settings.catalogue or "")
    yield Authority(folder=str(settings.ca_dir), catalogue=catalogue, wanted="made")
