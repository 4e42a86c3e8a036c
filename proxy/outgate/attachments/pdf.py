"""PDF (ISO 32000-1), read by pypdf: page by page, then what belongs to no page.

A page's images are read as images are. Of everything else, strings of all objects are taken, which are
form fields, annotations, bookmarks, titles; and the streams that are files, scripts or metadata. What
pypdf passes over with a warning counts as not read.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from pypdf import PageObject, PasswordType, PdfReader
from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    IndirectObject,
    StreamObject,
    TextStringObject,
)

from outgate.attachments import images
from outgate.attachments.opening import Opening, StoppedError, below

if TYPE_CHECKING:
    from outgate.attachments.opening import Reader

_PDF = "application/pdf"
_MOST_OBJECTS = 500_000
_DEEP = 50  # of arrays and dictionaries within one object
_STREAMS = frozenset({"/EF", "/XFA", "/JS", "/Metadata"})  # whose streams are files, forms, scripts, metadata
_PLAIN_FILTERS = frozenset(  # whose images are rows of pixels once they are undone
    {"/FlateDecode", "/LZWDecode", "/ASCIIHexDecode", "/ASCII85Decode", "/RunLengthDecode"}
)
# An image in the middle of what a page draws (ISO 32000-1, 8.9.7).
_INLINE_IMAGE = re.compile(rb"(?:^|\s)BI\s[^\x80-\xff]{0,400}?\sID\s")
_ODD = 0.3  # of a page's characters: fonts that do not say which letters they draw


class _Warned(logging.Handler):
    """Counts what pypdf warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def read(content: bytes, at: str, opening: Opening) -> None:
    """Every page and object of a file. Raises what pypdf does, and StoppedError."""
    logger, warned = logging.getLogger("pypdf"), _Warned()
    logger.addHandler(warned)
    try:
        reader = PdfReader(BytesIO(content))
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
            raise StoppedError("encrypted")
        seen: set[int] = set()
        for number, page in enumerate(reader.pages, 1):
            opening.member()
            where = below(at, f"page {number}")
            opening.guarded(partial(_page, page, where, opening, seen), where, 0, _PDF)
        _objects(reader, at, opening)
    finally:
        logger.removeHandler(warned)
    if warned.count:
        opening.miss(at, _PDF, len(content), "broken")


def _page(page: PageObject, at: str, opening: Opening, seen: set[int]) -> None:
    text = page.extract_text()
    opening.say(at, text)
    contents = page.get_contents()
    if contents is not None and _INLINE_IMAGE.search(contents.get_data()):
        opening.miss(at, _PDF, 0, "unknown")
    letters = text.replace(" ", "").replace("\n", "")
    if sum(map(_is_odd, letters)) > _ODD * len(letters):
        opening.miss(at, _PDF, 0, "unknown")
    for number, image in enumerate(_images(page.get("/Resources"), seen), 1):
        where = below(at, f"image {number}")
        opening.guarded(partial(_image, image, where, opening), where, 0, _PDF)


def _is_odd(character: str) -> bool:
    return (
        character < " "
        or "\x7f" <= character < "\xa0"
        or "\ue000" <= character <= "\uf8ff"
        or character == "\ufffd"
    )


def _images(resources: object, seen: set[int], depth: int = 0) -> Iterator[StreamObject]:
    """The images of a page and of the forms that it draws; each of the file once."""
    if isinstance(resources, IndirectObject):
        resources = resources.get_object()
    if not isinstance(resources, DictionaryObject) or depth > _DEEP:
        return
    drawn = resources.get("/XObject")
    drawn = drawn.get_object() if drawn is not None else {}
    for one in drawn.values() if isinstance(drawn, Mapping) else ():
        found = one.get_object()
        if id(found) in seen or not isinstance(found, StreamObject):
            continue
        seen.add(id(found))
        if found.get("/Subtype") == "/Image":
            yield found
        else:
            yield from _images(found.get("/Resources"), seen, depth + 1)


