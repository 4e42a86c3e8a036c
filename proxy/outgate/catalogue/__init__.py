"""Who operates the hosted models: host -> provider, jurisdiction, format; model -> origin.

Owns the reading of ``policies/catalogue/providers.yaml`` and of an administrator's own file, which
adds to it, overrides it by id, or removes from it. Knows nothing of bodies and nothing of policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from outgate import shipped
from outgate.model import Endpoint, Provider

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REGION = "[a-z0-9-]+"


class CatalogueError(Exception):
    """A catalogue file that cannot be used; the message says where and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Entry(_Strict):
    name: str
    operator: str
    jurisdiction: str = Field(pattern="^[A-Z]{2}$")
    category: Literal["api", "chat", "assistant", "cloud", "aggregator", "self-hosted"]
    hosts: tuple[str, ...] = Field(min_length=1)
    regions: tuple[str, ...] = ()
    processing: str | None = None
    credentials: tuple[str, ...] = ()
    formats: dict[str, str] = Field(default_factory=dict)
    source: str = Field(min_length=8)


class _Model(_Strict):
    origin: str = Field(pattern="^[A-Z]{2}$")
    developer: str


class _File(_Strict):
    providers: dict[str, _Entry] = Field(default_factory=dict)
    paths: dict[str, str] = Field(default_factory=dict)
    models: dict[str, _Model] = Field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    provider: Provider
    entry: _Entry
    region: str | None = None


@dataclass(frozen=True)
class Catalogue:
    """Look-ups over all providers; immutable, so a reload makes another."""

    providers: Mapping[str, Provider]
    _exact: Mapping[str, _Known]
    _suffix: Mapping[str, _Known]
    _patterns: Mapping[str, tuple[tuple[re.Pattern[str], _Known], ...]]  # by the last two labels
    _paths: tuple[tuple[re.Pattern[str], str], ...]
    _own_paths: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]
    _models: tuple[tuple[re.Pattern[str], str], ...]
    _hosts: tuple[tuple[str, tuple[str, ...]], ...] = field(repr=False)
    _bases: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls, *, extra: Path | None = None) -> Catalogue:
        """The shipped catalogue with the administrator's ``extra`` on top. Raises CatalogueError."""
        merged = _read(shipped.policies() / "catalogue" / "providers.yaml")
        if extra is not None:
            own = _read(extra)
            unknown = set(own.remove) - set(merged.providers)
            if unknown:
                raise CatalogueError(f"{extra}: remove: no provider is called {', '.join(sorted(unknown))}")
            kept = {key: value for key, value in merged.providers.items() if key not in own.remove}
            merged = _File(
                providers=kept | own.providers,
                paths=own.paths | {k: v for k, v in merged.paths.items() if k not in own.paths},
                models=own.models | {k: v for k, v in merged.models.items() if k not in own.models},
            )
        return _build(merged)

    def provider_of(self, host: str) -> Provider | None:
        """The provider that answers at ``host`` (any case, port and trailing dot allowed), or None."""
        known = self._find(host)
        return known.provider if known else None

    def identify(self, host: str, path: str, method: str = "POST") -> Endpoint | None:
        """Provider, format, region and model of a request; None for hosts we do not know."""
        known = self._find(host)
        if known is None:
            return None
        plain = normalise_path(path)
        for pattern, name in (*self._own_paths.get(known.provider.id, ()), *self._paths):
            found = pattern.fullmatch(plain)
            if found:
                return Endpoint(known.provider, name, known.region, found.groupdict().get("model"))
        return Endpoint(known.provider, "generic", known.region)

    def base_host(self, provider: str) -> str | None:
        """The host of a provider's base URL: the first it is known by that is a whole name."""
        return self._bases.get(provider)

    def model_origin(self, model: str | None) -> str | None:
        """ISO country of the organisation that trained ``model``, as far as its name says."""
        return _origin(self._models, model[:200].lower()) if model else None

    def constraint_names(self) -> tuple[str, ...]:
        """The DNS names that a CA limited to these hosts must permit; none lies under another."""
        names = {
            host.lstrip(".").replace("{region}", region)
            for host, regions in self._hosts
            for region in (regions if "{region}" in host else ("",))
        }
        return tuple(sorted(name for name in names if not any(p in names for p in _parents(name))))

    def _find(self, host: str) -> _Known | None:
        name = _plain_host(host)
        known = self._exact.get(name)
        if known is not None:
            return known
        for parent in _parents(name):
            known = self._suffix.get(parent)
            if known is not None:
                return known
        for pattern, known in self._patterns.get(_tail(name), ()):
            found = pattern.fullmatch(name)
            if found:
                return _Known(known.provider, known.entry, found.group("region"))
        return None


