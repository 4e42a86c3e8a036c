"""Releases on this machine, and what is remembered of their source; ours alone, in ``state_dir/policies``.

    current               ID of the release in force; replaced as a whole
    promotion.json        that a canary is for everybody, said on this machine
    releases/ID/files/    a release's files, as they were tried; never changed afterwards
    releases/ID/proof/    what shows that they are genuine: the bundle and its signature, or a commit
    source/state.json     what the process that gets releases knows: version, last look, what is wrong
    source/lock           held by that one process
    source/git, shadow/   a clone; what a shadow policy would do

Every process watches the folder itself, so nothing else is written there. Knows nothing of where releases come from,
nor of what is in them.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from outgate.disk.private import make_folder, replace_file
from outgate.rollout import KeepingError, RolloutError
from outgate.rollout.bundle import LARGEST, MOST_FILES, UNPACKED, Files, is_plain
from outgate.rollout.files import check_trusted, read_limited
from outgate.rollout.release import laid_out

_KEPT = 3  # releases, the one in force among them
_LARGEST_STATE = 64 * 1024  # bytes
_LONGEST_PROBLEM = 4000  # characters
_STARTED = 3600  # seconds after which what was begun to be written is nobody's any more


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of a source. Times are seconds since the epoch; 0: never."""

    origin: str = ""  # of which source; that of another is worth nothing
    taken: str = ""  # id of the release that was taken last
    label: str = ""  # what people call it
    version: int = 0  # the highest that was taken, where releases have one,
    highest: str = ""  # and its id; of commits, the last
    expires: float = 0  # when it stops being fresh
    etag: str = ""
    modified: str = ""
    looked: float = 0  # the last time that the source answered with nothing but good
    tried: float = 0
    problem: str = ""  # why the last look did not end well

    def stale(self, now: float, after: float) -> bool:
        """Whether news may have been held back from us: expired, or no good look for ``after`` seconds."""
        return now - self.looked > after or bool(self.expires and now > self.expires)


