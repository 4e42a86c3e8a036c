"""A document with the words of its attachments in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from outgate.attachments import Extracted, Gap
from outgate.model import BODY, Attachment, Document, Segment, Uninspectable
from outgate.wire import WireError
from outgate.wire.file_codecs import CODECS

Extract = Callable[[Sequence[bytes]], Awaitable[Sequence[Extracted]]]


async def opened(document: Document, body: bytes, extract: Extract | None) -> Document:
    """``document`` with no attachment left: each is segments now, at its end, or told as uninspectable.

    Without ``extract`` nobody can open any. Raises what ``extract`` raises.
    """
    if not document.attachments:
        return document
    left: list[Uninspectable] = []
    files: list[tuple[Attachment, bytes]] = []
    for one in document.attachments:
        if extract is None:
            left.append(Uninspectable(one.place, one.media_type, one.size))
            continue
        try:
            files.append((one, CODECS[one.codec](body[one.start : one.end])))
        except WireError:
            left.append(Uninspectable(one.place, one.media_type, one.size, "broken"))
    segments: list[Segment] = []
    contents = [content for _, content in files]
    found = await extract(contents) if extract is not None and contents else ()
    for (one, _), extracted in zip(files, found, strict=True):
        segments += [
            Segment(
                passage.text,
                one.role,
                _within(one, passage.label),
                BODY,
                one.start,
                one.end,
                one.codec,
                editable=False,
            )
            for passage in extracted.passages
        ]
        left += [_left(one, gap) for gap in extracted.gaps]
    return replace(
        document, segments=(*document.segments, *segments), attachments=(), uninspectable=tuple(left)
    )


def _left(attachment: Attachment, gap: Gap) -> Uninspectable:
    whole = not gap.label
    media_type, size = (attachment.media_type, attachment.size) if whole else (gap.media_type, gap.size)
    return Uninspectable(_within(attachment, gap.label), media_type, size, gap.reason)


def _within(attachment: Attachment, label: str) -> str:
    return f"{attachment.place}, {label}" if label else attachment.place
