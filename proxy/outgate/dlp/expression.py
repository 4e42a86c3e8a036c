"""A regular expression as one that Hyperscan runs, which matches wherever the original could.

Hyperscan knows no lookaround, no back-references and no Unicode classes worth their price, so what it
is given is a *superset*: over the projected text (one byte a character, see ``projection``) it reports at
least every place where the original matches, and the original then decides there. Owns the translation;
runs nothing.

The parse tree is that of Python's own ``re`` (``re._parser``), whose node names are stable across the
versions that we support; a test translates every expression that we ship.
"""

from __future__ import annotations

import re
import re._constants as op  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outgate.dlp.projection import EVERY, byte_of, class_of, complement, members, projected
from outgate.dlp.stretches import Where, where

UNBOUNDED = 1 << 20
# How far repeats are counted. Counting costs states, and an expression with too many is refused: what
# is refused is tried again with less of it, which reports more places and still all that match. Nor are
# they counted far: Vectorscan 5.4.12 loses matches of expressions with several long bounded repeats.
COUNTS = (8, 3)
_EXACT = 40  # what is repeated a fixed number of times is counted so far
# Of what is no longer than this, the end tells where it may begin. For others Hyperscan keeps track of the start,
# which makes all of them together three times as slow.
_TOLD_BY_ITS_END = 320
_GLOBAL_FLAGS = re.compile(r"\(\?([aimsux]+)\)")


@dataclass(frozen=True, slots=True)
class Source:
    """For Hyperscan. A match begins at most ``before`` behind the end that is reported; None: as far as it likes."""

    source: str
    before: int | None


@dataclass(frozen=True, slots=True)
class Superset:
    """Of an expression, by where it need be looked for: its alternatives may be apart.

    A match may reach ``after`` characters beyond what is reported.
    """

    sources: Mapping[Where, Source]
    multiline: bool
    caseless: bool
    after: int


class UntranslatableError(ValueError):
    """Nothing that Hyperscan runs holds all that the expression matches."""


def superset(pattern: str, flags: int, count: int = COUNTS[0]) -> Superset:
    """The superset of a Python expression (``flags`` are ``re``'s), its repeats counted up to ``count``.

    Raises UntranslatableError. Left out is the one odd thing of Unicode's cases: that a long s or a
    Kelvin sign is an s or a k where case is ignored; normalising a text makes them so before.
    """
    tree, flags = _parsed(pattern, flags)
    if tree.getwidth()[0] == 0:
        raise UntranslatableError("it can match an empty text")
    multiline, caseless = bool(flags & re.MULTILINE), bool(flags & re.IGNORECASE)
    choices: dict[Where, list[str]] = {}
    longest: dict[Where, int] = {}
    after = 0
    for alternative, its in _alternatives(tree, flags):
        translation = _Translation(count, caseless=caseless)
        source = translation.sequence(alternative.data, its, first=True, last=True)
        length = alternative.getwidth()[1] + translation.ahead
        place = where(alternative.data, its, length + translation.behind)
        choices.setdefault(place, []).append(source)
        longest[place] = max(length, longest.get(place, 0))
        after = max(after, translation.after)
    sources = {
        place: Source("|".join(some), _told_from(longest[place], tree.data))
        for place, some in choices.items()
    }
    return Superset(sources, multiline, caseless, min(after, UNBOUNDED))


def _told_from(longest: int, nodes: Sequence[Any]) -> int | None:
    """``before``. Vectorscan 5.4.12 crashes on some texts when it keeps track of where ``x+y`` starts: it is not asked.

    Then a match may begin anywhere before its end.
    """
    if longest <= _TOLD_BY_ITS_END:
        return longest
    return UNBOUNDED if _begins_open(nodes) else None


def _begins_open(nodes: Sequence[Any]) -> bool:
    """Whether a match may begin with what is repeated without an end, alone or after one of it: ``xx*y``."""
    there = [node for node in nodes if node[0] not in (op.AT, op.ASSERT, op.ASSERT_NOT)]
    one = bool(there) and not _is_choice(*there[0])
    return any(_is_open(kind, value) for kind, value in there[: 1 + one])


def _is_choice(kind: Any, value: Any) -> bool:
    return kind is op.BRANCH or (
        kind is op.SUBPATTERN and any(_is_choice(*node) for node in value[3].data[:1])
    )


