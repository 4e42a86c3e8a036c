"""Bundles: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import gzip
import io
import json
import stat
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outgate.rollout import RefusedError, RolloutError, bundle, signing
from outgate.rollout.bundle import MANIFEST, is_plain, pack, unpack

CREATED = datetime(2026, 1, 2, tzinfo=UTC)
FILES = {"policy.yaml": b"version: 1\n", "lists/words.txt": b"Bluebird\n"}
NAMES = st.from_regex(r"[a-z0-9_][a-z0-9._-]{0,8}(/[a-z0-9_][a-z0-9._-]{0,8}){0,3}", fullmatch=True)


@given(
    files=st.dictionaries(NAMES.filter(is_plain), st.binary(max_size=200), max_size=8),
    version=st.integers(1, 2**53 - 1),
    as_zip=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_what_is_packed_is_what_is_unpacked_and_is_packed_the_same_again(
    files: dict[str, bytes], version: int, as_zip: bool
) -> None:
    files.pop(MANIFEST, None)
    if bundle.clash(iter([*files, MANIFEST])):
        with pytest.raises(RefusedError):
            pack(files, version, CREATED, None, as_zip=as_zip)
        return
    packed = pack(files, version, CREATED, None, as_zip=as_zip)
    found = unpack(packed)
    assert (dict(found.files), found.manifest.version, found.manifest.created) == (files, version, CREATED)
    assert pack(files, version, CREATED, None, as_zip=as_zip) == packed


@given(st.binary(max_size=2000))
@example(b"PK\x05\x06" + bytes(18))
@example(gzip.compress(bytes(10240)))
def test_bytes_that_are_no_bundle_are_refused(data: bytes) -> None:
    with pytest.raises(RefusedError):
        unpack(data)


@given(
    as_zip=st.booleans(),
    damage=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 40),
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_bundle_is_refused_or_the_same(
    as_zip: bool, damage: list[tuple[int, int]], cut: int
) -> None:
    """Also below the compression, where nothing else would see it."""
    packed = pack(FILES, 3, CREATED, None, as_zip=as_zip)
    inner = bytearray(packed if as_zip else gzip.decompress(packed))
    for place, value in damage:
        inner[place % len(inner)] = value
    data = bytes(inner[: len(inner) - cut]) if as_zip else gzip.compress(bytes(inner[: len(inner) - cut]))
    try:
        found = unpack(data)
    except RefusedError:
        return
    assert dict(found.files) == FILES


def manifest(**files: str) -> bytes:
    told = {
        "format": "outgate-policy-bundle/1",
        "version": 1,
        "created": "2026-01-02T00:00:00Z",
        "files": files,
    }
    return json.dumps(told).encode()


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def named(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zipped(name: str, content: bytes = b"x", mode: int = 0, method: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(MANIFEST, manifest())
        archive.writestr(info, content, method)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (tar((named("../policy.yaml"), b"x")), "has the name"),
        (tar((named("/etc/outgate/policy.yaml"), b"x")), "has the name"),
        (tar((named("a/../../policy.yaml"), b"x")), "has the name"),
        (tar((named(".git/config"), b"x")), "has the name"),
        (tar((named("a\\b.yaml"), b"x")), "has the name"),
        (tar((named("nul.yaml"), b"x")), "has the name"),
        (tar((named("policy.yaml", tarfile.SYMTYPE, "/etc/passwd"), b"")), "is a link"),
        (tar((named("policy.yaml", tarfile.LNKTYPE, "/etc/passwd"), b"")), "is a link"),
        (tar((named("policy.yaml", tarfile.FIFOTYPE), b"")), "is a link"),
        (tar((named("a.yaml"), b"x"), (named("a.yaml"), b"y")), "twice"),
        (tar((named("a.yaml"), b"x"), (named("A.yaml"), b"y")), "twice, on some systems"),
        (tar((named("a"), b"x"), (named("a/b"), b"y")), "twice, on some systems"),
        (tar((named("policy.yaml"), b"x")), "no manifest.json"),
        (tar((named(MANIFEST), manifest()), (named("more.yaml"), b"x")), "in it, and not listed"),
        (tar((named(MANIFEST), manifest(**{"a.yaml": "0" * 64}))), "listed, and not in it"),
        (
            tar((named(MANIFEST), manifest(**{"a.yaml": "0" * 64})), (named("a.yaml"), b"x")),
            "not the file that is listed",
        ),
        (tar((named(MANIFEST), b'{"version": 1}')), "manifest.json: created"),
        (
            tar((named(MANIFEST), manifest().replace(b'"version": 1', b'"version": 1.0'))),
            "manifest.json: version",
        ),
        (tar((named(MANIFEST), manifest().replace(b"00Z", b"00"))), "manifest.json: created"),
        (pack(FILES, 1, CREATED, None) + gzip.compress(b"more"), "behind its end"),
        (pack(FILES, 1, CREATED, None)[:-9], "cut off"),
        (zipped("../policy.yaml"), "has the name"),
        (zipped("policy.yaml", b"/etc/passwd", stat.S_IFLNK | 0o777), "is a link"),
        (zipped("policy.yaml", method=zipfile.ZIP_BZIP2), "unusual way"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bundle",
)
def test_what_a_bundle_must_not_hold_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        unpack(data)


@pytest.mark.parametrize(
    "pack_one", [lambda data: tar((named("bomb"), data)), lambda data: zipped("bomb", data, method=8)]
)
def test_a_bomb_is_refused_before_it_has_unpacked(
    pack_one: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "UNPACKED", 2**16)
    data = pack_one(bytes(8 * 2**20))
    assert len(data) < 2**16
    with pytest.raises(RefusedError, match="65536 bytes"):
        unpack(data)


def test_a_zip_that_understates_what_is_in_it_is_refused() -> None:
    data = bytearray(zipped("bomb", bytes(2**20), method=zipfile.ZIP_DEFLATED))
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1) + 24  # the size in the central directory
    data[at : at + 4] = (5).to_bytes(4, "little")
    with pytest.raises(RefusedError):
        unpack(bytes(data))


def test_a_bundle_with_too_many_files_or_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST_FILES", 3)
    with pytest.raises(RefusedError, match="more than 3 files"):
        pack({f"{number}.yaml": b"" for number in range(5)}, 1, CREATED, None)
    monkeypatch.setattr(bundle, "LARGEST", 10)
    with pytest.raises(RefusedError, match="more than 10 bytes"):
        unpack(bytes(11))


# --- signatures ----------------------------------------------------------------------------------


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    signing.keygen(tmp_path / "key.pem", tmp_path / "public.pem")
    return tmp_path / "key.pem", tmp_path / "public.pem"


def test_only_the_signature_of_a_pinned_key_over_these_bytes_holds(
    keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, public = keys
    signing.keygen(tmp_path / "other.pem", tmp_path / "other.pub.pem")
    data = pack(FILES, 1, CREATED, None)
    signature = signing.sign(data, private)
    assert signing.verify(data, signature, [tmp_path / "other.pub.pem", public]) == public
    for bad in (
        (data[:-1] + bytes([data[-1] ^ 1]), signature, public),
        (data, signing.sign(data, tmp_path / "other.pem"), public),
        (data, b"", public),
        (data, b"!" + signature, public),
        (data, signature[:-8], public),
    ):
        with pytest.raises(RefusedError):
            signing.verify(bad[0], bad[1], [bad[2]])
    with pytest.raises(RefusedError):
        signing.verify(data, signature, [])


def test_keys_are_files_that_only_their_owner_can_read_or_replace(keys: tuple[Path, Path]) -> None:
    private, public = keys
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    with pytest.raises(RolloutError, match="a file already"):
        signing.keygen(private, public.with_name("new.pem"))
    data = b"bundle"
    signature = signing.sign(data, private)
    private.chmod(0o644)
    with pytest.raises(Exception, match="open to other users"):
        signing.sign(data, private)
    public.chmod(0o666)
    with pytest.raises(RolloutError, match="others can write"):
        signing.verify(data, signature, [public])
    public.chmod(0o644)
    public.parent.chmod(0o777)
    with pytest.raises(RolloutError, match="others can write"):
        signing.verify(data, signature, [public])
    public.parent.chmod(0o700)


def test_another_kind_of_key_is_told(keys: tuple[Path, Path]) -> None:
    private, public = keys
    with pytest.raises(RolloutError, match="not a public key"):
        signing.public_key(private)
    public.chmod(0o600)
    with pytest.raises(RolloutError, match="not a private key"):
        signing.sign(b"", public)
