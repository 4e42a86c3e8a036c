"""Ways around a filter by what a connection begins with: no HTTP, names in odd places, pieces."""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.conftest import Proxy
from e2e.raw import Http2, connect, is_closed, opened, read_answer
from outgate.dlp.examples import fake
from providers.raw import RawUpstream

MakeProxy = Callable[..., Proxy]


@contextmanager
def leading_to(make_proxy: MakeProxy, folder: Path, host: str) -> Iterator[tuple[Proxy, RawUpstream]]:
    """A proxy for which ``host`` is a server that keeps the bytes it is sent, as they are."""
    with RawUpstream(folder, tls=False) as upstream:
        yield make_proxy(routes={host: upstream.address}), upstream


@pytest.mark.parametrize("first", [b"\x00\x01\x02 ", b"SSH-2.0-x\r\n", b"\x16\x03", b"x\n y "])
def test_what_is_no_http_reaches_no_ai_host(make_proxy: MakeProxy, tmp_path: Path, first: bytes) -> None:
    with leading_to(make_proxy, tmp_path, "api.openai.com") as (proxy, upstream):
        with connect(proxy, "api.openai.com:443") as tcp:
            tcp.sendall(first + fake("GITHUB_TOKEN").encode() + b"\r\n\r\n")
            is_closed(tcp, 1)
        assert upstream.bytes == b""


def client_hello(name: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


# Where the first bytes are cut: each piece comes alone.
CUTS = [(), (1,), (2, 4), (20, 40)]


@pytest.mark.parametrize("cuts", CUTS)
def test_an_ai_host_in_the_sni_is_opened_whatever_pieces_it_comes_in(
    make_proxy: MakeProxy, tmp_path: Path, cuts: tuple[int, ...]
) -> None:
    with leading_to(make_proxy, tmp_path, "intranet.example") as (proxy, upstream):
        with connect(proxy, "intranet.example:443") as tcp:
            for piece in pieces(client_hello("api.openai.com"), cuts):
                tcp.sendall(piece)
                time.sleep(0.1)
            assert tcp.recv(1) == b"\x16"  # a handshake of ours
        assert upstream.bytes == b""


HEADS = {
    "Host": b"GET / HTTP/1.1\r\nX: y\r\nHOST:\t api.openai.com \r\n\r\n",
    "a second Host": b"GET / HTTP/1.1\r\nHost: intranet.example\r\nHost: api.openai.com\r\n\r\n",
    "absolute form": b"GET http://api.openai.com/ HTTP/1.1\r\nHost: intranet.example\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: api.openai.com\n\n",
}


@pytest.mark.parametrize(("place", "cuts"), itertools.product(HEADS, CUTS))
def test_an_ai_host_in_a_plain_request_is_refused_wherever_it_stands(
    make_proxy: MakeProxy, tmp_path: Path, place: str, cuts: tuple[int, ...]
) -> None:
    with leading_to(make_proxy, tmp_path, "intranet.example") as (proxy, upstream):
        with connect(proxy, "intranet.example:80") as tcp:
            for piece in pieces(HEADS[place], cuts):
                tcp.sendall(piece)
                time.sleep(0.1)
            assert read_answer(tcp).startswith(b"HTTP/1.1 4")
        assert upstream.bytes == b""


def pieces(data: bytes, cuts: tuple[int, ...]) -> list[bytes]:
    return [data[start:end] for start, end in itertools.pairwise((0, *cuts, len(data)))]


def test_an_http2_host_that_differs_from_its_authority_is_refused(proxy: Proxy) -> None:
    with opened(proxy, alpn=["h2"]) as tls:
        client = Http2(tls, careless=True)
        client.request("GET", "/v1/models", more=[("host", "api.anthropic.com")], end=True)
        is_closed(tls, 1)
    assert proxy.received == []
