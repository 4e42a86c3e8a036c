"""Which policy judges whom: the policies that are in force side by side, and who is whose.

Everything here is decided by an exchange's identity (or its client's address, where nobody is identified) and by
nothing else, so a person is judged by one policy on every machine, in every request, after every restart. As the
percentage grows, those who were drawn stay so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from outgate.dlp.config import DetectorConfig
from outgate.model import Exchange, Identity, IPAddress
from outgate.policy import Policy
from outgate.policy.values import glob
from outgate.settings.rollout import Canary

_WHOLE = 2**64


@dataclass(frozen=True, slots=True)
class Members:
    """Who is judged by the canary's policy."""

    spec: Canary
    _group: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    _user: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_group", glob(self.spec.groups))
        object.__setattr__(self, "_user", glob(self.spec.users))

    def __contains__(self, exchange: Exchange) -> bool:
        return self.include(exchange.identity, exchange.client)

    def include(self, identity: Identity, client: IPAddress) -> bool:
        """Whether whoever is known by this, at this address, is."""
        if self.spec.users and identity.user is not None and self._user(identity.user):
            return True
        if self.spec.groups and any(map(self._group, identity.groups)):
            return True
        return bool(self.spec.percent) and share(self.spec.seed, identity, str(client)) < self.spec.percent


def share(seed: str, identity: Identity, client: str) -> float:
    """Where somebody stands between 0 and 100, the same wherever it is asked: by user, else device, else address."""
    who = identity.user or identity.device
    told = f"identity\0{who.casefold()}" if who else f"client\0{client}"
    drawn = blake2b(told.encode("utf-8", "surrogatepass"), key=seed.encode()[:64], digest_size=8).digest()
    return 100 * int.from_bytes(drawn) / _WHOLE


@dataclass(frozen=True, slots=True)
class Lineup:
    """The policies of one release or of the settings, loaded; swapped as a whole."""

    stable: Policy
    canary: Policy | None = None
    members: Members | None = None  # of the canary
    shadow: Policy | None = None
    release: str = ""  # what people call it; "": the settings name the files themselves
    watched: tuple[Path, ...] = ()  # files that decided on it, besides the policies' own

    def judging(self, identity: Identity, client: IPAddress) -> Policy:
        """The policy that judges somebody."""
        if self.canary is not None and self.members is not None and self.members.include(identity, client):
            return self.canary
        return self.stable

    @property
    def tracks(self) -> dict[str, Policy]:
        """The policies by what they are there for; stable first."""
        found = {"stable": self.stable, "canary": self.canary, "shadow": self.shadow}
        return {name: policy for name, policy in found.items() if policy is not None}

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that it depends on."""
        return (*(file for policy in self.tracks.values() for file in policy.files), *self.watched)

    @property
    def identity(self) -> object:
        """What tells one from another. A policy's hash knows nothing of known values, detection does."""
        told: list[tuple[str, str, DetectorConfig]] = [
            (name, policy.hash, policy.detectors) for name, policy in self.tracks.items()
        ]
        return self.release, told, self.members
