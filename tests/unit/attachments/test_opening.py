"""What is read of files of each kind, and what is told of what is not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject

import made_files
from outgate.attachments import Extracted
from outgate.attachments.config import ExtractorConfig, Limits
from outgate.attachments.kinds import KINDS, kinds_of
from outgate.attachments.opening import read
from outgate.dlp.examples import fake
from outgate.formats import plain
from outgate.transform.places import safe
from programs import program

CARD = fake("CREDIT_CARD")
CONFIG = ExtractorConfig()


def extracted(content: bytes, **limits: int) -> Extracted:
    return read(content, replace(CONFIG, limits=replace(Limits(), **limits)), 30)


def where(content: bytes, wanted: str = CARD) -> list[str]:
    """The labels of the passages that hold ``wanted``."""
    return [passage.label for passage in extracted(content).passages if wanted in passage.text]


def missed(content: bytes, **limits: int) -> list[tuple[str, str]]:
    return [(gap.label, gap.reason) for gap in extracted(content, **limits).gaps]


WORD = made_files.word("Dear all", f"card {CARD}")
SHEET = made_files.workbook({"Summary": [["x"]], "Payroll": [["name", "card"], ["Ann", CARD]]})
FILES: dict[str, tuple[bytes, list[str]]] = {
    "a page of a PDF": (made_files.pdf("one", f"two {CARD}"), ["page 2"]),
    "a PDF whose password is empty": (made_files.pdf(CARD, password=""), ["page 1"]),
    "a Word document": (WORD, ["text"]),
    "its header": (made_files.word("x", header=CARD), ["header 1"]),
    "its comments": (made_files.word("x", comment=CARD), ["comments"]),
    "a sheet": (SHEET, ["sheet Payroll"]),
    "a slide": (made_files.slides("x", CARD), ["slide 2"]),
    "a slide's notes": (made_files.slides("x", notes=CARD), ["notes 1"]),
    "an OpenDocument table": (made_files.open_document(["name"], [CARD]), ["text"]),
    "a file in a mail": (made_files.mail("x", {"a.docx": WORD}), ["file a.docx, text"]),
    "a subject": (made_files.mail("x", {"a": b"x"}, subject=f"ö {CARD}"), ["headers"]),
    "a file in an archive": (made_files.packed({"old/a.xlsx": SHEET}), ["file a.xlsx, sheet Payroll"]),
    "a name in an archive": (made_files.packed({f"{CARD}.txt": "x"}), ["names"]),
    "an archive's comment": (made_files.packed({"a": "x"}, comment=CARD.encode()), ["names"]),
    "a tar archive": (made_files.tape({"a.txt": CARD.encode()}), ["file a.txt"]),
    "a tar archive's comment": (made_files.tape({"a.txt": b"x"}, comment=CARD), ["names"]),
    "a compressed file's comment": (
        b"\x1f\x8b\x08\x18" + bytes(6) + b"a.txt\0" + CARD.encode() + b"\0" + gzip.compress(b"x")[10:],
        ["names"],
    ),
    "UTF-16 in an archive": (made_files.packed({"a.txt": CARD.encode("utf-16")}), ["file a.txt"]),
}


@pytest.mark.parametrize(("content", "labels"), FILES.values(), ids=FILES)
def test_what_stands_anywhere_in_a_file_is_read_and_where_is_told(content: bytes, labels: list[str]) -> None:
    assert where(content) == labels
    assert missed(content) == []
    assert [safe(f"messages[0].content[1], {label}") for label in labels] == [
        f"messages[0].content[1], {label}" for label in labels
    ]


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
    ids=["gzip", "bzip2", "xz", "zstd"],
)
def test_compressed_files_are_read_with_what_is_in_them(compress: Callable[[bytes], bytes]) -> None:
    assert where(compress(made_files.tape({"a.docx": WORD}))) == ["file 1, file a.docx, text"]
    assert where(compress(b"one ") + compress(CARD.encode())) == ["file 1"]
    assert missed(compress(b"one") + CARD.encode()) == missed(compress(b"one" * 99)[:-4]) == [("", "broken")]


def test_a_run_boundary_within_a_word_does_not_split_it() -> None:
    cut = "|".join((CARD[:3], CARD[3:9], CARD[9:]))
    assert where(made_files.word(f"card {cut} end"), f"card {CARD} end") == ["text"]


def test_a_row_of_a_workbook_is_one_line_below_its_header() -> None:
    content = made_files.workbook(
        {"S": [["name", "card"], ["Ann", 4000_0000_0000_0002], [None, None, "late"]]}
    )
    assert where(content, "name\tcard\nAnn\t4000000000000002\n\t\tlate") == ["sheet S"]


def test_a_workbooks_strings_that_no_cell_shows_and_its_formulas_are_read() -> None:
    shared = f'<sst xmlns="x"><si><t>{CARD}</t></si></sst>'
    assert where(_with(SHEET, "xl/sharedStrings.xml", shared)) == ["sheet Payroll", "text"] or where(
        _with(made_files.workbook({"S": [["x"]]}), "xl/sharedStrings.xml", shared)
    ) == ["text"]
    assert where(made_files.workbook({"S": [[f'="{CARD}"']]})) == ["part sheet1.xml"]


def test_alternative_text_links_and_properties_are_read_from_attributes() -> None:
    part = f'<a xmlns:w="x"><docPr descr="card {CARD}"/><r Target="mailto:ann@corp.example"/></a>'
    content = _with(WORD, "word/_rels/document.xml.rels", part)
    assert "attributes" in where(content)
    assert where(content, "mailto:ann@corp.example") == ["attributes"]


def test_form_fields_notes_and_titles_of_a_pdf_are_read_and_files_in_it() -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(made_files.pdf("x"))))
    writer.add_metadata({"/Title": f"title {CARD}"})
    writer.add_attachment("a.docx", WORD)
    made = io.BytesIO()
    writer.write(made)
    assert where(made.getvalue()) == ["fields and notes", "file 1, text"]


def test_objects_of_a_pdf_that_lead_to_each_other_are_looked_at_once() -> None:
    writer = PdfWriter(io.BytesIO(made_files.pdf(CARD)))
    ring = DictionaryObject()
    reference = writer._add_object(ring)
    ring.update({NameObject(name): reference for name in ("/EF", "/F", "/UF")})
    made = io.BytesIO()
    writer.write(made)
    assert where(made.getvalue()) == ["page 1"]
    assert missed(made.getvalue()) == []


def test_a_scanned_page_is_read_as_an_image_is() -> None:
    tesseract = program("tesseract")
    number = "4321 4321 4321 4327"
    config = replace(CONFIG, ocr=tesseract)
    for content, label in ((made_files.png(number), ""), (made_files.scanned_pdf(number), "page 1, image 1")):
        found = read(content, config, 30)
        assert [passage.label for passage in found.passages if number in passage.text] == [label]
        assert found.gaps == ()
    assert missed(made_files.scanned_pdf(number)) == [("page 1, image 1", "no_ocr")]


def test_words_in_an_images_metadata_are_read_in_either_width() -> None:
    for words in (f"card {CARD}".encode(), f"card {CARD}".encode("utf-16-le")):
        assert where(b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00" + words + bytes(30)) == ["metadata"]


def test_what_is_no_image_is_never_given_to_the_program_for_images() -> None:
    # It would take the text for a list of files, and read them.
    told = read(b"/etc/hostname\n", replace(CONFIG, ocr="/bin/false"), 30)
    assert (told.kind, told.passages, told.outcome) == ("unknown", (), "unknown")


def test_a_file_of_two_kinds_is_read_as_both() -> None:
    content = b"GIF89a" + bytes(20) + made_files.pdf(CARD)
    assert kinds_of(content) == ("image", "pdf")
    assert "page 1" in where(content)
    assert where(made_files.pdf("x") + made_files.packed({"a.txt": CARD})) == ["file a.txt"]


UNREAD: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "a PDF with a password": (made_files.pdf("x", password="made up"), [("", "encrypted")]),
    "an encrypted archive": (
        made_files.locked(made_files.packed({"a.txt": "x"})),
        [("file a.txt", "encrypted")],
    ),
    "a PDF that is cut off": (made_files.pdf("x" * 2000)[:-200], [("", "broken")]),
    "an archive that is cut off": (made_files.packed({"a.txt": "x" * 50})[:-30], [("", "broken")]),
    "an image": (made_files.png("1"), [("", "no_ocr")]),
    "a bomb": (gzip.compress(bytes(2**22)), [("", "too_large")]),
    "bytes behind a tar archive": (made_files.tape({"a": b"x"}) + CARD.encode(), [("", "broken")]),
    "a mail whose parts are not where it says": (
        made_files.mail("x", {"a": b"x"}).replace(b"multipart/mixed", b"text/plain"),
        [("", "broken")],
    ),
    "a part with a document type": (
        made_files.packed({"[Content_Types].xml": "<t/>", "word/document.xml": "<!DOCTYPE a><a/>"}),
        [("text", "broken")],
    ),
    "an unknown file in an archive": (
        made_files.packed({"a.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)}),
        [("file a.doc", "unknown")],
    ),
}


@pytest.mark.parametrize(("content", "gaps"), UNREAD.values(), ids=UNREAD)
def test_what_cannot_be_read_is_told_with_its_reason(content: bytes, gaps: list[tuple[str, str]]) -> None:
    assert missed(content, expanded=2**20) == gaps


def test_no_entity_of_an_office_file_is_looked_up() -> None:
    part = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>'
    content = _with(SHEET, "xl/workbook.xml", part)
    assert ("", "broken") in missed(content) or ("part workbook.xml", "broken") in missed(content)


def test_files_within_files_are_bounded_in_depth_number_text_and_size() -> None:
    nested = made_files.packed({"a.txt": "x"})
    for _ in range(8):
        nested = made_files.packed({"a.zip": nested})
    assert [reason for _, reason in missed(nested)] == ["too_large"]
    many = made_files.packed({f"{number}.txt": "x" for number in range(20)})
    assert missed(many, members=10) == [("", "too_large")]
    assert missed(many, text=30)[-1][1] == "too_large"
    assert missed(made_files.packed({"a.txt": "x" * 1000}), expanded=100) == [("file a.txt", "too_large")]


def test_time_that_runs_out_leaves_a_gap() -> None:
    found = read(made_files.pdf("x"), CONFIG, -1)
    assert [gap.reason for gap in found.gaps] == ["timed_out"]


def test_a_name_that_is_no_plain_one_is_not_in_a_label() -> None:
    for name in ("Ann Smith.txt", "../../x\n.txt", "123456789.txt", "a, page 1.txt"):
        assert where(made_files.packed({name: CARD})) == ["file 1"]
    assert safe("part[0], file Ann Smith.docx, page 1") != "part[0], file Ann Smith.docx, page 1"
    assert safe("part[0], file 123456789.docx, page 1") == "part[0], file *.docx, page 1"
    assert safe("part[0], sheet Payroll", {"Payroll"}) == "part[0], sheet *"
    assert safe("part[0], sheet *, page 1") == "part[0], sheet *, page 1"


# Of a comment that is cut short nothing is left unread.
SOUND = [content for name, (content, _) in FILES.items() if name != "an archive's comment"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SOUND),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4),
    st.floats(0.2, 1),
)
def test_a_damaged_file_is_read_or_told_and_never_raises(
    content: bytes, flips: list[tuple[float, int]], kept: float
) -> None:
    damaged = bytearray(content[: max(1, int(kept * len(content)))])
    for at, mask in flips:
        damaged[int(at * len(damaged))] ^= mask
    found = extracted(bytes(damaged))
    assert found.kind in KINDS
    if len(damaged) <= len(content) - 8 and found.kind != "tar":  # whose end is zeros for nobody
        assert found.gaps


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_have_a_kind_and_do_not_raise(content: bytes) -> None:
    assert set(kinds_of(content)) <= KINDS
    assert extracted(content).kind in KINDS


def test_a_mail_is_a_text_and_a_file_and_a_text_about_files_is_a_text() -> None:
    assert plain.read(made_files.mail("x", {"a": b"x"})).media_type == plain.MAIL
    assert plain.read(b"Subject: x\n\nplain").media_type is None
    assert plain.read(b"%PDF-1.4 is how a PDF begins").media_type is None


def _with(content: bytes, name: str, part: str) -> bytes:
    """An archive with one member put in, or put in its place."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members: dict[str, str | bytes] = {one: archive.read(one) for one in archive.namelist()}
    return made_files.packed({**members, name: part})
