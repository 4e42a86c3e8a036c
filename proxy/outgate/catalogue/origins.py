"""Model names: which country's organisation trained a model, as far as its name says.

The name is what a client wrote, so it may carry the vendor (``deepseek-ai/DeepSeek-V3``,
``us.anthropic.claude-…``), a path (``accounts/x/models/…``), an ARN or a fine-tune's prefix. What a
model is called decides before whose prefix it carries: open weights are served under many names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

_LONGEST = 512  # code points; no model's name is as long (an ARN has some 130)


@dataclass(frozen=True, slots=True)
class Developer:
    """An organisation that trains models, and what its models are called."""

    name: str
    origin: str  # ISO 3166-1 alpha-2
    names: tuple[str, ...]  # globs, lower case
    vendors: tuple[str, ...] = ()  # what stands before the name: "deepseek-ai/", "anthropic."


class Origins:
    """Look-up of names among developers; in case of doubt the one listed first."""

    def __init__(self, developers: Iterable[Developer]) -> None:
        self._developers = tuple(developers)
        self._vendors: dict[str, str] = {}
        for developer in self._developers:
            for vendor in developer.vendors:
                self._vendors.setdefault(vendor, developer.origin)
        self._pattern: re.Pattern[str] | None = None
        self._cached = lru_cache(maxsize=1024)(self._find)

    def of(self, model: str) -> str | None:
        """ISO country, or None when the name says nothing."""
        text = model.strip().lower()
        return self._cached(text) if len(text) <= _LONGEST else None

    def _find(self, model: str) -> str | None:
        pieces = model.split("/")
        pattern = self._compiled()
        for piece in reversed(pieces):
            for name in _names(piece):
                found = pattern.match(name)
                if found and found.lastindex:
                    return self._developers[found.lastindex - 1].origin
        for piece in reversed(pieces):
            for vendor in (piece, *piece.split(".")[:2]):
                origin = self._vendors.get(vendor)
                if origin:
                    return origin
        return None

    def _compiled(self) -> re.Pattern[str]:
        # One expression with a group for each developer, made when it is first needed.
        if self._pattern is None:
            groups = (f"({'|'.join(map(translate, d.names)) or '(?!)'})" for d in self._developers)
            self._pattern = re.compile("|".join(groups))
        return self._pattern


def _names(piece: str) -> Iterator[str]:
    """The piece, and what is left of it after a prefix that ends in a dot (at most two) or a colon."""
    for part in (piece, *piece.split(":")) if ":" in piece else (piece,):
        yield part
        rest = part
        for _ in range(2):
            _, dot, rest = rest.partition(".")
            if not dot:
                break
            yield rest
