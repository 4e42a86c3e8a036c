"""Ways around a filter by what decoders read differently: it goes on as it was scanned, decoded."""

from __future__ import annotations

import gzip
import io
import zlib

import brotli
import pytest
import zstandard

from e2e.conftest import Proxy
from e2e.raw import head, opened, read_answer
from e2e.test_traffic import chat, post
from outgate.dlp.examples import fake

CLEAN = chat("clean")
SKIPPABLE = b"\x50\x2a\x4d\x18" + (6).to_bytes(4, "little") + b"hidden"


def with_file_name(data: bytes) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile("hidden", "wb", fileobj=packed) as stream:
        stream.write(data)
    return packed.getvalue()


AMBIGUOUS = {
    "a coding that no header names": ("identity", gzip.compress(CLEAN)),
    "a header that names none": ("gzip", CLEAN),
    "members": ("gzip", gzip.compress(CLEAN[:9]) + gzip.compress(CLEAN[9:])),
    "a file name": ("gzip", with_file_name(CLEAN)),
    "a skippable frame": ("zstd", SKIPPABLE + zstandard.compress(CLEAN)),
    "frames": ("zstd", zstandard.compress(CLEAN[:9]) + zstandard.compress(CLEAN[9:])),
    "deflate": ("deflate", zlib.compress(CLEAN)),
    "br": ("br", brotli.compress(CLEAN)),
}


@pytest.fixture
def proxy(one_for_all: Proxy) -> Proxy:
    one_for_all.stand_in.reset()
    return one_for_all


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_decoders_may_read_differently_goes_on_decoded(proxy: Proxy, name: str) -> None:
    coding, body = AMBIGUOUS[name]
    assert post(proxy, body, **{"content-encoding": coding}).status_code == 200
    assert proxy.received[-1].body == CLEAN
    assert proxy.received[-1].header("content-encoding") is None


@pytest.mark.parametrize("names", [("gzip", "br"), ("GZIP", "Br")])
def test_codings_in_two_headers_and_any_case_are_undone(proxy: Proxy, names: tuple[str, str]) -> None:
    first, second = names
    body = brotli.compress(gzip.compress(chat(fake("GITHUB_TOKEN"))))
    with opened(proxy) as tls:
        fields = {"Content_Length": str(len(body)), "Content_Encoding": first, "content_encoding": second}
        tls.sendall(head(**fields) + body)
        assert read_answer(tls).startswith(b"HTTP/1.1 403")
    assert proxy.received == []