class Store:
    """The folder. Nothing is made before something is to be kept."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "policies"
        self.current = self.folder / "current"
        self.promotion = self.folder / "promotion.json"
        self._releases = self.folder / "releases"
        self.source = self.folder / "source"
        self.shadow = self.folder / "shadow"
        self._state = self.source / "state.json"
        self._lock = FileLock(self.source / "lock", mode=0o600)

    def prepare(self) -> None:
        """Make the folders. Raises KeepingError when others may write to them."""
        for folder in (self.folder, self._releases, self.source, self.shadow):
            make_folder(folder, KeepingError)

    def lock(self, seconds: float = 0) -> bool:
        """Be the one process that gets releases, until it ends or ``unlock``; False: another is. Raises KeepingError.

        ``seconds``: to wait for that.
        """
        self.prepare()
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout:
            return False
        return True

    def unlock(self) -> None:
        """Let another process be it, in the thread that was it."""
        self._lock.release(force=True)

    # --- what is remembered ------------------------------------------------------------------

    def state(self, origin: str) -> State:
        """What is remembered of the source ``origin``. Raises RolloutError when it cannot be read."""
        told = _object(self._state)
        if told is None or told.get("origin") != origin:
            return State(origin)
        return State(**{field.name: told[field.name] for field in fields(State) if field.name in told})

    def remember(self, state: State) -> None:
        """Raises KeepingError."""
        replace_file(self._state, json.dumps(asdict(state), indent=2).encode(), KeepingError)

    def promoted(self) -> str:
        """Hash of the canary's policy that is for everybody on this machine; ``""``: none. Raises RolloutError."""
        told = _object(self.promotion)
        return str(told.get("policy", "")) if told else ""

    def promote(self, policy_hash: str) -> None:
        """Have the canary's policy of this hash judge everybody; ``""``: no more. Raises KeepingError."""
        self.prepare()
        if policy_hash:
            said = {"policy": policy_hash, "time": time.time()}
            owner = None
            if os.name == "posix" and os.geteuid() == 0:  # the proxy is to read what its administrator says
                found = self.folder.stat()
                owner = found.st_uid, found.st_gid
            replace_file(self.promotion, json.dumps(said).encode(), KeepingError, owner=owner)
        else:
            self.promotion.unlink(missing_ok=True)

    # --- releases ----------------------------------------------------------------------------

    def kept(self) -> str:
        """Id of the release in force; ``""``: there is none. Raises RolloutError."""
        if not self.current.exists():
            return ""
        check_trusted(self.current)
        told = read_limited(self.current, 256).decode("ascii", "replace").strip()
        if not is_plain(told) or "/" in told:
            raise RolloutError(f"{self.current}: not the id of a release. Delete it to have one got anew.")
        return told

    def files_of(self, identifier: str) -> Path:
        """Where its files are."""
        return self._releases / identifier / "files"

    def proof_of(self, identifier: str) -> dict[str, bytes]:
        """What shows that it is genuine. Raises RolloutError."""
        return _content(self._releases / identifier / "proof", LARGEST + _LARGEST_STATE)

    def check(self, identifier: str, genuine: Files) -> None:
        """Raises RolloutError unless its files are ``genuine``, all of them and no others."""
        check_trusted(self.files_of(identifier))
        if _content(self.files_of(identifier), UNPACKED) != dict(genuine):
            folder = self._releases / identifier
            raise RolloutError(
                f"{folder}: its files are not those of the release. Delete it and {self.current}."
            )

    def stage(self, files: Files, proof: Mapping[str, bytes]) -> Path:
        """A new folder with a release in it that is not in force. Raises OSError, KeepingError."""
        self.prepare()
        folder = self._releases / f"incoming-{secrets.token_hex(8)}"
        for place, content in (("files", files), ("proof", proof)):
            (folder / place).mkdir(mode=0o700, parents=True)
            laid_out(content, folder / place)
        folder.chmod(0o700)
        return folder

    def publish(self, staged: Path, identifier: str) -> None:
        """Put a staged release in force, for every process that watches. Raises OSError, KeepingError."""
        folder = self._releases / identifier
        if folder.exists():  # from before a rollback, or what somebody made of it
            self.discard(folder)
        staged.rename(folder)
        replace_file(self.current, identifier.encode(), KeepingError)
        self._prune(identifier)

    def discard(self, folder: Path) -> None:
        """Remove a release's folder; at once for whoever looks for it."""
        gone = folder.with_name(f"incoming-{secrets.token_hex(8)}")
        with suppress(OSError):
            folder.rename(gone)
            shutil.rmtree(gone)

    def _prune(self, identifier: str) -> None:
        """Keep the newest few: another process may still be reading the one before."""
        found = [(path.stat().st_mtime, path) for path in self._releases.iterdir() if path.name != identifier]
        begun = [
            path for age, path in found if path.name.startswith("incoming-") and time.time() - age > _STARTED
        ]
        whole = sorted((one for one in found if not one[1].name.startswith("incoming-")), reverse=True)
        for folder in (*begun, *(path for _, path in whole[_KEPT - 1 :])):
            self.discard(folder)


def looked(state: State, problem: str = "") -> State:
    """``state`` after a look at the source: without ``problem`` a good one."""
    now = time.time()
    return replace(
        state, tried=now, looked=state.looked if problem else now, problem=problem[:_LONGEST_PROBLEM]
    )


def _object(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    check_trusted(path)
    try:
        told = json.loads(read_limited(path, _LARGEST_STATE))
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise RolloutError(
            f"{path}: not what we wrote there. Delete it; versions are then counted from what is kept."
        )
    return told


def _content(folder: Path, most: int) -> dict[str, bytes]:
    """Every file below ``folder`` by its name within it; links are none. Raises RolloutError."""
    found: dict[str, bytes] = {}
    try:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise RolloutError(f"{path}: not a plain file. Delete it.")
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = data = read_limited(path, most)
                most -= len(data)
            if len(found) > MOST_FILES + 1:
                raise RolloutError(f"{folder}: there are more files than a release has.")
    except OSError as error:
        raise RolloutError(f"{folder}: {error.strerror}.") from None
    if not found:
        raise RolloutError(f"{folder}: there is nothing. Delete {folder.parent} to have it got anew.")
    return found
