"""How text is written in bytes, and how an edit of the text is written back.

``rewrite`` touches only the bytes of the edited characters wherever the encoding allows it: escapes
elsewhere keep their spelling. Base64 has no such place, so its whole run is written anew, in the
alphabet, padding and line length it had.
"""

from __future__ import annotations

import base64
import binascii
import json
import quopri
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from outgate.wire import WireError

Edit = tuple[int, int, str]  # start and end in code points of the decoded text, replacement


@dataclass(frozen=True, slots=True)
class Codec:
    """``decode(raw)`` is the text; ``rewrite(raw, edits)`` the bytes with sorted, disjoint edits."""

    decode: Callable[[bytes], str]
    rewrite: Callable[[bytes, Sequence[Edit]], bytes]


# A stretch of raw bytes and the text it holds. Within a stretch of several code points each stands as
# its own UTF-8 bytes (one surrogate: one byte that is no UTF-8); an escape is a stretch of one.
_Run = tuple[int, int, str]


def _run_rewrite(
    runs: Callable[[bytes], Iterable[_Run]], encode: Callable[[str], bytes]
) -> Callable[[bytes, Sequence[Edit]], bytes]:
    """A rewrite for encodings in which every code point has its own run of bytes. Linear."""

    def rewrite(raw: bytes, edits: Sequence[Edit]) -> bytes:
        if not edits:
            return raw
        wanted = sorted({offset for start, end, _ in edits for offset in (start, end)})
        places = _places(runs(raw), wanted)
        pieces, position = [], 0
        for start, stop, replacement in edits:
            pieces += [raw[position : places[start]], encode(replacement)]
            position = places[stop]
        pieces.append(raw[position:])
        return b"".join(pieces)

    return rewrite


def _places(runs: Iterable[_Run], wanted: Sequence[int]) -> dict[int, int]:
    """Where in the raw bytes the code points at ``wanted`` (sorted offsets) begin."""
    places: dict[int, int] = {}
    index, count, last = 0, 0, 0
    for byte_start, byte_end, text in runs:
        last = byte_end
        if index == len(wanted):
            return places
        done, at = 0, byte_start
        while index < len(wanted) and wanted[index] < count + len(text):
            step = wanted[index] - count
            at += len(text[done:step].encode("utf-8", "surrogateescape"))
            done = step
            places[wanted[index]] = at
            index += 1
        count += len(text)
    if index < len(wanted) and wanted[index] == count:
        places[count] = last
    return places


# --- JSON strings and numbers -------------------------------------------------------------------

_JSON_RUN = re.compile(
    rb"[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.",
    re.DOTALL,
)


def _json_runs(raw: bytes) -> Iterator[_Run]:
    for found in _JSON_RUN.finditer(raw, 1, len(raw) - 1):
        start, end = found.span()
        yield start, end, "\\" if raw[start] == 0x5C else raw[start:end].decode("utf-8")
    yield len(raw) - 1, len(raw) - 1, ""


def _json_decode(raw: bytes) -> str:
    return str(json.loads(raw, strict=False))


def _json_encode(text: str) -> bytes:
    return json.dumps(text)[1:-1].encode("ascii")


def _number_rewrite(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """An edited number is a number no more: it becomes a JSON string of the edited spelling."""
    return raw if not edits else json.dumps(_splice(raw.decode("ascii"), edits)).encode("ascii")


def _splice(text: str, edits: Sequence[Edit]) -> str:
    pieces, position = [], 0
    for start, end, replacement in edits:
        pieces += [text[position:start], replacement]
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


# --- plain text, headers, URLs and forms ---------------------------------------------------------

_ESCAPES = re.compile(rb"(?:%[0-9a-fA-F]{2})++")
# Octets that are no UTF-8 are read as Latin-1, one code point each.
_AS_LATIN1 = {0xDC00 + octet: octet for octet in range(0x80, 0x100)}


def _utf8_runs(raw: bytes) -> Iterator[_Run]:
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
    in_octets = _places([(0, len(octets), text)], wanted)
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
    encoded = base64.b64encode(_splice(_base64_decode(raw), edits).encode("utf-8", "replace"))
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
    return quopri.encodestring(_splice(_quoted_printable_decode(raw), edits).encode("utf-8", "replace"))


CODECS: Mapping[str, Codec] = {
    "json_string": Codec(_json_decode, _run_rewrite(_json_runs, _json_encode)),
    "json_number": Codec(lambda raw: raw.decode("ascii"), _number_rewrite),
    "utf8": Codec(lambda raw: raw.decode("utf-8"), _run_rewrite(_utf8_runs, _utf8_encode)),
    "latin1": Codec(lambda raw: raw.decode("latin-1"), _latin1_rewrite),
    "percent": Codec(_percent_decode, _percent_rewrite),
    "form": Codec(_form_decode, _percent_rewrite),
    "base64": Codec(_base64_decode, _base64_rewrite),
    "quoted_printable": Codec(_quoted_printable_decode, _quoted_printable_rewrite),
}
