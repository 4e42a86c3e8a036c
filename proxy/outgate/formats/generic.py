"""The backstop: every body to a known host that no API format describes.

JSON is recognised by its bytes, whatever the label says; then NDJSON, multipart, forms, text.
What is none of these is told as an attachment, for others to open; the readable runs in it are read
all the same.
"""

from __future__ import annotations

import re

from outgate.formats import plain
from outgate.formats.openai_chat import MESSAGE_MEMBERS, SPEAKERS
from outgate.formats.roles import Reading, read_tree
from outgate.formats.shape import PLAIN, Place
from outgate.model import BODY, Attachment, Role, Segment
from outgate.wire import WireError, form, json_spans, multipart, ndjson
from outgate.wire.text_codecs import CODECS

# Whatever says whose words it holds, in an array somewhere, is believed; the rest is the user's.
_SPEAKER = Place(
    members=MESSAGE_MEMBERS,
    speakers={
        **SPEAKERS,
        "model": Role.ASSISTANT,
        "ai": Role.ASSISTANT,
        "bot": Role.ASSISTANT,
        "human": Role.USER,
    },
)
_DEEP = Place(items=_SPEAKER)
ROOT = Place(
    Role.USER,
    members={"model": PLAIN, "stream": PLAIN},
    items=_SPEAKER,
    others=Place(items=_SPEAKER, others=Place(items=_SPEAKER, others=_DEEP)),
)

MAX_LINES = 500_000
_MAX_DEPTH = 4  # of multipart within multipart
_OPENS_AS_JSON = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+[{\[]")


def read(data: bytes, content_type: str, root: Place = ROOT, part: Place = ROOT) -> Reading:
    """All strings of a body; ``part`` is what JSON in a part of a multipart body is.

    Raises WireError for a body that says it is JSON and is not.
    """
    label = _label(content_type)
    if label.startswith("multipart/"):
        return _multipart(data, content_type, part, "", 0, 0)
    if label == "application/x-www-form-urlencoded" and not _OPENS_AS_JSON.match(data):
        return _form(data)
    return _content(data, 0, label, "body", "", root)


def _label(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _content(data: bytes, offset: int, label: str, place: str, prefix: str, root: Place) -> Reading:
    """A whole body or part: JSON, JSON lines, or else text. ``offset``: where it lies in the body."""
    is_json = label.endswith("json")
    if is_json or _OPENS_AS_JSON.match(data):
        if not data.strip():
            return Reading()
        try:
            return read_tree(json_spans.scan(data), data, root, offset=offset, prefix=prefix)
        except WireError as error:
            if error.reason not in ("bad_json", "trailing_bytes"):
                raise
            lines = _lines(data, offset, prefix, root)
            if lines is not None:
                return lines
            if is_json:
                raise
    return _text(data, offset, place)


def _lines(data: bytes, offset: int, prefix: str, root: Place) -> Reading | None:
    """NDJSON: every line a document. None when one is not."""
    first = data.lstrip().partition(b"\n")[0]
    if _scanned(first) is None:
        return None
    if data.count(b"\n") > MAX_LINES:
        raise WireError(413, "too_large", f"The body has more than {MAX_LINES} lines.")
    whole = Reading()
    for number, (start, end) in enumerate(ndjson.split(data), 1):
        line = data[start:end]
        tree = _scanned(line)
        if tree is None:
            return None
        place = f"{prefix}line {number}: "
        _join(whole, read_tree(tree, line, root, offset=offset + start, prefix=place))
    return whole


def _scanned(line: bytes) -> json_spans.Tree | None:
    try:
        return json_spans.scan(line)
    except WireError as error:
        if error.reason in ("bad_json", "trailing_bytes"):
            return None
        raise


def _form(data: bytes) -> Reading:
    reading = Reading()
    for field in form.parse(data):
        name = CODECS["form"].decode(data[slice(*field.name)])
        for (start, end), place in ((field.name, "form name"), (field.value, f"form:{name[:64]}")):
            if start < end:
                text = CODECS["form"].decode(data[start:end])
                reading.add(Segment(text, Role.USER, place, BODY, start, end, "form"))
                if place == "form:model":
                    reading.model = text
    return reading


def _multipart(data: bytes, content_type: str, root: Place, prefix: str, offset: int, depth: int) -> Reading:
    if depth >= _MAX_DEPTH:
        raise WireError(400, "too_deep", f"Multipart is nested deeper than {_MAX_DEPTH} levels.")
    whole = Reading()
    parsed = multipart.parse(data, content_type)
    for start, end in parsed.outside:
        _join(whole, _text(data[start:end], offset + start, f"{prefix}between parts"))
    for number, part in enumerate(parsed.parts):
        place = f"{prefix}part[{number}]"
        for name, start, end in part.headers:
            if start < end and name != "content-length":
                raw = data[start:end]
                codec = "latin1" if raw.isascii() else plain.read(raw).codec or "latin1"
                text = CODECS[codec].decode(raw)
                label = f"{place}.{name[:64]}"
                whole.add(Segment(text, Role.METADATA, label, BODY, offset + start, offset + end, codec))
        reading = _part_body(data, part, root, place, offset, depth)
        if _FIELD_MODEL.search(part.header(data, "content-disposition")) and len(reading.segments) == 1:
            whole.model = reading.segments[0].text.strip()
        _join(whole, reading)
    return whole


_FIELD_MODEL = re.compile(r"""; ?name="?model"?(?:;|$)""", re.IGNORECASE)


def _part_body(
    data: bytes, part: multipart.PartSpan, root: Place, place: str, offset: int, depth: int
) -> Reading:
    body = data[part.start : part.end]
    start = offset + part.start
    transfer = part.header(data, "content-transfer-encoding").lower()
    if transfer in ("base64", "quoted-printable"):
        return _transferred(body, transfer.replace("-", "_"), start, place)
    content_type = part.header(data, "content-type")
    if _label(content_type).startswith("multipart/"):
        return _multipart(body, content_type, root, f"{place}.", start, depth + 1)
    return _content(body, start, "", place, f"{place}: ", root)


def _transferred(body: bytes, codec: str, start: int, place: str) -> Reading:
    """A part in a transfer encoding of its own (RFC 2045, 6)."""
    try:
        text = CODECS[codec].decode(body)
    except (WireError, UnicodeDecodeError):
        reading = _text(body, start, place)
        span = (start, start + len(body), codec)
        reading.attachments = [Attachment(place, Role.USER, plain.BINARY, len(body), *span)]
        return reading
    reading = Reading()
    kind = plain.document(text)
    if kind is not None:
        span = (start, start + len(body), codec)
        reading.attachments.append(Attachment(place, Role.USER, kind, len(body), *span))
    reading.add(Segment(text, Role.USER, place, BODY, start, start + len(body), codec))
    return reading


def _text(raw: bytes, offset: int, place: str) -> Reading:
    reading = Reading()
    if not raw:
        return reading
    found, end = plain.read(raw), offset + len(raw)
    if found.media_type is not None:
        span = (offset, end, "identity")
        reading.attachments.append(Attachment(place, Role.USER, found.media_type, len(raw), *span))
    if found.text:
        codec, editable = found.codec or "latin1", found.codec is not None
        reading.add(Segment(found.text, Role.USER, place, BODY, offset, end, codec, editable))
    return reading


def _join(whole: Reading, other: Reading) -> None:
    whole.segments += other.segments
    whole.attachments += other.attachments
    whole.models += other.models
