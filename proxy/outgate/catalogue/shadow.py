"""Hosts that look like AI services without being in the catalogue: shadow AI, by name alone.

Owns the reading of ``policies/catalogue/shadow.yaml`` and what its rules are about. Knows nothing of connections, and
never decides whether one is opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from outgate import shipped
from outgate.catalogue.hosts import canonical
from outgate.catalogue.source import CatalogueError, Problem, read

FILE = Path("catalogue") / "shadow.yaml"
_WORDS = re.compile(r"[a-z]+")
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_SORTS = ("domains", "tlds", "words", "parts", "endings")
_BEFORE = 2  # letters before an ending


def _plain(name: str) -> str:
    if canonical(name) != name:
        raise ValueError(f"{name!r}: a name in lower case is expected, without port and dots at its ends")
    return name


Names = tuple[Annotated[str, AfterValidator(_plain)], ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ShadowRule(_Strict):
    """What some hosts have in common."""

    name: str = Field(min_length=1)
    domains: Names = ()
    tlds: Names = ()
    words: Names = ()
    parts: Names = ()
    endings: Names = ()
    but: Names = Field((), alias="except")
    match: Names = Field(min_length=1)
    ignore: Names = Field(min_length=1)

    @model_validator(mode="after")
    def _is_of_one_sort(self) -> Self:
        if sum(bool(getattr(self, sort)) for sort in _SORTS) != 1:
            raise ValueError(f"one of these is expected: {', '.join(_SORTS)}")
        return self


class _File(_Strict):
    version: Literal["1"]
    never: Names = ()
    infrastructure: Names = ()
    rules: tuple[ShadowRule, ...]


@dataclass(frozen=True, slots=True)
class _Compiled:
    name: str
    domains: frozenset[str]
    tlds: frozenset[str]
    words: frozenset[str]
    parts: tuple[str, ...]
    endings: tuple[str, ...]
    but: tuple[str, ...]

    def is_about(self, labels: list[str]) -> bool:
        """Linear in the length of the name."""
        if self.domains:
            return not self.domains.isdisjoint(_domains(labels))
        if self.tlds:
            return len(labels) > 1 and labels[-1] in self.tlds
        if self.words:
            return any(not self.words.isdisjoint(_WORDS.findall(label)) for label in labels[:-1])
        if self.parts:
            return any(part in label for label in labels[:-1] for part in self.parts)
        name = labels[-2] if len(labels) > 1 else ""
        if name.endswith(self.but):
            return False
        return any(name.endswith(end) and len(name) >= len(end) + _BEFORE for end in self.endings)


class Shadow:
    """The rules, ready to be asked."""

    def __init__(self, file: _File) -> None:
        """``load`` makes one."""
        self.rules = file.rules
        self._never = frozenset(file.never)
        self._infrastructure = frozenset(file.infrastructure)
        self._compiled = tuple(
            _Compiled(
                rule.name,
                frozenset(rule.domains),
                frozenset(rule.tlds),
                frozenset(rule.words),
                rule.parts,
                rule.endings,
                rule.but,
            )
            for rule in file.rules
        )

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The shipped rules, or those of ``path``. Raises CatalogueError."""
        source = read(path or shipped.policies() / FILE)
        try:
            return cls(_File.model_validate(source.plain()))
        except ValidationError as error:
            raise CatalogueError(map(_problem_of(source), error.errors(include_url=False))) from None

    def suspect(self, host: str) -> tuple[str, str] | None:
        """A host's plain name and the first rule that is about it; None for most. Raises nothing.

        ``host`` as a client wrote it. What comes back is of letters, digits, dots, hyphens and underscores.
        """
        name = canonical(host)
        if name is None or not _NAME.fullmatch(name):
            return None
        labels = name.split(".")
        if labels[-1].isdigit() or labels[0] in self._infrastructure:
            return None
        if not self._never.isdisjoint(_domains(labels)):
            return None
        return next(((name, rule.name) for rule in self._compiled if rule.is_about(labels)), None)


def _domains(labels: list[str]) -> Iterator[str]:
    """A name and all that it lies under."""
    name = ""
    for label in reversed(labels):
        name = f"{label}.{name}" if name else label
        yield name


def _problem_of(source: Any) -> Any:
    def problem(found: Any) -> Problem:
        told = found["ctx"]["error"].args[0] if found["type"] == "value_error" else found["msg"]
        return source.problem(found["loc"], f"{'.'.join(map(str, found['loc']))}: {told}")  # type: ignore[no-any-return]

    return problem
