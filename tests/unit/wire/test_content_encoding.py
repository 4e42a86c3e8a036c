"""Content encodings: all of every body, and never more than the limit."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.wire import WireError
from outgate.wire.content_encoding import decode

LIMIT = 1_000_000
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "deflate": zlib.compress,
}


@given(st.binary(min_size=1, max_size=500), st.lists(st.sampled_from(sorted(ENCODERS)), max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_stack_of_codings_is_undone(data: bytes, stack: list[str]) -> None:
    text = b"plain " + data
    body = text
    for name in stack:
        body = ENCODERS[name](body)
    assert decode(body, ", ".join(stack), limit=LIMIT).data == text


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("size", [60_000, 70_000, 200_000, 900_000])
def test_a_long_text_is_decoded_to_its_end(name: str, size: int) -> None:
    for text in (b"ab " * (size // 3), random.Random(1).randbytes(size // 2).hex().encode()):
        assert decode(ENCODERS[name](text), name, limit=LIMIT).data == text


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_body_that_is_what_its_header_says_may_go_on_as_it_came(name: str) -> None:
    assert decode(ENCODERS[name](b"text"), name, limit=LIMIT).coherent
    for other in ("deflate", "br"):  # read differently by decoders; may hold metadata that all skip
        assert not decode(ENCODERS[other](b"text"), other, limit=LIMIT).coherent


def test_every_member_and_frame_is_read() -> None:
    for name in ("gzip", "zstd"):
        body = ENCODERS[name](b"one ") + ENCODERS[name](b"two")
        assert decode(body, name, limit=LIMIT).data == b"one two"


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_trailing_and_missing_bytes_are_refused(name: str) -> None:
    body = ENCODERS[name](b"some text that is long enough to be cut" * 20)
    for bad in (body + b"x", body[:-3]):
        with pytest.raises(WireError) as caught:
            decode(bad, name, limit=LIMIT)
        assert caught.value.status == 415


def test_bytes_after_a_brotli_stream_are_refused_wherever_it_ends() -> None:
    """Also where a piece that is fed to the decoder ends."""
    noise = random.Random(1).randbytes(2**16 - 4)
    body = brotli.compress(noise)
    assert len(body) == 2**16 and decode(body, "br", limit=LIMIT).data == noise
    with pytest.raises(WireError) as caught:
        decode(body + b"x", "br", limit=LIMIT)
    assert caught.value.status == 415


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_a_bomb_ends_at_the_limit(name: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(ENCODERS[name](bytes(50_000_000)), name, limit=LIMIT)
    assert caught.value.status == 413


def test_a_zstd_window_beyond_the_standard_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = compressor.compress(b"x" * 100_000) + compressor.flush()
    with pytest.raises(WireError) as caught:
        decode(body, "zstd", limit=LIMIT)
    assert caught.value.status == 415


@pytest.mark.parametrize("name", ["rot13", "bz2", "hex", "zip", "snappy", "gzip;q=1"])
def test_an_unknown_coding_is_refused(name: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(b"x", name, limit=LIMIT)
    assert (caught.value.status, caught.value.reason) == (415, "unknown_encoding")


def test_header_and_bytes_may_disagree() -> None:
    assert decode(gzip.compress(b"{}"), "", limit=LIMIT).data == b"{}"
    lying = decode(b'{"a": 1}', "gzip", limit=LIMIT)
    assert (lying.data, lying.coherent) == (b'{"a": 1}', False)


@given(st.binary(max_size=200), st.sampled_from(["", *sorted(ENCODERS)]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_decoded_or_refused(data: bytes, name: str) -> None:
    try:
        decode(data, name, limit=LIMIT)
    except WireError as error:
        assert error.status in (413, 415)


SKIPPABLE = b"\x2a\x4d\x18" + (6).to_bytes(4, "little") + b"hidden"


@pytest.mark.parametrize("first", [b"\x50", b"\x5b", b"\x5f"])
def test_a_skippable_zstd_frame_never_goes_on(first: bytes) -> None:
    frame = ENCODERS["zstd"](b"text")
    for body in (first + SKIPPABLE + frame, frame + first + SKIPPABLE):
        decoded = decode(body, "zstd", limit=LIMIT)
        assert (decoded.data, decoded.coherent) == (b"text", False)
    assert decode(first + SKIPPABLE + frame, "", limit=LIMIT).data == b"text"


def test_a_gzip_file_name_or_a_second_member_never_goes_on() -> None:
    named = io.BytesIO()
    with gzip.GzipFile("hidden", "wb", fileobj=named) as stream:
        stream.write(b"text")
    for body in (named.getvalue(), ENCODERS["gzip"](b"te") + ENCODERS["gzip"](b"xt")):
        decoded = decode(body, "gzip", limit=LIMIT)
        assert (decoded.data, decoded.coherent) == (b"text", False)


def test_a_raw_deflate_stream_that_opens_like_json_is_decoded() -> None:
    for text in (bytes([letter]) * 3 + b"secret" for letter in range(256)):
        stream = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_FIXED)
        body = stream.compress(text) + stream.flush()
        assert decode(body, "deflate", limit=LIMIT).data == text


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_thousands_of_members_are_refused(name: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(ENCODERS[name](b"x") * 20_000, name, limit=LIMIT)
    assert caught.value.status == 413


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_a_bomb_takes_little_memory(name: str) -> None:
    body = ENCODERS[name](bytes(100_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            decode(body, name, limit=LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 10 * LIMIT
    finally:
        tracemalloc.stop()


@given(st.binary(min_size=1, max_size=2000), st.sampled_from(["gzip", "zstd", "br"]), st.data())
@settings(max_examples=100, deadline=None)
def test_a_body_cut_anywhere_is_refused(text: bytes, name: str, data: st.DataObject) -> None:
    body = ENCODERS[name](text)
    cut = body[: data.draw(st.integers(1, len(body) - 1))]
    with pytest.raises(WireError):
        decode(cut, name, limit=LIMIT)


def test_zstd_of_many_blocks_and_with_a_checksum_is_read() -> None:
    text = b"".join(b"%d " % n for n in range(400_000))
    for level, checksum in ((1, True), (3, False), (19, True)):
        body = zstandard.ZstdCompressor(level=level, write_checksum=checksum).compress(text)
        assert decode(body, "zstd", limit=10 * LIMIT).data == text
        stream = zstandard.ZstdCompressor(level=level, write_checksum=checksum).compressobj()
        pieces = [
            stream.compress(text[i : i + 5000]) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            for i in range(0, len(text), 5000)
        ]
        assert decode(b"".join([*pieces, stream.flush()]), "zstd", limit=10 * LIMIT).data == text
