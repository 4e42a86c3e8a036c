"""The backstop: every body to a known host that no API format describes.

JSON is recognised by its bytes, whatever the label says; then NDJSON, multipart, forms, text.
What is none of these is told as uninspectable, and the policy decides.
"""

from __future__ import annotations

from outgate.formats import media
from outgate.formats.roles import Reading, Shape, read_tree
from outgate.model import BODY, Role, Segment, Uninspectable
from outgate.wire import WireError, form, json_spans, multipart, ndjson
from outgate.wire.json_spans import looks_like_json
from outgate.wire.text_codecs import CODECS

SHAPE = Shape(
    keys={},
    speakers={
        "system": Role.SYSTEM,
        "developer": Role.SYSTEM,
        "user": Role.USER,
        "assistant": Role.ASSISTANT,
        "tool": Role.TOOL_RESULT,
    },
    default=Role.USER,
)


def read(data: bytes, content_type: str, shape: Shape = SHAPE) -> Reading:
    """All strings of a body. Raises WireError for a body that says it is JSON and is not."""
    label = content_type.partition(";")[0].strip().lower()
    if label.startswith("multipart/"):
        return _multipart(data, content_type)
    if looks_like_json(data) or label.endswith("json"):
        return _json(data, label, shape)
    if label == "application/x-www-form-urlencoded":
        return Reading(_form(data), [])
    return _text(data, 0, len(data), "body", Role.USER)


def _json(data: bytes, label: str, shape: Shape) -> Reading:
    if not data.strip():
        return Reading([], [])
    try:
        return read_tree(json_spans.scan(data), data, shape)
    except WireError as error:
        if error.reason not in ("bad_json", "trailing_bytes"):
            raise
        lines = _lines(data, shape)
        if lines is not None:
            return lines
        if label.endswith("json"):
            raise
        return _text(data, 0, len(data), "body", Role.USER)


def _lines(data: bytes, shape: Shape) -> Reading | None:
    """NDJSON: every line a document. None when one is not."""
    spans = ndjson.split(data)
    if len(spans) < 2:
        return None
    whole = Reading([], [])
    for number, (start, end) in enumerate(spans, 1):
        line = data[start:end]
        try:
            reading = read_tree(json_spans.scan(line), line, shape, offset=start, prefix=f"line {number}: ")
        except WireError:
            return None
        whole.segments += reading.segments
        whole.uninspectable += reading.uninspectable
    return whole


def _form(data: bytes) -> list[Segment]:
    segments: list[Segment] = []
    for field in form.parse(data):
        name = CODECS["form"].decode(data[slice(*field.name)])
        for (start, end), place in ((field.name, "form name"), (field.value, f"form:{name[:64]}")):
            if start < end:
                text = CODECS["form"].decode(data[start:end])
                segments.append(Segment(text, Role.USER, place, BODY, start, end, "form"))
    return segments


def _multipart(data: bytes, content_type: str) -> Reading:
    whole = Reading([], [])
    parsed = multipart.parse(data, content_type)
    for start, end in parsed.outside:
        _add(whole, _text(data, start, end, "between parts", Role.USER))
    for number, part in enumerate(parsed.parts):
        place = f"part[{number}]"
        for name, start, end in part.headers:
            if start < end and name not in ("content-type", "content-length"):
                text = data[start:end].decode("latin-1")
                whole.segments.append(
                    Segment(text, Role.METADATA, f"{place}.{name}", BODY, start, end, "latin1")
                )
        _add(whole, _part_body(data, part, place))
    return whole


def _part_body(data: bytes, part: multipart.PartSpan, place: str) -> Reading:
    body = data[part.start : part.end]
    transfer = part.header(data, "content-transfer-encoding").lower()
    if transfer in ("base64", "quoted-printable"):
        codec = transfer.replace("-", "_")
        try:
            text = CODECS[codec].decode(body)
        except (WireError, UnicodeDecodeError):
            return Reading(
                [], [Uninspectable(place, part.header(data, "content-type") or "unknown", len(body))]
            )
        return Reading([Segment(text, Role.USER, place, BODY, part.start, part.end, codec)], [])
    if looks_like_json(body):
        try:
            return read_tree(json_spans.scan(body), body, SHAPE, offset=part.start, prefix=f"{place}: ")
        except WireError:
            pass
    return _text(data, part.start, part.end, place, Role.USER)


def _text(data: bytes, start: int, end: int, place: str, role: Role) -> Reading:
    raw = data[start:end]
    if not raw:
        return Reading([], [])
    kind = media.media_type(raw[:64])
    if kind is not None and b"\x00" in raw[:4096]:
        return Reading([], [Uninspectable(place, kind, len(raw))])
    for codec in ("utf8", "latin1"):
        if codec == "latin1" and (kind or b"\x00" in raw):
            break
        try:
            text = CODECS[codec].decode(raw)
        except UnicodeDecodeError:
            continue
        return Reading([Segment(text, role, place, BODY, start, end, codec)], [])
    return Reading([], [Uninspectable(place, kind or "application/octet-stream", len(raw))])


def _add(whole: Reading, other: Reading) -> None:
    whole.segments += other.segments
    whole.uninspectable += other.uninspectable
