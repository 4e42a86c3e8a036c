"""Request paths: how servers read them, and which API format they speak.

Owns the templates of a path table: ``/v1/messages`` exactly, ``**/v1/messages`` after any beginning,
``*`` one piece, ``{model}`` a piece that names the model (``{model+}``: also with slashes in it,
``{model=*claude*}``: only one like this). A format is only a name here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import NamedTuple
from urllib.parse import unquote

_WILD = re.compile(r"\{model(?P<plus>\+)?(?:=(?P<glob>[^{}]+))?\}|\*")
_ANY = "**/"


class PathMatch(NamedTuple):
    """What a path says."""

    format: str
    model: str | None


def normalise_path(path: str) -> str:
    """A path as servers tend to read it: decoded, slashes collapsed, dot segments resolved.

    For matching only; what is sent keeps its spelling. Linear in the length of the path.
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


@dataclass(frozen=True, slots=True)
class _Template:
    ending: str  # lower case; what follows the last wild piece: cheaper to compare than the whole
    expression: re.Pattern[str]
    glob: re.Pattern[str] | None  # what the model must look like
    format: str


class PathTable:
    """Templates to formats. Whole paths count before templates with wild pieces, these before tails."""

    def __init__(self, formats: Mapping[str, str]) -> None:
        """``formats``: template -> format name, in order of preference; each checked by ``check``."""
        self._whole: dict[str, str] = {}
        self._tails: dict[str, str] = {}
        self._templates: list[_Template] = []
        for template, name in formats.items():
            rest = template.removeprefix(_ANY)
            if _WILD.search(rest):
                self._templates.append(_compile(template, name))
            elif template == rest:
                self._whole[template.lower()] = name
            else:
                self._tails[rest.lower()] = name
        self._longest_tail = max((tail.count("/") + 1 for tail in self._tails), default=0)

    def find(self, path: str) -> PathMatch | None:
        """The format of a normalised path, and the model when it names one."""
        folded = path.lower()  # some servers (IIS) take any case
        whole = self._whole.get(folded)
        if whole is not None:
            return PathMatch(whole, None)
        for template in self._templates:
            found = template.expression.fullmatch(path) if folded.endswith(template.ending) else None
            if found is None:
                continue
            model = found.groupdict().get("model")
            if template.glob is None or (model and template.glob.match(model.lower())):
                return PathMatch(template.format, model)
        pieces = folded[1:].rsplit("/", self._longest_tail)[-self._longest_tail :] if self._tails else []
        for start in range(len(pieces)):
            tail = self._tails.get("/".join(pieces[start:]))
            if tail is not None:
                return PathMatch(tail, None)
        return None


def check(template: str) -> str:
    """The template itself; ValueError when it could match nothing, or not in linear time."""
    rest = template.removeprefix(_ANY)
    if rest == template and not template.startswith("/"):
        raise ValueError(f"{template!r}: a path begins with / or with {_ANY}")
    if "**" in rest:
        raise ValueError(f"{template!r}: ** may stand at the beginning only; * is any one piece")
    plain = _WILD.sub("x", rest)
    if "{" in plain or "}" in plain:
        raise ValueError(f"{template!r}: the only names are {{model}}, {{model+}} and {{model=GLOB}}")
    if rest.count("{") > 1:
        raise ValueError(f"{template!r}: the model may stand once")
    if rest != template and "{model+" in rest:
        raise ValueError(f"{template!r}: {{model+}} cannot follow {_ANY}")
    rooted = plain if plain.startswith("/") else f"/{plain}"
    if normalise_path(rooted) != rooted or rooted == "/":
        raise ValueError(f"{template!r} matches nothing: paths are compared decoded, without // and query")
    return template


def _compile(template: str, name: str) -> _Template:
    rest = template.removeprefix(_ANY)
    expression = "(?:.*/)?" if rest != template else ""
    glob = None
    end = 0
    for wild in _WILD.finditer(rest):
        expression += re.escape(rest[end : wild.start()])
        end = wild.end()
        if wild[0] == "*":
            expression += "[^/]+"
        else:
            expression += "(?P<model>.+?)" if wild["plus"] else "(?P<model>[^/]+?)"
            glob = re.compile(translate(wild["glob"].lower())) if wild["glob"] else None
    expression += re.escape(rest[end:])
    return _Template(rest[end:].lower(), re.compile(expression, re.IGNORECASE | re.DOTALL), glob, name)
