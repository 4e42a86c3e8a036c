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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from outgate.wire import WireError

Edit = tuple[int, int, str]  # start and end in code points of the decoded text, replacement


@dataclass(frozen=True, slots=True)
class Codec:
    """``decode(raw)`` is the text; ``rewrite(raw, edits)`` the bytes with sorted, disjoint edits."""

    decode: Callable[[bytes], str]
    rewrite: Callable[[bytes, Sequence[Edit]], bytes]


def _unit_rewrite(
    units: Callable[[bytes], Iterator[tuple[int, int]]], encode: Callable[[str], bytes]
) -> Callable[[bytes, Sequence[Edit]], bytes]:
    """A rewrite for encodings in which every code point has its own run of bytes."""

    def rewrite(raw: bytes, edits: Sequence[Edit]) -> bytes:
        if not edits:
            return raw
        wanted = sorted({offset for start, end, _ in edits for offset in (start, end)})
        places: dict[int, int] = {}
        pending, last = iter(wanted), -1
        target = next(pending, None)
        count, byte_end = 0, None
        for byte_start, end in units(raw):
            last, byte_end = end, end
            if target == count:
                places[count] = byte_start
                target = next(pending, None)
            count += 1  # noqa: SIM113 - used after the loop
            if target is None:
                break
        if target is not None:
            places[target] = last if byte_end is not None else _empty_place(raw)
        pieces, position = [], 0
        for start, stop, replacement in edits:
            pieces += [raw[position : places[start]], encode(replacement)]
            position = places[stop]
        pieces.append(raw[position:])
        return b"".join(pieces)

    return rewrite


def _empty_place(raw: bytes) -> int:
    return 1 if raw[:1] == b'"' else 0


# --- JSON strings and numbers -------------------------------------------------------------------

_JSON_UNIT = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u[0-9a-fA-F]{4}|\\.|[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*",
    re.DOTALL,
)


def _json_units(raw: bytes) -> Iterator[tuple[int, int]]:
    for found in _JSON_UNIT.finditer(raw, 1, len(raw) - 1):
        yield found.span()


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

_UTF8_UNIT = re.compile(rb"[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*|[\x80-\xbf]")
_PERCENT_RUN = re.compile(rb"(?:%[0-9a-fA-F]{2})+")


def _regex_units(pattern: re.Pattern[bytes]) -> Callable[[bytes], Iterator[tuple[int, int]]]:
    return lambda raw: (found.span() for found in pattern.finditer(raw))


def _latin1_encode(text: str) -> bytes:
    return re.sub(r"[\r\n\0]", " ", text).encode("latin-1", "replace")


def _percent_units(raw: bytes) -> Iterator[tuple[int, int]]:
    """One span a code point of the decoded text: ``%e2%82%ac`` is one, a stray ``%`` is one."""
    position = 0
    while position < len(raw):
        run = _PERCENT_RUN.match(raw, position)
        if run is None:
            found = _UTF8_UNIT.match(raw, position)
            end = found.end() if found else position + 1
            if _is_utf8(raw[position:end]):
                yield position, end
            else:
                yield from ((index, index + 1) for index in range(position, end))
            position = end
            continue
        octets = binascii.unhexlify(run.group().replace(b"%", b""))
        index = 0
        while index < len(octets):
            width = _utf8_width(octets, index)
            yield position + 3 * index, position + 3 * (index + width)
            index += width
        position = run.end()


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _utf8_width(octets: bytes, index: int) -> int:
    for width in (1, 2, 3, 4):
        if _is_utf8(octets[index : index + width]) and len(octets) >= index + width:
            return width
    return 1


def _percent_decode(raw: bytes) -> str:
    return "".join(_unit_text(raw[start:end]) for start, end in _percent_units(raw))


def _unit_text(unit: bytes) -> str:
    octets = binascii.unhexlify(unit.replace(b"%", b"")) if _PERCENT_RUN.fullmatch(unit) else unit
    return octets.decode("utf-8") if _is_utf8(octets) else octets.decode("latin-1")


def _form_decode(raw: bytes) -> str:
    return "".join(" " if raw[s:e] == b"+" else _unit_text(raw[s:e]) for s, e in _percent_units(raw))


def _percent_encode(text: str) -> bytes:
    return quote(text, safe="").encode("ascii")


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
    encoded = base64.b64encode(_splice(_base64_decode(raw), edits).encode("utf-8"))
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
    return quopri.encodestring(_splice(_quoted_printable_decode(raw), edits).encode("utf-8"))


CODECS: Mapping[str, Codec] = {
    "json_string": Codec(_json_decode, _unit_rewrite(_json_units, _json_encode)),
    "json_number": Codec(lambda raw: raw.decode("ascii"), _number_rewrite),
    "utf8": Codec(lambda raw: raw.decode("utf-8"), _unit_rewrite(_regex_units(_UTF8_UNIT), _utf8_encode)),
    "latin1": Codec(
        lambda raw: raw.decode("latin-1"),
        _unit_rewrite(lambda raw: ((i, i + 1) for i in range(len(raw))), _latin1_encode),
    ),
    "percent": Codec(_percent_decode, _unit_rewrite(_percent_units, _percent_encode)),
    "form": Codec(_form_decode, _unit_rewrite(_percent_units, _percent_encode)),
    "base64": Codec(_base64_decode, _base64_rewrite),
    "quoted_printable": Codec(_quoted_printable_decode, _quoted_printable_rewrite),
}
