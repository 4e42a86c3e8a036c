"""The made-up week as two proxies count it, and as Prometheus would have scraped them: OpenMetrics text.

Exchanges are those of docs/week.py, counted by the product's own ``Metrics``. What the week does not tell (how long
inspection took, connections, workers, sinks, ...) is made up here, the same each time, and counted by it too.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import week

from outgate.dlp.entities import known
from outgate.formats import FORMATS
from outgate.metrics import Metrics, Vocabulary
from outgate.model import JUSTIFICATION, Outcome, Verdict

from .incidents import INCIDENTS, NOW_AND_THEN, OLD, PROXIES, TRIED

STEP = timedelta(minutes=5)
DAYS = 7
BUDGET = "requests a day"
# Stage -> what half of the requests take less than, in seconds, and how far the slow ones are off.
STAGES = {
    "decode": (0.00025, 0.6),
    "format": (0.0001, 0.4),
    "extract": (0.0004, 0.7),
    "detect": (0.0016, 1.1),
    "policy": (0.0001, 0.4),
    "transform": (0.0002, 0.6),
}
# As an attachment is counted that the week says nobody could read.
_KINDS = {"application/pdf": "pdf", "image/png": "image", "audio/mpeg": "unknown"}
_SAMPLE = re.compile(r"^(outgate_\w+)(?:{(.*)})? (\S+)$", re.MULTILINE)


@dataclass
class Proxy:
    """One of them, while the week goes by."""

    instance: str
    metrics: Metrics
    dice: random.Random
    tunnels: int = 0
    streams: list[datetime] = field(default_factory=list)  # when those that are under way end

    def starts(self) -> None:
        """What is counted before the first request."""
        self.metrics.policy_loaded(OLD, at=(week.MONDAY - timedelta(days=9)).timestamp())
        self.metrics.rollout.policies({"stable": OLD, "shadow": TRIED})
        self.metrics.workers_ready(2)
        self.metrics.exceptions_in_force(1)

    def counts(self, one: week.Happened) -> None:
        """An exchange, with what the week does not tell of it."""
        dice, metrics = self.dice, self.metrics
        verdict = _with_more(dice, one)
        metrics.exchange(verdict)
        fresh = dice.choice((1, 1, 1, 2, 3, 12))  # of the texts of a conversation
        metrics.detection_cache(12 - fresh, fresh)
        if one.status == 200:
            provider = verdict.endpoint.provider if verdict.endpoint else None
            metrics.tokens(provider, "input", one.request_bytes // 4, estimated=False)
            metrics.tokens(provider, "output", one.response_bytes // 12, estimated=one.streamed)
            if one.streamed:
                metrics.stream_opened()
                self.streams.append(one.exchange.time + timedelta(seconds=one.seconds))
        for left in verdict.uninspectable:
            metrics.attachment(_KINDS[left.media_type], left.reason or "unknown")
        if dice.random() < 0.02:
            metrics.attachment(dice.choice(("pdf", "pdf", "ooxml", "image", "mail")), "read")
        result = _on_trial(dice, verdict)
        metrics.rollout.shadowed(result)
        if result != "same" and verdict.endpoint:
            rule = "payment data" if result == "would_block" else "no traffic to restricted jurisdictions"
            metrics.rollout.shadow_differs(result, rule, verdict.endpoint.provider.id)

    def goes_on(self, now: datetime, step: timedelta) -> None:
        """What happens in a step besides."""
        dice, metrics, busy = self.dice, self.metrics, _busy(now)
        for _ in [end for end in self.streams if end <= now]:
            metrics.stream_closed()
        self.streams = [end for end in self.streams if end > now]
        wanted = 4 + int(busy * 180 * dice.uniform(0.9, 1.1))
        for _ in range(wanted // 8 + max(wanted - self.tunnels, 0)):
            metrics.tunnel_opened()
            self.tunnels += 1
        for _ in range(self.tunnels - wanted):
            metrics.tunnel_closed()
        self.tunnels = wanted
        metrics.connections_open(self.tunnels + int(busy * 60 * dice.uniform(0.8, 1.2)))
        metrics.requests_under_way(len(self.streams) + int(busy * dice.expovariate(0.8)))
        metrics.queue_depth(int(busy * dice.expovariate(1.5)))
        metrics.ca_days_left(211 - (now - week.MONDAY) / timedelta(days=1))
        metrics.audit(True, 0)
        for sink in ("collector", "syslog"):
            metrics.audit_sink(sink, dice.uniform(0.5, 4), 0, failing=False)
        for often, what in NOW_AND_THEN:
            if dice.random() < often * busy * (step / STEP):
                what(metrics)
        for incident in INCIDENTS:
            if self.instance in incident.proxies:
                incident.happens(metrics, now, now - week.MONDAY, step)

    def scraped(self, now: datetime) -> Iterator[str]:
        """What Prometheus would have from it, and add: where from, and that it answered."""
        target, at = f'instance="{self.instance}",job="outgate"', int(now.timestamp())
        yield f"up{{{target}}} 1 {at}"
        for name, labels, value in _SAMPLE.findall(self.metrics.scrape()[0].decode()):
            if not name.endswith("_created"):  # in real time
                yield f"{name}{{{','.join(filter(None, (target, labels)))}}} {value} {at}"


def scrapes(
    world: week.World,
    *,
    step: timedelta = STEP,
    people: int = 500,
    requests: int = 6000,
    days: int = DAYS,
) -> Iterator[bytes]:
    """The week or its first ``days``, a text for each day, with a scrape of each proxy every ``step``.

    A week before it is counted and not scraped, for a time series shows no increase by what it begins with.
    """
    words = Vocabulary(
        frozenset(world.catalogue.providers),
        frozenset(FORMATS),
        frozenset(known(world.policy.detectors)),
        frozenset(world.policy.names) | {BUDGET},
    )
    proxies = [Proxy(name, Metrics(words), random.Random(name)) for name in PROXIES]  # noqa: S311
    for proxy in proxies:
        proxy.starts()
    before = week.MONDAY - timedelta(days=DAYS)
    for one in week.happened(world, start=before, seed=6, people=people, requests=requests):
        _one_of(proxies, one).counts(one)
    coming = week.happened(world, people=people, requests=requests)
    following = next(coming, None)
    for day in range(days):
        lines: list[str] = []
        for number in range(timedelta(days=1) // step):
            now = week.MONDAY + timedelta(days=day) + number * step
            while following is not None and following.exchange.time <= now:
                _one_of(proxies, following).counts(following)
                following = next(coming, None)
            for proxy in proxies:
                proxy.goes_on(now, step)
                lines += proxy.scraped(now)
        yield "\n".join([*lines, "# EOF\n"]).encode()


def _one_of(proxies: list[Proxy], one: week.Happened) -> Proxy:
    return proxies[int(one.exchange.client) % len(proxies)]


def _busy(now: datetime) -> float:
    """0 to 1."""
    return week.LOOK.get(now.hour, 0) / max(week.LOOK.values()) * (0.06 if now.weekday() >= 5 else 1)


def _with_more(dice: random.Random, one: week.Happened) -> Verdict:
    """Its verdict, with times, and now and then a budget, a reason that somebody gave, a signature."""
    verdict = one.verdict
    size = 0.5 + verdict.decoded_size / 45_000
    seconds = {
        stage: dice.lognormvariate(math.log(half * size), spread) for stage, (half, spread) in STAGES.items()
    }
    script = str(one.exchange.identity.user).startswith("svc-")
    blocked, rules = verdict.outcome is Outcome.BLOCK, list(verdict.rules)
    if verdict.endpoint and verdict.endpoint.provider.id == "chatgpt" and dice.random() < 0.1:
        rules.append("allowed_accounts")
    if verdict.outcome is Outcome.FORWARD and dice.random() < 0.004:
        rules.append(f"{JUSTIFICATION}{one.exchange.id}")
    bedrock = verdict.endpoint is not None and verdict.endpoint.provider.id == "bedrock"
    return replace(
        verdict,
        seconds=seconds,
        rules=tuple(rules),
        coached=blocked and not script and dice.random() < 0.15,
        overdrawn=(BUDGET,) if script and blocked else (),
        signature=((b"authorization", b"made up"),) if bedrock and verdict.outcome is Outcome.EDIT else (),
    )


def _on_trial(dice: random.Random, verdict: Verdict) -> str:
    """How the verdict of the policy on trial differs."""
    if any(record.entity == "CREDIT_CARD" for record in verdict.records):
        return "would_block"
    if verdict.rule == "no traffic to restricted jurisdictions" and dice.random() < 0.2:
        return "would_allow"
    return "same"
