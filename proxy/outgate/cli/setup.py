"""``outgate setup``: a person's machine, set up in one command and put back in another."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from outgate.cli.options import config_option
from outgate.settings import Settings
from outgate.setup import systems
from outgate.setup.machine import Machine, System, system_here
from outgate.setup.plan import Told
from outgate.setup.session import Session
from outgate.setup.step import Step

_MARKS = {
    "asks": ("root", "yellow"),
    "done": ("ok  ", "green"),
    "same": ("ok  ", "green"),
    "undone": ("ok  ", "green"),
    "left": ("left", "yellow"),
    "open": ("open", "yellow"),
    "failed": ("FAIL", "red"),
}
_ALL = sorted({name for names in systems.NAMES.values() for name in names})
_STEP = click.Choice(_ALL)


@click.command(short_help="Set this machine up, or undo that.")
@config_option
@click.option("--undo", is_flag=True, help="Put everything back as it was.")
@click.option("--status", is_flag=True, help="Say how far each step is, and change nothing.")
@click.option("--dry-run", is_flag=True, help="Show each file and command, and change nothing.")
@click.option("--only", multiple=True, type=_STEP, metavar="STEP", help="This step; again for more.")
@click.option("--skip", multiple=True, type=_STEP, metavar="STEP", help="All but this step; again for more.")
@click.option(
    "--system",
    type=click.Choice(list(systems.NAMES)),
    help="With --dry-run: as on a typical machine of this system, without looking at this one.",
)
def command(
    config: Path | None,
    undo: bool,
    status: bool,
    dry_run: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    system: System | None,
) -> None:
    """Make the CA, have this machine trust it, point it at the proxy, and start the proxy at login.

    Steps: ca, system-store, browsers, java, service, environment, proxy, browser-policy, winhttp; each system has
    those that it needs. AI hosts go through the proxy, everything else does not. Root is asked for where a step needs
    it, and a step that fails is told with the commands to run by hand. What was there before is kept, and put back
    by --undo; what somebody has changed since is left as it is.
    """
    if (undo and status) or (system and not dry_run) or (system and undo) or (status and dry_run):
        raise click.UsageError("--undo, --status and --dry-run --system each are for themselves")
    here = system or system_here()
    wanted = [name for name in systems.NAMES[here] if (not only or name in only) and name not in skip]
    if not wanted:
        raise click.UsageError(f"no step is left; {here} has {', '.join(systems.NAMES[here])}")
    settings = Settings.load(config)
    if system:
        elsewhere = Machine(system, Path(), is_root=False)
        _show(
            (step, _lines(step, elsewhere))
            for step in systems.typical(settings, system)
            if step.name in wanted
        )
        return
    session = Session(settings, Machine(here, Path.home()), config)
    if undo and dry_run:
        for step, text in session.undone(wanted):
            click.echo(f"{step:15} {text}")
    elif dry_run:
        _show(session.shown(wanted))
    elif status:
        sys.exit(_tell(session.states(wanted)))
    elif undo:
        sys.exit(_tell(session.undo(wanted)))
    else:
        code = _tell(session.do(wanted))
        click.echo(
            "New shells and newly started browsers have it. `outgate setup --undo` puts everything back."
        )
        sys.exit(code)


def _lines(step: Step, machine: Machine) -> list[str]:
    return [line for change in step.changes for line in change.shown(machine)]


def _show(steps: Iterable[tuple[Step, list[str]]]) -> None:
    for step, lines in steps:
        root = f" [root: {step.why_root}]" if step.why_root and lines else ""
        done = "" if lines else " (nothing to do)"
        click.echo(click.style(step.name, bold=True) + f": {step.purpose}{root}{done}")
        if step.problem:
            click.echo(f"    cannot be done: {step.problem}")
        for line in lines:
            click.echo(f"    {line}")


def _tell(told: Iterable[Told]) -> int:
    """Tell it as it happens; the exit code."""
    wrong = False
    for item in told:
        mark, colour = _MARKS[item.state]
        click.echo(f"{click.style(mark, fg=colour)}  {item.step:15} {item.text}")
        if item.by_hand:
            click.echo("      by hand:")
        for line in item.by_hand:
            click.echo(f"        {line}")
        wrong |= item.state in ("failed", "left", "open")
    return int(wrong)
