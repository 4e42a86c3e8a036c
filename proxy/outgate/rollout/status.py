"""What is known of a roll-out on this machine: on disk, and in the processes that run."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from outgate.model import Provider
from outgate.policy import PolicyError
from outgate.rollout.lineup import Lineup
from outgate.rollout.loading import Loading
from outgate.rollout.store import State
from outgate.settings import Settings

_PATIENCE = 3.0  # seconds
_LARGEST = 64 * 2**20  # bytes of a scrape
_TRACKS = "outgate_policy_track_info"


@dataclass(frozen=True, slots=True)
class Status:
    """What a person wants to know."""

    source: str  # "": the settings name the files themselves
    lineup: Lineup | None  # that would judge if a proxy began now; None: there is none,
    problem: str  # and why
    state: State | None  # of a source that releases are got from
    stale: bool
    running: dict[str, tuple[str, ...]] | None  # track -> hashes (cut) in the processes; None: none answers

    @property
    def behind(self) -> tuple[str, ...]:
        """Tracks that the running processes judge by another policy than a new one would."""
        if self.running is None or self.lineup is None:
            return ()
        wanted = {name: (policy.hash[:16],) for name, policy in self.lineup.tracks.items()}
        return tuple(
            sorted(t for t in wanted.keys() | self.running.keys() if wanted.get(t) != self.running.get(t))
        )


def status(settings: Settings, providers: Iterable[Provider]) -> Status:
    """Look at it. Slow, blocking. Raises RolloutError when what is remembered cannot be read."""
    loading, given = Loading(settings, providers), settings.policy_source
    lineup, problem = None, ""
    try:
        lineup = loading.lineup(check_model=False)
    except PolicyError as error:
        problem = str(error)
    state = loading.store.state(loading.source.origin) if loading.source else None
    return Status(
        source=loading.source.origin if loading.source else str(given.directory) if given else "",
        lineup=lineup,
        problem=problem,
        state=state,
        stale=bool(state and given and state.stale(time.time(), given.stale_after)),
        running=_running(settings.metrics) if settings.metrics else None,
    )


def _running(address: str) -> dict[str, tuple[str, ...]] | None:
    """The policies that the processes behind a metrics address say are in force."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=_PATIENCE)
    found: dict[str, set[str]] = {}
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        if not answer.getheader("server", "").startswith("outgate"):
            return None
        text = answer.read(_LARGEST).decode("utf-8", "replace")
        for family in text_string_to_metric_families(text):
            for sample in family.samples if family.name == _TRACKS else ():
                found.setdefault(sample.labels["track"], set()).add(sample.labels["hash"])
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return {track: tuple(sorted(hashes)) for track, hashes in found.items()}
