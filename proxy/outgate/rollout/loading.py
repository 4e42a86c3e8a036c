"""What the settings name, or what is kept of their source, as the lineup that judges.

Called at start, on every change, and by commands; slow and blocking, as ``policy.load`` is. A release that was got is
found genuine anew each time: its proof is checked, and its files are those of the proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from outgate.model import Provider
from outgate.policy import Policy, PolicyError, Problem, load
from outgate.policy.error import Mark
from outgate.rollout import RolloutError, release
from outgate.rollout.confinement import Confinement
from outgate.rollout.lineup import Lineup, Members
from outgate.rollout.release import Release
from outgate.rollout.source import Source, source_of
from outgate.rollout.store import Store
from outgate.settings import Settings


class Loading:
    """Where the policies of an installation lie, and how they are loaded."""

    def __init__(self, settings: Settings, providers: Iterable[Provider] = ()) -> None:
        self._settings = settings
        self._providers = tuple(providers)
        self.store = Store(settings.state_dir)
        given = settings.policy_source
        self.source: Source | None = source_of(settings, self.store) if given and given.pulls else None

    def lineup(self, *, check_model: bool = True, run_commands: bool = True) -> Lineup:
        """The policies that judge now, as far as this machine knows; see ``policy.load``. Raises PolicyError."""
        label, watched, named, confined = self.named()
        loaded = lineup_of(named, self._providers, check_model=check_model, run_commands=run_commands)
        if confined is not None:
            own = self._settings.rollout  # which may name what it likes
            theirs = [policy for name, policy in loaded.tracks.items() if getattr(own, name, None) is None]
            if problems := confined.outside(file for policy in theirs for file in policy.files):
                raise PolicyError(problems, (*watched, *loaded.files))
        watched = (*watched, self.store.promotion)
        return self._promoted(replace(loaded, release=label, watched=watched))

    def named(self) -> tuple[str, tuple[Path, ...], Release, Confinement | None]:
        """What the release is called (``""``: it is none), what decides on it, which files it names, what it may.

        The settings' own ``rollout`` stands above the release's. Raises PolicyError, also for code that it may not
        state.
        """
        settings, given = self._settings, self._settings.policy_source
        if given is None:
            return "", (), Release(policies=settings.policies, rollout=settings.rollout), None
        if given.directory is not None:
            label, folder, decides = str(given.directory), given.directory, given.directory / release.NAME
        else:
            label, folder, decides = *self._kept(), self.store.current
        try:
            found = release.read(folder)
        except PolicyError as error:
            raise PolicyError(error.problems, {decides, *error.files}) from None
        confined = Confinement(folder, given.may_run, given.may_read)
        if code := [problem for paths in found.tracks for problem in confined.code(paths)]:
            raise PolicyError(code, {decides})
        own = settings.rollout
        rollout = found.rollout.model_copy(
            update={name: track for name in ("canary", "shadow") if (track := getattr(own, name)) is not None}
        )
        return label, (decides,), found.model_copy(update={"rollout": rollout}), confined

    def _kept(self) -> tuple[str, Path]:
        assert self.source is not None
        store = self.store
        try:
            identifier = store.kept()
            if not identifier:
                raise RolloutError(
                    f"there is no release yet of {self.source.origin}. `outgate policy status` says what is known"
                )
            offer = self.source.reopened(store.proof_of(identifier))
            if offer.identifier != identifier:
                raise RolloutError(f"{store.current}: {identifier} is kept as another release than it is")
            store.check(identifier, offer.files)
        except RolloutError as error:
            problem = f"policy_source: the release that is kept cannot be used: {error.message}"
            raise PolicyError([Problem(store.current, Mark(), problem)]) from None
        return offer.label, store.files_of(identifier)

    def _promoted(self, loaded: Lineup) -> Lineup:
        """With the canary for everybody, where somebody said so of this very policy."""
        try:
            promoted = self.store.promoted()
        except RolloutError as error:
            raise PolicyError([Problem(self.store.promotion, Mark(), error.message)]) from None
        if loaded.canary is None or loaded.canary.hash != promoted:
            return loaded
        return replace(loaded, stable=loaded.canary, canary=None, members=None)


def lineup_of(
    named: Release, providers: Iterable[Provider], *, check_model: bool, run_commands: bool = True
) -> Lineup:
    """The policies that a release names, loaded. Raises PolicyError, with what is wrong with any of them."""
    providers = tuple(providers)

    def loaded(paths: tuple[Path, ...]) -> Policy:
        return load(paths, check_model=check_model, run_commands=run_commands, providers=providers)

    canary, shadow = named.rollout.canary, named.rollout.shadow
    return Lineup(
        stable=loaded(named.policies),
        canary=loaded(canary.policies) if canary else None,
        members=Members(canary) if canary else None,
        shadow=loaded(shadow.policies) if shadow else None,
    )


def policies(settings: Settings) -> tuple[Path, ...]:
    """The files of the policy for everybody: what commands are about when no file is named. Raises PolicyError."""
    return Loading(settings).named()[2].policies
