"""Whole numbers at wanted places of JSON that comes in pieces, without parsing the rest of it.

For what is small and stands in something large: what an answer cost, behind a megabyte of vectors. Nothing is held
but the number or the name that is being read. Every byte sequence can be fed; of what is no JSON nothing is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

# A name of a member -> what is wanted in it: more names, or the place itself as it was asked for.
_Node = dict[str, "_Node | str"]

_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)  # to its end, or to what cannot be told yet
_TOKEN = re.compile(rb'["{}\[\],:]|[-+.0-9eE]+')
_SKIPPED = re.compile(rb'["{}\[\]]')  # all that matters within what is not wanted
_LONGEST_NAME: Final = 64  # bytes; no wanted name is longer
_LONGEST_NUMBER: Final = 15  # digits: exact wherever it is counted with
_DEEPEST: Final = 12  # levels of wanted containers, arrays among them


class Places:
    """Places that are wanted: names of members joined by dots. Arrays on the way are passed through."""

    def __init__(self, places: Iterable[str]) -> None:
        self.root: _Node = {}
        for place in places:
            node = self.root
            *steps, last = place.split(".")
            for step in steps:
                inner = node.setdefault(step, {})
                if isinstance(inner, str):
                    raise ValueError(f"{place}: a number stands at {inner}")
                node = inner
            node[last] = place


class NumberFinder:
    """One document, or several one after the other. Linear in the bytes fed, whatever the cuts.

    Of several numbers at one place the highest counts.
    """

    def __init__(self, places: Places) -> None:
        self.found: dict[str, int] = {}
        self._root = places.root
        self._open: list[tuple[_Node, bool]] = []  # wanted containers, and whether each is an object
        self._next: _Node | str | None = places.root  # what is wanted of the value that comes next
        self._skipping = 0  # levels within a container that is not wanted
        self._in_string = self._escaped = self._is_name = False
        self._name, self._number = bytearray(), bytearray()
        self._place = ""  # of the number that is being read

    def feed(self, data: bytes) -> Mapping[str, int]:
        """What is found by now, by place."""
        position, size = 0, len(data)
        while position < size:
            if self._in_string:
                position = self._string(data, position)
                continue
            found = (_SKIPPED if self._skipping else _TOKEN).search(data, position)
            if found is None:
                break
            position = found.end()
            token = found[0]
            if token == b'"':
                self._in_string = True
            elif self._skipping:
                self._skipping += 1 if token in b"{[" else -1
            else:
                self._step(token)
        return self.found

    def finish(self) -> Mapping[str, int]:
        """What is found, a number that nothing stands behind among it."""
        self._told()
        return self.found

    def _string(self, data: bytes, position: int) -> int:
        """Go on within a string; where it ends, or the piece does."""
        start = position
        if self._escaped:
            position, self._escaped = position + 1, False
        end = _STRING.match(data, position).end()  # type: ignore[union-attr]  # it matches the empty string
        if self._is_name and not self._skipping:
            self._name += data[start : min(end, start + _LONGEST_NAME)]
            del self._name[_LONGEST_NAME + 1 :]
        if end == len(data):
            return end
        if data[end : end + 1] == b"\\":  # the last byte: what it escapes is still to come
            self._escaped = True
        else:
            self._in_string = False
        return end + 1

    def _step(self, token: bytes) -> None:
        match token:
            case b"{" | b"[":
                self._enter(token == b"{")
            case b"}" | b"]":
                self._told()
                if self._open:
                    self._open.pop()
                self._is_name, self._next = False, self._root if not self._open else None
            case b",":
                self._told()
                inside = self._open[-1] if self._open else (self._root, False)
                self._is_name, self._next = inside[1], None if inside[1] else inside[0]
                self._name.clear()
            case b":":
                self._is_name = False
                if self._open and self._open[-1][1]:
                    self._next = self._open[-1][0].get(self._name.decode("utf-8", "replace"))
                self._name.clear()
            case _:
                if isinstance(self._next, str):
                    self._place, self._next = self._next, None
                    self._number.clear()
                if self._place and len(self._number) <= _LONGEST_NUMBER:
                    self._number += token[: _LONGEST_NUMBER + 1]

    def _enter(self, is_object: bool) -> None:
        node = self._next
        if not isinstance(node, dict) or len(self._open) >= _DEEPEST:
            self._skipping = 1
            return
        self._open.append((node, is_object))
        self._is_name, self._next = is_object, None if is_object else node
        self._name.clear()

    def _told(self) -> None:
        """A number is at its end."""
        place, number = self._place, bytes(self._number)
        self._place = ""
        if place and number.isdigit() and len(number) <= _LONGEST_NUMBER:
            self.found[place] = max(self.found.get(place, 0), int(number))
