"""What stands in for a value: redacted, masked, hashed. And the fingerprint that audit may keep.

Deterministic: the same value under the same key gives the same text everywhere, so a resent history
is edited to the same bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from outgate.model import Action

_SEPARATORS = re.compile(r"[\s().\-/]+")


def replacement(action: Action, entity: str, value: str, key: bytes) -> str:
    """The text that replaces ``value``. Raises ValueError for an action that edits nothing."""
    match action:
        case Action.REDACT:
            return f"[REDACTED {entity}]"
        case Action.MASK:
            return mask(value)
        case Action.HASH:
            return f"[{entity} {fingerprint(entity, value, key)[:12]}]"
        case _:
            raise ValueError(f"{action} does not edit")


def mask(value: str) -> str:
    """Letters and digits become ``*``; the last four stay when that shows a quarter at most."""
    places = [index for index, char in enumerate(value) if char.isalnum()]
    shown = set(places[-4:]) if len(places) >= 16 else set()
    return "".join("*" if char.isalnum() and index not in shown else char for index, char in enumerate(value))


def fingerprint(entity: str, value: str, key: bytes) -> str:
    """16 hex digits of an HMAC-SHA256: equal for equal values, whatever their case and separators."""
    plain = _SEPARATORS.sub("", value).casefold()
    message = f"{entity}\0{plain}".encode("utf-8", "surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:16]