def _is_open(kind: Any, value: Any) -> bool:
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        return value[1] is op.MAXREPEAT or _begins_open(value[2].data)
    if kind is op.SUBPATTERN:
        return _begins_open(value[3].data)
    if kind is op.ATOMIC_GROUP:
        return _begins_open(value.data)
    return kind is op.BRANCH and any(_begins_open(inner.data) for inner in value[1])


def _alternatives(tree: Any, flags: int) -> Iterator[tuple[Any, int]]:
    """What an expression is one of, with the flags of each; itself, where it is no choice."""
    if len(tree.data) == 1:
        kind, value = tree.data[0]
        if kind is op.BRANCH:
            for inner in value[1]:
                yield from _alternatives(inner, flags)
            return
        if kind is op.SUBPATTERN:
            yield from _alternatives(value[3], (flags | value[1]) & ~value[2])
            return
    yield tree, flags


def beginnings(pattern: str, flags: int) -> frozenset[int]:
    """The projected bytes that a match can begin with; all, where an empty text matches. Raises UntranslatableError."""
    tree, flags = _parsed(pattern, flags)
    found, empty = _first(tree.data, flags)
    return EVERY if empty else found


def _parsed(pattern: str, flags: int) -> tuple[Any, int]:
    try:
        tree = parser.parse(pattern, flags)
    except re.error:
        # The `regex` package takes global flags anywhere.
        stated = "".join(_GLOBAL_FLAGS.findall(pattern))
        try:
            tree = parser.parse(_GLOBAL_FLAGS.sub("", pattern), flags | _flags_of(stated))
        except re.error as error:
            raise UntranslatableError(str(error)) from None
    except (RecursionError, OverflowError) as error:
        raise UntranslatableError(type(error).__name__) from None
    return tree, tree.state.flags


def _flags_of(letters: str) -> int:
    named = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
    flags = 0
    for letter in letters:
        flags |= named.get(letter, 0)
    return flags


def _first(nodes: Sequence[Any], flags: int) -> tuple[frozenset[int], bool]:
    """What a sequence can begin with, and whether it can be empty. Looking around is taken for granted."""
    found: frozenset[int] = frozenset()
    for kind, value in nodes:
        if kind in (op.LITERAL, op.IN, op.NOT_LITERAL, op.ANY):
            value = [(op.LITERAL, value)] if kind is op.LITERAL else value
            return found | members(op.IN if kind is op.LITERAL else kind, value, flags), False
        if kind is op.SUBPATTERN:
            here, empty = _first(value[3].data, (flags | value[1]) & ~value[2])
        elif kind is op.BRANCH:
            choices = [_first(inner.data, flags) for inner in value[1]]
            here, empty = frozenset().union(*(one for one, _ in choices)), any(none for _, none in choices)
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            here, empty = _first(value[2].data, flags)
            empty = empty or value[0] == 0
        elif kind is op.ATOMIC_GROUP:
            here, empty = _first(value.data, flags)
        else:  # an edge, a look around; a reference, which may be to anything
            here, empty = EVERY if kind is op.GROUPREF else frozenset(), True
        found |= here
        if not empty:
            return found, False
    return found, True


