"""What programs are told by their environment: the proxy, and whose certificates to trust.

For `outgate exec`, which sets it for one command, and for a set-up, which sets it for a person's shells.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from outgate.catalogue import Catalogue
from outgate.gateway import trust
from outgate.settings import Settings
from outgate.setup.change import Block, Change, File
from outgate.setup.machine import Machine

if TYPE_CHECKING:
    from outgate.setup.wanted import Wanted

_HERE = ("localhost", "127.0.0.1", "::1")
# Files of the home that shells read, for those that begin as a login and for those that do not.
_BASH, _ZSH = (".profile", ".bashrc"), (".zshenv",)
_OTHERS = (".bash_profile", ".bash_login")  # instead of .profile, where they are
_FISH = ".config/fish"


def variables(
    settings: Settings,
    roots: str | Path,
    given: Mapping[str, str],
    *,
    store: tuple[Path, str] | None = None,
    windows: bool = sys.platform == "win32",
) -> tuple[dict[str, str], list[str]]:
    """The variables, and those entries of a given NO_PROXY that would have let AI traffic past and are left out.

    ``roots``: a PEM file. ``store``: the same for Java, with its password. Raises SettingsError.
    """
    host, port = settings.proxy_address
    proxy = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    direct, left_out = _direct(settings, given)
    told = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "NO_PROXY": ",".join(direct)}
    if not windows:  # where there is only one case; elsewhere tools disagree on it
        told |= {name.lower(): value for name, value in told.items()}
    told |= dict.fromkeys(trust.VARIABLES, str(roots))
    told["NODE_USE_ENV_PROXY"] = "1"  # Node 22.21, 24 and later, for fetch
    told["JAVA_TOOL_OPTIONS"] = _java(host, port, store, given)
    return told, left_out


def _direct(settings: Settings, given: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Hosts that are reached without the proxy: this machine, and those of before but for AI hosts."""
    before = [entry for name in ("NO_PROXY", "no_proxy") for entry in given.get(name, "").split(",")]
    wanted = list(dict.fromkeys(entry.strip() for entry in before if entry.strip() not in ("", *_HERE)))
    names = Catalogue.load(extra=settings.catalogue).constraint_names() if wanted else ()
    left_out = [entry for entry in wanted if _covers(entry, names)]
    return [*_HERE, *(entry for entry in wanted if entry not in left_out)], left_out


def _covers(entry: str, names: tuple[str, ...]) -> bool:
    """Whether an entry of NO_PROXY takes in one of ``names`` or a host below it."""
    host = entry.lower().removeprefix("*").removeprefix(".").partition(":")[0]
    return not host or any(
        name == host or name.endswith(f".{host}") or host.endswith(f".{name}") for name in names
    )


def _java(host: str, port: int, store: tuple[Path, str] | None, given: Mapping[str, str]) -> str:
    """Java reads no other variable. What was given comes first; the command line comes after, and wins."""
    options = {
        "https.proxyHost": host,
        "https.proxyPort": str(port),
        "http.proxyHost": host,
        "http.proxyPort": str(port),
    }
    if store:
        options["javax.net.ssl.trustStore"] = str(store[0])
        options["javax.net.ssl.trustStorePassword"] = store[1]
        options["javax.net.ssl.trustStoreType"] = "PKCS12"
    ours = " ".join(
        f'-D{name}="{value}"' if " " in value else f"-D{name}={value}" for name, value in options.items()
    )
    before = given.get("JAVA_TOOL_OPTIONS", "").replace(ours, "").strip()  # ours: of a shell that is set up
    return " ".join(filter(None, (before, ours)))


# --- for a person's shells -----------------------------------------------------------------------


def shells(machine: Machine) -> Iterator[str]:
    """The files by which this person's shells can be told: those of the shell in use, and others that are there."""
    in_use = Path(machine.environment.get("SHELL", "")).name
    for name in (*_BASH, *_OTHERS, *_ZSH):
        used = in_use == "zsh" if name in _ZSH else in_use in ("bash", "sh", "dash") and name in _BASH
        if used or (machine.home / name).exists():
            yield str(machine.home / name)
    if (machine.home / _FISH).is_dir():
        yield str(machine.home / _FISH / "conf.d" / "outgate.fish")


def changes(wanted: Wanted, files: Sequence[str], *, desktop: bool) -> Iterator[Change]:
    """The file of roots, the variables, and who reads them. ``desktop``: systemd's sessions, too."""
    folder = f"{wanted.state}/setup"
    script = f"{folder}/environment.sh"
    yield File(path=f"{folder}/roots.pem", wanted=wanted.roots)
    exports = (f"export {name}={shlex.quote(value)}\n" for name, value in wanted.variables.items())
    yield File(path=script, wanted="".join(exports))
    for file in files:
        if file.endswith(".fish"):
            lines = (f"set -gx {name} {_fish(value)}\n" for name, value in wanted.variables.items())
            yield File(path=file, wanted="".join(lines))
        else:
            quoted = shlex.quote(script)
            yield Block(path=file, wanted=f"[ ! -r {quoted} ] || . {quoted}\n")
    if desktop:
        lines = (f"{name}={_systemd(value)}\n" for name, value in wanted.variables.items())
        yield File(path=f"{wanted.home}/.config/environment.d/60-outgate.conf", wanted="".join(lines))


def _fish(value: str) -> str:
    """Within single quotes fish escapes these two alone."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _systemd(value: str) -> str:
    """environment.d(5): a shell's quotes; ``$`` is expanded within double ones, not within single ones."""
    return shlex.quote(value)
