"""Attachments: the words in a file that leaves. Knows nothing of detection, policies or proxies.

``kinds`` tells by its bytes what a file is, ``opening`` reads one with everything in it, with the help of
a module a kind; ``worker`` does that in a child process made to be killed, ``extractor`` asks it and
remembers; ``joining`` adds to a document what was in its attachments.

What could not be read of a file is a gap, with its reason, and the policy's ``uninspectable`` decides.
When the reading itself failed (it hung, it crashed, nobody had the time) nothing is known of the file:
that is an ExtractionError, and ``on_error`` decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Failure = Literal["timeout", "overload", "crash", "not_ready"]
Reason = Literal["encrypted", "too_large", "unknown", "broken", "timed_out", "no_ocr"]
REASONS: frozenset[str] = frozenset(get_args(Reason))


class ExtractionError(Exception):
    """A file was not read to its end, and nobody knows what is in it.

    ``reason`` is a fixed word for metrics. ``detail`` is for people and never holds a file's text.
    """

    def __init__(self, reason: Failure, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Failure = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of a file, and where in the file it stands: ``page 3``, ``file report.docx, comments``."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """What was not read of a file. ``label`` ``""``: all of it."""

    label: str
    media_type: str
    size: int  # bytes
    reason: Reason


@dataclass(frozen=True, slots=True)
class Extracted:
    """All that was read of a file, and all that was not."""

    kind: str  # a word of outgate.attachments.kinds.KINDS
    passages: tuple[Passage, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def outcome(self) -> str:
        """``read``, ``partly``, or the reason why nothing was."""
        if not self.gaps:
            return "read"
        return "partly" if self.passages else self.gaps[0].reason
