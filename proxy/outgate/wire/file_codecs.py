"""How the bytes of a file are written in a body: as they are, or in an encoding that text can carry."""

from __future__ import annotations

import json
import quopri
from collections.abc import Callable, Mapping

from outgate.wire.text_codecs import base64_bytes


def _of_json(raw: bytes) -> bytes:
    """Of a JSON string with escapes in it, a data: URL or not (its run of base64 has no comma)."""
    return base64_bytes(json.loads(raw, strict=False).rpartition(",")[2].encode("ascii", "replace"))


def _of_json_text(raw: bytes) -> bytes:
    """Of a JSON string that is the file itself, such as a mail."""
    return str(json.loads(raw, strict=False)).encode("utf-8", "surrogatepass")


# Each raises WireError where it cannot decode.
CODECS: Mapping[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "base64": base64_bytes,
    "json_base64": _of_json,
    "json_text": _of_json_text,
    "quoted_printable": quopri.decodestring,
}
