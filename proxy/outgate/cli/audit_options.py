"""What the commands of ``outgate audit`` have in common: which log, and which events of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from outgate.ages import seconds
from outgate.audit import AuditError
from outgate.settings import Settings

OUTCOMES = ("forward", "edit", "block", "refuse")


@dataclass
class AuditFiles:
    """The log that is meant, and the settings that it is kept by."""

    config: Path | None
    path: Path | None  # instead of the settings'

    @cached_property
    def settings(self) -> Settings:
        """Raises SettingsError."""
        return Settings.load(self.config)

    @property
    def log(self) -> Path:
        """The log's file. Raises AuditError, SettingsError."""
        if self.path is not None:
            return self.path
        return log_of(self.settings)


def log_of(settings: Settings) -> Path:
    """The file of the audit log that the settings ask for. Raises AuditError."""
    from outgate.audit.log import path_of

    if settings.audit.sink == "none":
        raise AuditError("there is no audit log: `audit.sink` is none")
    return path_of(settings)


def moment(_ctx: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """An option's value as a time."""
    if value is None:
        return None
    age = seconds(value)
    if age is not None:
        return datetime.now(UTC) - timedelta(seconds=age)
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("an age such as 30m, 12h, 7d, 2w, or a date such as 2026-01-31") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


SINCE = click.option(
    "--since", callback=moment, metavar="AGE|DATE", help="30m, 12h, 7d, 2w, or a date (UTC)."
)


def filters[F: Callable[..., Any]](function: F) -> F:
    """The options that say which events are wanted."""
    for option in (
        SINCE,
        click.option("--fingerprint", metavar="HEX", help="Only those with this very value in them."),
        click.option("--entity", metavar="NAME", help="Only those with a finding of a kind."),
        click.option("--outcome", type=click.Choice(OUTCOMES), help="Only those with an outcome."),
        click.option("--provider", metavar="ID", help="Only those to a provider."),
    ):
        function = option(function)
    return function
