"""Values that may leave although a rule is about them: excepted by an administrator, or justified by whoever asks.

An **exception** is an administrator's: for everyone, a group, a person or an address, perhaps at one provider,
until it expires; what is excepted is allowed, unless the rule takes no exceptions. A **justification** is a
person's own: a coaching rule blocked values, and the person said why they may leave. It is for that rule, those
values, that person and that provider. Values are known by fingerprint alone.

Owns who is meant. Knows nothing of where they are kept; a set of them is immutable, and is swapped as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from outgate.model import Facts, Identity, IPAddress

EVERYONE = "everyone"
# What stands for an exception where a rule's name does, and for a justification among the rules that noted something.
EXCEPTION = "exception:"


@dataclass(frozen=True, slots=True)
class Excepted:
    """A value that an administrator lets pass."""

    id: int
    fingerprint: str
    who: str  # EVERYONE, or user:NAME, group:NAME, address:ADDRESS
    provider: str | None  # id; None: any
    expires: datetime  # aware


@dataclass(frozen=True, slots=True)
class Justified:
    """A value that its sender gave a reason for."""

    reference: str  # of the exchange that was blocked
    person: str  # as ``person`` names them
    provider: str  # id
    rule: str
    fingerprint: str
    expires: datetime  # aware


def person(identity: Identity, client: IPAddress) -> str:
    """Who asks, as far as anybody can tell them from others: ``user:NAME``, else ``address:ADDRESS``."""
    return f"user:{identity.user}" if identity.user else f"address:{client}"


def asker(person: str) -> tuple[str | None, str | None]:
    """The user or the address that ``person`` names; neither, of everyone and of a group."""
    kind, _, name = person.partition(":")
    return name if kind == "user" else None, name if kind == "address" else None


class Exceptions:
    """All that are in force. Asking costs some look-ups, however many there are."""

    __slots__ = ("_excepted", "_justified")

    def __init__(self, excepted: Iterable[Excepted] = (), justified: Iterable[Justified] = ()) -> None:
        self._excepted: dict[str, dict[tuple[str, str | None], Excepted]] = {}
        self._justified: dict[tuple[str, str, str, str], Justified] = {}
        for one in excepted:
            those, key = self._excepted.setdefault(one.fingerprint, {}), (one.who, one.provider)
            if key not in those or those[key].expires < one.expires:
                those[key] = one
        for other in justified:
            told = (other.fingerprint, other.rule, other.person, other.provider)
            if told not in self._justified or self._justified[told].expires < other.expires:
                self._justified[told] = other

    def __bool__(self) -> bool:
        return bool(self._excepted or self._justified)

    def exception(self, fingerprint: str, facts: Facts) -> Excepted | None:
        """The exception that a value is for whoever asks, now, if it is one."""
        those = self._excepted.get(fingerprint)
        if those is None:
            return None
        groups = (f"group:{name}" for name in facts.identity.groups)
        address = f"address:{facts.client}"
        for who in (EVERYONE, person(facts.identity, facts.client), address, *groups):
            for provider in (None, facts.provider.id):
                found = those.get((who, provider))
                if found is not None and found.expires > facts.time:
                    return found
        return None

    def justification(self, fingerprint: str, rule: str, facts: Facts) -> Justified | None:
        """What whoever asks said of a value that ``rule`` coaches about, if it still counts."""
        who = person(facts.identity, facts.client)
        found = self._justified.get((fingerprint, rule, who, facts.provider.id))
        return found if found is not None and found.expires > facts.time else None


NONE = Exceptions()
