"""YAML text to plain values that remember their line and column.

Built from the parser's events rather than by a YAML constructor, because a policy must be read
strictly: a repeated key is an error and not the last one's victory, ``NO`` is Norway and not false,
``08:00`` is a time and not 480, no tag constructs anything, and neither depth nor aliases can make
a small file large. Knows nothing of what a policy means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from outgate.policy.error import Mark, PolicyError, Problem

MAX_BYTES = 8 * 2**20
MAX_DEPTH = 32  # a policy needs 6; the parser itself is superlinear in depth
MAX_NODES = 250_000  # aliases counted as often as they are used

# libyaml where it is built in: ten times faster, the same events.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# The core schema of YAML 1.2, without its octal and hexadecimal spellings.
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)

Scalar = str | int | float | bool | None


@dataclass(slots=True)
class Node:
    """A value and where it stands."""

    mark: Mark
    value: Scalar | list[Node] | dict[str, Node]
    keys: dict[str, Mark] = field(default_factory=dict)  # of a mapping: where each key stands
    weight: int = 1  # nodes in it

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def at(self, path: Sequence[str | int], *, key: bool = False) -> Mark:
        """Where the value at ``path`` stands, or the nearest thing around it that exists.

        A number that meets no list is passed over: a single value may stand for a list of one. With
        ``key``, the place of the last key rather than of its value.
        """
        node, mark = self, self.mark
        for position, part in enumerate(path):
            if isinstance(part, int):
                if isinstance(node.value, list) and part < len(node.value):
                    node = node.value[part]
                    mark = node.mark
            elif isinstance(node.value, dict) and part in node.value:
                mark = node.keys[part] if key and position == len(path) - 1 else node.value[part].mark
                node = node.value[part]
            else:
                break
        return mark


def read(file: Path) -> tuple[Node, list[Problem]]:
    """The one document of a YAML file, and every key in it that is repeated; the first one counts.

    Raises PolicyError when it is no YAML, or more of it than a policy can be.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PolicyError([Problem(file, Mark(), f"cannot be read: {error.strerror or error}")]) from None
    return parse(data, file)


def parse(data: bytes, file: Path) -> tuple[Node, list[Problem]]:
    """As ``read``, from bytes; ``file`` is for the error messages."""
    if len(data) > MAX_BYTES:
        raise PolicyError([Problem(file, Mark(), f"larger than {MAX_BYTES} bytes")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise PolicyError([Problem(file, Mark(line, column), "not UTF-8 text")]) from None
    composer = _Composer(file)
    try:
        root = composer.compose(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(at.line + 1, at.column + 1) if at else Mark()
        message = " ".join(filter(None, (error.context, error.problem)))
        raise PolicyError([*composer.problems, Problem(file, mark, f"not valid YAML: {message}")]) from None
    except yaml.YAMLError as error:
        message = " ".join(str(error).split())
        raise PolicyError([*composer.problems, Problem(file, Mark(), f"not valid YAML: {message}")]) from None
    return root, composer.problems


_NOWHERE = Mark()


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been seen."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_mark: Mark = _NOWHERE


class _Composer:
    """Events to nodes, without recursion; the first limit that is passed ends it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node] = {}
        self.nodes = 0

    def compose(self, events: Iterator[Any]) -> Node:
        root: Node | None = None
        documents = 0
        stack: list[_Open] = []
        for event in events:
            mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._fatal(mark, "a second document: one file holds one policy")
                continue
            if isinstance(event, yaml.CollectionEndEvent):
                done = stack.pop()
                if done.anchor:
                    self.anchors[done.anchor] = done.node
                complete, anchor = done.node, None
            elif isinstance(event, yaml.CollectionStartEvent):
                self._plain_tag(event, mark)
                if len(stack) >= MAX_DEPTH:
                    raise self._fatal(mark, f"nested deeper than {MAX_DEPTH} levels")
                if stack and isinstance(stack[-1].node.value, dict) and stack[-1].key is None:
                    raise self._fatal(mark, "a key must be a text")
                self._count(1, mark)
                value: dict[str, Node] | list[Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
                stack.append(_Open(Node(mark, value), event.anchor))
                continue
            elif isinstance(event, yaml.AliasEvent):
                complete, anchor = self._alias(str(event.anchor), mark), None
            elif isinstance(event, yaml.ScalarEvent):
                self._plain_tag(event, mark)
                self._count(1, mark)
                value_ = _resolve(event.value) if event.implicit[0] else event.value
                complete, anchor = Node(mark, value_), event.anchor
            else:
                continue
            if anchor:
                self.anchors[anchor] = complete
            if not stack:
                root = complete
            elif isinstance(event, yaml.ScalarEvent) and self._is_key(stack[-1]):
                self._key(stack[-1], event, mark)
            else:
                self._add(stack[-1], complete)
        return root if root is not None else Node(Mark(1, 1), None)

    @staticmethod
    def _is_key(parent: _Open) -> bool:
        return isinstance(parent.node.value, dict) and parent.key is None

    def _key(self, parent: _Open, event: Any, mark: Mark) -> None:
        if event.implicit[0] and event.value == "<<":
            raise self._fatal(
                mark, "merge keys (<<) are not used here", "write the keys out, or use `include`"
            )
        parent.key, parent.key_mark = event.value, mark

    def _add(self, parent: _Open, child: Node) -> None:
        node = parent.node
        node.weight += child.weight
        if isinstance(node.value, list):
            node.value.append(child)
            return
        assert isinstance(node.value, dict)
        if parent.key is None:
            raise self._fatal(child.mark, "a key must be a text")
        if parent.key in node.value:
            before = node.keys[parent.key].line
            self.problems.append(
                Problem(
                    self.file, parent.key_mark, f"`{parent.key}` is here twice", f"first on line {before}"
                )
            )
        else:
            node.value[parent.key] = child
            node.keys[parent.key] = parent.key_mark
        parent.key = None

    def _alias(self, anchor: str, mark: Mark) -> Node:
        """The anchored value again. One whose end has not been seen is unknown: no value holds itself."""
        target = self.anchors.get(anchor)
        if target is None:
            raise self._fatal(
                mark, f"`*{anchor}` stands for nothing", f"no `&{anchor}` is complete before it"
            )
        self._count(target.weight, mark)
        return target

    def _count(self, nodes: int, mark: Mark) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise self._fatal(mark, f"more than {MAX_NODES} values, aliases counted as often as used")

    def _plain_tag(self, event: Any, mark: Mark) -> None:
        if event.tag is not None:
            raise self._fatal(mark, f"tags such as {event.tag} are not used here")

    def _fatal(self, mark: Mark, message: str, hint: str = "") -> PolicyError:
        return PolicyError([*self.problems, Problem(self.file, mark, message, hint)])


def _resolve(text: str) -> Scalar:
    """What an unquoted scalar stands for."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
