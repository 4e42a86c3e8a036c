"""The language that templates are written in, and nothing of what their fields mean.

A file holds templates, each after a header line::

    ===== kind=e-mail locale=en_US,en_GB suffix=.eml
    Dear «a=person»,
    «a.first», please call «phone».

``«name»`` or ``«name:argument»`` is a value; ``«a=name»`` keeps it under ``a``, after which ``«a»`` is it
again and ``«a.what»`` another form of it. Whole lines repeat::

    «loop 3-9»          the lines up to «end», so often
    «any 20-60»         one of the lines up to «end», drawn anew so often

``benign`` in the header: the text holds nothing that should be found. ``split``: every line of the template is
a template of its own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .document import Document, Set, Span, Value

_FIELD = re.compile(
    r"«(?:(?P<keep>[a-z]\w*)=)?(?P<name>[a-z]\w*)(?::(?P<argument>[^».]*))?(?:\.(?P<form>\w+))?»"
)
_BLOCK = re.compile(r"\s*«(?P<what>loop|any) (?P<least>\d+)-(?P<most>\d+)»\s*")
_END = "«end»"
_HEADER = "===== "


class TemplateError(Exception):
    """A template that cannot be read or filled in; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template and where it stands."""

    id: str
    kind: str
    body: str
    locales: tuple[str, ...] = ()
    suffix: str = ".txt"
    benign: bool = False
    times: float = 1.0  # how often it is used, in those of others


class Fields(Protocol):
    """Gives the values of one document's fields, remembering those that it is asked to keep."""

    def value(self, name: str, form: str | None, argument: str | None, keep: str | None) -> Value:
        """Raises KeyError for a field that there is not."""


def load(folder: Path, which: Set) -> list[Template]:
    """The templates of a set, by file name and place. Raises TemplateError."""
    found: list[Template] = []
    for file in sorted((folder / which).glob("*.txt")):
        for number, chunk in enumerate(re.split(r"(?m)^===== ", file.read_text("utf-8"))[1:]):
            header, _, body = chunk.partition("\n")
            found.extend(_templates(f"{which}/{file.stem}#{number}", header, body.rstrip("\n")))
    return found


def _templates(place: str, header: str, body: str) -> Iterator[Template]:
    facts = dict(word.partition("=")[::2] for word in header.split())
    if "kind" not in facts or facts.keys() - {"kind", "locale", "suffix", "benign", "split", "times"}:
        raise TemplateError(f"{place}: a header says kind=, and nothing unknown: {header}")
    locales = tuple(facts.get("locale", "").split(",")) if "locale" in facts else ()
    bodies = [line for line in body.splitlines() if line.strip()] if "split" in facts else [body]
    for number, own in enumerate(bodies):
        yield Template(
            id=f"{place}.{number}" if "split" in facts else place,
            kind=facts["kind"],
            body=own,
            locales=locales,
            suffix=facts.get("suffix", ".txt"),
            benign="benign" in facts,
            times=float(facts.get("times", 1)),
        )


def render(template: Template, id: str, language: str, source: random.Random, fields: Fields) -> Document:  # noqa: A002
    """``template`` filled in. Raises TemplateError."""
    out: list[str] = []
    spans: list[Span] = []
    length = 0
    for line in _lines(template, source):
        position = 0
        for found in _FIELD.finditer(line):
            out.append(line[position : found.start()])
            length += found.start() - position
            position = found.end()
            try:
                value = fields.value(found["name"], found["form"], found["argument"], found["keep"])
            except KeyError as error:
                raise TemplateError(f"{template.id}: no field {found[0]}: {error}") from None
            out.append(value.text)
            spans.extend(
                Span(length + span.start, length + span.end, span.entity, span.optional)
                for span in value.spans
            )
            length += len(value.text)
        out.append(line[position:] + "\n")
        length += len(line) - position + 1
    text = "".join(out).removesuffix("\n")
    if "«" in text or "»" in text:
        raise TemplateError(
            f"{template.id}: a field is not spelled as one: {text[max(0, text.find('«')) :][:60]}"
        )
    if template.benign and any(not span.optional for span in spans):
        raise TemplateError(f"{template.id}: a benign template has a sensitive field")
    return Document(id, template.kind, text, tuple(spans), language, template.suffix, template.benign)


def _lines(template: Template, source: random.Random) -> Iterator[str]:
    lines = iter(template.body.split("\n"))
    for line in lines:
        block = _BLOCK.fullmatch(line)
        if not block:
            yield line
            continue
        body = _until_end(template, lines)
        times = source.randint(int(block["least"]), int(block["most"]))
        for _ in range(times):
            yield from body if block["what"] == "loop" else [source.choice(body)]


def _until_end(template: Template, lines: Iterator[str]) -> list[str]:
    body: list[str] = []
    for line in lines:
        if line.strip() == _END:
            return body
        body.append(line)
    raise TemplateError(f"{template.id}: a block without {_END}")
