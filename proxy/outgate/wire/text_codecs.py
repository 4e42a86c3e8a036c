"""How text is written in bytes, and how an edit of the text is written back.

``rewrite`` touches only the bytes of the edited characters wherever the encoding allows it: escapes
elsewhere keep their spelling. Base64 has no such place, so its whole run is written anew, in the
alphabet, padding and line length it had.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from outgate.wire import WireError, json_document
from outgate.wire.spelling import (
    Edit,
    Run,
    changed,
    json_changes,
    json_text,
    literal_changes,
    places,
    run_changes,
    spliced,
)


@dataclass(frozen=True, slots=True)
class Codec:
    """``decode(raw)`` is the text; ``rewrite(raw, edits)`` the bytes with sorted, disjoint edits."""

    decode: Callable[[bytes], str]
    rewrite: Callable[[bytes, Sequence[Edit]], bytes]


def _run_rewrite(
    runs: Callable[[bytes], Iterable[Run]], encode: Callable[[str], bytes]
) -> Callable[[bytes, Sequence[Edit]], bytes]:
    """A rewrite for encodings in which every code point has its own run of bytes. Linear."""
    return lambda raw, edits: changed(raw, run_changes(runs(raw), encode, edits))


# --- plain text, headers, URLs and forms ---------------------------------------------------------

_ESCAPES = re.compile(rb"(?:%[0-9a-fA-F]{2})++")
# Octets that are no UTF-8 are read as Latin-1, one code point each.
_AS_LATIN1 = {0xDC00 + octet: octet for octet in range(0x80, 0x100)}


def _utf8_runs(raw: bytes) -> Iterator[Run]:
    yield 0, len(raw), raw.decode("utf-8")


def _latin1_encode(text: str) -> bytes:
    return re.sub(r"[\r\n\0]", " ", text).encode("latin-1", "replace")


def _latin1_rewrite(raw: bytes, edits: Sequence[Edit]) -> bytes:
    pieces, position = [], 0
    for start, end, replacement in edits:
        pieces += [raw[position:start], _latin1_encode(replacement)]
        position = end
    pieces.append(raw[position:])
    return b"".join(pieces)


def _percent_decode(raw: bytes) -> str:
    """The octets as UTF-8, whether each is written ``%XX`` or as it is; a stray ``%`` stays."""
    text = unquote_to_bytes(raw).decode("utf-8", "surrogateescape")
    return text if text.isascii() else text.translate(_AS_LATIN1)


def _form_decode(raw: bytes) -> str:
    return _percent_decode(raw.replace(b"+", b" "))


def _percent_rewrite(raw: bytes, edits: Sequence[Edit]) -> bytes:
    if not edits:
        return raw
    octets = unquote_to_bytes(raw)
    wanted = sorted({offset for start, end, _ in edits for offset in (start, end)})
    text = octets.decode("utf-8", "surrogateescape")
    in_octets = places([(0, len(octets), text)], wanted)
    in_raw = _octet_places(raw, sorted(set(in_octets.values())))
    pieces, position = [], 0
    for start, end, replacement in edits:
        pieces += [raw[position : in_raw[in_octets[start]]], _percent_encode(replacement)]
        position = in_raw[in_octets[end]]
    pieces.append(raw[position:])
    return b"".join(pieces)


def _octet_places(raw: bytes, wanted: Sequence[int]) -> dict[int, int]:
    """Where in the raw bytes the octets at ``wanted`` (sorted offsets) are written."""
    places: dict[int, int] = {}
    index, saved = 0, 0  # saved: raw bytes minus octets so far
    for run in _ESCAPES.finditer(raw):
        first = run.start() - saved
        octets = (run.end() - run.start()) // 3
        while index < len(wanted) and wanted[index] < first + octets:
            inside = max(wanted[index] - first, 0)
            places[wanted[index]] = wanted[index] + saved + 2 * inside
            index += 1
        if index == len(wanted):
            return places
        saved += 2 * octets
    for offset in wanted[index:]:
        places[offset] = offset + saved
    return places


def _percent_encode(text: str) -> bytes:
    return quote(text, safe="", errors="replace").encode("ascii")


def _utf8_encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


# --- transfer encodings --------------------------------------------------------------------------


def _base64_decode(raw: bytes) -> str:
    return base64_bytes(raw).decode("utf-8")


def base64_bytes(raw: bytes) -> bytes:
    """The bytes of a base64 run in either alphabet, wrapped or not, padded or not.

    Raises WireError 400 when it is none.
    """
    compact = raw.translate(bytes.maketrans(b"-_", b"+/"), b" \t\r\n").rstrip(b"=")
    try:
        return base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except binascii.Error:
        raise WireError(400, "bad_base64", "A base64 value cannot be decoded.") from None


def _base64_rewrite(raw: bytes, edits: Sequence[Edit]) -> bytes:
    if not edits:
        return raw
    encoded = base64.b64encode(spliced(_base64_decode(raw), edits).encode("utf-8", "replace"))
    if b"-" in raw or b"_" in raw:
        encoded = encoded.translate(bytes.maketrans(b"+/", b"-_"))
    lines = raw.split(b"\n")
    if not raw.rstrip().endswith(b"=") and len(raw.translate(None, b" \t\r\n=")) % 4:
        encoded = encoded.rstrip(b"=")
    if len(lines) > 1:
        width, end = len(lines[0].rstrip(b"\r")), b"\r\n" if lines[0].endswith(b"\r") else b"\n"
        encoded = end.join(encoded[i : i + width] for i in range(0, len(encoded), max(width, 4)))
        encoded += end if raw.endswith(b"\n") else b""
    return encoded


def _quoted_printable_decode(raw: bytes) -> str:
    return quopri.decodestring(raw).decode("utf-8")


def _quoted_printable_rewrite(raw: bytes, edits: Sequence[Edit]) -> bytes:
    if not edits:
        return raw
    return quopri.encodestring(spliced(_quoted_printable_decode(raw), edits).encode("utf-8", "replace"))


CODECS: Mapping[str, Codec] = {
    "json_string": Codec(json_text, lambda raw, edits: changed(raw, json_changes(raw, edits))),
    "json_number": Codec(
        lambda raw: raw.decode("ascii"), lambda raw, edits: changed(raw, literal_changes(raw, edits))
    ),
    "json_value": Codec(
        json_document.value_decoded,
        lambda raw, edits: changed(raw, json_document.value_changes(raw, edits)) if edits else raw,
    ),
    "json_document": Codec(
        json_document.decoded, lambda raw, edits: changed(raw, json_document.changes(raw, edits))
    ),
    "utf8": Codec(lambda raw: raw.decode("utf-8"), _run_rewrite(_utf8_runs, _utf8_encode)),
    "latin1": Codec(lambda raw: raw.decode("latin-1"), _latin1_rewrite),
    "percent": Codec(_percent_decode, _percent_rewrite),
    "form": Codec(_form_decode, _percent_rewrite),
    "base64": Codec(_base64_decode, _base64_rewrite),
    "quoted_printable": Codec(_quoted_printable_decode, _quoted_printable_rewrite),
}
