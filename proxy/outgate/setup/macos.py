"""macOS: the system's keychain, each network service's PAC file, a launch agent."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from outgate.setup import environment, java
from outgate.setup.change import Change, File, FromFile, certificate
from outgate.setup.machine import Command, Machine, SetupError
from outgate.setup.step import Step
from outgate.setup.wanted import Wanted

_KEYCHAIN = "/Library/Keychains/System.keychain"
_LABEL = "dev.outgate.proxy"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is on a machine that a step is for."""

    networks: tuple[str, ...]  # services that are switched on
    stores: tuple[str, ...]  # Java's
    shells: tuple[str, ...]
    user: str  # number

    @classmethod
    def on(cls, machine: Machine) -> Found:
        """Look."""
        listed = machine.ask("networksetup", "-listallnetworkservices").out.splitlines()[1:]
        return cls(
            networks=tuple(line for line in listed if line and not line.startswith("*")),
            stores=tuple(java.stores(machine)),
            shells=tuple(environment.shells(machine)),
            user=machine.ask("id", "-u").out.strip(),
        )

    @classmethod
    def typical(cls, home: str) -> Found:
        """What a dry run for another machine supposes."""
        machine = "/Library/Java/JavaVirtualMachines/jdk-21.jdk/Contents/Home"
        return cls(
            networks=("Wi-Fi",),
            stores=(f"{machine}/lib/security/cacerts",),
            shells=(f"{home}/.zshenv",),
            user="501",
        )


def steps(wanted: Wanted, found: Found) -> Iterator[Step]:
    """The steps after the CA's, in their order."""
    root = Keychain(name=wanted.name, sha1=wanted.sha1, source=wanted.root, wanted=wanted.pem)
    yield Step(
        "system-store", "have Safari, Chrome, Firefox and all that uses the keychain trust our root", (root,)
    )
    name = f"outgate-{wanted.mark}"
    stores = (
        java.JavaCertificate(store=store, name=name, root="yes", source=wanted.root, wanted=wanted.pem)
        for store in found.stores
    )
    yield Step("java", "have Javas with roots of their own trust ours", tuple(stores))
    yield Step("service", "start the proxy whenever you log in", tuple(_service(wanted, found)))
    yield Step(
        "environment",
        "tell shells and the programs started from them of the proxy and its root",
        tuple(environment.changes(wanted, found.shells, desktop=False)),
    )
    proxies = (AutoProxy(network=network, wanted=f"{wanted.pac} on") for network in found.networks)
    yield Step("proxy", f"have every network ask {wanted.pac} what goes through the proxy", tuple(proxies))


@dataclass(frozen=True, kw_only=True)
class Keychain(FromFile):
    """Our root in the system's keychain, trusted to name servers (security(1))."""

    name: str
    sha1: str
    why_root: ClassVar[str] = "the system's keychain is everybody's"

    @property
    def told(self) -> str:
        return f"the root in {_KEYCHAIN}"

    def read(self, machine: Machine) -> str | None:
        done = machine.ask("security", "find-certificate", "-a", "-Z", "-p", _KEYCHAIN)
        if done.code:
            raise SetupError(done.err.strip())
        for part in done.out.split("SHA-256 hash:"):
            if f"SHA-1 hash: {self.sha1}" in part:
                return certificate(part[part.find("-----BEGIN") :])
        return None

    def add(self, path: str) -> tuple[Command, ...]:
        options = ("-d", "-r", "trustRoot", "-p", "ssl", "-k", _KEYCHAIN, path)
        return (Command(("security", "add-trusted-cert", *options), root=True),)

    def remove(self) -> tuple[Command, ...]:
        return (Command(("security", "delete-certificate", "-Z", self.sha1, "-t", _KEYCHAIN), root=True),)


@dataclass(frozen=True, kw_only=True)
class AutoProxy(Change):
    """A network service's PAC file, as "URL on" or "URL off" (networksetup(8)). None: none, and switched off."""

    network: str

    @property
    def told(self) -> str:
        return f"the PAC file of {self.network}"

    def read(self, machine: Machine) -> str | None:
        done = machine.ask("networksetup", "-getautoproxyurl", self.network)
        lines = dict(line.split(": ", 1) for line in done.out.splitlines() if ": " in line)
        if done.code or "Enabled" not in lines:
            raise SetupError(done.err.strip() or done.out.strip() or "networksetup failed")
        url, switch = lines.get("URL", "(null)").strip(), "on" if lines["Enabled"] == "Yes" else "off"
        return None if url in ("", "(null)") and switch == "off" else f"{url} {switch}"

    def commands(self, value: str | None) -> tuple[Command, ...]:
        url, _, switch = (value or " off").rpartition(" ")
        return (
            Command(("networksetup", "-setautoproxyurl", self.network, url)),
            Command(("networksetup", "-setautoproxystate", self.network, switch)),
        )


@dataclass(frozen=True, kw_only=True)
class LaunchAgent(Change):
    """Whether launchd runs our agent: ``path`` is its plist, ``domain`` whose session (launchctl(1))."""

    path: str
    domain: str

    @property
    def told(self) -> str:
        return f"{_LABEL} loaded"

    def read(self, machine: Machine) -> str | None:
        return "loaded" if machine.ask("launchctl", "print", f"{self.domain}/{_LABEL}").code == 0 else None

    def commands(self, value: str | None) -> tuple[Command, ...]:
        if value is None:
            return (Command(("launchctl", "bootout", f"{self.domain}/{_LABEL}")),)
        return (Command(("launchctl", "bootstrap", self.domain, self.path)),)


def _service(wanted: Wanted, found: Found) -> Iterator[Change]:
    path = f"{wanted.home}/Library/LaunchAgents/{_LABEL}.plist"
    yield File(path=path, wanted=agent(wanted))
    yield LaunchAgent(path=path, domain=f"gui/{found.user}", wanted="loaded")


def agent(wanted: Wanted) -> str:
    """The launch agent's file (launchd.plist(5))."""
    log = f"{wanted.state}/outgate.log"
    content = {
        "Label": _LABEL,
        "ProgramArguments": list(wanted.command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Interactive",
        "Umask": 0o077,
        "StandardOutPath": log,
        "StandardErrorPath": log,
        "HardResourceLimits": {"Core": 0},
        "SoftResourceLimits": {"Core": 0, "NumberOfFiles": 65536},
    }
    return plistlib.dumps(content, sort_keys=False).decode()
