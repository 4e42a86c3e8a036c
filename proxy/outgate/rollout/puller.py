"""Gets releases, in one process of a machine: looks at the source, tries what is new, and puts it in force for all.

A thread of its own, because everything here waits: for a server, for git, for a release's own tests. It tells the other
processes, and its own event loop, nothing but by the store's ``current``, which they watch. What is not good in every
respect leaves the release before it in force, and is said: in the log, in the metrics, and in what is remembered.
"""

from __future__ import annotations

import logging
import random
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from outgate.policy import PolicyError
from outgate.rollout import KeepingError, RefusedError, RolloutError
from outgate.rollout.proving import prove
from outgate.rollout.source import Offer, Source
from outgate.rollout.store import State, Store, looked
from outgate.settings import Settings

log = logging.getLogger("outgate")

Result = Literal["taken", "unchanged", "unreachable", "refused"]
Told = Callable[[State, Result], None]
_LONGEST = 3600.0  # seconds between looks at a source that does not answer, unless `every` is more
_TURN = 600.0  # seconds that a start waits for another process that gets the first release
_WAIT = 0.5  # seconds between its looks whether there is one


class Puller(threading.Thread):
    """One source, one store. ``told`` hears of every look, in this thread."""

    def __init__(self, source: Source, store: Store, settings: Settings, told: Told | None = None) -> None:
        super().__init__(name="outgate-policies", daemon=True)
        given = settings.policy_source
        assert given is not None
        self._source, self._store, self._settings = source, store, settings
        self._told = told or (lambda state, result: None)
        self._every = given.every
        self._wake, self._stopping = threading.Event(), False
        self.stage = ""  # what ``first`` waits for, for whoever looks on
        self._silent = 0  # looks in a row that the source gave no answer to
        self._refused: tuple[str, str] = ("", "")  # id of a release that was tried, and why it was not taken

    def first[T](self, load: Callable[[], T]) -> T:
        """What ``load`` makes of the release that is kept, or else of one that is got now.

        Of several processes that start one gets it, and the others wait until there is one to load: who looks
        goes on doing so. Raises RolloutError, and the PolicyError of ``load``: nothing starts without a policy.
        """
        end = time.monotonic() + _TURN
        while not self._store.lock(_WAIT):
            with suppress(PolicyError):
                return load()
            self.stage = f"another process, which gets the first policies from {self._source.origin}"
            if time.monotonic() > end:
                raise RolloutError(
                    f"policy_source: another process has been getting {self._source.origin} for too long."
                )
        try:
            if self._kept() is not None:
                with suppress(PolicyError):  # of an earlier version, say; there may be a newer release
                    return load()
            self.stage = f"the first policies from {self._source.origin}"
            state = self.look()
            if not state.taken:
                raise RolloutError(
                    f"policy_source: there is no policy, and none to be had from {self._source.origin}: "
                    f"{state.problem}. The proxy does not start without one."
                )
            self.stage = ""
            return load()
        finally:
            self._store.unlock()

    def now(self) -> None:
        """Look at once, where this process is the one that does."""
        self._wake.set()

    def stop(self) -> None:
        """End soon; a look that is under way is not waited for long."""
        self._stopping = True
        self._wake.set()
        if self.is_alive():
            self.join(2.0)

    def run(self) -> None:
        """Look again and again, as long as no other process does."""
        try:
            self._look_on()
        finally:
            self._store.unlock()

    def _look_on(self) -> None:
        wait = random.uniform(0, 1)  # noqa: S311 - a fleet that starts at once does not look at once
        while True:
            self._wake.wait(wait)
            self._wake.clear()
            if self._stopping:
                return
            try:
                if self._store.lock():
                    self.look()
            except Exception as error:  # whatever it is, it must not end the looking
                self._silent += 1
                problem = getattr(error, "message", type(error).__name__)
                log.error("policies could not be looked for: %s", problem)
                self._told(State(self._source.origin, problem=problem), "unreachable")
            wait = pause(self._every, self._silent)

    def look(self) -> State:
        """Look at the source once, and take what is new. Raises RolloutError: nothing can be kept here."""
        state = self._remembered()
        result: Result
        try:
            offer = self._source.fetch(state)
            if offer is None:
                result, state = "unchanged", looked(state)
            else:
                self._take(offer)
                result, state = "taken", looked(_after(state, offer))
                log.info("policies: %s was taken from %s", offer.label, self._source.origin)
        except RefusedError as error:
            result, state = "refused", looked(state, error.message)
        except (OSError, KeepingError) as error:
            reason = (
                getattr(error, "message", None) or f"{type(error).__name__}: {getattr(error, 'strerror', '')}"
            )
            result, state = "unreachable", looked(state, f"it cannot be kept: {reason}")
        except RolloutError as error:
            result, state = "unreachable", looked(state, error.message)
        if state.problem:
            kept = f"{state.label} stays in force" if state.taken else "there is none in force"
            log.error(
                "policies: nothing was taken from %s (%s): %s", self._source.origin, kept, state.problem
            )
        self._silent = self._silent + 1 if result == "unreachable" else 0
        self._store.remember(state)
        self._told(state, result)
        return state

    def _take(self, offer: Offer) -> None:
        """Keep it, try it, and put it in force. Raises RolloutError, OSError."""
        if self._refused[0] == offer.identifier:
            raise RefusedError(self._refused[1])  # as it was; trying it anew takes seconds
        self.stage = f"{offer.label}, got from {self._source.origin}, to be tried"
        staged = self._store.stage(offer.files, offer.proof)
        try:
            prove(staged / "files", self._settings)
            self._store.publish(staged, offer.identifier)
        except RefusedError as error:
            message = f"{offer.label} cannot be used:\n{error.message}"
            self._refused = offer.identifier, message
            raise RefusedError(message) from None
        finally:
            shutil.rmtree(staged, ignore_errors=True)  # gone where it is in force

    def _remembered(self) -> State:
        """What is known of the source. What is kept counts, whatever is remembered: its version is not to go back."""
        state, kept = self._store.state(self._source.origin), self._kept()
        if kept is None:
            return State(state.origin, version=state.version, highest=state.highest)
        if kept.identifier == state.taken:
            return state
        if kept.version < state.version:
            return replace(_after(state, kept), version=state.version, highest=state.highest)
        return _after(state, kept)

    def _kept(self) -> Offer | None:
        """The release that is kept, if it is still found genuine."""
        try:
            identifier = self._store.kept()
            if not identifier:
                return None
            offer = self._source.reopened(self._store.proof_of(identifier))
            self._store.check(identifier, offer.files)
        except RolloutError as error:
            log.error("policies: the release that is kept cannot be used: %s", error.message)
            return None
        return offer if offer.identifier == identifier else None


def pause(every: float, failures: int) -> float:
    """Seconds until the next look: about ``every``, and longer each time that one fails. A fleet's do not coincide."""
    longest = max(every, _LONGEST)
    return min(every * 2.0 ** min(failures, 20), longest) * random.uniform(0.9, 1.1)  # noqa: S311


def _after(state: State, offer: Offer) -> State:
    """``state`` with ``offer`` taken."""
    return replace(
        state,
        taken=offer.identifier,
        label=offer.label,
        version=offer.version,
        highest=offer.identifier,
        expires=offer.expires.timestamp() if offer.expires else 0.0,
        etag=offer.etag,
        modified=offer.modified,
    )