def normalise_path(path: str) -> str:
    """A path as servers tend to read it: decoded, slashes collapsed, dot segments resolved.

    For matching only; what is sent keeps its spelling.
    """
    plain = path.split("?", 1)[0]
    for _ in range(3):
        decoded = unquote(plain)
        if decoded == plain:
            break
        plain = decoded
    kept: list[str] = []
    for piece in plain.replace("\\", "/").split("/"):
        if piece == "..":
            del kept[-1:]
        elif piece and piece != ".":
            kept.append(piece)
    return "/" + "/".join(kept)


@lru_cache(maxsize=4096)
def _origin(models: tuple[tuple[re.Pattern[str], str], ...], model: str) -> str | None:
    # "us.anthropic.claude-3", "deepseek-ai/DeepSeek-V3", "models/gemini-2.5": each tail is tried too.
    names = [model, *(model[i + 1 :] for i, char in enumerate(model) if char in "/.")]
    for name in names:
        for pattern, origin in models:
            if pattern.match(name):
                return origin
    return None


def _plain_host(host: str) -> str:
    name = host.strip().lower()
    if name.count(":") == 1:
        name = name.partition(":")[0]
    return name.rstrip(".")


def _parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[i:]) for i in range(1, len(labels) - 1)]


def _tail(name: str) -> str:
    return ".".join(name.split(".")[-2:])


def _read(path: Path) -> _File:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506
        return _File.model_validate(raw or {})
    except OSError as error:
        raise CatalogueError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path}: not valid YAML: {error}") from None
    except ValidationError as error:
        places = [
            f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)
        ]
        raise CatalogueError("\n".join(places)) from None


def _build(file: _File) -> Catalogue:
    providers: dict[str, Provider] = {}
    exact: dict[str, _Known] = {}
    suffix: dict[str, _Known] = {}
    patterns: dict[str, list[tuple[re.Pattern[str], _Known]]] = {}
    for identifier, entry in file.providers.items():
        provider = Provider(
            id=identifier,
            name=entry.name,
            operator=entry.operator,
            jurisdiction=entry.jurisdiction,
            category=entry.category,
            credential_headers=frozenset(name.lower() for name in entry.credentials),
        )
        providers[identifier] = provider
        known = _Known(provider, entry, entry.processing)
        for host in entry.hosts:
            name = host.lower()
            if "{region}" in name:
                expression = re.escape(name).replace(r"\{region\}", f"(?P<region>{_REGION})")
                patterns.setdefault(_tail(name), []).append((re.compile(expression), known))
            elif name.startswith("."):
                suffix[name[1:]] = known
            else:
                exact[name] = known
    return Catalogue(
        providers=providers,
        _exact=exact,
        _suffix=suffix,
        _patterns={key: tuple(value) for key, value in patterns.items()},
        _paths=tuple((_path_pattern(path), name) for path, name in file.paths.items()),
        _own_paths={
            identifier: tuple((_path_pattern(path), name) for path, name in entry.formats.items())
            for identifier, entry in file.providers.items()
            if entry.formats
        },
        _models=tuple((re.compile(translate(glob.lower())), m.origin) for glob, m in file.models.items()),
        _hosts=tuple(
            (host.lower(), entry.regions) for entry in file.providers.values() for host in entry.hosts
        ),
        _bases={
            identifier: entry.hosts[0].lower()
            for identifier, entry in file.providers.items()
            if not entry.hosts[0].startswith(".") and "{" not in entry.hosts[0]
        },
    )


def _path_pattern(path: str) -> re.Pattern[str]:
    """``*`` is any one piece, ``**`` any beginning, ``{model}`` a piece that names the model."""
    expression = re.escape(path)
    for token, regex in ((r"\*\*", ".*"), (r"\*", "[^/]+"), (r"\{model\}", r"(?P<model>[^/:]+(?::[0-9]+)?)")):
        expression = expression.replace(token, regex)
    return re.compile(expression)
