"""Which bytes to change for an edit of what they say, where every code point has bytes of its own.

Owns that for JSON strings and numbers, and the walk for all encodings of the kind. Linear.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

Edit = tuple[int, int, str]  # start and end in code points of the decoded text, replacement
Change = tuple[int, int, bytes]  # start and end in raw bytes, what stands there instead
# A stretch of raw bytes and the text it holds. Within a stretch of several code points each stands as
# its own UTF-8 bytes (one surrogate: one byte that is no UTF-8); an escape is a stretch of one.
Run = tuple[int, int, str]


def changed(raw: bytes, changes: Sequence[Change]) -> bytes:
    """``raw`` with sorted, disjoint changes."""
    if not changes:
        return raw
    pieces, position = [], 0
    for start, end, replacement in changes:
        pieces += [raw[position:start], replacement]
        position = end
    pieces.append(raw[position:])
    return b"".join(pieces)


def spliced(text: str, edits: Sequence[Edit]) -> str:
    """``text`` with sorted, disjoint edits."""
    pieces, position = [], 0
    for start, end, replacement in edits:
        pieces += [text[position:start], replacement]
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def run_changes(runs: Iterable[Run], encode: Callable[[str], bytes], edits: Sequence[Edit]) -> list[Change]:
    """Sorted, disjoint edits of the text in ``runs`` as changes of their bytes."""
    if not edits:
        return []
    at = places(runs, sorted({offset for start, end, _ in edits for offset in (start, end)}))
    return [(at[start], at[end], encode(replacement)) for start, end, replacement in edits]


def places(runs: Iterable[Run], wanted: Sequence[int]) -> dict[int, int]:
    """Where in the raw bytes the code points at ``wanted`` (sorted offsets) begin."""
    found: dict[int, int] = {}
    index, count, last = 0, 0, 0
    for byte_start, byte_end, text in runs:
        last = byte_end
        if index == len(wanted):
            return found
        done, at = 0, byte_start
        while index < len(wanted) and wanted[index] < count + len(text):
            step = wanted[index] - count
            at += len(text[done:step].encode("utf-8", "surrogateescape"))
            done = step
            found[wanted[index]] = at
            index += 1
        count += len(text)
    if index < len(wanted) and wanted[index] == count:
        found[count] = last
    return found


def code_points(octets: bytes, offsets: Iterable[int]) -> dict[int, int]:
    """Sorted offsets in the octets of UTF-8 as offsets in its code points."""
    if octets.isascii():
        return {offset: offset for offset in offsets}
    points: dict[int, int] = {}
    done, count = 0, 0
    for offset in offsets:
        count += len(octets[done:offset].decode("utf-8"))
        points[offset], done = count, offset
    return points


_JSON_RUN = re.compile(
    rb"[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.",
    re.DOTALL,
)


def _json_runs(raw: bytes) -> Iterator[Run]:
    for found in _JSON_RUN.finditer(raw, 1, len(raw) - 1):
        start, end = found.span()
        yield start, end, "\\" if raw[start] == 0x5C else raw[start:end].decode("utf-8")
    yield len(raw) - 1, len(raw) - 1, ""


def json_text(raw: bytes) -> str:
    """What a JSON string says; ``raw`` with its quotes."""
    return str(json.loads(raw.decode("utf-8"), strict=False))


def json_changes(raw: bytes, edits: Sequence[Edit]) -> list[Change]:
    """Edits of what a JSON string says as changes of its bytes; escapes elsewhere keep their spelling."""
    return run_changes(_json_runs(raw), lambda text: json.dumps(text)[1:-1].encode("ascii"), edits)


def literal_changes(raw: bytes, edits: Sequence[Edit]) -> list[Change]:
    """An edited number is a number no more: it becomes a JSON string of the edited spelling."""
    edited = json.dumps(spliced(raw.decode("ascii"), edits)).encode("ascii")
    return [(0, len(raw), edited)] if edits else []
