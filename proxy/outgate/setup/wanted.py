"""What a machine is to be set to: taken from the settings, the CA and the environment, once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from outgate.gateway import ca, pac, trust
from outgate.gateway.health import PAC
from outgate.settings import Settings, first_found
from outgate.setup import environment
from outgate.setup.machine import Machine, SetupError, System

_TO_BE_MADE = (
    "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"  # what stands for a root in a dry run
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Paths and addresses are spelled as the machine's system does."""

    home: str
    state: str
    root: str  # the file of our root's certificate
    pem: str  # what is in it
    mark: str  # tells our root from others: the first of its SHA-256
    sha1: str  # by which macOS and Windows name certificates
    pac: str  # URL
    roots: str  # PEM of all roots that programs trust
    variables: Mapping[str, str]
    command: tuple[str, ...]  # what starts the proxy
    blocks: bool  # AI hosts are not reached at all rather than past the proxy
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What our root is called in a list of certificates."""
        return f"Outgate {self.mark}"

    @property
    def browser_policy(self) -> str:
        """For browsers of Chromium's kind ("ProxySettings" in Chrome's enterprise policies)."""
        return json.dumps({"ProxySettings": policy(self.pac)}, indent=2) + "\n"

    @classmethod
    def of(cls, settings: Settings, machine: Machine, config: Path | None) -> Wanted:
        """What this machine is to be. Before there is a CA, as far as that can be said.

        Raises CaError, SettingsError, SetupError.
        """
        made = ca.exists(settings.ca_dir)
        # One that cannot be used must not be trusted.
        pem = ca.root_certificate(settings.ca_dir).decode("ascii") if made else _TO_BE_MADE
        mark, sha1 = _names(pem) if made else ("NEW", "NEW")
        file = settings.state_dir / "setup" / "roots.pem"
        variables, left_out = environment.variables(settings, file, machine.environment)
        return cls(
            home=str(machine.home),
            state=str(settings.state_dir),
            root=str(settings.ca_dir / ca.ROOT),
            pem=pem,
            mark=mark,
            sha1=sha1,
            pac=pac_url(settings),
            roots=trust.roots(settings, machine.environment, but=file).decode("ascii")
            if made
            else _TO_BE_MADE,
            variables=variables,
            command=command(config or first_found()),
            blocks=settings.pac.when_unreachable == "block",
            warnings=tuple(_warnings(settings, machine, variables, left_out)),
        )

    @classmethod
    def typical(cls, settings: Settings, system: System) -> Wanted:
        """What a dry run shows for a machine that is not this one: a person called "you", a CA yet to be made."""
        homes = {"linux": "/home/you", "macos": "/Users/you", "windows": r"C:\Users\you"}
        home = homes[system]
        join = "\\".join if system == "windows" else "/".join
        state = join((home, ".local", "state", "outgate"))
        file, script = join((state, "setup", "roots.pem")), join((home, "outgate", ".venv"))
        program = join(
            (script, "Scripts", "python.exe") if system == "windows" else (script, "bin", "python")
        )
        variables, _ = environment.variables(settings, file, {}, windows=system == "windows")
        return cls(
            home=home,
            state=state,
            root=join((state, "ca", "root.pem")),
            pem=_TO_BE_MADE,
            mark="0a1b2c3d",
            sha1="0A1B2C3D" * 5,
            pac=pac_url(settings),
            roots=_TO_BE_MADE,
            variables=variables,
            command=command(None, program),
            blocks=settings.pac.when_unreachable == "block",
        )


def _names(pem: str) -> tuple[str, str]:
    """By what a certificate is told from others: by us, and by macOS and Windows."""
    known = x509.load_pem_x509_certificate(pem.encode())
    return known.fingerprint(hashes.SHA256()).hex()[:8], known.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303


def _warnings(
    settings: Settings, machine: Machine, variables: Mapping[str, str], left_out: list[str]
) -> Iterator[str]:
    for entry in left_out:
        yield f"NO_PROXY: {entry} is left out, it would let AI traffic past. Take it out where it is set"
    for name in ("HTTPS_PROXY", "https_proxy"):
        before = machine.environment.get(name)
        if before and before != variables["HTTPS_PROXY"] and not settings.parent:
            yield f"{name} names another proxy by now. If all has to go through it, set `parent: {before}`"


def policy(pac: str) -> dict[str, object]:
    """``ProxyPacMandatory``: no direct connections when the PAC file cannot be had."""
    return {"ProxyMode": "pac_script", "ProxyPacUrl": pac, "ProxyPacMandatory": True}


def pac_url(settings: Settings) -> str:
    """Where this machine's programs find the PAC file. Raises SettingsError, or SetupError when nothing serves it."""
    pac.of(settings, ())  # as the proxy does: what would not be served there is told here
    host, _, port = (settings.metrics or "").rpartition(":")
    if not host or port == "0":
        raise SetupError("metrics: the PAC file is served there. Give it an address, such as 127.0.0.1:9464")
    here = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}.get(host, host)  # noqa: S104
    return f"http://{here}:{port}{PAC}"


def command(config: Path | None, program: str = sys.executable) -> tuple[str, ...]:
    """What starts the proxy, wherever it is started from. ``-P``: nothing of the current folder is imported."""
    named = ("--config", str(Path(os.path.abspath(config)))) if config else ()  # noqa: PTH100
    return (program, "-P", "-m", "outgate", "run", *named)
