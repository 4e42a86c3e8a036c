"""What is counted when it is over: the provider's bytes, the database's rows, budgets, against what clients saw."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from fleet.machines import FEW, LIMIT, ROOT, Fleet
from fleet.users import DOMAIN, HARMLESS, WORD, Load, Outcome, ask_plainly
from outgate.audit.remote.postgres import connect
from outgate.settings import Settings
from outgate.settings.audit import Postgres
from providers.standin import client_context

PLACEHOLDER = re.compile(r"EMAIL_ADDRESS_[a-z2-7]{12}")
SETTLED = 30.0  # seconds for the database to have all, at most
DURING = 3.0  # seconds from a kill on that count as during it
TOLD = (200, 403, 429)  # answers that say what became of a request; a 503 says: try again


@dataclass
class Ledger:
    """When what was stopped, and when it was back."""

    times: list[tuple[str, float]] = field(default_factory=list)
    backs: list[tuple[str, float]] = field(default_factory=list)

    def happened(self, what: str) -> None:
        self.times.append((what, time.monotonic()))

    def over(self, what: str) -> None:
        self.backs.append((what, time.monotonic()))

    def count(self, what: str) -> int:
        return sum(name == what for name, _ in self.times)


@dataclass
class Checks:
    """What must hold. Each failure is a line for people."""

    fleet: Fleet
    load: Load
    ledger: Ledger
    lost: int = -1
    twice: int = -1
    uninspected: int = -1
    restored: tuple[int, int] = (0, 0)

    def all(self) -> list[str]:
        """Everything that is wrong."""
        found = [f"{one.name} ({one.user}): {one.wrong}" for one in self.load.outcomes if one.wrong]
        return [
            *found,
            *[f"cut off by a proxy that stopped in order: {one.name}" for one in self.cut_by_stops],
            *self._uninspected(),
            *self._audit(),
            *self._budgets(),
            *self._restorable(),  # asks, and so is counted: after the others
            *self._meaningful(),
        ]

    def answered(self, *statuses: int) -> list[Outcome]:
        return [one for one in self.load.outcomes if one.status in statuses]

    @cached_property
    def cut_by_stops(self) -> list[Outcome]:
        """Who was cut off while a proxy was stopped in order, and nothing else was."""
        begun = [at for what, at in self.ledger.times if what == "stop"]
        ended = [at for what, at in self.ledger.backs if what == "stop"]
        spans = list(zip(begun, ended, strict=True))
        return [
            one
            for one in self.answered(0)
            if any(begin <= one.began + one.seconds <= end for begin, end in spans)
        ]

    @cached_property
    def wire(self) -> bytes:
        return b"\n".join(map(bytes, self.fleet.provider.wire))

    def _uninspected(self) -> list[str]:
        """No byte of what was planted is at the provider."""
        planted = [DOMAIN, WORD, *self.load.secrets]
        arrived = [value for value in planted if value.encode() in self.wire]
        blocked = {one.name for one in self.load.outcomes if one.kind == "secret"}
        arrived += [body["model"] for body in self.fleet.provider.bodies if body["model"] in blocked]
        self.uninspected = len(arrived)
        return [f"at the provider: {value}" for value in arrived]

    def _audit(self) -> list[str]:
        """What a client was told the end of is in the database, once."""
        told = {one.name for one in self.answered(*TOLD)}
        end = time.monotonic() + SETTLED
        while True:
            rows = self._rows()
            missing = [name for name in told if not rows[name]]
            if not missing or time.monotonic() > end:
                break
            time.sleep(0.25)
        several = [name for name, count in rows.items() if count > 1]
        self.lost, self.twice = len(missing), len(several)
        return [f"no audit event: {name}" for name in missing] + [
            f"two audit events: {name}" for name in several
        ]

    def _rows(self) -> Counter[str]:
        """How many events there are of each request, by its name."""
        settings = Settings.load(self.fleet.configs[0])
        (sink,) = settings.audit.sinks
        assert isinstance(sink, Postgres) and sink.password is not None and sink.tls is not None
        assert sink.tls.roots is not None
        connection = connect(sink, client_context(sink.tls.roots), sink.password.read())
        try:
            rows = connection.run(f"SELECT public FROM {sink.table} WHERE outcome IS NOT NULL")
        finally:
            connection.close()
        return Counter(json.loads(row[0]).get("model") for row in rows)

    def _restorable(self) -> list[str]:
        """Every placeholder that left comes back to whom it was made for, and to nobody else."""
        owner = {one.name: one.user for one in self.load.outcomes}
        left: dict[str, set[str]] = {}
        for body in self.fleet.provider.bodies:
            found = PLACEHOLDER.findall(json.dumps(body["messages"]))
            left.setdefault(owner[body["model"]], set()).update(found)
        return asyncio.run(self._asked(left))

    async def _asked(self, left: dict[str, set[str]]) -> list[str]:
        wrong, good, total = [], 0, 0
        for number, user in enumerate(self.load.users):
            names = sorted(left.get(user, ()))
            if user == FEW or not names:
                continue
            total += len(names)
            for _ in self.fleet.proxies:  # each of them, as connections go to who has fewest
                said = await self._repeat(number, user, names)
                kept = [name for name in names if name in said]
                values = said.count(f"@{DOMAIN}")
                if kept or values != len(names):
                    wrong.append(f"not restored for {user}: {kept or said[:200]!r}")
            good += len(names)
            others = sorted({name for other, them in left.items() if other != user for name in them})[:20]
            said = await self._repeat(number, user, others)
            if DOMAIN in said:
                wrong.append(f"restored for {user}, whose they are not")
        self.restored = good, total
        return wrong

    async def _repeat(self, number: int, user: str, names: list[str]) -> str:
        return await ask_plainly(self.load, number, user, " ".join(names))

    def _budgets(self) -> list[str]:
        """What was answered has been counted, nothing twice, and nobody got more than there was."""
        wrong = []
        for user in self.load.users:
            mine = [one for one in self.load.outcomes if one.user == user and one.kind != "secret"]
            counted = self._counted(user)
            least = sum(one.status == 200 for one in mine)
            most = least + sum(one.status in (0, 503) for one in mine)
            budget = "few" if user == FEW else "an hour"
            if not least <= counted.get(budget, 0) <= most:
                wrong.append(f"budget of {user}: {counted} counted, {least} to {most} used")
        through = sum(body["model"].startswith("load-limited") for body in self.fleet.provider.bodies)
        if through > LIMIT:
            wrong.append(f"{through} requests of the user who has {LIMIT}")
        return wrong

    def _counted(self, user: str) -> dict[str, int]:
        command = [sys.executable, "-m", "outgate", "budgets", "--config", str(self.fleet.configs[0])]
        done = subprocess.run(
            [*command, "show", "--user", user, "--provider", "openai", "--json"],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PYTHONPATH": str(ROOT / "proxy")},
        )
        assert done.returncode == 0, done.stderr
        return {row["budget"]: row["used"] for row in json.loads(done.stdout)}

    def _meaningful(self) -> list[str]:
        """The test itself would have noticed: there was traffic, of all kinds, and its bytes can be searched."""
        wrong = []
        if HARMLESS.encode() not in self.wire or b"EMAIL_ADDRESS_" not in self.wire:
            wrong.append("the provider's bytes have not what they should have")
        for kind, status in (
            ("talk", 200),
            ("stream", 200),
            ("secret", 403),
            ("limited", 200),
            ("limited", 429),
        ):
            if not any(one.kind == kind and one.status == status for one in self.load.outcomes):
                wrong.append(f"no request of the kind {kind} was answered {status}")
        return wrong

    def latencies(self) -> dict[str, list[float]]:
        """Milliseconds of answered requests: before the first kill, during kills, and otherwise."""
        kills = [at for what, at in self.ledger.times if what == "kill"]
        found: dict[str, list[float]] = {"before": [], "during": [], "after": []}
        for one in self.answered(200):
            if one.kind != "talk":
                continue
            if one.began + one.seconds < kills[0]:
                when = "before"
            else:
                near = any(at <= one.began + one.seconds and one.began < at + DURING for at in kills)
                when = "during" if near else "after"
            found[when].append(one.seconds * 1000)
        return found


def table(checks: Checks, seconds: float) -> str:
    """The figures, for people."""
    outcomes, ledger = checks.load.outcomes, checks.ledger
    statuses = Counter(one.status for one in outcomes)
    rows: list[tuple[str, object]] = [
        ("requests", len(outcomes)),
        ("proxies killed", ledger.count("kill")),
        ("proxies stopped in order", ledger.count("stop")),
        ("Valkey restarted", ledger.count("Valkey restart")),
        ("PostgreSQL killed, away 2 s", ledger.count("PostgreSQL away")),
        ("answered whole", statuses[200]),
        ("  of them streams", sum(one.kind == "stream" for one in checks.answered(200))),
        ("blocked (403)", statuses[403]),
        ("over budget (429)", statuses[429]),
        ("refused, try again (503)", statuses[503]),
        ("cut off, as the client saw", statuses[0]),
        ("  of them by the stop in order", len(checks.cut_by_stops)),
        ("uninspected at the provider", checks.uninspected),
        ("bytes searched there", len(checks.wire)),
        ("told, and not in PostgreSQL", checks.lost),
        ("in PostgreSQL twice", checks.twice),
        ("placeholders that left", checks.restored[1]),
        ("  restored afterwards", checks.restored[0]),
    ]
    for when, found in checks.latencies().items():
        if len(found) > 1:
            cuts = statistics.quantiles(found, n=100)
            rows.append((f"latency {when} a kill, p50 / p99 ms", f"{cuts[49]:.0f} / {cuts[98]:.0f}"))
    rows.append(("seconds, all in all", f"{seconds:.0f}"))
    return "\n".join(f"{name:36} {value:>12}" for name, value in rows)
