"""ZIP archives, and the office files that are such: OOXML (ECMA-376) and ODF (OASIS OpenDocument).

Of an office file every part is read that is XML, whatever its name or type says: text, headers, notes,
comments, properties, relationships. The cells of workbooks are ``workbooks``'. All other members, such as
pictures and embedded files, are opened like the members of any archive.
"""

from __future__ import annotations

import re
import zipfile
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from outgate.attachments import office_xml, workbooks
from outgate.attachments.archives import taken
from outgate.attachments.opening import Opening, StoppedError, below, named

if TYPE_CHECKING:
    from outgate.attachments.opening import Reader

_ENCRYPTED = 0x1  # APPNOTE, 4.4.4
_TYPES, _ODF = "[Content_Types].xml", "mimetype"
# A part's name -> what people call it; with its number, if it has one.
_CALLED = (
    (re.compile(r"word/document\.xml|content\.xml"), "text"),
    (re.compile(r"ppt/slides/slide(\d{1,5})\.xml"), "slide"),
    (re.compile(r"ppt/notesSlides/notesSlide(\d{1,5})\.xml"), "notes"),
    (re.compile(r"word/header(\d{1,5})\.xml"), "header"),
    (re.compile(r"word/footer(\d{1,5})\.xml"), "footer"),
    (re.compile(r"word/(?:foot|end)notes\.xml"), "notes"),
    (re.compile(r".*comments?\w*(\d{1,5})?\.xml"), "comments"),
    (re.compile(r"docProps/\w+\.xml|meta\.xml"), "properties"),
)


def read(content: bytes, at: str, opening: Opening) -> None:
    """Every member of an archive. Raises zipfile's errors, and StoppedError."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = archive.infolist()
        names = {member.filename for member in members}
        kind = "ooxml" if _TYPES in names else "odf" if _ODF in names and "content.xml" in names else "zip"
        if opening.outermost:
            opening.kind = kind
        notes = [archive.comment, *(note for member in members for note in (member.comment, member.extra))]
        told = [member.filename for member in members]
        told += [note.decode("latin-1") for note in notes if note.isascii() and len(note) > 3]
        opening.say(below(at, "names"), "\n".join(told))
        package = Package(at, opening) if kind != "zip" else None
        for number, member in enumerate(members, 1):
            opening.member()
            if member.is_dir() and not member.file_size:
                continue
            step = called_part(member.filename, number) if package else named("file", member.filename, number)
            called = below(at, step)
            work = partial(_member, archive, member, called, opening, package)
            opening.guarded(work, called, member.file_size)
    if package is not None:
        package.finish(content)


def called_part(name: str, number: int) -> str:
    """What people call a part of an office file."""
    for pattern, word in _CALLED:
        found = pattern.fullmatch(name)
        if found:
            count = found[1] if found.lastindex else None
            return f"{word} {count}" if count else word
    return named("part", name, number)


class Package:
    """The parts of one office file, as they are read."""

    def __init__(self, at: str, opening: Opening) -> None:
        self._at = at
        self._opening = opening
        self._attributes: dict[str, None] = {}
        self._sheets = False
        self._doubtful = False  # it has parts that a library should not be given
        self._shared: list[str] = []

    def part(self, name: str, content: bytes, at: str) -> bool:
        """Read a part; False when it is no XML."""
        if not office_xml.is_xml(content):
            return False
        try:
            read = office_xml.read(content)
        except Exception:
            self._doubtful = True
            raise
        self._attributes.update(read.attributes)
        if read.root == "workbook":
            self._sheets = True
        if read.root == "sst":
            self._shared += read.lines
        else:
            self._opening.say(at, "\n".join(read.lines))
        return True

    def finish(self, content: bytes) -> None:
        """What can be read only now that every part is known."""
        opening, seen = self._opening, set[str]()
        if self._sheets:
            if self._doubtful:
                raise StoppedError("broken")
            workbooks.read(content, self._at, opening, seen)
        left = [line for line in self._shared if line not in seen]
        opening.say(below(self._at, "text"), "\n".join(left))
        opening.say(below(self._at, "attributes"), "\n".join(self._attributes))


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, at: str, opening: Opening, package: Package | None
) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise StoppedError("encrypted")
    with archive.open(member) as stream:
        content = taken(stream, opening)
    if package is None or not package.part(member.filename, content, at):
        opening.open(content, at)


READERS: dict[str, Reader] = {"zip": read}
