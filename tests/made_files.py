"""Documents that tests send: made when they are wanted, of the text they are to hold."""

from __future__ import annotations

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from html import escape
from io import BytesIO

from openpyxl import Workbook
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, NumberObject


def pdf(*pages: str, password: str | None = None) -> bytes:
    """A page for each text, a line of it a line there."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(595, 842)
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        lines = " T* ".join(f"({line}) Tj" for line in text.splitlines())
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 14 TL 50 800 Td {lines} ET".encode("latin-1"))
        page[NameObject("/Contents")] = writer._add_object(stream.flate_encode())
    if password is not None:
        writer.encrypt(password, algorithm="AES-256")
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


def word(*paragraphs: str, header: str = "", comment: str = "", media: bytes = b"") -> bytes:
    """A Word document. A ``|`` in a paragraph is where one run ends and the next begins."""
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

    def written(text: str) -> str:
        runs = "".join(
            f"<w:r><w:rPr><w:b/></w:rPr><w:t>{escape(run)}</w:t></w:r>\n" for run in text.split("|")
        )
        return f'<w:p w:rsidR="00AB12CD">\n{runs}</w:p>'

    parts = {
        "[Content_Types].xml": "<Types/>",
        "word/document.xml": f"<w:document {w}><w:body>{''.join(map(written, paragraphs))}</w:body></w:document>",
    }
    if header:
        parts["word/header1.xml"] = f"<w:hdr {w}>{written(header)}</w:hdr>"
    if comment:
        parts["word/comments.xml"] = f"<w:comments {w}><w:comment>{written(comment)}</w:comment></w:comments>"
    return packed({**parts, **({"word/media/image1.png": media} if media else {})})


def slides(*texts: str, notes: str = "") -> bytes:
    """A presentation, with notes on its first slide."""
    spaces = (
        'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    )

    def written(text: str) -> str:
        return f"<p:sld {spaces}><a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p></p:sld>"

    parts = {f"ppt/slides/slide{number}.xml": written(text) for number, text in enumerate(texts, 1)}
    if notes:
        parts["ppt/notesSlides/notesSlide1.xml"] = written(notes)
    return packed({"[Content_Types].xml": "<Types/>", **parts})


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """A workbook: sheet names and their rows."""
    book, made = Workbook(), BytesIO()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(made)
    return made.getvalue()


def open_document(*rows: Sequence[str]) -> bytes:
    """An OpenDocument text: a table."""
    spaces = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    )
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>".format
    table = "".join(
        f"<table:table-row>{''.join(cell(escape(one)) for one in row)}</table:table-row>" for row in rows
    )
    content = f"<office:document-content {spaces}>{table}</office:document-content>"
    return packed({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def mail(text: str, files: Mapping[str, bytes], subject: str = "Hello") -> bytes:
    """A mail with attached files."""
    message = EmailMessage()
    message["Subject"], message["From"] = subject, "a@example.org"
    message.set_content(text)
    for name, content in files.items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def packed(members: Mapping[str, str | bytes], comment: bytes = b"") -> bytes:
    """A ZIP archive."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def tape(members: Mapping[str, bytes], comment: str = "") -> bytes:
    """A tar archive."""
    made = BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_700_000_000.25
            if comment:
                info.pax_headers = {"comment": comment}
            archive.addfile(info, BytesIO(content))
    return made.getvalue()


def locked(content: bytes) -> bytes:
    """A ZIP archive whose members all say that they are encrypted."""
    made = bytearray(content)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = made.find(mark)
        while at >= 0:
            made[at + offset] |= 1
            at = made.find(mark, at + 4)
    return bytes(made)


# Digits and a space, seven rows of five dots each.
_FONT = {
    "0": "01110 10001 10001 10001 10001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00010 00100 01000 11111",
    "3": "11111 00010 00100 00010 00001 10001 01110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
    " ": "00000 00000 00000 00000 00000 00000 00000",
}


def pixels(digits: str, scale: int = 6, margin: int = 40) -> tuple[int, int, bytes]:
    """A line of digits as grey pixels, black on white: width, height, rows."""
    rows = [
        "0".join(_FONT[digit].split()[row] for digit in digits)
        .replace("1", "\0" * scale)
        .replace("0", "\xff" * scale)
        for row in range(7)
    ]
    white = "\xff" * margin
    lines = [f"{white}{row}{white}".encode("latin-1") for row in rows for _ in range(scale)]
    width = len(lines[0])
    blank = [b"\xff" * width] * margin
    lines = [*blank, *lines, *blank]
    return width, len(lines), b"".join(lines)


def png(digits: str) -> bytes:
    """A picture of digits."""
    width, height, rows = pixels(digits)
    lines = b"".join(b"\0" + rows[at : at + width] for at in range(0, len(rows), width))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def scanned_pdf(digits: str) -> bytes:
    """A page that is a picture of digits, and nothing else."""
    width, height, rows = pixels(digits)
    writer, image = PdfWriter(), DecodedStreamObject()
    page = writer.add_blank_page(595, 842)
    image.set_data(rows)
    image = image.flate_encode()
    image.update(
        {
            NameObject("/Type"): NameObject("/XObject"),
            NameObject("/Subtype"): NameObject("/Image"),
            NameObject("/Width"): NumberObject(width),
            NameObject("/Height"): NumberObject(height),
            NameObject("/BitsPerComponent"): NumberObject(8),
            NameObject("/ColorSpace"): NameObject("/DeviceGray"),
        }
    )
    drawn = DictionaryObject({NameObject("/Im1"): writer._add_object(image)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): drawn})
    content = DecodedStreamObject()
    content.set_data(b"q 500 0 0 60 40 700 cm /Im1 Do Q")
    page[NameObject("/Contents")] = writer._add_object(content)
    made = BytesIO()
    writer.write(made)
    return made.getvalue()
