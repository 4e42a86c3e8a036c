"""Releases that are made up, and the installation that gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from outgate.catalogue import Catalogue
from outgate.policy import PolicyError
from outgate.rollout import RefusedError, proving, puller, signing
from outgate.rollout.bundle import pack
from outgate.rollout.lineup import Lineup
from outgate.rollout.loading import Loading
from outgate.rollout.puller import Puller
from outgate.rollout.store import State
from outgate.settings import Settings

CREATED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def policy(word: str = "Bluebird", action: str = "block") -> bytes:
    """A policy that is about one word."""
    return (
        f"version: 1\nrules:\n  - {{name: words, detect: [PROJECT], action: {action}}}\n"
        f"detectors:\n  words: [{{entity: PROJECT, words: [{word}]}}]\n"
    ).encode()


def cases(word: str = "Bluebird") -> bytes:
    """A case of it."""
    return (
        "cases:\n  - name: the word is blocked\n"
        f"    given: {{provider: openai, text: 'about {word}'}}\n    expect: {{outcome: block}}\n"
    ).encode()


@cache
def catalogue() -> Catalogue:
    return Catalogue.load()


@dataclass
class Machine:
    """One installation, and what it was told."""

    settings: Settings
    told: list[tuple[State, str]]

    @property
    def loading(self) -> Loading:
        return Loading(self.settings, catalogue().providers.values())

    def puller(self) -> Puller:
        loading = self.loading
        assert loading.source is not None
        return Puller(loading.source, loading.store, self.settings, lambda *told: self.told.append(told))

    def look(self) -> State:
        """One look at the source, as a process of its own would take it."""
        looking = self.puller()
        assert looking._store.lock()
        try:
            return looking.look()
        finally:
            looking._store.unlock()

    def words(self) -> tuple[str, ...]:
        """The word that the policy in force is about; none: there is no policy."""
        try:
            lineup: Lineup = self.loading.lineup()
        except PolicyError:
            return ()
        return lineup.stable.detectors.words[0].words


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Machine]:
    def make(**source: Any) -> Machine:
        roots = source.pop("roots", ())
        values = {
            "state_dir": tmp_path / "state",
            "policy_source": source,
            "extra_roots": roots,
            "metrics": None,
        }
        return Machine(Settings.model_validate(values), [])

    return make


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases are tried in this process, which has everything imported: the same check in a tenth of the time."""

    def prove(folder: Path, settings: Settings) -> None:
        given = settings.policy_source
        assert given is not None
        found = proving.problems(folder, catalogue(), may_run=given.may_run, may_read=given.may_read)
        if found:
            raise RefusedError("\n".join(found))

    monkeypatch.setattr(puller, "prove", prove)


@dataclass(frozen=True)
class Publisher:
    """Who has the key."""

    private: Path
    public: Path

    def release(
        self, version: int, files: dict[str, bytes], expires: datetime | None = None
    ) -> tuple[bytes, bytes]:
        """A bundle and its signature."""
        packed = pack(files, version, CREATED, expires)
        return packed, signing.sign(packed, self.private)


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    made = Publisher(tmp_path / "key.pem", tmp_path / "public.pem")
    signing.keygen(made.private, made.public)
    yield made
