"""The catalogue itself: host -> provider, request -> format, region and model, model -> origin.

Owns how the shipped file and an administrator's own make one catalogue, and that no host has two
owners. Immutable once built, so a reload makes another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from outgate import shipped
from outgate.catalogue import accounts, schema
from outgate.catalogue.hosts import HostPattern, HostTable
from outgate.catalogue.origins import Developer, Origins
from outgate.catalogue.paths import PathTable, normalise_path
from outgate.catalogue.source import CatalogueError, Problem, Source, did_you_mean, read
from outgate.model import Endpoint, Provider

# A message of an API travels in a POST (a PUT, a PATCH); a GET may become a WebSocket.
_NO_MESSAGE = frozenset({"DELETE", "HEAD", "OPTIONS", "TRACE"})
# Look-ups that are remembered: each request is looked up several times, and few differ. Clients choose what
# they ask for, so neither their number nor their length is theirs to choose.
_REMEMBERED = 1024
_LONGEST = 256  # characters of host and path


@dataclass(frozen=True, slots=True)
class _Entry:
    """A provider and what is known of its hosts."""

    provider: Provider
    hosts: tuple[HostPattern, ...]
    paths: PathTable | None  # its own, before those of all


@dataclass(frozen=True, slots=True)
class _Given:
    """An entry as a file gives it, and the file, for what may be wrong with it."""

    source: Source
    id: str
    entry: schema.ProviderEntry

    def problem(self, message: str, host: int) -> Problem:
        return self.source.problem(("providers", self.id, "hosts", host), message)


class Catalogue:
    """Look-ups over all providers."""

    def __init__(
        self, entries: Iterable[_Entry], hosts: HostTable[_Entry], paths: PathTable, origins: Origins
    ) -> None:
        """``load`` makes one."""
        self._entries = {entry.provider.id: entry for entry in entries}
        self._hosts = hosts
        self._paths = paths
        self._origins = origins
        self._found = lru_cache(_REMEMBERED)(self._hosts.find)
        self._identified = lru_cache(_REMEMBERED)(self._identify)
        self.providers: Mapping[str, Provider] = MappingProxyType(
            {identifier: entry.provider for identifier, entry in self._entries.items()}
        )

    @classmethod
    def load(cls, *, extra: Path | None = None) -> Catalogue:
        """The shipped catalogue with the administrator's ``extra`` on top. Raises CatalogueError."""
        files = [shipped.policies() / "catalogue" / "providers.yaml"]
        return _build([read(file) for file in (*files, *([extra] if extra else []))])

    def provider_of(self, host: str) -> Provider | None:
        """The provider that answers at ``host`` (any case, port and trailing dot allowed), or None."""
        found = self._found(host) if len(host) <= _LONGEST else self._hosts.find(host)
        return found.owner.provider if found else None

    def identify(self, host: str, path: str, method: str = "POST") -> Endpoint | None:
        """Provider, format, region and model of a request; None for hosts we do not know."""
        short = len(host) + len(path) <= _LONGEST
        return self._identified(host, path, method) if short else self._identify(host, path, method)

    def _identify(self, host: str, path: str, method: str) -> Endpoint | None:
        found = self._hosts.find(host)
        if found is None:
            return None
        plain = normalise_path(path)
        matched = found.owner.paths.find(plain) if found.owner.paths else None
        matched = matched or self._paths.find(plain)
        if matched is None:
            return Endpoint(found.owner.provider, "generic", found.region)
        name = "generic" if method.upper() in _NO_MESSAGE else matched.format
        return Endpoint(found.owner.provider, name, found.region, matched.model)

    def hosts(self) -> Iterator[HostPattern]:
        """The spelling of every host of every provider."""
        for entry in self._entries.values():
            yield from entry.hosts

    def base_host(self, provider: str) -> str | None:
        """The host of a provider's base URL: the first of its hosts, when that is one whole name."""
        entry = self._entries.get(provider)
        return str(entry.hosts[0]) if entry and entry.hosts[0].exact else None

    def example_host(self, provider: str) -> str | None:
        """A host as ``provider`` has them, to show what is expected; None for an unknown provider."""
        entry = self._entries.get(provider)
        if entry is None:
            return None
        pattern = entry.hosts[0]
        return ("your-own." if pattern.below else "") + next(pattern.names())

    def model_origin(self, model: str | None) -> str | None:
        """ISO country of the organisation that trained ``model``, as far as its name says."""
        return self._origins.of(model) if model else None

    def constraint_names(self) -> tuple[str, ...]:
        """The DNS names that a CA limited to these hosts must permit; none lies under another.

        A name constraint covers its name and all below it (RFC 5280, 4.2.1.10) and knows no
        patterns, so regions are counted out.
        """
        names = {name for entry in self._entries.values() for host in entry.hosts for name in host.names()}
        return tuple(sorted(name for name in names if names.isdisjoint(_parents(name))))


