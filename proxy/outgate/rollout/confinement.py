"""What a release may have in it on this machine: code only with ``may_run``, and files elsewhere only in ``may_read``.

Whatever source it is of, and whenever it is loaded: the settings are the machine's, and may have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outgate import shipped
from outgate.policy import Problem
from outgate.policy.error import Mark
from outgate.policy.files import Files
from outgate.policy.source import Node

# What of a policy is code: the list below `detectors`, and the key of its entries.
_CODE = (("known_values", "command"), ("recognizers", "class"))


@dataclass(frozen=True, slots=True)
class Confinement:
    """Of the release in ``folder``."""

    folder: Path
    may_run: bool
    may_read: Sequence[Path]

    def code(self, paths: Sequence[Path]) -> list[Problem]:
        """Where a policy states code and may not. To be asked before it is loaded, which would run it."""
        return [] if self.may_run else list(_code(paths))

    def outside(self, files: Iterable[Path]) -> list[Problem]:
        """Which of the files that its policies were read from lie where they may not."""
        allowed = [path.resolve() for path in (self.folder, shipped.policies(), *self.may_read)]
        return [
            Problem(path, Mark(), "outside of the release, and of `may_read`")
            for path in dict.fromkeys(files)
            if not any(path.resolve().is_relative_to(one) for one in allowed)
        ]


def _code(paths: Sequence[Path]) -> Iterator[Problem]:
    files = Files()
    files.add(paths)
    for path, node in files.read:
        for kind, key in _CODE:
            for entry in _listed(node, "detectors", kind):
                if isinstance(entry.value, dict) and key in entry.value:
                    told = f"`{key}` is code; a release may state it with `may_run`"
                    yield Problem(path, entry.keys[key], told)


def _listed(node: Node, *keys: str) -> list[Node]:
    for key in keys:
        inner = node.value.get(key) if isinstance(node.value, dict) else None
        if inner is None:
            return []
        node = inner
    return node.value if isinstance(node.value, list) else []
