"""An event as it is stored: what tells of nobody, and apart from it what tells of somebody.

Both are JSON objects, as bytes, and these bytes are what the chain covers: they are written once and never
written anew, so a later version, whose events have more fields, finds them as they were. What tells of
somebody can be erased. Besides exchanges a log has **notes**: what was done to the log itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic_core import to_json

from outgate.audit.event import AuditEvent

# Fields of an event that tell of a person, by name or by what is theirs. Fingerprints of findings are, too:
# who has their key and a value can tell whether it is the one.
PERSONAL: Final = ("client", "user", "groups", "device", "accounts")
FINGERPRINTS: Final = "fingerprints"
ERASED: Final = "erased"  # in the place of a client's address
ERASURE: Final = "erasure"  # notes
TAMPERING: Final = "tampering"

Ranges = list[tuple[int, int]]  # numbers of entries, first and last, ascending


def parts(event: AuditEvent) -> tuple[bytes, bytes]:
    """The two objects of an event: what tells of nobody, and what tells of somebody."""
    public = event.to_json()
    personal: dict[str, Any] = {name: public.pop(name) for name in PERSONAL if name in public}
    personal[FINGERPRINTS] = [finding.pop("fingerprint") for finding in public["findings"]]
    return written(public), written(personal)


def joined(public: Mapping[str, Any], personal: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of an event. Those of somebody that was erased are empty. Raises as ``AuditEvent.from_json``."""
    values = dict(public)
    if personal is None:
        fingerprints = [""] * len(values["findings"])
        values |= dict.fromkeys(PERSONAL) | {"client": ERASED, "groups": [], "accounts": []}
    else:
        values |= personal
        fingerprints = values.pop(FINGERPRINTS)
    values["findings"] = [
        {**finding, "fingerprint": fingerprint}
        for finding, fingerprint in zip(values["findings"], fingerprints, strict=True)
    ]
    return values


def event_of(public: str | bytes, personal: str | bytes | None) -> AuditEvent | None:
    """The exchange of an entry; None for a note, and for what is neither."""
    try:
        values = json.loads(public)
        if "entry" in values:
            return None
        return AuditEvent.from_json(joined(values, None if personal is None else json.loads(personal)))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None


def erasure(ranges: Ranges, reason: str) -> bytes:
    """The note that entries were erased. Whose they were it does not say."""
    return written({"entry": ERASURE, "time": _now(), "reason": reason, "events": ranges})


def tampering(seq: int) -> bytes:
    """The note that an entry, which its writer remembers, is not there any more as it was."""
    return written({"entry": TAMPERING, "time": _now(), "event": seq})


def tampered_with(public: bytes) -> bool:
    """Whether an entry is a note of tampering."""
    return public.startswith(b'{"entry":"tampering",')


def erased_by(public: bytes) -> Ranges:
    """Which entries a note says were erased; none, if it is no such note."""
    if not public.startswith(b'{"entry":"erasure",'):
        return []
    try:
        return [(int(first), int(last)) for first, last in json.loads(public)["events"]]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return []


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """Ascending numbers as ranges."""
    found: Ranges = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def written(values: Mapping[str, Any]) -> bytes:
    """As JSON, without a line's end. Raises ValueError for a lone surrogate."""
    return to_json(values)
