"""Which files make up a policy: those that are named, and what they include, each once.

Owns includes, shipped packs and word lists as files on disk. Knows nothing of what they say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from outgate import shipped
from outgate.policy import source
from outgate.policy.error import Mark, PolicyError, Problem, near_miss
from outgate.policy.source import Node

PACK = "pack:"
MAX_WORDS = 100_000  # of one list


class Files:
    """The files of a policy in reading order: a file, then what it includes, depth first."""

    def __init__(self) -> None:
        self.read: list[tuple[Path, Node]] = []
        self.problems: list[Problem] = []
        self.seen: set[Path] = set()  # every path that was asked for, also those that cannot be read
        self._known: set[Path] = set()

    def add(self, paths: Sequence[Path]) -> None:
        """Read files that were named on the command line or in the settings."""
        for path in paths:
            self._add(path, ())

    def _add(self, path: Path, chain: tuple[Path, ...]) -> None:
        self.seen.add(path)
        real = path.resolve()
        if real in self._known:
            return
        self._known.add(real)
        try:
            node, repeated = source.read(path)
        except PolicyError as error:
            self.problems.extend(error.problems)
            return
        self.problems.extend(repeated)
        self.read.append((path, node))
        for target, mark in self._includes(path, node):
            if target.resolve() in (real, *chain):
                self.problems.append(Problem(path, mark, f"{target} includes itself, by way of this file"))
            elif not target.is_file():
                self.seen.add(target)
                self.problems.append(Problem(path, mark, f"there is no file {target}", beside(target)))
            else:
                self._add(target, (*chain, real))

    def _includes(self, path: Path, node: Node) -> Iterator[tuple[Path, Mark]]:
        """What a file asks to be read; names that are not even texts are left to validation."""
        wanted = node.value.get("include") if isinstance(node.value, dict) else None
        if wanted is None:
            return
        for item in wanted.value if isinstance(wanted.value, list) else [wanted]:
            if not isinstance(item.value, str):
                continue
            if not item.value.startswith(PACK):
                yield path.parent / item.value, item.mark
                continue
            name = item.value.removeprefix(PACK)
            if name in packs():
                yield packs()[name], item.mark
            else:
                hint = near_miss(name, packs()) or f"one of {', '.join(packs())}"
                self.problems.append(Problem(path, item.mark, f"no pack is called {name!r}", hint))


def packs() -> dict[str, Path]:
    """The shipped packs by name."""
    found = sorted((shipped.policies() / "packs").glob("*.yaml"))
    return {path.stem: path for path in found if not path.name.endswith(".test.yaml")}


def beside(target: Path) -> str:
    """``did you mean X?`` when there is a file of nearly that name in the same folder, else ``""``."""
    try:
        return near_miss(target.name, (entry.name for entry in target.parent.iterdir()))
    except OSError:
        return ""


def words(file: Path) -> tuple[str, ...]:
    """The words of a list: one word or phrase a line, ``#`` comments. ValueError says what is wrong."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror or error}", beside(file)) from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8 text") from None
    found = tuple(
        line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    )
    if not found:
        raise ValueError(f"{file} has no words in it")
    if len(found) > MAX_WORDS:
        raise ValueError(f"{file} has more than {MAX_WORDS} words")
    return found
