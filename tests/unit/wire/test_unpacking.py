"""Encodings undone piece by piece: the same bytes, whatever the cuts, and bounded."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from outgate.wire import WireError
from outgate.wire.unpacking import Unpacker


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", bytes),
    "gzip": ("gzip", gzip.compress),
    "two members": ("x-gzip", lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:])),
    "deflate": ("Deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
}
WORDS = b"data: {}\n\n" * 20_000  # becomes far more than one step of output


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_pieces_become_what_was_packed(kind: str, step: int) -> None:
    encoding, pack = PACKERS[kind]
    data = WORDS if step > 1 else WORDS[:500]
    packed, unpacker = pack(data), Unpacker(encoding)
    told = b"".join(
        piece for at in range(0, len(packed), step) for piece in unpacker.feed(packed[at : at + step])
    )
    assert told == data


@pytest.mark.parametrize("encoding", ["rot13", "gzip, br", "compress"])
def test_what_is_not_known_is_told(encoding: str) -> None:
    with pytest.raises(WireError):
        Unpacker(encoding)


@pytest.mark.parametrize("kind", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_given_up_within_bounds(kind: str) -> None:
    encoding, pack = PACKERS[kind]
    bomb = pack(bytes(24 * 2**20)) if kind != "br" else brotli.compress(bytes(24 * 2**20), quality=1)
    made = 0
    with pytest.raises(WireError) as caught:
        for piece in Unpacker(encoding).feed(bomb):
            made += len(piece)
    assert caught.value.reason == "too_large"
    assert made <= 8 * 2**20


@given(st.sampled_from(["gzip", "deflate", "br", "zstd"]), st.binary(min_size=1, max_size=300))
def test_any_bytes_are_undone_or_told(encoding: str, data: bytes) -> None:
    unpacker = Unpacker(encoding)
    try:
        for _ in unpacker.feed(data):
            pass
    except WireError as error:
        assert error.reason in ("bad_encoding", "too_large")
