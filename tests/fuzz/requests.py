"""``python -m tests.fuzz.requests``: damaged requests through decoding, every format and the edits.

Bodies of every API, forms, lines and what is packed, cut, doubled and mixed with noise. Stops with the seed at an
exception that is no WireError, at a planted word that was read in no segment although the body was taken, at an
edit that leaves it in or changes a byte besides, and at a request that takes too long.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import random
import sys
import time
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2] / "proxy"), str(Path(__file__).parents[1])]

from outgate import formats  # noqa: E402
from outgate.model import Action, Decision, Endpoint, Exchange, Finding, Provider  # noqa: E402
from outgate.transform import edits  # noqa: E402
from outgate.wire import WireError, content_encoding, sigv4  # noqa: E402

WORD = "Heliotrope"
_LIMIT = 2**24
_FIXED, _EACH = 0.3, 40e-6  # seconds for a request, and for each byte of it
_PROVIDER = Provider("p", "P", "P Inc.", "US", "api", frozenset({"authorization"}))
_NOISE = [
    b"\x00",
    b"\r",
    b"\n\n",
    b'"',
    b"\\",
    b"{",
    b"]",
    b"\xff",
    b"\xef\xbb\xbf",
    b"--b",
    b":",
    b"=",
    b"%",
    b"[",
]
_NOISE += [b"\\u00", b"\\ud83d", b"[" * 300, b"PK\x03\x04", b"%PDF-1.7\n", b"\x1f\x8b\x08"]
_KEYS = "messages contents content parts text role type input instructions arguments tool_calls function data"
_KEYS += " inline_data source url body params requests file_data system prompt turns args metadata image_url"
_KEYS += " custom_id signature"
_SCALARS: list[Any] = [
    None,
    True,
    0,
    4111,
    1.5,
    "user",
    "assistant",
    "text",
    "tool_use",
    "image",
    "/v1/messages",
    "",
]


def value(source: random.Random, depth: int = 0) -> Any:
    """JSON in the words of the APIs, with the planted word in it here and there."""
    kind = source.randrange(8 if depth < 6 else 3)
    if kind == 0:
        return source.choice(_SCALARS)
    if kind in (1, 2):
        text = source.choice(["x é\n", '"', WORD, f"so {WORD}.", ""])
        return text if kind == 1 else dressed(source, text)
    if kind in (3, 4):
        return [value(source, depth + 1) for _ in range(source.randrange(4))]
    return {source.choice(_KEYS.split()): value(source, depth + 1) for _ in range(source.randrange(6))}


def dressed(source: random.Random, text: str) -> str:
    """As a string of JSON, a data URL or base64 would have it."""
    dresses = [
        lambda: json.dumps({"a": text}),
        lambda: json.dumps(json.dumps([text])),
        lambda: "data:text/plain;base64," + base64.b64encode(text.encode()).decode(),
        lambda: base64.b64encode((text + " in words of a text " * 4).encode()).decode(),
        lambda: text,
    ]
    return source.choice(dresses)()


def made(source: random.Random) -> tuple[bytes, str]:
    """A body and its content type."""
    parts = [json.dumps(value(source), ensure_ascii=source.random() < 0.5).encode() for _ in range(3)]
    kind = source.randrange(5)
    if kind == 0:
        body, label = b"\n".join(parts), "application/jsonl"
    elif kind == 1:
        heads = [b'name="f"', b'name="file"; filename="a.jsonl"', f'name="{WORD}"'.encode()]
        body = b"".join(
            b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head, part)
            for head, part in zip(heads, parts, strict=True)
        )
        body, label = body + b"--b--\r\n", "multipart/form-data; boundary=b"
    elif kind == 2:
        body, label = f"a=%48eliotrope&b={WORD}+x&{WORD}=1".encode(), "application/x-www-form-urlencoded"
    else:
        body, label = (
            parts[0],
            source.choice(["application/json", "text/plain", "application/octet-stream", ""]),
        )
    for _ in range(source.choice((0, 0, 1, 4))):
        place = source.randrange(len(body) + 1)
        body = body[:place] + source.choice([*_NOISE, *parts]) + body[place + source.choice((0, 1, 40)) :]
    return body, label


def judged(body: bytes, label: str, name: str, source: random.Random) -> str:
    """What became of the request, in a word. Raises AssertionError."""
    packed = gzip.compress(body) if source.random() < 0.2 else body
    if packed is not body and source.random() < 0.5:
        place = source.randrange(len(packed))
        packed = packed[:place] + source.choice(_NOISE) + packed[place + 1 :]
    target = b"/v1/x?q=" + source.choice([WORD.encode(), *_NOISE])
    signature = b"AWS4-HMAC-SHA256 Credential=" + body[:40]
    headers = ((b"content-type", label.encode()), (b"x-y", body[:30]), (b"authorization", signature))
    exchange = Exchange(
        "og_1", datetime(2026, 1, 1, tzinfo=UTC), ip_address("127.0.0.1"), "POST", "https", "api.p.com", 443,
        target, headers, packed,
    )  # fmt: skip
    sigv4.read(target, headers)
    try:
        decoded = content_encoding.decode(packed, "gzip" if packed is not body else "", limit=_LIMIT)
        document = formats.read(exchange, Endpoint(_PROVIDER, name), decoded.data)
    except WireError:
        return "refused"
    found = [
        Finding(index, at, at + len(WORD), "PROJECT", 1.0, "d")
        for index, segment in enumerate(document.segments)
        if segment.part.kind == "body" and (at := segment.text.find(WORD)) >= 0
    ]
    plain = WORD.encode() in decoded.data
    assert found or not plain or document.attachments, "a word that nobody read"
    decisions = [Decision(one, "r", Action.REDACT) for one in found]
    try:
        edited = edits.apply(exchange, decoded.data, document, decisions, b"k" * 32)
    except (edits.UneditableError, WireError):
        return "not editable"
    if not found:
        assert edited.body is None, "an edit of nothing"
        return "clean"
    assert edited.body is not None and edited.body != decoded.data, "an edit that changes nothing"
    again = formats.read(exchange, Endpoint(_PROVIDER, name), edited.body)
    before, after = (sum(one.text.count(WORD) for one in doc.segments) for doc in (document, again))
    assert after < before, "an edit that leaves the word"
    return "edited"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.requests", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    options = parser.parse_args()
    ending, seed, size = time.monotonic() + options.minutes * 60, options.seed, 0
    counts: dict[str, int] = {}
    while time.monotonic() < ending:
        source = random.Random(seed)
        body, label = made(source)
        name = source.choice(list(formats.FORMATS))
        begun = time.thread_time()
        try:
            became = judged(body, label, name, source)
        except Exception:
            print(f"seed {seed}: {name}, {label!r}, {len(body)} bytes")
            raise
        if time.thread_time() - begun > _FIXED + _EACH * len(body):
            print(f"seed {seed}: {len(body)} bytes took {time.thread_time() - begun:.2f} s")
            return 1
        counts[became] = counts.get(became, 0) + 1
        seed, size = seed + 1, size + len(body)
    print(f"{seed - options.seed} requests, {size / 1e6:.1f} MB, {counts}, clean")
    return 0


if __name__ == "__main__":
    sys.exit(main())
