"""One budget, ready to be asked: which requests it is about, and for whom each of them counts.

Knows nothing of what was used, nor where that is counted: see ``budget_pipeline``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, product
from pathlib import Path

from outgate.model import Action, Facts, Unit, Window
from outgate.policy.condition import Conditions
from outgate.policy.condition import compiled as conditions
from outgate.policy.error import Mark
from outgate.policy.message import BUDGET_FIELDS, DEFAULT_BUDGET, Message
from outgate.policy.schema_budgets import BudgetSpec
from outgate.sites import site_of

Holder = tuple[str | None, ...]  # for each part of ``per`` its value; None: not known
MOST_HOLDERS = 200  # of one budget that a request counts for: groups of who asks, models of a batch
_LENGTHS = ((86_400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget of a policy."""

    name: str
    per: tuple[str, ...]
    limits: Mapping[Unit, int]
    window: Window
    action: Action  # BLOCK or AUDIT
    when: Conditions | None
    unless: Conditions | None
    message: Message
    note: str
    file: Path
    mark: Mark

    def applies(self, facts: Facts) -> bool:
        """Whether ``when`` holds and ``unless`` does not."""
        if self.when is not None and not self.when.holds(facts):
            return False
        return self.unless is None or not self.unless.holds(facts)

    def holders(self, facts: Facts) -> list[Holder]:
        """For whom a request counts: one, or one for each of who asks' groups. Those not known are one together."""
        parts = (_PARTS[part](facts) or (None,) for part in self.per)
        return list(islice(product(*parts), MOST_HOLDERS + 1))

    def told(self, facts: Facts, unit: Unit, resets: datetime, help_url: str) -> str:
        """What the person is told whose request is over it."""
        return self.message.fill(
            facts,
            rule=self.name,
            help_url=help_url,
            limit=f"{self.limits[unit]} {unit.replace('_', ' ')}",
            window=lasting(self.window),
            resets=resets.astimezone(self.window.zone).strftime("%Y-%m-%d %H:%M %Z"),
        )


def compiled(spec: BudgetSpec, file: Path, mark: Mark) -> Budget:
    """The budget that a policy's file describes at ``mark``."""
    window = spec.window
    return Budget(
        name=spec.name,
        per=tuple(sorted(set(spec.per))),
        limits=spec.limit,
        window=Window(window.seconds, window.calendar, spec.zone),
        action=Action(spec.action),
        when=conditions(spec.when),
        unless=conditions(spec.unless),
        message=Message.parse(spec.message, BUDGET_FIELDS) if spec.message else DEFAULT_BUDGET,
        note=spec.note,
        file=file,
        mark=mark,
    )


def lasting(window: Window) -> str:
    """A window in words: 30 days, day."""
    if window.calendar:
        return window.calendar
    length, word = next((length, word) for length, word in _LENGTHS if window.seconds % length == 0)
    count = window.seconds // length
    return word if count == 1 else f"{count} {word}s"


def _one(value: str | None) -> Sequence[str]:
    """A name in the spelling that all of its spellings have in common: who writes it otherwise gets no more."""
    return () if value is None else (value.strip().casefold(),)


_PARTS: Mapping[str, Callable[[Facts], Sequence[str]]] = {
    "identity.user": lambda facts: _one(facts.identity.user),
    "identity.group": lambda facts: sorted({group.casefold() for group in facts.identity.groups}),
    "provider": lambda facts: (facts.provider.id,),
    "model": lambda facts: _one(facts.model),
    "client": lambda facts: (str(site_of(facts.client)),),
}
