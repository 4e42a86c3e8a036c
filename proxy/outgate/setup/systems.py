"""From settings to steps: this machine's, or those that a typical machine of another system would have."""

from __future__ import annotations

from collections.abc import Iterator

from outgate.settings import Settings
from outgate.setup import authority, linux, macos, windows
from outgate.setup.machine import Machine, System
from outgate.setup.step import Step
from outgate.setup.wanted import Wanted

# Every step's name, by system, in the order in which they are done.
NAMES: dict[System, tuple[str, ...]] = {
    "linux": ("ca", "system-store", "browsers", "java", "service", "environment", "proxy", "browser-policy"),
    "macos": ("ca", "system-store", "java", "service", "environment", "proxy"),
    "windows": ("ca", "system-store", "service", "environment", "proxy", "winhttp", "browser-policy"),
}


def first(settings: Settings) -> Step:
    """The step that all others need."""
    return Step(authority.NAME, authority.PURPOSE, tuple(authority.changes(settings)))


def others(wanted: Wanted, machine: Machine) -> tuple[Step, ...]:
    """The others of this machine."""
    if machine.system == "linux":
        return tuple(linux.steps(wanted, linux.Found.on(machine)))
    if machine.system == "macos":
        return tuple(macos.steps(wanted, macos.Found.on(machine)))
    return tuple(windows.steps(wanted, windows.Found.on(machine)))


def typical(settings: Settings, system: System) -> tuple[Step, ...]:
    """All steps of a typical machine. Raises SettingsError, SetupError."""
    wanted = Wanted.typical(settings, system)
    made: Iterator[Step]
    if system == "linux":
        made = linux.steps(wanted, linux.Found.typical(wanted.home))
    elif system == "macos":
        made = macos.steps(wanted, macos.Found.typical(wanted.home))
    else:
        made = windows.steps(wanted, windows.Found.typical())
    folder = wanted.root.removesuffix("root.pem").rstrip("/\\")
    ca_step = Step(authority.NAME, authority.PURPOSE, (authority.Authority(folder=folder, wanted="made"),))
    return (ca_step, *made)
