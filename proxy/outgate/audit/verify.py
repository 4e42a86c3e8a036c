"""Whether a log is as it was written: walks the chain and says where it does not hold. One entry in memory at a time.

Time follows the number of entries. Who can write to the log and does not have the key cannot change what a
checkpoint covers without being told of here; who has the key, too, is told of by a checkpoint kept elsewhere.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from outgate.audit import record, schema
from outgate.audit.chain import Entry, Head
from outgate.audit.checkpoint import EVENTS, Checkpoint
from outgate.audit.sink import AuditError
from outgate.audit.stored import Found, Stored

MOST: Final = 100  # problems that are told
_NEAR: Final = 64  # places that an entry is looked for at, when it is not at its own
_BATCH: Final = 1000  # entries that are written at once, at most, and so can be unsigned beyond what is usual
_STEP: Final = 10_000  # entries between two calls of ``progress``


@dataclass(slots=True)
class Result:
    """What was found."""

    entries: int = 0
    first: int = 0
    last: int = 0
    erased: int = 0
    unchained: int = 0  # before the chain began
    signed: Checkpoint | None = None  # the latest that covers something of it
    problems: list[str] = field(default_factory=list)
    more: int = 0  # problems that are not told

    @property
    def unsigned(self) -> int:
        """Entries after the latest checkpoint."""
        return self.last - max(self.signed.seq if self.signed else 0, self.first - 1)

    def problem(self, text: str) -> None:
        if len(self.problems) < MOST:
            self.problems.append(text)
        else:
            self.more += 1


def verify(
    log: Stored,
    keys: Sequence[bytes],
    *,
    since: datetime | None = None,
    outside: Checkpoint | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> Result:
    """Check ``log`` against checkpoints that one of the public ``keys`` signed. Raises AuditError, OSError.

    AuditError also when there is nothing of a chain in it.

    ``since``: what is older is passed over. ``outside``: a checkpoint that was kept elsewhere.
    """
    walk = _Walk(keys, outside, schema.written(since) if since else None)
    try:
        state = log.state()
        walk.take(state.checkpoints)
        for done, found in enumerate(state.found):
            walk.see(found)
            if done % _STEP == 0:
                progress(done)
        walk.end(state.head)
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)  # the rest may repeat what is in it
        raise AuditError(f"the log cannot be read to its end ({name})") from None
    except (
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
    ) as error:  # of a type or size that no entry has
        where = walk.result.last or walk.anchor_seq
        walk.result.problem(f"after event {where} stands what no gateway writes ({type(error).__name__})")
    if walk.result.unchained and not walk.result.last and not walk.result.problems:
        raise AuditError("no event of the log is in a chain, and nothing vouches for those that are there")
    return walk.result


class _Walk:
    def __init__(self, keys: Sequence[bytes], outside: Checkpoint | None, since: str | None) -> None:
        self.result = Result()
        self._keys = keys
        self._outside = outside
        self._since = since
        self._anchor: Checkpoint | None = None
        self._signed: dict[int, list[Checkpoint]] = {}  # those not yet come to
        self._before: Entry | None = None
        self._gaps: record.Ranges = []
        self._erased: record.Ranges = []
        self._told_erased: record.Ranges = []

    @property
    def anchor_seq(self) -> int:
        return self._anchor.seq if self._anchor else 0

    def take(self, checkpoints: list[Checkpoint]) -> None:
        """The checkpoints of the log itself, and the one from outside."""
        for one in checkpoints:
            if not one.is_signed(self._keys):
                self.result.problem(
                    f"the checkpoint of {one.time} at event {one.seq} was not signed with this key"
                )
            elif one.kind == "retention":
                self._anchor = one
            else:
                self._signed.setdefault(one.seq, []).append(one)
        outside = self._outside
        if outside is not None:
            if not outside.is_signed(self._keys):
                self.result.problem("the checkpoint that was given was not signed with this key")
            elif outside.seq > self.anchor_seq:
                self._signed.setdefault(outside.seq, []).append(outside)
            elif outside.seq == self.anchor_seq and self._anchor and outside.hash != self._anchor.hash:
                self.result.problem(_unfit(outside))

    def see(self, found: Found) -> None:
        """The next thing that is there."""
        entry, result = found.entry, self.result
        if entry is None:
            if self._before is None and self._anchor is None:
                result.unchained += 1
            else:
                where = self._before.seq if self._before else self.anchor_seq
                result.problem(f"something that is in no chain was put in after event {where}")
            return
        if self._since is not None:
            if _time(entry) < self._since:
                self._before = entry
                result.last = entry.seq
                self._hold_against(entry)
                return
            self._since = None
            result.first = entry.seq
        if self._before is not None and entry.log != self._before.log:
            result.problem(f"{_name(entry)} is of another log")
        self._place(entry)
        if not entry.is_whole():
            known = len(result.problems) < MOST
            result.problem(_how_changed(entry) if known else "")
        elif not found.agrees:
            result.problem(f"{_name(entry)}: what queries look for was changed, the event itself was not")
        if entry.is_erased:
            _add(self._erased, entry.seq)
            result.erased += 1
        self._told_erased += record.erased_by(entry.public)
        if record.tampered_with(entry.public):
            result.problem(f"{_name(entry)}: its writer did not find an event before it that it had written")
        self._hold_against(entry)
        result.entries += 1
        result.first = result.first or entry.seq

    def end(self, head: Head | None) -> None:
        """Everything was seen. ``head``: where the log says that it ends."""
        result = self.result
        for first, last in self._gaps:
            result.problem(f"{_numbers(first, last)} removed")
        last = result.last
        for seq, several in sorted(self._signed.items()):
            for one in several:
                if seq > last:
                    result.problem(
                        f"the end was cut: the checkpoint of {one.time} says {seq} events, the log ends at {last}"
                    )
        if result.entries and result.signed is None and not self._signed:
            result.problem("no signed checkpoint covers any of it")
        elif result.unsigned > EVENTS + _BATCH:
            result.problem(
                f"checkpoints are missing: none was signed for the last {result.unsigned} events, which is"
                f" more than {EVENTS}"
            )
        if head is not None and head.seq > max(last, self.anchor_seq):
            result.problem(f"the end was cut: the log had {head.seq} events and ends at {last}")
        for first, end in _uncovered(self._erased, _merged(self._told_erased)):
            result.problem(f"{_numbers(first, end)} stripped of who it was, and no erasure tells of it")

    def _hold_against(self, entry: Entry) -> None:
        for one in self._signed.pop(entry.seq, ()):
            if (one.log, one.hash) != (entry.log, entry.hash):
                self.result.problem(_unfit(one))
            self.result.signed = one

    def _place(self, entry: Entry) -> None:
        """Whether an entry is where it belongs: after the one before."""
        result, before = self.result, self._before
        expected = (before.seq if before else self.anchor_seq) + 1
        if entry.seq < expected:
            if self._fills_a_gap(entry.seq):
                result.problem(f"{_name(entry)} was moved: it stands after event {expected - 1}")
            else:
                result.problem(f"{_name(entry)} was put in: there is another with its number")
            return
        if entry.seq > expected:
            self._gaps.append((expected, entry.seq - 1))
        elif before is not None and entry.prev != before.hash:
            result.problem(
                f"{_name(entry)} was not written after event {before.seq} as it is now: one of the two was"
                " changed together with its hash"
            )
        elif before is None and self._anchor and entry.prev != self._anchor.hash:
            result.problem(f"{_name(entry)} does not follow from what retention removed")
        elif before is None and not self._anchor and entry.prev != bytes(len(entry.prev)):
            result.problem(f"{_name(entry)} is not the first of its log")
        self._before = entry
        result.last = entry.seq

    def _fills_a_gap(self, seq: int) -> bool:
        position = bisect_right(self._gaps, seq, key=lambda gap: gap[0]) - 1
        if position < 0 or self._gaps[position][1] < seq:
            return False
        first, last = self._gaps[position]
        rest = ((first, seq - 1), (seq + 1, last))
        self._gaps[position : position + 1] = [(start, end) for start, end in rest if start <= end]
        return True


def _how_changed(entry: Entry) -> str:
    name = _name(entry)
    for seq in range(max(1, entry.seq - _NEAR), entry.seq + _NEAR):
        there = Entry(
            entry.log, seq, entry.public, entry.personal, entry.salt, entry.sealed, entry.prev, entry.hash
        )
        if there.is_whole():
            return f"{name} was moved: it was written as event {seq}"
    return f"{name} was changed"


def _unfit(checkpoint: Checkpoint) -> str:
    return (
        f"the log was rewritten: up to event {checkpoint.seq} it is not what the checkpoint of {checkpoint.time}"
        " says that it was"
    )


def _name(entry: Entry) -> str:
    return f"event {entry.seq} ({_told(entry, 'id') or _told(entry, 'entry') or 'unreadable'})"


def _time(entry: Entry) -> str:
    return _told(entry, "time")


def _told(entry: Entry, name: str) -> str:
    try:
        value = json.loads(entry.public)[name]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return value if isinstance(value, str) and value.isprintable() else ""


def _numbers(first: int, last: int) -> str:
    return f"event {first} was" if first == last else f"events {first} to {last} were"


def _add(ranges: record.Ranges, number: int) -> None:
    if ranges and ranges[-1][1] == number - 1:
        ranges[-1] = (ranges[-1][0], number)
    else:
        ranges.append((number, number))


def _merged(ranges: record.Ranges) -> record.Ranges:
    """Ranges in any order as ascending ones that do not touch."""
    merged: record.Ranges = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _uncovered(ranges: record.Ranges, covered: record.Ranges) -> Iterator[tuple[int, int]]:
    """What of ``ranges`` is not ``covered``; these are ascending and do not touch."""
    for first, last in ranges:
        position = max(0, bisect_right(covered, first, key=lambda one: one[0]) - 1)
        while first <= last and position < len(covered):
            start, end = covered[position]
            if start > last:
                break
            if first < start:
                yield first, start - 1
            first = max(first, end + 1)
            position += 1
        if first <= last:
            yield first, last
