"""What judges exchanges now: the policies side by side with their detectors, swapped as a whole.

Each policy has the detectors that its own rules ask for, and those that are equal are shared. A union of unequal ones
would not do: what one policy looks for could stand in the way of what another has to find.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import replace

from outgate.attachments.joining import Extract
from outgate.budgets import Ledger
from outgate.catalogue import Catalogue
from outgate.dlp.config import DetectorConfig
from outgate.dlp.entities import known
from outgate.dlp.pool import DetectionPool
from outgate.feedback.desk import Standing
from outgate.formats import FORMATS
from outgate.gateway.feedback import why
from outgate.gateway.judge import Canary, Judge
from outgate.gateway.shadowing import Shadowing
from outgate.gateway.signing import Signer
from outgate.metrics import Metrics, Vocabulary
from outgate.model import Identity, IPAddress
from outgate.pipeline import Rules
from outgate.policy import Policy, PolicyError
from outgate.policy.exceptions import NONE, Exceptions
from outgate.policy.lint import skipped
from outgate.rollout.differences import Differences
from outgate.rollout.lineup import Lineup
from outgate.rollout.store import Store
from outgate.settings import Settings
from outgate.vault import Vault

log = logging.getLogger("outgate")

_DRAIN = 10.0  # seconds for what was replaced to finish what it has


class InForce:
    """One process's. ``judge`` is what an exchange takes, once; a change makes another."""

    judge: Judge

    def __init__(
        self,
        lineup: Lineup,
        settings: Settings,
        catalogue: Catalogue,
        key: bytes,
        metrics: Metrics,
        extract: Extract | None,
    ) -> None:
        """Raises VaultError, SettingsError."""
        self._settings, self._catalogue, self._key = settings, catalogue, key
        self._metrics, self._extract = metrics, extract
        self._signer = Signer.of(settings.aws)
        self._exceptions = NONE
        self._vault: Vault | None = None  # opened when a policy first needs it
        self._ledger = self._opened(lineup)  # so is this
        self._pools: list[DetectionPool] = []
        # Of them, those that nobody waits for: of one worker, and nothing is done for them in the event loop.
        self._small: weakref.WeakSet[DetectionPool] = weakref.WeakSet()
        self._shadowing: Shadowing | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._adopt(lineup)

    async def start(self) -> None:
        """Have the workers started."""
        for pool in self._pools:
            await pool.start()
        if self._shadowing:
            self._shadowing.start()

    async def change(self, lineup: Lineup) -> None:
        """Put ``lineup`` in force, from the next exchange on. Raises VaultError; then nothing has changed."""
        pools, shadowing = self._pools, self._shadowing
        self._ledger = self._ledger or await asyncio.to_thread(self._opened, lineup)
        self._adopt(lineup)
        await self.start()
        retired = [pool for pool in pools if pool not in self._pools]
        task = asyncio.create_task(_retire(retired, shadowing))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        log.info(
            "policy %s in force", ", ".join(f"{p.hash[:12]} ({name})" for name, p in lineup.tracks.items())
        )

    def let_pass(self, exceptions: Exceptions, count: int) -> None:
        """Other values are excepted or justified, from the next exchange on; ``count`` of them excepted."""
        self._exceptions = exceptions
        self._metrics.exceptions_in_force(count)
        canary = self.judge.canary
        if canary is not None:
            canary = replace(canary, judge=self._anew(canary.judge))
        self.judge = replace(self._anew(self.judge), canary=canary)
        if self._shadowing:
            self._shadowing.rules = replace(self._shadowing.rules, exceptions=exceptions)

    def standing(self, identity: Identity, client: IPAddress) -> Standing:
        """By what somebody is answered who says something of what was stopped."""
        judge = self.judge.of_person(identity, client)
        rules = judge.rules
        return Standing(rules.policy, rules.catalogue, judge.detect, rules.key, rules.why)

    def _anew(self, judge: Judge) -> Judge:
        return replace(judge, rules=replace(judge.rules, exceptions=self._exceptions))

    def failed(self, error: PolicyError) -> None:
        """What was to be in force cannot be."""
        self._metrics.policy_failed()
        log.error("the policy was not changed: %s", error)

    def _adopt(self, lineup: Lineup) -> None:
        """Make ``lineup`` what judges. What goes wrong does so before anything has changed."""
        vault = self._vault
        if vault is None and any(policy.styles for policy in (lineup.stable, lineup.canary) if policy):
            vault = self._settings.vault_config.open()
        pools: dict[int, DetectionPool] = {}  # by id of the policy
        for name, policy in lineup.tracks.items():
            pools[id(policy)] = self._pool(policy.detectors, pools.values(), few=name == "shadow")
        shadowing = self._shadow(lineup, pools)

        def judge(policy: Policy, canary: Canary | None = None) -> Judge:
            detect = pools[id(policy)].detect
            return Judge(
                self._rules(policy),
                detect,
                vault,
                self._signer,
                self._extract,
                self._ledger,
                canary,
                shadowing,
            )

        canary = None
        if lineup.canary is not None and lineup.members is not None:
            canary = Canary(lineup.members, judge(lineup.canary))
        self._vault, self._shadowing = vault, shadowing
        self._pools = list(dict.fromkeys(pools.values()))
        self._enforcing = {pools[id(policy)] for policy in (lineup.stable, lineup.canary) if policy}
        self.judge = judge(lineup.stable, canary)
        self._metrics.know(_vocabulary(self._catalogue, lineup))
        self._metrics.policy_loaded(lineup.stable.hash)
        self._metrics.rollout.policies({name: policy.hash for name, policy in lineup.tracks.items()})
        for policy in lineup.tracks.values():
            for warning in skipped(policy):
                log.warning("policy: %s", warning)

    def _opened(self, lineup: Lineup) -> Ledger | None:
        """Where budgets are counted, if a policy that judges has any. Raises BudgetError and SettingsError."""
        spending = any(policy.budgets for policy in (lineup.stable, lineup.canary) if policy)
        return self._settings.budget_config.open(self._key) if spending else None

    def _shadow(self, lineup: Lineup, pools: dict[int, DetectionPool]) -> Shadowing | None:
        if lineup.shadow is None:
            return None
        table = Differences(Store(self._settings.state_dir))
        detect = pools[id(lineup.shadow)].detect
        return Shadowing(self._rules(lineup.shadow), detect, self._extract, table, self._metrics.rollout)

    def _rules(self, policy: Policy) -> Rules:
        limit, told = self._settings.limits.body, why(self._settings)
        return Rules(self._catalogue, policy, self._key, limit, self._exceptions, told)

    def _pool(self, config: DetectorConfig, besides: Iterable[DetectionPool], few: bool) -> DetectionPool:
        """One that is there already, if it detects the same. ``few``: nobody waits for it."""
        for pool in (*besides, *self._pools):
            if pool.config == config and (few or pool not in self._small):
                return pool
        detection = self._settings.detection
        made = DetectionPool(
            config,
            workers=1 if few else detection.workers,
            deadline=detection.deadline,
            queue_limit=detection.queue_limit,
            memory=detection.memory,
            cache=detection.cache,
            inline=0 if few else detection.inline,
            folder=self._settings.patterns_dir,
            compiling=detection.scanner == "hyperscan",
        )
        if few:
            self._small.add(made)
        return made

    # --- how it does -------------------------------------------------------------------------

    def ready(self) -> tuple[bool, list[str]]:
        """Whether requests would be worked on, and what is in the way."""
        waiting = [pool for pool in self._enforcing if not pool.ready]
        if not waiting:
            return True, []
        return False, [pool.problem or "detection workers are still starting" for pool in waiting]

    @property
    def settled(self) -> bool:
        """Whether all detection works, or is known not to."""
        return all(pool.ready or pool.problem for pool in self._enforcing)

    @property
    def queue_depth(self) -> int:
        """Requests that wait for a worker."""
        return sum(pool.queue_depth for pool in self._pools)

    def cached(self) -> tuple[int, int]:
        """Texts that were known, and not, since the last call."""
        counted = [pool.cache.counted() for pool in self._pools]
        return sum(hits for hits, _ in counted), sum(misses for _, misses in counted)

    async def close(self) -> None:
        """End everything; what is being judged is judged to its end."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        if self._shadowing:
            await self._shadowing.close()
        for pool in self._pools:
            await pool.close()
        if self._vault:
            await self._vault.close()
        if self._ledger:
            await self._ledger.close()


async def _retire(pools: Sequence[DetectionPool], shadowing: Shadowing | None) -> None:
    """Let what was replaced finish what it has; then end it."""
    try:
        await asyncio.sleep(_DRAIN)
    finally:
        if shadowing:
            await shadowing.close()
        for pool in pools:
            await pool.close()


def _vocabulary(catalogue: Catalogue, lineup: Lineup) -> Vocabulary:
    policies = lineup.tracks.values()
    return Vocabulary(
        providers=frozenset(catalogue.providers),
        formats=frozenset(FORMATS),
        entities=frozenset().union(*(known(policy.detectors) for policy in policies)),
        rules=frozenset().union(*(policy.names for policy in policies)),
    )
