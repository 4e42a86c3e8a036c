"""Linux: the distributions' stores, GNOME and KDE, systemd."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outgate.setup import environment, java, nss
from outgate.setup.change import PLACES, Change, File, Place, RootFile, missing_folders
from outgate.setup.machine import Command, Machine, SetupError
from outgate.setup.step import Step
from outgate.setup.wanted import Wanted

# Where a root is put, what its name has to end in, and what takes it up or lets it go. Debian's program leaves links
# to a file that is gone, unless it is told to begin anew.
_STORES = {
    "debian": Place(
        "/usr/local/share/ca-certificates", ".crt", ("update-ca-certificates", "--fresh")
    ),  # and Alpine
    "fedora": Place("/etc/pki/ca-trust/source/anchors", ".pem", ("update-ca-trust", "extract")),  # and RHEL
    "arch": Place("/etc/ca-certificates/trust-source/anchors", ".crt", ("update-ca-trust",)),
    "suse": Place("/etc/pki/trust/anchors", ".pem", ("update-ca-certificates",)),
}
# Where browsers of Chromium's kind look for what an administrator has decided, and the programs that do.
_POLICIES = {
    "chromium": Place("/etc/chromium/policies/managed", ".json"),
    "chrome": Place("/etc/opt/chrome/policies/managed", ".json"),
    "edge": Place("/etc/opt/edge/policies/managed", ".json"),
}
_BROWSERS = {
    "chromium": ("chromium", "chromium-browser"),
    "chrome": ("google-chrome", "google-chrome-stable"),
    "edge": ("microsoft-edge", "microsoft-edge-stable"),
}
PLACES.update(_STORES | _POLICIES)
_SERVICE = "outgate.service"
_KDE = ("kwriteconfig6", "kwriteconfig5")


@dataclass(frozen=True, slots=True)
class Found:
    """What there is on a machine that a step is for."""

    store: str  # of `PLACES`
    databases: tuple[str, ...]
    stores: tuple[str, ...]  # Java's
    browsers: tuple[str, ...]  # of `PLACES`
    shells: tuple[str, ...]  # files that shells read
    gnome: bool
    kde: str  # the program that writes its settings

    @classmethod
    def on(cls, machine: Machine) -> Found:
        """Look."""
        desktop = machine.environment.get("XDG_CURRENT_DESKTOP", "").lower()
        kde = next((name for name in _KDE if machine.which(name)), "")
        return cls(
            store=next((name for name in _STORES if _is_here(PLACES[name], machine)), ""),
            databases=tuple(nss.databases(machine.home)),
            stores=tuple(java.stores(machine)),
            browsers=tuple(name for name, programs in _BROWSERS.items() if any(map(machine.which, programs))),
            shells=tuple(environment.shells(machine)),
            gnome=_has_session(machine) and machine.ask("gsettings", "get", GSETTINGS, "mode").code == 0,
            kde=kde if "kde" in desktop or (machine.home / ".config" / KDE_FILE).exists() else "",
        )

    @classmethod
    def typical(cls, home: str) -> Found:
        """What a dry run for another machine supposes: Debian with GNOME, KDE, Firefox, Chromium and a Java."""
        return cls(
            store="debian",
            databases=(f"{home}/.mozilla/firefox/abcd1234.default-release",),
            stores=("/usr/lib/jvm/jdk-21/lib/security/cacerts",),
            browsers=("chromium",),
            shells=(f"{home}/.profile", f"{home}/.bashrc"),
            gnome=True,
            kde=_KDE[0],
        )


def _is_here(store: Place, machine: Machine) -> bool:
    return Path(store.folder).is_dir() and machine.which(store.update[0]) is not None


def _has_session(machine: Machine) -> bool:
    """Whether there is a message bus of this user's, without which GNOME's settings are not kept."""
    folder = machine.environment.get("XDG_RUNTIME_DIR")
    return bool(machine.environment.get("DBUS_SESSION_BUS_ADDRESS")) or bool(
        folder and Path(folder, "bus").exists()
    )


def steps(wanted: Wanted, found: Found) -> Iterator[Step]:
    """The steps after the CA's, in their order."""
    yield _system_store(wanted, found)
    yield Step("browsers", "have Firefox and Chromium trust our root", tuple(_browsers(wanted, found)))
    yield Step("java", "have Javas with roots of their own trust ours", tuple(_java(wanted, found)))
    yield Step("service", "start the proxy whenever you log in", tuple(_service(wanted)))
    yield Step(
        "environment",
        "tell shells and the programs started from them of the proxy and its root",
        tuple(environment.changes(wanted, found.shells, desktop=True)),
    )
    yield Step(
        "proxy",
        f"have the desktop ask {wanted.pac} what goes through the proxy",
        tuple(_proxy(wanted, found)),
    )
    if wanted.blocks:
        yield Step(
            "browser-policy",
            "have browsers reach nothing rather than AI hosts directly when the proxy is not there to ask",
            tuple(_policies(wanted, found)),
        )


# --- trust ---------------------------------------------------------------------------------------


def _system_store(wanted: Wanted, found: Found) -> Step:
    name, purpose = "system-store", "have all programs that use the system's roots trust ours"
    if not found.store:
        return Step(
            name, purpose, problem="no store of roots that Outgate knows; ca-certificates may be missing"
        )
    root = RootFile(place=found.store, mark=wanted.mark, source=wanted.root, wanted=wanted.pem)
    return Step(name, purpose, (root,))