def _image(image: StreamObject, at: str, opening: Opening) -> None:
    width, height = int(image.get("/Width", 0)), int(image.get("/Height", 0))
    if not images.legible(width, height):
        return
    filters = image.get("/Filter")
    filters = filters.get_object() if filters is not None else None
    names = list(filters) if isinstance(filters, ArrayObject) else [filters] if filters else []
    if names == ["/DCTDecode"]:
        content = image._data
        if not content.startswith(b"\xff\xd8\xff"):
            raise StoppedError("broken")
        images.read(content, at, opening)
        return
    bits, channels = int(image.get("/BitsPerComponent", 1)), _channels(image.get("/ColorSpace"))
    if not _PLAIN_FILTERS.issuperset(names):
        raise StoppedError("unknown")
    pixels = image.get_data()
    opening.spend(len(pixels))
    made = images.portable(pixels, width, height, bits, channels)
    if made is None:
        raise StoppedError("unknown")
    images.read(made, at, opening)


def _channels(space: object) -> int:
    """How many values a pixel has; 0: not a space that is told by that alone."""
    space = space.get_object() if isinstance(space, IndirectObject) else space
    if isinstance(space, ArrayObject) and space:
        family = str(space[0].get_object())
        if family == "/ICCBased" and len(space) > 1:
            profile = space[1].get_object()
            return int(profile.get("/N", 0)) if isinstance(profile, DictionaryObject) else 0
    else:
        family = str(space)
    return {"/DeviceGray": 1, "/CalGray": 1, "/DeviceRGB": 3, "/CalRGB": 3, "None": 1}.get(family, 0)


def _objects(reader: PdfReader, at: str, opening: Opening) -> None:
    """Strings of every object, those of one in one line; and the streams that are no drawing."""
    numbers = {(number, generation) for generation, own in reader.xref.items() for number in own}
    numbers |= {(number, 0) for number in reader.xref_objStm}
    if len(numbers) > _MOST_OBJECTS:
        raise StoppedError("too_large")
    lines: list[str] = []
    streams: dict[int, StreamObject] = {}
    inner = [IndirectObject(number, generation, reader) for number, generation in sorted(numbers) if number]
    lock = reader.trailer.get("/Encrypt")
    lock = None if lock is None else lock.get_object()
    trailer = DictionaryObject({key: value for key, value in reader.trailer.items() if key != "/ID"})
    for root in (trailer, *inner):
        opening.seconds_left()
        found = root.get_object()
        if found is lock:
            continue  # how the file is encrypted: bytes, not words
        strings: list[str] = []
        _strings(found, strings, streams, 0)
        if strings:
            lines.append(" | ".join(strings))
    opening.say(below(at, "fields and notes"), "\n".join(lines))
    for number, stream in enumerate(streams.values(), 1):
        opening.member()
        where = below(at, f"file {number}")
        opening.guarded(partial(_stream, stream, where, opening), where, 0, _PDF)


def _stream(stream: StreamObject, at: str, opening: Opening) -> None:
    content = stream.get_data()
    opening.spend(len(content))
    opening.open(content, at)


def _strings(found: object, strings: list[str], streams: dict[int, StreamObject], depth: int) -> None:
    if depth > _DEEP:
        raise StoppedError("too_large")
    if isinstance(found, TextStringObject):
        strings.append(str(found))
    elif isinstance(found, ByteStringObject):
        text = found.decode("latin-1")
        if text.isprintable():
            strings.append(text)
    elif isinstance(found, DictionaryObject):
        for key, value in found.items():
            if key in _STREAMS:
                _keep(value, streams)
            if not isinstance(value, IndirectObject):
                _strings(value, strings, streams, depth + 1)
    elif isinstance(found, ArrayObject):
        for value in found:
            if not isinstance(value, IndirectObject):
                _strings(value, strings, streams, depth + 1)


def _keep(value: object, streams: dict[int, StreamObject]) -> None:
    """The streams that ``value`` is, or holds. Each object is looked at once: they may lead to each other."""
    left, seen = [value], dict[int, object]()
    while left:
        found = left.pop()
        found = found.get_object() if isinstance(found, IndirectObject) else found
        if id(found) in seen:
            continue
        seen[id(found)] = found
        if isinstance(found, StreamObject):
            streams[id(found)] = found
        elif isinstance(found, DictionaryObject):
            left += reversed(found.values())
        elif isinstance(found, ArrayObject):
            left += reversed(found)


READERS: dict[str, Reader] = {"pdf": read}