def _parents(name: str) -> Iterator[str]:
    while name := name.partition(".")[2]:
        yield name


def _build(sources: list[Source]) -> Catalogue:
    """One catalogue of several files; what a later one says counts first."""
    given: dict[str, _Given] = {}
    paths: dict[str, str] = {}
    models: dict[str, Developer] = {}
    problems: list[Problem] = []
    for source in sources:
        file, wrong = schema.validate(source)
        problems += wrong
        for index, identifier in enumerate(file.remove):
            if given.pop(identifier, None) is None:
                message = f"no provider is called {identifier!r}{did_you_mean(identifier, given)}"
                problems.append(source.problem(("remove", index), message))
        given |= {key: _Given(source, key, entry) for key, entry in file.providers.items()}
        paths = _before(file.paths, paths)
        models = _before({name: _developer(name, entry) for name, entry in file.models.items()}, models)
    if problems:
        raise CatalogueError(problems)
    entries, hosts = _entries(given)
    return Catalogue(entries, hosts, PathTable(paths), Origins(models.values()))


def _before[Value](first: Mapping[str, Value], then: Mapping[str, Value]) -> dict[str, Value]:
    return {**first, **{key: value for key, value in then.items() if key not in first}}


def _developer(name: str, entry: schema.DeveloperEntry) -> Developer:
    names, vendors = (tuple(map(str.lower, texts)) for texts in (entry.names, entry.vendors))
    return Developer(name, entry.origin, names, vendors)


def _entries(given: Mapping[str, _Given]) -> tuple[list[_Entry], HostTable[_Entry]]:
    entries: list[_Entry] = []
    table: HostTable[_Entry] = HostTable()
    problems: list[Problem] = []
    for identifier, one in given.items():
        patterns, wrong = _hosts(one)
        problems += wrong
        provider = Provider(
            id=identifier,
            name=one.entry.name,
            operator=one.entry.operator,
            jurisdiction=one.entry.jurisdiction,
            category=one.entry.category,
            credential_headers=frozenset(one.entry.credentials),
            accounts=accounts.sources(one.entry),
            restrictions=accounts.restrictions(one.entry),
        )
        own = PathTable(one.entry.formats) if one.entry.formats else None
        entry = _Entry(provider, tuple(patterns.values()), own)
        entries.append(entry)
        for index, pattern in patterns.items():
            owner = table.add(pattern, entry)
            if owner is not None:
                problems.append(_taken(one, index, pattern, given[owner.provider.id]))
    if problems:
        raise CatalogueError(problems)
    return entries, table


def _hosts(one: _Given) -> tuple[dict[int, HostPattern], list[Problem]]:
    """The host patterns of an entry by their position, and what is wrong with the others."""
    patterns: dict[int, HostPattern] = {}
    problems: list[Problem] = []
    for index, host in enumerate(one.entry.hosts):
        regions = host.regions or one.entry.regions
        try:
            patterns[index] = HostPattern.parse(host.host, regions=regions, region=host.region)
        except ValueError as error:
            problems.append(one.problem(str(error), index))
    return patterns, problems


def _taken(one: _Given, index: int, pattern: HostPattern, owner: _Given) -> Problem:
    if owner is one:
        return one.problem(f"{pattern} is here twice", index)
    where = f"{owner.source.file}:{owner.source.line(('providers', owner.id), key=True)}"
    remedy = f"use that id to replace it, or `remove: [{owner.id}]`"
    return one.problem(f"{pattern} is {owner.id}'s already ({where}); {remedy}", index)
