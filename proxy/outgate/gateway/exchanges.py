"""Between the interception library's flows and our exchanges: what came in, and what is to go out."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address

from mitmproxy import http
from mitmproxy.proxy import mode_specs

from outgate.gateway import errors
from outgate.gateway.identity import address_of, identify
from outgate.model import Exchange, Headers, Verdict
from outgate.wire import sigv4

PASSED = "outgate.passed"  # in a flow's metadata: it goes through, and nobody looks at it
_FOLD = re.compile(rb"\r?\n[ \t]+")
_CONNECTION = b"connection"
_OPTIONS = frozenset(
    {b"close", b"keep-alive", b"upgrade"}
)  # of a connection, which name no header that is judged
# Modes in which the address is always that of a machine, and only SNI and Host name the site.
_BY_ADDRESS = (mode_specs.TransparentMode, mode_specs.LocalMode, mode_specs.WireGuardMode, mode_specs.TunMode)


def reference() -> str:
    """A fresh reference id: what clients are told and auditors look up."""
    return f"og_{secrets.token_hex(8)}"


def names_of(flow: http.HTTPFlow) -> set[str]:
    """Every host that a request says it is for: address, SNI, Host and :authority. One, if honest."""
    request = flow.request
    if isinstance(flow.client_conn.proxy_mode, mode_specs.ReverseMode):
        return {plain_host(request.host)}
    names = {plain_host(value) for value in request.headers.get_all("host")}
    if request.authority:
        names.add(plain_host(request.authority))
    if flow.client_conn.sni:
        names.add(plain_host(flow.client_conn.sni))
    if not names or not _is_by_address(flow):
        names.add(plain_host(request.host))
    return names


def _is_by_address(flow: http.HTTPFlow) -> bool:
    """Whether the client looked the name up itself. One that speaks SOCKS may do so, or leave it to us."""
    mode = flow.client_conn.proxy_mode
    if isinstance(mode, mode_specs.Socks5Mode):
        return is_address(flow.request.host)
    return isinstance(mode, _BY_ADDRESS)


def is_address(host: str) -> bool:
    """Whether ``host`` is an IP address, not a name."""
    try:
        ip_address(plain_host(host))
    except ValueError:
        return False
    return True


def plain_host(value: str) -> str:
    """A host in lower case, without port and trailing dot."""
    host = value.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return (host.partition(":")[0] if host.count(":") == 1 else host).rstrip(".")


def to_exchange(flow: http.HTTPFlow, host: str, *, message: bytes | None = None) -> Exchange:
    """The exchange of a request, or of one WebSocket ``message`` of its upgraded connection."""
    request = flow.request
    return Exchange(
        id=reference(),
        time=datetime.now(UTC),
        client=address_of(flow.client_conn),
        method=request.method,
        scheme=request.scheme,
        host=host,
        port=request.port,
        target=request.data.path,
        headers=() if message is not None else tuple(request.headers.fields),
        body=request.raw_content or b"" if message is None else message,
        identity=identify(flow),
        websocket=message is not None,
        connection=flow.id if message is not None else "",
        opened_with=tuple(request.headers.fields) if message is not None else (),
    )


def is_readable(flow: http.HTTPFlow) -> bool:
    """Whether a request is of its connection's HTTP version, and its body not packed below Content-Encoding."""
    request = flow.request
    versions = ("HTTP/2.0",) if flow.client_conn.alpn == b"h2" else ("HTTP/1.1", "HTTP/1.0")
    transfer = request.headers.get("transfer-encoding", "chunked")
    return request.http_version in versions and transfer.strip().lower() == "chunked"


def tidy(request: http.Request) -> None:
    """Take off what must not go on: hop-by-hop credentials, trailers, folded lines, offers we cannot keep."""
    headers = request.headers
    if headers.get("upgrade", "websocket").lower() != "websocket":  # h2c, say: nobody could read it
        for name in ("upgrade", "connection", "http2-settings"):
            headers.pop(name, None)
    if any(b"\n" in value or b"\r" in value for _, value in headers.fields):
        headers.fields = tuple(
            (name, re.sub(rb"[\r\n]+", b" ", _FOLD.sub(b" ", value))) for name, value in headers.fields
        )
    for name in ("proxy-authorization", "proxy-connection", "sec-websocket-extensions", "trailer"):
        if name in headers:
            del headers[name]
    if "connection" in headers:
        headers.fields = tuple(_without_options(headers.fields))
    request.trailers = None


def _without_options(fields: Headers) -> Iterator[tuple[bytes, bytes]]:
    """No client has the next server drop a header (RFC 9110, 7.6.1): what was judged is what the provider reads."""
    for name, value in fields:
        if name.lower() == _CONNECTION:
            options = [option.strip() for option in value.split(b",")]
            kept = [option for option in options if option.lower() in _OPTIONS]
            if not kept:
                continue
            value = value if kept == options else b", ".join(kept)
        yield name, value


def apply(flow: http.HTTPFlow, verdict: Verdict) -> None:
    """Put a verdict's edits into the request. With none, not a byte changes."""
    request = flow.request
    if verdict.headers:
        fields = list(request.headers.fields)
        for index, value in verdict.headers.items():
            fields[index] = (fields[index][0], value)
        request.headers.fields = tuple(fields)
    if verdict.target is not None:
        request.data.path = verdict.target
    if verdict.signature:
        kept = (
            field for field in request.headers.fields if field[0].decode("latin-1").lower() not in sigv4.PARTS
        )
        request.headers.fields = (*kept, *verdict.signature)
    # Over HTTP/2 a body needs no length; to an HTTP/1 server one without it is another request.
    unframed = request.raw_content and "content-length" not in request.headers
    if verdict.body is not None:
        request.headers.pop("content-encoding", None)
        request.data.content = verdict.body
    if (verdict.body is not None or unframed) and "transfer-encoding" not in request.headers:
        request.headers["content-length"] = str(len(request.raw_content or b""))


def restrict(request: http.Request, told: Headers) -> None:
    """Tell the provider whose accounts it may serve, whatever the client says of it under the same names."""
    if not told:
        return
    names = {name for name, _ in told}
    kept = (field for field in request.headers.fields if field[0].lower().replace(b"_", b"-") not in names)
    request.headers.fields = (*kept, *told)


def closed() -> http.Response:
    """The answer to a request of which nothing is known yet, or ever will be."""
    return to_response(errors.answer("generic", 503, "The request was not inspected.", "og_none"))


def to_response(answer: errors.ErrorAnswer, *, head: bool = False) -> http.Response:
    """Our own answer as the library's; without its body for a HEAD request."""
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    return http.Response.make(answer.status, b"" if head else answer.body, headers)


def wants_html(request: http.Request) -> bool:
    """Whether a person looks at the answer in a browser."""
    return request.headers.get("sec-fetch-mode") == "navigate" or (
        request.method == "GET" and "text/html" in request.headers.get("accept", "")
    )
