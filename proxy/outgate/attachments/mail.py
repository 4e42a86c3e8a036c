"""Mail (RFC 5322, MIME), read by the standard library: the parts that are not written as they read.

The mail as it stands is a text, which is read by whoever has it. This is about what it says in base64 or
quoted-printable: attached files, bodies, and words in headers (RFC 2047).
"""

from __future__ import annotations

from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32
from functools import partial
from typing import TYPE_CHECKING

from outgate.attachments.opening import Opening, StoppedError, below, named
from outgate.formats import plain

if TYPE_CHECKING:
    from outgate.attachments.opening import Reader

_ENCODED = frozenset({"base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue", "uue"})


def read(content: bytes, at: str, opening: Opening) -> None:
    """Every encoded part and header. Raises StoppedError."""
    message, encoded = message_from_bytes(content, policy=compat32), 0
    for number, part in enumerate(message.walk(), 1):
        opening.member()
        headers = [value for value in map(_decoded, map(str, part.values())) if value]
        opening.say(below(at, "headers"), "\n".join(headers))
        if part.defects:
            opening.miss(below(at, f"part {number}"), part.get_content_type(), 0, "broken")
        encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
        if not part.is_multipart() and encoding in _ENCODED:
            encoded += 1
            where = below(at, named("file", part.get_filename() or "", number))
            opening.guarded(partial(_part, part, where, opening), where, 0, part.get_content_type())

    if encoded < plain.encoded_parts(content.decode("latin-1")):
        opening.miss(at, plain.MAIL, len(content), "broken")  # another reader may find the others


def _part(part: Message, at: str, opening: Opening) -> None:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        raise StoppedError("broken")
    if part.defects:
        opening.miss(at, part.get_content_type(), len(content), "broken")
    opening.spend(len(content))
    opening.open(content, at)


def _decoded(value: str) -> str:
    """A header's words in letters; ``""`` where they are so already."""
    if "=?" not in value:
        return ""
    return str(make_header(decode_header(value)))


READERS: dict[str, Reader] = {"mail": read}
