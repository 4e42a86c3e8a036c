"""A catalogue file as plain values that know their lines.

Owns the reading of YAML for this room and the words in which a file is refused. A repeated key is
an error, and every scalar is text (``NO`` is Norway, not false). libyaml composes the nodes, so that
start-up stays quick; lines are looked up only when there is something to complain about. Knows
nothing of providers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import yaml

MAX_DEPTH = 16  # a catalogue needs 6
_SHOWN = 20  # problems that are told at once

# libyaml where it is built in: ten times faster, the same nodes.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

Place = Sequence[str | int]


class Problem(NamedTuple):
    """One thing that is wrong; line 0 means the file as a whole."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class CatalogueError(Exception):
    """A catalogue that cannot be used. ``file`` and ``line`` are the first problem's."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        told = [str(problem) for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            told.append(f"and {len(self.problems) - _SHOWN} more")
        self.message = "\n".join(told)
        super().__init__(self.message)

    @property
    def file(self) -> Path:
        return self.problems[0].file

    @property
    def line(self) -> int:
        return self.problems[0].line


@dataclass(frozen=True, slots=True)
class Source:
    """One YAML document and where its values stand."""

    file: Path
    root: Any  # yaml.Node, or None for an empty file

    def plain(self) -> Any:
        """The values: dicts, lists, texts. Raises CatalogueError for repeated keys and endless depth."""
        return {} if self.root is None else self._plain(self.root, 0)

    def problem(self, place: Place, message: str, *, key: bool = False) -> Problem:
        """Something wrong with the value at ``place`` (with ``key``: with its key)."""
        return Problem(self.file, self.line(place, key=key), message)

    def line(self, place: Place, *, key: bool = False) -> int:
        """The line of the value at ``place``, or of the nearest thing around it that exists."""
        node, line = self.root, _line(self.root) if self.root is not None else 0
        for position, part in enumerate(place):
            if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = _line(node)
            elif isinstance(node, yaml.MappingNode):
                found = next((pair for pair in node.value if pair[0].value == part), None)
                if found is None:
                    continue
                line = _line(found[0] if key and position == len(place) - 1 else found[1])
                node = found[1]
        return line

    def _plain(self, node: Any, depth: int) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return node.value
        if depth == MAX_DEPTH:
            raise CatalogueError([Problem(self.file, _line(node), f"nested deeper than {MAX_DEPTH} levels")])
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, depth + 1) for item in node.value]
        values: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise CatalogueError([Problem(self.file, _line(key), "a key must be a text")])
            if key.value in values:
                raise CatalogueError([Problem(self.file, _line(key), f"`{key.value}` is here twice")])
            values[key.value] = self._plain(value, depth + 1)
        return values


def read(file: Path) -> Source:
    """The one document of a YAML file. Raises CatalogueError when it is none."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise CatalogueError([Problem(file, 0, message)]) from None
    except UnicodeDecodeError:
        raise CatalogueError([Problem(file, 0, "not UTF-8 text")]) from None
    try:
        return Source(file, yaml.compose(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = "not valid YAML: " + " ".join(filter(None, (error.context, error.problem)))
        raise CatalogueError([Problem(file, mark.line + 1 if mark else 0, message)]) from None
    except yaml.YAMLError as error:
        raise CatalogueError([Problem(file, 0, f"not valid YAML: {' '.join(str(error).split())}")]) from None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` when a known name is close to ``name``, else ``""``."""
    close = get_close_matches(name.casefold(), sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _line(node: Any) -> int:
    line: int = node.start_mark.line
    return line + 1
