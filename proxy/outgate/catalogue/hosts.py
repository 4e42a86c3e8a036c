"""Host names: how a catalogue spells them, and which of them a connection's host is.

Owns the three forms (``api.x.com`` exactly, ``.x.com`` any host below it, ``a.{region}.x.com`` with
any region) and the look-up, which walks the labels of a name from the right once. It runs on every
connection with names that a client chose. Knows nothing of providers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Self

REGION = "{region}"
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_REGION_TEXT = re.compile(r"[a-z0-9-]+")
_NUMERIC = re.compile(r"[0-9]+")
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")  # what IDNA takes for a dot (RFC 3490, 3.1)
_LONGEST = 253  # characters of a name in DNS (RFC 1035, 2.3.4)


@dataclass(frozen=True, slots=True)
class HostPattern:
    """One spelling of hosts, checked."""

    labels: tuple[str, ...]  # lower case, left to right; one may hold ``{region}``
    below: bool  # any number of labels stand before these
    regions: tuple[str, ...] = ()  # for ``{region}``: those that are known
    region: str | None = None  # stated for a name that spells none

    @classmethod
    def parse(cls, spelling: str, *, regions: tuple[str, ...] = (), region: str | None = None) -> Self:
        """From the YAML's spelling. Raises ValueError saying what is expected instead."""
        text = spelling.strip().lower()
        if "/" in text or ":" in text:
            raise ValueError(f"{spelling!r}: a host name alone is expected, without scheme, port and path")
        if text.startswith("*."):
            raise ValueError(f"{spelling!r}: write {text[1:]!r} for any host below it")
        below = text.startswith(".")
        labels = tuple(text.removeprefix(".").split("."))
        if not all(_LABEL.fullmatch(label.replace(REGION, "r", 1)) for label in labels):
            raise ValueError(f"{spelling!r} is not a host name; one label may hold {REGION}")
        wild = sum(REGION in label for label in labels)
        if wild > 1:
            raise ValueError(f"{spelling!r}: {REGION} may stand once")
        if _NUMERIC.fullmatch(labels[-1]):
            raise ValueError(f"{spelling!r}: only names can be opened; the CA may sign no addresses")
        if (below or wild) and (len(labels) < 2 or any(REGION in label for label in labels[-2:])):
            raise ValueError(f"{spelling!r} is too wide: at least two whole labels must stand at its end")
        if wild and not regions:
            raise ValueError(f"{spelling!r}: `regions` must list the known ones")
        if wild and region:
            raise ValueError(f"{spelling!r}: `region` is for a host that has no {REGION}")
        return cls(labels, below, regions if wild else (), region)

    def names(self) -> Iterator[str]:
        """The names under which all its hosts lie, as far as its regions are known."""
        name = ".".join(self.labels)
        for region in self.regions or ("",):
            yield name.replace(REGION, region)

    @property
    def exact(self) -> bool:
        """Whether it stands for one host."""
        return not self.below and not self.regions

    def __str__(self) -> str:
        return ("." if self.below else "") + ".".join(self.labels)


class Found[Owner](NamedTuple):
    """Whose a host is, and the region that its name states."""

    owner: Owner
    region: str | None


@dataclass(slots=True)
class _Node[Owner]:
    """Everything that ends in the labels on the way here."""

    children: dict[str, _Node[Owner]] = field(default_factory=dict)
    regional: list[tuple[str, str, _Node[Owner]]] = field(default_factory=list)  # before, after {region}
    exact: Found[Owner] | None = None
    below: Found[Owner] | None = None


class HostTable[Owner]:
    """Which owner a host belongs to; the more specific spelling wins: exact, region, below."""

    def __init__(self) -> None:
        self._root: _Node[Owner] = _Node()

    def add(self, pattern: HostPattern, owner: Owner) -> Owner | None:
        """Put a pattern in. Returns the owner who has this very spelling already; then nothing changes."""
        node = self._root
        for label in reversed(pattern.labels):
            if REGION in label:
                before, _, after = label.partition(REGION)
                known = next((child for b, a, child in node.regional if (b, a) == (before, after)), None)
                if known is None:
                    known = _Node()
                    node.regional.append((before, after, known))
                node = known
            else:
                node = node.children.setdefault(label, _Node())
        taken = node.below if pattern.below else node.exact
        if taken is not None:
            return taken.owner
        found = Found(owner, pattern.region)
        if pattern.below:
            node.below = found
        else:
            node.exact = found
        return None

    def find(self, host: str) -> Found[Owner] | None:
        """The owner of a host as a client wrote it: any case, with port or trailing dot, in any script."""
        name = canonical(host)
        if name is None:
            return None
        labels = name.split(".")
        return _walk(self._root, labels, len(labels), None)


def _walk[Owner](node: _Node[Owner], labels: list[str], left: int, region: str | None) -> Found[Owner] | None:
    """The most specific owner among those below ``node``; ``left`` labels are not yet read.

    Goes no deeper than the longest spelling in the table, however long the host.
    """
    if left == 0:
        return _stated(node.exact, region)
    label = labels[left - 1]
    child = node.children.get(label)
    found = _walk(child, labels, left - 1, region) if child is not None else None
    if found is not None:
        return found
    for before, after, child in node.regional:
        text = label[len(before) : len(label) - len(after)]
        if label.startswith(before) and label.endswith(after) and _REGION_TEXT.fullmatch(text):
            found = _walk(child, labels, left - 1, text)
            if found is not None:
                return found
    return _stated(node.below, region)


def _stated[Owner](found: Found[Owner] | None, region: str | None) -> Found[Owner] | None:
    return found._replace(region=region) if found is not None and region is not None else found


def canonical(host: str) -> str | None:
    """A host as DNS would be asked for it; None for addresses and for what no resolver would take.

    Python's resolver maps full-width letters and ideographic dots as IDNA 2003 does, so a host that
    is spelt with them leads to the plain one and must be taken for it.
    """
    if len(host) > 4 * _LONGEST:
        return None
    if not host.isascii():
        host = host.translate(_DOTS)
    name, colon, port = host.partition(":")
    if colon and port and not (port.isascii() and port.isdigit()):
        return None
    name = name.rstrip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            name = unicodedata.normalize("NFKC", name)
            if not name.isascii():
                return None
    name = name.lower()
    return name if name and len(name) <= _LONGEST and "" not in name.split(".") else None
