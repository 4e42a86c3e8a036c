"""One set-up of one machine: which steps, in which order, and what is told of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from outgate.gateway import ca
from outgate.settings import Settings
from outgate.setup import change as changes
from outgate.setup import plan, systems
from outgate.setup.authority import NAME
from outgate.setup.journal import Journal
from outgate.setup.machine import Machine, SetupError
from outgate.setup.plan import Told
from outgate.setup.step import Step
from outgate.setup.wanted import Wanted


def journal_of(settings: Settings) -> Journal:
    """What was done here. Raises SetupError."""
    return Journal(settings.state_dir / "setup" / "journal.json")


class Session:
    """What there is to do on this machine with these settings."""

    def __init__(self, settings: Settings, machine: Machine, config: Path | None = None) -> None:
        """``config``: the settings' file, if one was named. Raises SetupError."""
        self._settings = settings
        self._machine = machine
        self._config = config
        self._journal = journal_of(settings)

    def do(self, chosen: Collection[str]) -> Iterator[Told]:
        """The steps with these names. Raises CaError, SettingsError, SetupError."""
        self._check_user()
        if NAME in chosen:
            told = list(self._step(systems.first(self._settings)))
            yield from told
            if told[-1].state == "failed":
                return
        wanted = Wanted.of(self._settings, self._machine, self._config)
        yield from (Told("left", "environment", warning) for warning in wanted.warnings)
        for step in systems.others(wanted, self._machine):
            if step.name in chosen:
                yield from self._step(step)

    def _step(self, step: Step) -> Iterator[Told]:
        if step.name not in self._journal.steps:
            self._journal.steps.append(step.name)
        if step.why_root and not self._machine.is_root and not plan.is_made(step, self._machine):
            yield Told("asks", step.name, f"needs root: {step.why_root}")
        yield from plan.do(step, self._machine, self._journal)

    def undo(self, chosen: Collection[str]) -> Iterator[Told]:
        """Put back what the steps with these names changed, the last one first. Raises SetupError."""
        self._check_user()
        done = dict.fromkeys(entry.step for entry in self._journal.entries)
        names = [name for name in reversed(done) if name in chosen]
        yield from plan.undo(names, self._machine, self._journal)

    def shown(self, chosen: Collection[str]) -> Iterator[tuple[Step, list[str]]]:
        """The steps with these names, and what each would do, line by line: nothing where all is done."""
        for step in self._steps():
            if step.name in chosen:
                yield (
                    step,
                    [
                        line
                        for item in plan.lacking(step, self._machine)
                        for line in item.shown(self._machine)
                    ],
                )

    def undone(self, chosen: Collection[str]) -> Iterator[tuple[str, str]]:
        """What an undoing of these steps would put back: each thing, and to what."""
        for entry in reversed(self._journal.entries):
            if entry.step in chosen:
                before = "taken away" if entry.before is None else "put back"
                yield entry.step, f"{changes.of(entry.identity).told}: {before}"

    def states(self, chosen: Collection[str] | None = None) -> Iterator[Told]:
        """How far the steps with these names are; by default of those that a set-up was asked for."""
        names = self._journal.steps if chosen is None else chosen
        yield from (plan.state(step, self._machine) for step in self._steps() if step.name in names)

    def _steps(self) -> tuple[Step, ...]:
        wanted = Wanted.of(self._settings, self._machine, self._config)
        return (systems.first(self._settings), *systems.others(wanted, self._machine))

    def _check_user(self) -> None:
        if self._machine.is_root and self._machine.environment.get("SUDO_UID", "0") != "0":
            raise SetupError("run it as yourself, without sudo: it asks for root where a step needs it")


def half_done(settings: Settings, machine: Machine) -> list[str] | None:
    """What a set-up of this machine lacks; None when there was none. Raises SetupError."""
    if not journal_of(settings).entries:
        return None
    try:
        told = list(Session(settings, machine).states())
    except ca.CaError as error:
        return [f"{NAME}: {error.message}"]
    return [f"{item.step}: {item.text}" for item in told if item.state != "done"]
