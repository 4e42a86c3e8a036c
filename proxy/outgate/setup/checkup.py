"""What `outgate doctor` tells of a set-up: whether one that was begun is whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from outgate.gateway.checkup import Result
from outgate.settings import Settings
from outgate.settings.sections import SettingsError
from outgate.setup.machine import Machine, SetupError, system_here
from outgate.setup.session import half_done


def checkup(settings: Settings) -> Iterator[Result]:
    """One result where there was a set-up, none where there was not."""
    try:
        lacking = half_done(settings, Machine(system_here(), Path.home()))
    except (SetupError, SettingsError) as error:
        yield Result("set-up", "mend", error.message)
        return
    if lacking:
        told = "; ".join(lacking)
        yield Result(
            "set-up", "mend", f"half done: {told}. Run `outgate setup` again, or `outgate setup --undo`"
        )
    elif lacking is not None:
        yield Result("set-up", "ok", "this machine is set up")
