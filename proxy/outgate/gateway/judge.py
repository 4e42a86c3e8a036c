"""What an exchange is judged with: one policy with its detectors, and whatever else its verdict needs.

Taken once per exchange and not changed while it lasts. Who makes one is ``in_force``; who asks it is ``inspection``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from outgate.attachments.joining import Extract
from outgate.budgets import Ledger
from outgate.gateway import restoring, signing, spending
from outgate.gateway.shadowing import Shadowing
from outgate.model import Action, Exchange, Identity, IPAddress, Verdict
from outgate.pipeline import Detect, Rules, inspect
from outgate.rollout.lineup import Members
from outgate.vault import Vault, VaultError


@dataclass(frozen=True, slots=True)
class Judge:
    """What an exchange is judged with, taken once per exchange: rules, their detectors, and who opens attachments."""

    rules: Rules
    detect: Detect
    vault: Vault | None = None  # where the policy pseudonymises
    signer: signing.Signer | None = None  # where the settings say so
    extract: Extract | None = None
    ledger: Ledger | None = None  # where a policy has budgets
    canary: Canary | None = None  # another judge, for some
    shadow: Shadowing | None = None  # a policy that is only asked

    def of(self, exchange: Exchange) -> Judge:
        """Who judges this exchange, its answer included."""
        return self.of_person(exchange.identity, exchange.client)

    def of_person(self, identity: Identity, client: IPAddress) -> Judge:
        """Who judges all that somebody sends."""
        if self.canary is None or not self.canary.members.include(identity, client):
            return self
        return self.canary.judge

    async def verdict(self, exchange: Exchange) -> Verdict:
        """The pipeline's, with the placeholders that it put in kept before the request leaves."""
        if self.shadow is None:
            found = await inspect(exchange, self.rules, self.detect, extract=self.extract, known=self._known)
        else:
            seen = self.shadow.beside(self.detect, self.extract)
            extract = seen.extract if self.extract else None
            found = await inspect(exchange, self.rules, seen.detect, extract=extract, known=self._known)
            self.shadow.offer(exchange, found, self.rules.policy.hash, seen)
        found = await signing.settled(exchange, found, self.signer)
        found = await spending.afforded(exchange, found, self.rules, self.ledger, blocks=self.blocks)
        return await restoring.remembered(found, self.vault, blocks=self.blocks)

    async def _known(self, scope: str) -> Mapping[str, str]:
        """The scope's placeholders, so that no two values share one. Raises VaultError if nothing may leave without."""
        failed: list[str] = []
        known = await restoring.known(scope, (), self.vault, failed.append)
        if failed and self.blocks:
            raise VaultError("it cannot be asked which placeholders are taken")
        return known

    @property
    def blocks(self) -> bool:
        """Whether nothing leaves when inspection fails."""
        policy = self.rules.policy
        return policy.on_error is Action.BLOCK and policy.mode == "enforce"


@dataclass(frozen=True, slots=True)
class Canary:
    """Whose judge is another than everybody else's."""

    members: Members
    judge: Judge
