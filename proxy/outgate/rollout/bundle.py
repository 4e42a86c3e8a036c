"""Bundles: a release as one file, tar.gz or zip, with a manifest of what is in it.

``manifest.json`` states the version, when it was made and until when it holds, and the SHA-256 of every file. Reading
is strict and bounded: plain files with plain names, each listed with the hash that it has, and nothing else. Bytes in,
bytes out; who signed them is ``signing``'s business, and comes first.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from outgate.rollout import RefusedError

MANIFEST = "manifest.json"
LARGEST = 16 * 2**20  # bytes of a bundle
UNPACKED = 32 * 2**20  # bytes of all files in one; a policy's own files are some kilobytes
MOST_FILES = 1000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_LONGEST = 100  # characters of a name: what a tar holds without an extension of its form
# What Windows takes for a device whatever follows the dot.
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can state

Files = Mapping[str, bytes]  # name within the release, with / -> content


class Manifest(BaseModel):
    """What a bundle says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["outgate-policy-bundle/1"] = "outgate-policy-bundle/1"
    version: int = Field(ge=1, lt=2**53, strict=True)  # never goes back
    created: AwareDatetime
    expires: AwareDatetime | None = None  # what is offered later than this is old news
    files: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is in one."""

    manifest: Manifest
    files: Files


def is_plain(name: str) -> bool:
    """Whether a name leads to a file within the folder that it is put in, on every system."""
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        return False
    return not any(_DEVICE.match(part) or part.endswith(".") for part in name.split("/"))


def clash(names: Iterator[str]) -> str | None:
    """The first name that, on some system, is another's, or lies within one that is a file."""
    seen: dict[str, bool] = {}  # folded -> is a file
    for name in names:
        path = PurePosixPath(name.lower())
        for folder in map(str, path.parents):
            if seen.setdefault(folder, False):
                return name
        if str(path) in seen:
            return name
        seen[str(path)] = True
    return None


def pack(
    files: Files, version: int, created: datetime, expires: datetime | None, *, as_zip: bool = False
) -> bytes:
    """A bundle of ``files``; the same bytes for the same arguments. Raises RefusedError if nobody would take it."""
    strange = next((name for name in files if not is_plain(name)), None)
    if strange is not None:
        raise RefusedError(
            f"{strange[:100]!r}: letters, digits, dot, hyphen and underscore make a name, {_LONGEST} of them at most"
        )
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    try:
        manifest = Manifest(version=version, created=created, expires=expires, files=hashes)
    except ValidationError as error:
        raise RefusedError(_told(error)) from None
    everything = {
        MANIFEST: manifest.model_dump_json(indent=2).encode() + b"\n",
        **dict(sorted(files.items())),
    }
    packed = _zip(everything) if as_zip else _tar(everything)
    unpack(packed)
    return packed


def unpack(data: bytes) -> Bundle:
    """What is in a bundle. Linear in what it unpacks to, at most ``UNPACKED``. Raises RefusedError."""
    if len(data) > LARGEST:
        raise RefusedError(f"the bundle has more than {LARGEST} bytes")
    files: dict[str, bytes] = {}
    left = UNPACKED
    try:
        for name, content in _unzipped(data) if data.startswith(b"PK") else _untarred(data):
            if not is_plain(name):
                raise RefusedError(f"a file in it has the name {name[:100]!r}")
            if name in files:
                raise RefusedError(f"{name} is in it twice")
            left -= len(content)
            if left < 0 or len(files) > MOST_FILES:
                raise RefusedError(f"there are more than {MOST_FILES} files or {UNPACKED} bytes in it")
            files[name] = content
    except RefusedError:
        raise
    except Exception as error:  # both libraries raise whatever comes, over bytes that are none of theirs
        raise RefusedError(f"it is no tar.gz and no zip that can be read ({type(error).__name__})") from None
    twice = clash(iter(files))
    if twice is not None:
        raise RefusedError(f"{twice} is in it twice, on some systems")
    return Bundle(_manifest(files), files)


def _manifest(files: dict[str, bytes]) -> Manifest:
    """What the manifest says, taken out of ``files``, which are what it lists."""
    data = files.pop(MANIFEST, None)
    if data is None:
        raise RefusedError(f"there is no {MANIFEST} in it")
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise RefusedError(_told(error)) from None
    if manifest.files.keys() != files.keys():
        other = sorted(manifest.files.keys() ^ files.keys())[0]
        where = "in it, and not listed" if other in files else "listed, and not in it"
        raise RefusedError(f"{MANIFEST}: {other[:100]!r} is {where}")
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != manifest.files[name]:
            raise RefusedError(f"{MANIFEST}: {name} is not the file that is listed")
    return manifest


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{MANIFEST}: {'.'.join(map(str, first['loc']))[:100] or 'it'}: {first['msg'][:200]}"


def _untarred(data: bytes) -> Iterator[tuple[str, bytes]]:
    plain = _gunzipped(data)
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for member in archive:
            if member.isdir():
                continue
            if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
                raise RefusedError(f"{member.name[:100]!r} is a link, or no plain file")
            stream = archive.extractfile(member) if 0 <= member.size <= len(plain) else None
            content = stream.read() if stream is not None else b""
            if len(content) != member.size:
                raise RefusedError("it ends before its files do")
            yield member.name, content


def _gunzipped(data: bytes) -> bytes:
    """One gzip member (RFC 1952) and nothing behind it, of bounded size."""
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    most = UNPACKED + 2 * 512 * MOST_FILES + 10_240  # with tar's own blocks
    plain = stream.decompress(data, most + 1)
    if len(plain) > most:
        raise RefusedError(f"it unpacks to more than {UNPACKED} bytes")
    if not stream.eof or stream.unused_data:
        raise RefusedError("it is cut off, or something is behind its end")
    return plain


def _unzipped(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > 2 * MOST_FILES:
            raise RefusedError(f"there are more than {MOST_FILES} files in it")
        left = UNPACKED
        for member in members:
            if member.is_dir():
                continue
            kind = stat.S_IFMT(member.external_attr >> 16)
            if (
                kind not in (0, stat.S_IFREG)
                or member.flag_bits & 0x1
                or member.compress_type not in _ZIP_METHODS
            ):
                raise RefusedError(
                    f"{member.filename[:100]!r} is a link, enciphered, or packed in an unusual way"
                )
            if member.file_size > left:
                raise RefusedError(f"it unpacks to more than {UNPACKED} bytes")
            with archive.open(member) as stream:
                content = stream.read(left + 1)
            left -= len(content)
            if left < 0:
                raise RefusedError(f"it unpacks to more than {UNPACKED} bytes")
            yield member.filename, content


def _tar(files: Files) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def _zip(files: Files) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
