"""Doing steps, undoing them, and telling how far they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from outgate.setup import change as changes
from outgate.setup.change import Change, digest
from outgate.setup.journal import PENDING, Entry, Journal
from outgate.setup.machine import Command, Machine, SetupError
from outgate.setup.step import Step

State = Literal["asks", "done", "same", "failed", "left", "undone", "open"]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a step, or of one thing of it that did not go well."""

    state: State
    step: str
    text: str
    by_hand: tuple[str, ...] = ()  # what a person would have to run, where something failed


def do(step: Step, machine: Machine, journal: Journal) -> Iterator[Told]:
    """Make every change of a step that is not made yet. One that fails ends the step, not the set-up."""
    if step.problem:
        yield Told("failed", step.name, step.problem)
        return
    yield from _renew(step, machine, journal)
    made = False
    for index, change in enumerate(step.changes):
        try:
            made |= _make(change, step, machine, journal)
        except SetupError as error:
            rest = tuple(line for later in step.changes[index:] for line in later.shown(machine))
            yield Told("failed", step.name, f"{change.told}: {error.message}", rest)
            return
    purpose = step.purpose if step.changes else f"{step.purpose}: nothing here needs it"
    yield Told("done" if made else "same", step.name, purpose)


def _make(change: Change, step: Step, machine: Machine, journal: Journal) -> bool:
    """Whether there was something to do. Raises SetupError."""
    now = change.read(machine)
    entry = journal.find(change.identity)
    if change.is_done(now):
        return False
    if entry is None:
        missing = [str(path) for path in change.missing(machine)]
        entry = Entry(step.name, change.identity, now, [], missing)
        journal.entries.append(entry)
    elif digest(now) not in entry.ours:  # somebody else has changed it since: that is what is put back
        entry.before = now
    entry.ours.append(digest(change.wanted) if change.exact else PENDING)
    journal.keep()
    try:
        change.write(machine, change.wanted)
        after = change.read(machine)
        if not change.is_done(after):
            raise SetupError("it was set, and is not what it was set to")
    except SetupError:
        if change.read(machine) != now:  # half of it: a file is there, say, and was not taken up
            change.write(machine, now)
        if now == entry.before:
            _forget(entry, machine, journal)
        raise
    entry.ours = [digest(after)]
    journal.keep()
    return True


def _renew(step: Step, machine: Machine, journal: Journal) -> Iterator[Told]:
    """Undo what an earlier set-up did for this step and what is not part of it any more: an old root, say."""
    wanted = [change.identity for change in step.changes]
    stale = [entry for entry in journal.entries if entry.step == step.name and entry.identity not in wanted]
    for entry in reversed(stale):
        yield from _undo(entry, machine, journal)


def undo(steps: Sequence[str], machine: Machine, journal: Journal) -> Iterator[Told]:
    """Put back what was there before, the last change first. What somebody has changed since is left as it is."""
    for name in steps:
        entries = [entry for entry in journal.entries if entry.step == name]
        told = [problem for entry in reversed(entries) for problem in _undo(entry, machine, journal)]
        yield from told
        if entries and not any(problem.state == "failed" for problem in told):
            journal.steps = [step for step in journal.steps if step != name]
            journal.keep()
            yield Told("undone", name, f"{len(entries)} {'change' if len(entries) == 1 else 'changes'}")


def _undo(entry: Entry, machine: Machine, journal: Journal) -> Iterator[Told]:
    try:
        change = changes.of(entry.identity)
    except SetupError as error:
        yield Told("failed", entry.step, error.message)
        return
    try:
        now = change.read(machine)
        if now != entry.before:
            if digest(now) in entry.ours or (PENDING in entry.ours and now is not None):
                change.write(machine, entry.before)
                if change.read(machine) != entry.before:
                    raise SetupError("it was put back, and is not what it was before")
            elif now is not None:
                yield Told(
                    "left", entry.step, f"{change.told}: changed since, by someone else: left as it is"
                )
        _forget(entry, machine, journal)
    except SetupError as error:
        by_hand = tuple(machine.shown(command) for command in change.commands(entry.before))
        yield Told("failed", entry.step, f"{change.told}: {error.message}", by_hand)


def _forget(entry: Entry, machine: Machine, journal: Journal) -> None:
    """Take what was made for it away, where nothing else has come to be in it; then the entry."""
    for path in map(Path, reversed(entry.made)):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                _remove(path, machine)
        elif path.is_file() and not path.stat().st_size:
            path.unlink()
    journal.entries.remove(entry)
    journal.keep()


def _remove(folder: Path, machine: Machine) -> None:
    try:
        folder.rmdir()
    except PermissionError:  # it is root's
        machine.do(Command(("rmdir", str(folder)), root=True))
    except OSError as error:
        raise SetupError(f"{error.filename}: {error.strerror}") from None


def lacking(step: Step, machine: Machine) -> list[Change]:
    """What is not made yet, as far as it can be known."""
    found = []
    for change in step.changes:
        with suppress(SetupError):
            if change.is_done(change.read(machine)):
                continue
        found.append(change)
    return found


def is_made(step: Step, machine: Machine) -> bool:
    """Whether there is nothing to do for root."""
    return not any(change.needs_root for change in lacking(step, machine))


def state(step: Step, machine: Machine) -> Told:
    """How far a step is, without changing anything."""
    open_ = step.problem or ", ".join(change.told for change in lacking(step, machine))
    return Told("open", step.name, open_) if open_ else Told("done", step.name, step.purpose)