def _browsers(wanted: Wanted, found: Found) -> Iterator[Change]:
    shared = f"{wanted.home}/{nss.SHARED}"
    if found.browsers:  # a browser that would make it when it is first started
        yield nss.NssDatabase(folder=shared, wanted="made")
    for folder in dict.fromkeys((*((shared,) if found.browsers else ()), *found.databases)):
        yield nss.NssCertificate(folder=folder, name=wanted.name, source=wanted.root, wanted=wanted.pem)


def _java(wanted: Wanted, found: Found) -> Iterator[Change]:
    for store in found.stores:
        root = "" if os.access(store, os.W_OK) else "yes"
        yield java.JavaCertificate(
            store=store,
            name=f"outgate-{wanted.mark}",
            root=root,
            source=wanted.root,
            wanted=wanted.pem,
        )


# --- desktops ------------------------------------------------------------------------------------

GSETTINGS = "org.gnome.system.proxy"
KDE_FILE = "kioslaverc"
_KDE_GROUP = "Proxy Settings"
_PAC_TYPE = "2"  # KProtocolManager::PACProxy


@dataclass(frozen=True, kw_only=True)
class Gsetting(Change):
    """A key of GNOME's settings; as it is by default counts as not there."""

    key: str

    @property
    def told(self) -> str:
        return f"GNOME's {GSETTINGS} {self.key}"

    def read(self, machine: Machine) -> str | None:
        now = machine.ask("gsettings", "get", GSETTINGS, self.key)
        default = machine.ask("gsettings", "get", GSETTINGS, self.key, GSETTINGS_BACKEND="memory")
        if now.code or default.code:
            raise SetupError(now.err.strip() or default.err.strip())
        return None if now.out == default.out else now.out.strip()

    def commands(self, value: str | None) -> tuple[Command, ...]:
        if value is None:
            return (Command(("gsettings", "reset", GSETTINGS, self.key)),)
        return (Command(("gsettings", "set", GSETTINGS, self.key, value)),)


@dataclass(frozen=True, kw_only=True)
class KdeSetting(Change):
    """A key of KDE's proxy settings, read and written by KDE's own programs: kwriteconfig ``version`` 5 or 6."""

    key: str
    version: str

    @property
    def told(self) -> str:
        return f"KDE's {KDE_FILE} {self.key}"

    def read(self, machine: Machine) -> str | None:
        done = machine.ask(f"kreadconfig{self.version}", *self._which())
        if done.code:
            raise SetupError(done.err.strip() or f"kreadconfig{self.version} failed")
        return done.out.rstrip("\n") or None

    def commands(self, value: str | None) -> tuple[Command, ...]:
        what = ("--delete",) if value is None else (value,)
        return (Command((f"kwriteconfig{self.version}", *self._which(), *what)),)

    def missing(self, machine: Machine) -> tuple[Path, ...]:
        path = machine.home / ".config" / KDE_FILE
        return missing_folders(path.parent) + (() if path.exists() else (path,))

    def _which(self) -> tuple[str, ...]:
        return ("--file", KDE_FILE, "--group", _KDE_GROUP, "--key", self.key)


def _proxy(wanted: Wanted, found: Found) -> Iterator[Change]:
    if found.gnome:
        yield Gsetting(key="autoconfig-url", wanted=f"'{wanted.pac}'")
        yield Gsetting(key="mode", wanted="'auto'")
    if found.kde:
        yield KdeSetting(key="Proxy Config Script", version=found.kde[-1], wanted=wanted.pac)
        yield KdeSetting(key="ProxyType", version=found.kde[-1], wanted=_PAC_TYPE)


def _policies(wanted: Wanted, found: Found) -> Iterator[Change]:
    if found.browsers:
        source = f"{wanted.state}/setup/browser-policy.json"
        yield File(path=source, wanted=wanted.browser_policy)
        for name in found.browsers:
            yield RootFile(place=name, mark=wanted.mark, source=source, wanted=wanted.browser_policy)


# --- the service ---------------------------------------------------------------------------------

_UNIT = """\
[Unit]
Description=Outgate, egress filter for LLM traffic

[Service]
Type=exec
ExecStart=:{command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
UMask=0077
LimitNOFILE=65536
# No prompt and no key in a core file.
LimitCORE=0
NoNewPrivileges=yes
# The proxy is no client of its own.
UnsetEnvironment={variables}

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, kw_only=True)
class UserService(Change):
    """What systemd knows of our service. ``what``: "enabled", to start with every session, or "active", running."""

    what: str

    @property
    def told(self) -> str:
        return f"{_SERVICE} {self.what}"

    def read(self, machine: Machine) -> str | None:
        done = machine.ask("systemctl", "--user", f"is-{self.what}", _SERVICE)
        if done.code == 127:
            raise SetupError(
                "systemd is not here: have `outgate run` started by whatever starts your programs"
            )
        return self.what if done.out.strip() == self.what else None

    def commands(self, value: str | None) -> tuple[Command, ...]:
        verb = {"enabled": ("disable", "enable"), "active": ("stop", "start")}[self.what][value is not None]
        return (Command(("systemctl", "--user", verb, _SERVICE)),)


def unit(wanted: Wanted) -> str:
    """The unit's text."""
    command, variables = " ".join(map(_quoted, wanted.command)), " ".join(wanted.variables)
    return _UNIT.format(command=command, variables=variables)


def _quoted(argument: str) -> str:
    """One argument of ExecStart (systemd.service(5), "Command lines"), after whose colon no variable is expanded."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if set(escaped) & set(" \t'\";\\") else escaped


def _service(wanted: Wanted) -> Iterator[Change]:
    path = f"{wanted.home}/.config/systemd/user/{_SERVICE}"
    yield File(path=path, then="systemd", wanted=unit(wanted))
    yield UserService(what="enabled", wanted="enabled")
    yield UserService(what="active", wanted="active")