class _Translation:
    """One expression's walk. ``first`` and ``last`` say that nothing stands before or after a node."""

    def __init__(self, count: int, *, caseless: bool) -> None:
        self.after = 0
        self.behind = 0  # characters that are looked at before a match
        self.ahead = 0  # characters that are looked at behind a match, and so are part of what is reported
        self._count = count
        self._caseless = caseless  # the whole is run so; parts that are must not be spelled out
        self._groups: dict[int, str] = {}

    def sequence(self, nodes: Sequence[Any], flags: int, *, first: bool, last: bool) -> str:
        pieces: list[str] = []
        end = len(nodes) - 1
        while last and end > 0 and _is_left_out(*nodes[end], flags=flags):
            end -= 1
        for index, (kind, value) in enumerate(nodes):
            at_start = first and not any(pieces)
            pieces.append(self._node(kind, value, flags, first=at_start, last=last and index == end))
        return "".join(pieces)

    def _node(self, kind: Any, value: Any, flags: int, *, first: bool, last: bool) -> str:
        if kind is op.LITERAL:
            return self._literal(value, flags)
        if kind in (op.IN, op.NOT_LITERAL, op.ANY):
            return class_of(members(kind, value, flags))
        if kind is op.SUBPATTERN:
            number, added, removed, inner = value
            source = self.sequence(inner.data, (flags | added) & ~removed, first=first, last=last)
            source = f"(?:{source})"
            if number is not None:
                self._groups[number] = source
            return source
        if kind is op.BRANCH:
            before = self.after
            longest = before
            choices = []
            for inner in value[1]:
                self.after = before
                choices.append(self.sequence(inner.data, flags, first=first, last=last))
                longest = max(longest, self.after)
            self.after = longest
            return f"(?:{'|'.join(choices)})"
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, most, inner = value
            return self._repeat(least, most, inner, flags, last=last)
        if kind is op.ATOMIC_GROUP:
            return f"(?:{self.sequence(value.data, flags, first=first, last=last)})"
        if kind is op.GROUPREF:
            return self._groups.get(value) or _raise("a reference to a group that is open")
        if kind in (op.ASSERT, op.ASSERT_NOT):
            direction, inner = value
            outermost = first if direction < 0 else last
            return (
                self._look(inner, flags, wanted=kind is op.ASSERT, before=direction < 0) if outermost else ""
            )
        if kind is op.AT:
            return _edge(value, flags)
        return _raise(f"{kind} is not known")

    def _repeat(self, least: int, most: Any, inner: Any, flags: int, *, last: bool) -> str:
        upto = most = UNBOUNDED if most is op.MAXREPEAT else int(most)
        if last and most > least:
            # Greedy or not, the original takes what follows; that the least is there is enough to know.
            most = min(least, self._count)
            self.after += min(UNBOUNDED, (upto - most) * min(UNBOUNDED, inner.getwidth()[1]))
            least = most
        if most == 0:
            return ""
        once = self.sequence(inner.data, flags, first=False, last=False)
        if len(inner.data) > 1 or inner.data[0][0] in (op.BRANCH, op.MAX_REPEAT, op.MIN_REPEAT):
            once = f"(?:{once})"
        if (least, most) == (1, 1):
            return once
        if most > self._count and not (least == most <= _EXACT and self._count == COUNTS[0]):
            least = min(least, self._count)
            return f"{once}{{{least},}}" if least > 1 else once + "*+"[least]
        return f"{once}{{{least}}}" if least == most else f"{once}{{{least},{most}}}"

    def _literal(self, code: int, flags: int) -> str:
        char = chr(code)
        if self._caseless or not flags & re.IGNORECASE or char.lower() == char.upper():
            return byte_of(projected(char))
        return class_of(frozenset({projected(char.lower()[0]), projected(char.upper()[0])}))

    def _look(self, inner: Any, flags: int, *, wanted: bool, before: bool) -> str:
        """At an end, what must be there is taken in, and so is one character after that must not.

        One before that must not is left out: a start that is not fixed costs more than it saves.
        """
        if wanted:
            if before:
                self.behind += inner.getwidth()[1]
            else:
                self.ahead += inner.getwidth()[1]
            return f"(?:{self.sequence(inner.data, flags, first=before, last=not before)})"
        members = None if before else _single(inner, flags)
        self.ahead += members is not None
        return "" if members is None else rf"(?:\z|{class_of(complement(members))})"


def _raise(message: str) -> str:
    raise UntranslatableError(message)


def _is_left_out(kind: Any, value: Any, *, flags: int) -> bool:
    """Whether nothing stands for a look ahead at the end."""
    return kind is op.ASSERT_NOT and value[0] > 0 and _single(value[1], flags) is None


def _edge(kind: Any, flags: int) -> str:
    if kind is op.AT_BOUNDARY:
        return r"\b"
    if kind is op.AT_NON_BOUNDARY:
        return r"\B"
    if flags & re.MULTILINE:
        if kind is op.AT_BEGINNING:
            return "^"
        if kind is op.AT_END:
            return "$"
    return ""  # the ends of the text: what is scanned may be a piece of it


def _single(inner: Any, flags: int) -> frozenset[int] | None:
    """What one character a look-around looks at, if it is one; a start or end of text needs none."""
    if len(inner.data) != 1:
        return None
    kind, value = inner.data[0]
    if kind is op.LITERAL:
        return members(op.IN, [(op.LITERAL, value)], flags)
    return members(kind, value, flags) if kind in (op.IN, op.NOT_LITERAL, op.ANY) else None
