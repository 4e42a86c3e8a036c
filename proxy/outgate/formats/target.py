"""What leaves outside the body: the path, the query, and the headers.

Headers that carry the provider's own credential go to it unread; headers that are the protocol's
own machinery hold nothing of anyone. All others are read.
"""

from __future__ import annotations

from outgate.model import TARGET, Endpoint, Exchange, Part, Role, Segment
from outgate.wire import form
from outgate.wire.text_codecs import CODECS

TECHNICAL = frozenset(
    """
    host content-length content-type content-encoding transfer-encoding connection keep-alive te
    accept accept-encoding accept-language accept-charset upgrade expect date cache-control pragma
    sec-websocket-key sec-websocket-version sec-websocket-extensions sec-fetch-mode sec-fetch-site
    sec-fetch-dest sec-fetch-user sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform dnt priority
    proxy-authorization proxy-connection if-none-match if-modified-since anthropic-version
    x-amz-date x-amz-content-sha256 idempotency-key x-stainless-lang x-stainless-os
    x-stainless-arch x-stainless-runtime x-stainless-runtime-version x-stainless-package-version
    x-stainless-retry-count x-stainless-timeout x-stainless-read-timeout x-stainless-async
    """.split()
)


def read(exchange: Exchange, endpoint: Endpoint) -> list[Segment]:
    """Segments of the target and of every header that is neither technical nor the credential."""
    return [*_target(exchange.target, endpoint), *_headers(exchange, endpoint)]


def _target(target: bytes, endpoint: Endpoint) -> list[Segment]:
    segments: list[Segment] = []
    path_end = target.find(b"?")
    path_end = len(target) if path_end < 0 else path_end
    if path_end > 1:
        text = CODECS["percent"].decode(target[:path_end])
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


def _headers(exchange: Exchange, endpoint: Endpoint) -> list[Segment]:
    skipped = TECHNICAL | endpoint.provider.credential_headers
    segments: list[Segment] = []
    for index, (raw_name, value) in enumerate(exchange.headers):
        name = raw_name.decode("latin-1").lower()
        if name in skipped or not value:
            continue
        place = f"header:{name[:64]}"
        text = value.decode("latin-1")
        segments.append(Segment(text, Role.METADATA, place, Part("header", index), 0, len(value), "latin1"))
    return segments
