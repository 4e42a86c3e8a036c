"""``allowed_accounts``: whether a request may use the accounts that it tells, and what the provider is told of them.

A request may go on when none of the accounts that it tells is of another, and one that it tells proves whose it is:
a scope (an organization, a host) that the provider holds every credential to, or each of its credentials. Where a
policy lists only what no request tells (the workspace of a web chat), the provider is the one to check: it is told
the list in the header that it documents for that. What can be told and is not is *unlisted*.

Owns this judgement. Where accounts stand in a request is ``catalogue.accounts``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from outgate.catalogue.accounts import FINGERPRINT, KEY, restriction_value
from outgate.model import Action, Facts, Headers, Provider
from outgate.policy.error import Problem, near_miss
from outgate.policy.message import DEFAULT_ACCOUNT, Message
from outgate.policy.schema import PolicySpec
from outgate.policy.schema_accounts import AllowedAccountsSpec
from outgate.policy.source import Node

SETTING = "allowed_accounts"  # stands where a rule's name does


@dataclass(frozen=True, slots=True)
class Allowed:
    """The accounts at one provider that requests may use."""

    listed: tuple[str, ...]  # KIND:ID, as the policy spells them
    unlisted: Action  # block or audit
    unknown: str  # "unlisted" or "provider"
    message: Message

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of which some account is listed."""
        return frozenset(name.partition(":")[0] for name in self.listed)

    def objection(self, facts: Facts) -> str:
        """What stands against a request, in words without a secret; ``""`` when nothing does."""
        kinds, listed = self.kinds, frozenset(self.listed)
        scopes = [account for account in facts.accounts if account.kind in kinds and account.kind != KEY]
        foreign = next((account for account in scopes if str(account) not in listed), None)
        if foreign is not None:
            return f"{foreign} is not listed"
        if any(account.proof == "scope" for account in scopes):
            return ""
        credentials = [account for account in facts.accounts if account.proof == "credential"]
        strange = next((account for account in credentials if str(account) not in listed), None)
        if credentials and strange is None:
            return ""
        tellable = {source.kind for source in facts.provider.accounts}
        checked = any(restriction.kind in kinds for restriction in facts.provider.restrictions)
        if checked and (self.unknown == "provider" or kinds.isdisjoint(tellable)):
            return ""
        return f"{strange} is not listed" if strange else "no account is told"

    def headers(self, provider: Provider) -> Headers:
        """What the provider is told, so that it turns away other accounts itself; nothing where only audited."""
        if self.unlisted is not Action.BLOCK:
            return ()
        told = []
        for restriction in provider.restrictions:
            ids = [name.partition(":")[2] for name in self.listed if name.startswith(f"{restriction.kind}:")]
            if ids:
                told.append((restriction.header.encode(), restriction_value(restriction, ids).encode()))
        return tuple(told)


def compiled(specs: Iterable[PolicySpec]) -> Mapping[str, Allowed]:
    """Provider id -> its accounts; of a provider in several files, those of the first."""
    allowed: dict[str, Allowed] = {}
    for spec in specs:
        for provider, one in spec.allowed_accounts.items():
            message = Message.parse(one.message) if one.message else DEFAULT_ACCOUNT
            allowed.setdefault(provider, Allowed(one.accounts, Action(one.unlisted), one.unknown, message))
    return allowed


def problems(spec: PolicySpec, path: Path, node: Node, providers: Sequence[Provider]) -> Iterator[Problem]:
    """What of ``allowed_accounts`` could never hold for these providers (none: they are not at hand)."""
    known = {provider.id: provider for provider in providers}
    for name, one in spec.allowed_accounts.items() if known else ():
        provider = known.get(name)
        if provider is None:
            mark = node.at((SETTING, name), key=True)
            message = f"no provider of the catalogue has the id {name!r}"
            yield Problem(path, mark, message, near_miss(name, known))
            continue
        for index, account in enumerate(one.accounts):
            wrong = _misspelt(account, provider)
            if wrong:
                yield Problem(path, node.at((SETTING, name, "accounts", index)), *wrong)
        yield from _unchecked(name, one, provider, path, node)


def _unchecked(
    name: str, one: AllowedAccountsSpec, provider: Provider, path: Path, node: Node
) -> Iterator[Problem]:
    restricted = {restriction.kind for restriction in provider.restrictions}
    listed = {account.partition(":")[0] for account in one.accounts}
    if one.unknown == "provider" and restricted.isdisjoint(listed):
        mark = node.at((SETTING, name, "unknown"))
        hint = f"list one of: {', '.join(sorted(restricted))}" if restricted else "leave `unknown` out"
        yield Problem(path, mark, f"{name} is told no account that is listed, so it checks none", hint)


def _misspelt(account: str, provider: Provider) -> tuple[str, str] | None:
    kind, _, value = account.partition(":")
    shapes = {(source.kind, source.like) for source in provider.accounts}
    shapes |= {(restriction.kind, restriction.like) for restriction in provider.restrictions}
    shapes = {(kind, like or FINGERPRINT) for kind, like in shapes}
    known = sorted({kind for kind, _ in shapes})
    if kind not in known:
        hint = near_miss(kind, known) or f"one of: {', '.join(known)}"
        return f"{provider.id} has no accounts of the kind {kind!r}", hint
    if not any(kind == one and re.fullmatch(like, value, re.ASCII) for one, like in shapes):
        if kind == KEY:
            return (
                "not a fingerprint: 32 hexadecimal digits",
                "`outgate account fingerprint` makes one of a key",
            )
        return f"{value!r} is not an id of the kind {kind!r} at {provider.id}", ""
    return None
