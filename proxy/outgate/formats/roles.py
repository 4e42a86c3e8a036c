"""From a JSON body's scalars to segments: the machinery that every API format shares.

Every string, key and long number becomes a segment with the role of its place (``shape``). What a
format does not name keeps its container's role. Nothing is left out but the exact words of
``vocabulary``. Besides a string itself there may be a *view* of it: what it says once decoded, for
detection only, never editable, over the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from outgate.formats import media, plain
from outgate.formats.shape import MODEL, PLAIN, Place
from outgate.formats.vocabulary import STRUCTURAL_KEYS, STRUCTURAL_VALUES
from outgate.model import BODY, Attachment, Role, Segment
from outgate.wire import WireError, json_document
from outgate.wire.json_spans import Container, Kind, Scalar, Tree

MIN_DIGITS = 7  # shorter numbers identify nobody and no account
_STATED = frozenset({"role", "type", "url", "signature"})


@dataclass(slots=True)
class Reading:
    """What a body gave."""

    segments: list[Segment] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    model: str | None = None
    models: list[str] = field(default_factory=list)  # of the requests within it
    stream: bool = False

    def add(self, segment: Segment) -> None:
        """Take a segment, and the view of it without needless escapes when it has any."""
        self.segments.append(segment)
        shown = plain.unescaped(segment.text)
        if shown is not None:
            place = f"{segment.place} (unescaped)"
            self.segments.append(replace(segment, text=shown, place=place, editable=False))


@dataclass(slots=True)
class _Frame:
    """A container as its format sees it."""

    role: Role
    place: Place
    opaque: bool
    signed: bool
    whole: Container | None = None  # that is read together, and this with it
    asked: tuple[str, ...] = ()  # the members that were asked what it is, and whose words

    def decides(self, key: str) -> bool:
        """Whether a second value under ``key`` would leave that open."""
        return key in self.asked or self.place.decides(key)


def read_tree(tree: Tree, data: bytes, root: Place, *, offset: int = 0, prefix: str = "") -> Reading:
    """Segments of one JSON document that lies at ``offset`` of the body. Linear in its scalars.

    Raises WireError 400 where two values under one key leave open who speaks or which model answers.
    """
    frames = _frames(tree, root)
    for where, repeated in tree.duplicates:
        if frames[id(where)].decides(repeated):
            raise _ambiguous(repeated)
    reading = Reading()
    odd: set[tuple[int, str]] = set()
    top = tree.containers[0] if tree.containers else None
    last: Container | None = None
    frame = _Frame(root.role or Role.METADATA, PLAIN, False, False)
    container: Container | None
    key: str | int | None
    wholes = _wholes(tree, frames, data)
    for scalar in tree.scalars:
        kind, text, container = scalar.kind, scalar.text, scalar.container
        if container is not last and container is not None:
            last, frame = container, frames[id(container)]
            if frame.whole is not None and (said := wholes.get(id(frame.whole), "")):
                wholes[id(frame.whole)] = None
                _whole(reading, frame.whole, said, frame, offset, prefix)
        if frame.whole is not None and id(frame.whole) in wholes:
            continue
        if kind is Kind.KEY:
            if text and text not in STRUCTURAL_KEYS:
                folded = text.casefold()
                if folded != text and frame.decides(folded):
                    odd.add((id(container), folded))
                _add(reading, scalar, frame.role, True, offset, prefix, "json_string", " (key)")
            continue
        key = scalar.key
        if container is top and isinstance(key, str):
            if key == "model" and kind is Kind.STRING:
                reading.model = text
            elif key == "stream":
                reading.stream = text == "true"
        if kind is Kind.LITERAL or not text:
            continue
        if kind is Kind.NUMBER:
            if len(text) < MIN_DIGITS or sum(map(str.isdigit, text)) < MIN_DIGITS:
                continue
        elif isinstance(key, str) and text in STRUCTURAL_VALUES.get(key, ()):
            continue
        leaf = _leaf(frame.place, key)
        if leaf is MODEL:
            reading.models.append(text)
        role = leaf.role or frame.role
        editable = not (frame.opaque or leaf.opaque or (frame.signed and key in frame.place.signed))
        if kind is Kind.NUMBER:
            _add(reading, scalar, role, editable, offset, prefix, "json_number")
        elif json_document.may_be(text):
            written = scalar._replace(text=json_document.shown(text))
            _files(reading, scalar, data, role, offset, prefix)
            _add(reading, written, role, editable, offset, prefix, "json_document")
        elif not _blob(reading, scalar, data, leaf, role, editable, offset, prefix):
            file = plain.document(text)
            if file is not None:
                start, end = scalar.start + offset, scalar.end + offset
                reading.attachments.append(
                    Attachment(prefix + scalar.path, role, file, len(text), start, end, "json_text")
                )
            _add(reading, scalar, role, editable, offset, prefix, "json_string")
    if odd:
        _refuse_other_case(tree, odd)
    return reading


def _add(
    reading: Reading,
    scalar: Scalar,
    role: Role,
    editable: bool,
    offset: int,
    prefix: str,
    codec: str,
    suffix: str = "",
) -> None:
    start, end = scalar.start + offset, scalar.end + offset
    place = f"{prefix}{scalar.path}{suffix}"
    reading.add(Segment(scalar.text, role, place, BODY, start, end, codec, editable))


def _wholes(tree: Tree, frames: dict[int, _Frame], data: bytes) -> dict[int, str | None]:
    """What is read of each container that is read together: none that has a file in it, for that is looked into."""
    found = {id(one): one for one in tree.containers if frames[id(one)].whole is one}
    if not found:
        return {}
    for scalar in tree.scalars:
        whole = frames[id(scalar.container)].whole if scalar.container is not None else None
        if whole is not None and scalar.kind is Kind.STRING and _holds_file(scalar.text):
            found.pop(id(whole), None)
    read = ((marker, json_document.read(data[one.start : one.end].decode())) for marker, one in found.items())
    return {marker: document.shown for marker, document in read if document is not None}


def _holds_file(text: str) -> bool:
    if media.look(text, expected=False) or plain.document(text):
        return True
    return len(text) >= media.MIN_LENGTH and json_document.may_be(text) and any(media.files_in(text))


def _whole(
    reading: Reading, container: Container, text: str, frame: _Frame, offset: int, prefix: str
) -> None:
    start, end = container.start + offset, container.end + offset
    editable = not frame.opaque
    place = f"{prefix}{container.path}"
    reading.add(Segment(text, frame.role, place, BODY, start, end, "json_value", editable))


def _blob(
    reading: Reading,
    scalar: Scalar,
    data: bytes,
    leaf: Place,
    role: Role,
    editable: bool,
    offset: int,
    prefix: str,
) -> bool:
    """Read a base64 run. True when the string itself need not be read as well."""
    text = scalar.text
    if not leaf.media and len(text) < media.MIN_LENGTH and text[:5].lower() != "data:":
        return False
    blob = media.look(text, expected=leaf.media)
    if blob is None:
        return False
    place, found = prefix + scalar.path, blob.content
    plainly = scalar.end - scalar.start - 2 == len(text)  # no escape: base64 is ASCII
    plainly = plainly and b"\\" not in data[scalar.start : scalar.end]
    start, end = scalar.start + 1 + blob.skip + offset, scalar.end - 1 + offset
    if found.media_type is not None:
        span = (
            (start, end, "base64") if plainly else (scalar.start + offset, scalar.end + offset, "json_base64")
        )
        reading.attachments.append(Attachment(place, role, found.media_type, blob.size, *span))
    if found.text is None:
        return blob.proven
    if blob.proven and plainly:
        reading.add(Segment(found.text, role, place, BODY, start, end, "base64", editable))
        return True
    view = Segment(
        found.text,
        role,
        f"{place} (decoded)",
        BODY,
        scalar.start + offset,
        scalar.end + offset,
        "json_string",
        editable=False,
    )
    reading.add(view)
    return False


def _files(reading: Reading, scalar: Scalar, data: bytes, role: Role, offset: int, prefix: str) -> None:
    """The files in a string that may be a document. One whose base64 does not stand in the body as it reads is told
    for all behind it, and not opened.
    """
    if len(scalar.text) < media.MIN_LENGTH:
        return
    place, position = prefix + scalar.path, scalar.start
    for run, kind in media.files_in(scalar.text):
        size, start = len(run) * 3 // 4, data.find(run.encode("ascii"), position, scalar.end)
        if start < 0:  # so it may be with all others, and each look takes as long as the string
            span = (scalar.start + offset, scalar.end + offset, "json_base64")
            reading.attachments.append(Attachment(place, role, kind, size, *span))
            return
        position = start + len(run)
        span = (start + offset, position + offset, "base64")
        reading.attachments.append(Attachment(place, role, kind, size, *span))


def _leaf(place: Place, key: str | int | None) -> Place:
    """What the format knows of one member or element."""
    if isinstance(key, str):
        found = place.members.get(key)
        if found is None and place.members:
            found = place.members.get(key.casefold())  # some servers match keys in any case
        return found or place.others or PLAIN
    return place.items or PLAIN


def _frames(tree: Tree, root: Place) -> dict[int, _Frame]:
    """Each container's role, parents first."""
    stated: dict[tuple[int, str | int | None], str] = {
        (id(scalar.container), scalar.key): scalar.text
        for scalar in tree.scalars
        if scalar.key in _STATED and scalar.kind is Kind.STRING
    }
    frames: dict[int, _Frame] = {}
    for container in tree.containers:
        parent = None if container.parent is None else frames[id(container.parent)]
        if parent is None:
            place, role, opaque = root, root.role or Role.METADATA, root.opaque
        else:
            place = _leaf(parent.place, container.key)
            role = place.role or parent.role
            covered = parent.signed and container.key in parent.place.signed
            opaque = parent.opaque or place.opaque or covered
        marker = id(container)
        asked = (
            *(("role",) if place.speakers else ()),
            *((place.kind,) if place.blocks or place.endings else ()),
        )
        if place.speakers:
            said = stated.get((marker, "role"))
            if said is not None:
                role = place.speakers.get(said, Role.USER)
        kind = stated.get((marker, place.kind)) if place.kind in asked else None
        if kind is not None:
            block = place.block(kind)
            if block is not None:
                place, role, opaque = block, block.role or role, opaque or block.opaque
        signed = bool(place.signed and stated.get((marker, "signature")))
        whole = parent.whole if parent is not None else None
        if whole is None and place.whole:
            whole = container
        frames[marker] = _Frame(role, place, opaque, signed, whole, asked)
    return frames


def _refuse_other_case(tree: Tree, odd: set[tuple[int, str]]) -> None:
    """``Role`` beside ``role``: a server that reads keys in any case would take the other one."""
    for scalar in tree.scalars:
        if scalar.kind is Kind.KEY and (id(scalar.container), scalar.text) in odd:
            raise _ambiguous(scalar.text)


def _ambiguous(key: str) -> WireError:
    return WireError(400, "duplicate_key", f"The key {key!r} stands twice in one object.")
