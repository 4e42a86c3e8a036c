"""Hot reload: a policy that changes on disk takes effect, or loudly does not.

A wake-up (the system's file events, a signal, or a clock for file systems that tell nothing) only
makes us look; what decides is whether the files' signature is another one than that of the last
attempt. So it does not matter how an editor writes (in place, or by renaming a new file over the
old one), nor that Kubernetes swaps a symlink two folders away. Includes, word lists and
files of known values or recognizers count as much as the file that names them.

Owns when to load again. What a new policy means for the process is its owner's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Protocol

from watchfiles import awatch

from outgate.policy.error import Mark, PolicyError, Problem

log = logging.getLogger(__name__)
# It tells of every change: with our own log in a watched folder, each line would be one.
logging.getLogger("watchfiles").setLevel(logging.WARNING)

LOOK_EVERY = 2.0  # seconds between looks when no event comes
SETTLE = 0.1  # seconds without a change before files are read: an editor may be half-way
MAX_SETTLES = 20  # a file that never rests is read as it is

# Per file: what tells one version of it from another; None: it is not there.
_Signature = tuple[tuple[str, tuple[int, int, int, int] | None], ...]


class Loaded(Protocol):
    """What is loaded: one policy, or several that belong together."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that it depends on."""

    @property
    def identity(self) -> object:
        """Equal for two that are the same."""


class PolicyWatch[T: Loaded]:
    """Calls ``on_change`` with every new policy, ``on_failure`` with every one that cannot be used.

    Both are called in the event loop, one at a time. After a failure the old policy stays in force,
    and the next good one is handed on even if it is what was there before the failure. One for which
    ``on_change`` raises cannot be used.
    """

    def __init__(
        self,
        load: Callable[[], T],
        on_change: Callable[[T], Awaitable[None]],
        on_failure: Callable[[PolicyError], None],
        *,
        current: T,
    ) -> None:
        """``load`` may take long, runs in a thread, and raises PolicyError; ``current`` is what it gave before."""
        self._load = load
        self.on_change = on_change
        self.on_failure = on_failure
        self._current: object = current.identity  # None: whatever loads next is news
        self._first = current.files[0]
        self._files = frozenset(current.files)
        self._wake = asyncio.Event()
        self._forced = False
        self._seen: _Signature = ()

    def reload(self) -> None:
        """Look now, and hand the policy on even if nothing changed. Safe as a signal handler of the loop."""
        self._forced = True
        self._wake.set()

    async def run(self) -> None:
        """Watch until cancelled. The first look is at once: the files may have changed since start-up."""
        while True:
            await self._attempt()
            await self._changed()

    async def _attempt(self) -> None:
        forced, self._forced = self._forced, False
        # Taken before reading: what changes while we read is seen as a change afterwards.
        self._seen = await asyncio.to_thread(_signature, self._files)
        try:
            loaded = await asyncio.to_thread(self._load)
        except PolicyError as error:
            await self._failed(error)
            return
        except Exception as error:
            log.exception("the policy could not be loaded")
            await self._unusable(f"cannot be loaded: {type(error).__name__}")
            return
        await self._follow(frozenset(loaded.files))
        if loaded.identity == self._current and not forced:
            return
        try:
            await self.on_change(loaded)
            self._current = loaded.identity
        except Exception as error:
            log.exception("the new policy was loaded but could not take effect")
            await self._unusable(f"cannot take effect: {type(error).__name__}")

    async def _unusable(self, reason: str) -> None:
        await self._failed(PolicyError([Problem(self._first, Mark(), reason)]))

    async def _failed(self, error: PolicyError) -> None:
        self._current = None
        await self._follow(self._files | error.files)
        self.on_failure(error)

    async def _follow(self, files: frozenset[Path]) -> None:
        """Watch other files from now on, unless some of them changed since they were read."""
        if files != self._files:
            before = dict(self._seen)
            self._files = files
            now = await asyncio.to_thread(_signature, files)
            self._seen = tuple((name, before.get(name, stat)) for name, stat in now)

    async def _changed(self) -> None:
        """Return when the files are others than at the last attempt, and have come to rest."""
        events = asyncio.create_task(self._events())
        try:
            while not self._forced and await asyncio.to_thread(_signature, self._files) == self._seen:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), LOOK_EVERY)
                self._wake.clear()
            before: _Signature | None = None
            for _ in range(MAX_SETTLES):
                now = await asyncio.to_thread(_signature, self._files)
                if now == before:
                    break
                before = now
                await asyncio.sleep(SETTLE)
        finally:
            events.cancel()
            await asyncio.gather(events, return_exceptions=True)

    async def _events(self) -> None:
        folders = await asyncio.to_thread(_folders, self._files)
        try:
            async for _ in awatch(*folders, watch_filter=None, debounce=200, recursive=False):
                self._wake.set()
        except OSError as error:
            # Out of inotify watches, a folder that has just gone: the clock still looks.
            log.warning("no file events for the policy, looking every %g s instead: %s", LOOK_EVERY, error)


def _signature(files: Iterable[Path]) -> _Signature:
    return tuple((str(file), _version(file)) for file in sorted(files))


def _version(file: Path) -> tuple[int, int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _folders(files: Iterable[Path]) -> list[Path]:
    """Where entries appear and vanish when a file changes: its folder, and that of what it links to."""
    folders = {file.parent for file in files} | {file.resolve().parent for file in files}
    return sorted({next(f for f in (folder, *folder.parents) if f.is_dir()) for folder in folders})
