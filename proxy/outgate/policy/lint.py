"""What whoever wrote a policy thinks that it does, and it does not. Warnings and no errors.

Rules that can never decide anything, because one above them takes everything they would: only what is
certain is told, the upper rule has no conditions, or the very same ones. And known values that are too
short to be looked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from outgate.dlp.known_values import LONGEST, SHORTEST
from outgate.model import Action
from outgate.policy.decide import Policy
from outgate.policy.rule import Rule


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A rule that is never reached, and the one above that sees to it."""

    rule: Rule
    by: Rule

    def __str__(self) -> str:
        place = f"{self.rule.file}:{self.rule.mark.line}:{self.rule.mark.column}"
        return f"{place}: rule {self.rule.name!r} never decides: {self.by.name!r} above it comes first"


def shadowed(policy: Policy) -> tuple[Shadowed, ...]:
    """Every rule that some single rule above it shadows, in the policy's order."""
    found: list[Shadowed] = []
    for position, rule in enumerate(policy.rules):
        by = next((upper for upper in policy.rules[:position] if _covers(upper, rule)), None)
        if by is not None:
            found.append(Shadowed(rule, by))
    return tuple(found)


def skipped(policy: Policy) -> tuple[str, ...]:
    """Of each place that known values come from, how many of them are not looked for."""
    return tuple(
        f"{known.entity}: {known.values.skipped} of the values from the {known.source} are not looked for: they have "
        f"fewer than {SHORTEST} characters, more than {LONGEST}, or no 4 letters and digits in a row"
        for known in policy.detectors.known
        if known.values.skipped
    )


def _covers(upper: Rule, lower: Rule) -> bool:
    if upper.direction is not lower.direction or not _applies_wherever(upper, lower):
        return False
    if upper.entities is None or lower.entities is None:
        # An audit gate notes and lets reading go on, so it covers nothing.
        return upper.entities is lower.entities and upper.action is not Action.AUDIT
    return (
        upper.entities >= lower.entities
        and upper.min_score <= lower.min_score
        and (upper.roles is None or (lower.roles is not None and upper.roles >= lower.roles))
    )


def _applies_wherever(upper: Rule, lower: Rule) -> bool:
    if upper.unless is not None and str(upper.unless) != str(lower.unless):
        return False
    return upper.when is None or str(upper.when) == str(lower.when)
