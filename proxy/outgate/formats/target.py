"""What leaves outside the body: the path, the query, and the headers.

The headers of the provider's own credential go to it unread. A header of the protocol's own
machinery is left out only when its value is one that the machinery has; whatever else stands in it
is read like any other. So are the names of headers that nobody has heard of.
"""

from __future__ import annotations

import re
from functools import lru_cache

from outgate.model import TARGET, Endpoint, Exchange, Part, Role, Segment
from outgate.wire import form
from outgate.wire.text_codecs import CODECS

_VERSION = r"v?\d{1,3}(?:\.\d{1,4}){1,3}(?:[-+.]?(?:a|b|rc|dev|beta|alpha)\.?\d{0,3})?"
_TOKENS = r"(?:[a-z*]{1,8}(?:;q=[01](?:\.\d{1,3})?)?(?:, ?|$)){1,8}"
_DATE = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
# What an honest client writes there (RFC 9110, RFC 6455, Fetch, and the SDKs' own headers).
_TECHNICAL = {
    name: re.compile(pattern)
    for name, pattern in {
        "content-length": r"\d{1,12}",
        "content-type": r"(?:application/(?:x-ndjson|json|octet-stream|x-www-form-urlencoded)|text/plain)"
        r"(?:; ?charset=(?:utf|UTF)-8)?",
        "content-encoding": _TOKENS,
        "transfer-encoding": r"chunked",
        "connection": r"(?i:keep-alive|close|upgrade)",
        "accept": r"(?:(?:\*|application|text|image)/(?:\*|json|plain|html|event-stream)(?:, ?|$)){1,6}",
        "accept-encoding": _TOKENS,
        "accept-language": r"(?:(?:\*|[a-z]{2}(?:-[A-Z]{2})?)(?:;q=[01](?:\.\d)?)?(?:, ?|$)){1,8}",
        "upgrade": r"(?i:websocket|h2c)",
        "expect": r"100-continue",
        "te": r"trailers",
        "date": _DATE,
        "cache-control": r"no-cache|no-store|max-age=0",
        "pragma": r"no-cache",
        "priority": r"u=\d(?:, ?i)?",
        "dnt": r"[01]",
        "sec-websocket-version": r"13",
        "sec-websocket-key": r"[A-Za-z0-9+/]{22}==",
        "sec-fetch-mode": r"cors|navigate|no-cors|same-origin|websocket",
        "sec-fetch-site": r"cross-site|none|same-origin|same-site",
        "sec-fetch-dest": r"document|empty",
        "anthropic-version": r"\d{4}-\d\d-\d\d",
        "x-amz-date": r"\d{8}T\d{6}Z",
        "x-stainless-lang": r"python|js|go|java|kotlin|ruby|csharp|php",
        "x-stainless-os": r"Linux|MacOS|Windows|Unknown|FreeBSD|iOS|Android",
        "x-stainless-arch": r"x32|x64|arm|arm64|unknown",
        "x-stainless-runtime": r"CPython|PyPy|node|deno|bun|edge|browser:[a-z]{1,10}",
        "x-stainless-runtime-version": _VERSION,
        "x-stainless-package-version": _VERSION,
        "x-stainless-retry-count": r"\d{1,2}",
        "x-stainless-timeout": r"\d{1,5}(?:\.\d{1,3})?",
        "x-stainless-read-timeout": r"\d{1,5}(?:\.\d{1,3})?",
        "x-stainless-async": r"false|true|async:[a-z]{1,8}",
        "x-stainless-helper-method": r"stream",
    }.items()
}
# The gateway takes these off; they never reach the provider.
_STRIPPED = frozenset({"proxy-authorization", "proxy-connection"})
_KNOWN_NAME = re.compile(r"[a-z]{1,12}(?:-[a-z]{1,14}){0,4}")
_LONGEST_QUIET_NAME = 40


def read(exchange: Exchange, endpoint: Endpoint) -> list[Segment]:
    """Segments of the target and of every header that is neither technical nor the credential."""
    return [*_target(exchange.target, endpoint), *_headers(exchange, endpoint)]


def _target(target: bytes, endpoint: Endpoint) -> list[Segment]:
    segments: list[Segment] = []
    path_end = target.find(b"?")
    path_end = len(target) if path_end < 0 else path_end
    if path_end > 1:
        text = _path_text(target[:path_end])
        segments.append(Segment(text, Role.METADATA, "path", TARGET, 0, path_end, "percent", editable=False))
    if path_end < len(target):
        for field in form.parse(target, path_end + 1):
            name = CODECS["form"].decode(target[slice(*field.name)])
            if name == "key" and "x-goog-api-key" in endpoint.provider.credential_headers:
                continue  # Gemini's own credential, as a query parameter
            for (start, end), place in ((field.name, "query name"), (field.value, f"query:{name[:64]}")):
                if start < end:
                    text = CODECS["form"].decode(target[start:end])
                    segments.append(Segment(text, Role.METADATA, place, TARGET, start, end, "form"))
    return segments


def _path_text(raw: bytes) -> str:
    return raw.decode("ascii") if raw.isascii() and b"%" not in raw else CODECS["percent"].decode(raw)


def _headers(exchange: Exchange, endpoint: Endpoint) -> list[Segment]:
    credentials = endpoint.provider.credential_headers
    segments: list[Segment] = []
    for index, (raw_name, value) in enumerate(exchange.headers):
        name = raw_name.decode("latin-1").lower()
        if name in credentials or name in _STRIPPED:
            continue
        part = Part("header", index)
        if not _is_quiet_name(name):
            # A name has no bytes in the part: it can be found in, and not edited.
            text = raw_name.decode("latin-1")
            segments.append(Segment(text, Role.METADATA, "header name", part, 0, 0, "latin1", editable=False))
        if not value or _is_machinery(name, value, exchange.host):
            continue
        codec = "latin1" if value.isascii() or not _is_utf8(value) else "utf8"
        text = CODECS[codec].decode(value)
        # The body is laid out by its content type (the boundary of a multipart body).
        editable = name != "content-type"
        place = f"header:{name[:64]}"
        segments.append(Segment(text, Role.METADATA, place, part, 0, len(value), codec, editable))
    return segments


@lru_cache(maxsize=1024)
def _is_quiet_name(name: str) -> bool:
    return name in _TECHNICAL or (len(name) <= _LONGEST_QUIET_NAME and bool(_KNOWN_NAME.fullmatch(name)))


@lru_cache(maxsize=1024)
def _is_machinery(name: str, value: bytes, host: str) -> bool:
    if len(value) > 200:
        return False
    text = value.decode("latin-1")
    if name == "host":
        return text.lower().rpartition(":")[0] == host or text.lower() == host
    pattern = _TECHNICAL.get(name)
    return pattern is not None and pattern.fullmatch(text) is not None


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
