"""What all sources of releases have in common, and which one the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from outgate.rollout.bundle import Files
from outgate.rollout.store import State, Store

if TYPE_CHECKING:
    from outgate.settings import Settings


@dataclass(frozen=True, slots=True)
class Offer:
    """A genuine release that is not in force."""

    identifier: str  # the same for the same content only; a plain name
    label: str  # what people call it
    files: Files
    proof: Mapping[str, bytes]  # what ``reopened`` needs
    version: int = 0
    expires: datetime | None = None
    etag: str = ""
    modified: str = ""


class Source(Protocol):
    """Where releases come from. Every method may take as long as its time-outs say: it is called in a thread."""

    @property
    def origin(self) -> str:
        """What tells this source from another."""

    def fetch(self, state: State) -> Offer | None:
        """What is newer than the release that was taken last; None: nothing.

        Raises RefusedError for what is not genuine or goes back, RolloutError when it cannot be had.
        """

    def reopened(self, proof: Mapping[str, bytes]) -> Offer:
        """The release that ``proof`` is of, found genuine once more. Raises RefusedError, RolloutError."""


def source_of(settings: Settings, store: Store) -> Source:
    """The source that the settings name, which is one that we get releases from ourselves."""
    given = settings.policy_source
    assert given is not None and given.pulls
    if given.url is not None:
        from outgate.rollout.https import BundleSource

        return BundleSource(given, settings.extra_roots)
    from outgate.rollout.git import GitSource

    return GitSource(given, store.source / "git")
