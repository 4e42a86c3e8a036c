"""A text and what is in it. Knows nothing of how either came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Set = Literal["tune", "score"]


@dataclass(frozen=True, slots=True)
class Span:
    """A sensitive value: ``text[start:end]`` in code points, ``end`` exclusive.

    ``optional`` marks what is right to find and right to leave: ``127.0.0.1``, ``me@example.com``.
    """

    start: int
    end: int
    entity: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One text of a corpus with its gold spans, by position and without overlaps."""

    id: str  # "score/letters#3/12": set, template, copy
    kind: str  # "e-mail", "lockfile"
    text: str
    spans: tuple[Span, ...] = ()
    language: str = "en"
    suffix: str = ".txt"  # what a file of this kind would be called; detect-secrets goes by it
    benign: bool = False  # holds nothing that should be found
    system: bool = False  # text that happens to be on this machine, so no figure that others get


@dataclass(frozen=True, slots=True)
class Value:
    """What a field of a template becomes; offsets of ``spans`` are those of ``text``."""

    text: str
    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, text: str, entity: str | None = None, optional: bool = False) -> Value:
        """``text``, the whole of which is ``entity``."""
        return cls(text, (Span(0, len(text), entity, optional),) if entity else ())

    @classmethod
    def part(cls, text: str, value: str, entity: str) -> Value:
        """``text``, of which the last occurrence of ``value`` is ``entity``."""
        start = text.rindex(value)
        return cls(text, (Span(start, start + len(value), entity),))
