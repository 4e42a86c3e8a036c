"""One XML part of an office file as lines of text: a paragraph is one, and so is a row of a table.

Parsed by lxml with neither entities nor DTD nor network; a part with a document type is none that an
office program wrote (ECMA-376, Part 2, 9.1.4, forbids it), and is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from outgate.attachments.opening import StoppedError

_OPENS = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[?!A-Za-z]|\xff\xfe<\x00|\xfe\xff\x00<")
# By local name, in either family of formats.
_PARAGRAPHS = frozenset("p h si delText instrText".split())
_ROWS = frozenset("tr table-row".split())
_CELLS = frozenset("tc table-cell covered-table-cell".split())
_SPACES = {"tab": "\t", "br": "\n", "cr": "\n", "line-break": "\n", "s": " ", "noBreakHyphen": "-"}
_CELL, _FORMULA = "c", "f"  # of a worksheet; ``workbooks`` reads cells as rows, but for their formulas
# Parts of a program's own words, fonts and styles: only what cannot be one of these is told.
_PROGRAMS = frozenset("theme styles styleSheet fonts webSettings tblStyleLst document-styles".split())
_TELLING = re.compile(r".*@|.*\d{9}|.{60}", re.DOTALL)
# An attribute worth reading is no number, no id and no single word of the format's own.
_WORTH = re.compile(r".*[\s@/:\\]|.{12}|.*\d{7}|[^a-z]*[A-Z][a-z]", re.DOTALL)
_WORTHLESS = re.compile(
    r"http://(?:schemas|purl|www\.w3)\.[^\s]*|\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?"
)
_OWN = frozenset("type rsidR rsidRDefault rsidP rsidRPr rsidTr rsidSect paraId textId".split())


@dataclass(slots=True)
class Part:
    """What a part says."""

    root: str  # local name
    lines: list[str] = field(default_factory=list)
    attributes: dict[str, None] = field(default_factory=dict)  # values, in order, each once


def is_xml(content: bytes) -> bool:
    """Whether a part begins as XML does."""
    return _OPENS.match(content) is not None


def read(content: bytes) -> Part:
    """The text of a part, and its attributes that say something. Linear. Raises lxml's errors, and StoppedError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(content, parser)
    if root.getroottree().docinfo.doctype:
        raise StoppedError("broken")
    part = Part(_local(root))
    _Lines(part).walk(root)
    return part


class _Lines:
    """Text put together. What stands within a paragraph and is one itself comes after it."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._open: list[list[str]] = []  # paragraphs, innermost last
        self._rows: list[list[str]] = []
        self._sheet = part.root == "worksheet"
        self._in_cell = False
        self._worth = _TELLING if part.root in _PROGRAMS else _WORTH

    def walk(self, root: etree._Element) -> None:
        for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
            if event in ("comment", "pi"):
                self._line(element.text or "")
                self._take(element.tail)
                continue
            name = _local(element)
            if event == "start":
                self._start(name, element)
            else:
                self._end(name)
                self._take(element.tail)

    def _start(self, name: str, element: etree._Element) -> None:
        for key, value in element.attrib.items():
            if (
                key.rpartition("}")[2] not in _OWN
                and self._worth.match(value)
                and not _WORTHLESS.fullmatch(value)
            ):
                self._part.attributes[value] = None
        if name in _PARAGRAPHS:
            self._open.append([])
        elif name in _ROWS:
            self._rows.append([])
        elif name in _SPACES:
            self._add(_SPACES[name])
        if self._sheet and name == _CELL:
            self._in_cell = True
        if not self._in_cell or name == _FORMULA:
            self._take(element.text)

    def _end(self, name: str) -> None:
        if name in _PARAGRAPHS and self._open:
            self._line("".join(self._open.pop()))
        elif name in _CELLS and self._rows:
            self._rows[-1].append("\t")
        elif name == _CELL:
            self._in_cell = False
        elif name in _ROWS and self._rows:
            row = "".join(self._rows.pop()).strip()
            if row:
                self._put(row)

    def _take(self, text: str | None) -> None:
        if not text or ("\n" in text and not text.strip()):
            return  # between elements, for the eye
        self._add(text)

    def _add(self, text: str) -> None:
        if self._open:
            self._open[-1].append(text)
        elif text.strip():
            self._line(text)

    def _line(self, text: str) -> None:
        if text.strip():
            self._put(text)

    def _put(self, text: str) -> None:
        if self._rows:
            self._rows[-1].append(f"{text} ")
        else:
            self._part.lines.append(text)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
