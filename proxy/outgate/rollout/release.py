"""What a release says of itself in its ``release.yaml``: which of its files are whose policy.

    policies: [policy.yaml]              # for everybody; without a release.yaml, policy.yaml
    rollout:
      canary: {policies: [next.yaml], groups: [pilots], percent: 5}
      shadow: {policies: [draft.yaml]}

Read as strictly as a policy, and told wrong in the same way. Every path stays within the release.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from outgate.policy import source
from outgate.policy.error import Mark, PolicyError, Problem
from outgate.policy.validate import validate
from outgate.rollout import RolloutError
from outgate.rollout.bundle import UNPACKED, Files, is_plain
from outgate.rollout.files import read_limited
from outgate.settings.rollout import Rollout

NAME = "release.yaml"
_DEFAULT = Path("policy.yaml")


class Release(BaseModel):
    """A ``release.yaml``; paths as ``read`` gives them are whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policies: Annotated[tuple[Path, ...], Field(min_length=1)] = (_DEFAULT,)
    rollout: Rollout = Rollout()

    @property
    def tracks(self) -> list[tuple[Path, ...]]:
        """The files of each of its policies."""
        named = (self, self.rollout.canary, self.rollout.shadow)
        return [one.policies for one in named if one is not None]


def read(folder: Path) -> Release:
    """What the release in ``folder`` says. Raises PolicyError."""
    file = folder / NAME
    if not file.is_file():
        return _placed(Release(), folder, file, None)
    node, problems = source.read(file)
    release, wrong = validate(Release, node, file)
    if problems or wrong or release is None:
        raise PolicyError([*problems, *wrong], [file])
    return _placed(release, folder, file, node)


def gathered(folder: Path) -> dict[str, bytes]:
    """The files of a release as somebody writes it; hidden ones are not its. Raises RolloutError."""
    found: dict[str, bytes] = {}
    left = UNPACKED
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in name.split("/")) or path.is_dir():
            continue
        if path.is_symlink() or not path.is_file():
            raise RolloutError(f"{path}: a link, or no plain file. Put the file itself there.")
        found[name] = read_limited(path, left)
        left -= len(found[name])
    return found


def laid_out(files: Files, folder: Path) -> None:
    """Write a release's files, for their owner alone, into a folder that holds none of them. Raises OSError."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())


def _placed(release: Release, folder: Path, file: Path, node: source.Node | None) -> Release:
    """With every path below ``folder``."""

    def within(paths: tuple[Path, ...], *place: str) -> tuple[Path, ...]:
        for position, path in enumerate(paths):
            if not is_plain(path.as_posix()):
                mark = node.at([*place, position]) if node else Mark()
                raise PolicyError(
                    [Problem(file, mark, f"{path} is not a plain name within the release")], [file]
                )
        return tuple(folder / path for path in paths)

    given = release.rollout
    canary, shadow = given.canary, given.shadow
    if canary is not None:
        paths = within(canary.policies, "rollout", "canary", "policies")
        canary = canary.model_copy(update={"policies": paths})
    if shadow is not None:
        paths = within(shadow.policies, "rollout", "shadow", "policies")
        shadow = shadow.model_copy(update={"policies": paths})
    return Release(
        policies=within(release.policies, "policies"), rollout=Rollout(canary=canary, shadow=shadow)
    )
