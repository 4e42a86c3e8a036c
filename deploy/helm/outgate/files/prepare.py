"""Run before Outgate in each pod: puts its settings and keys where it takes them from.

A mounted secret belongs to root and is a link; Outgate takes keys from plain files that are its own user's alone. So
they are copied into memory. The address of Valkey has a password in it, so it joins the settings only here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import yaml


def prepare(secrets: Path, settings: Path, run: Path, state: Path) -> None:
    """Copy all of ``secrets`` into ``run``, write the settings beside them, and one key to ``state``."""
    os.umask(0o077)
    state.mkdir(parents=True, exist_ok=True)
    for folder, folders, names in os.walk(secrets, followlinks=True):
        # Names with two dots are how Kubernetes swaps a volume's content; what leads there has the names we know.
        folders[:] = [name for name in folders if not name.startswith("..")]
        for name in names:
            source = Path(folder, name)
            _write(run / source.relative_to(secrets), source.read_bytes())
    told = yaml.safe_load(settings.read_text(encoding="utf-8"))
    address = run / "valkey.url"
    if address.exists():
        told["vault"]["url"] = address.read_text(encoding="utf-8").strip()
        address.unlink()
    _write(run / "outgate.yaml", yaml.safe_dump(told).encode())
    key = run / "fingerprint.key"
    if key.exists():
        _write(state / key.name, key.read_bytes())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    prepare(*map(Path, sys.argv[1:]))
