"""What is full of random characters and of secret-sounding names, and holds no secret: 100 kB of each, no finding."""

from __future__ import annotations

import base64
import hashlib
import random
import string
import struct
import uuid
import zlib
from collections.abc import Callable

import pytest

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine

SIZE = 100_000
_NAMES = """token secretName passwordField maxTokens tokenCount apiKeyHeader keyCode publicKey cacheKey tokenType
    resetPassword authTokenUrl isSecret keys passwordPolicy nextToken sessionKeyName hasPassword""".split()
_WORDS = """the a of request response server returns when password token key secret value is are must be set not sent
    read from file user name service before after each every and or with for in on by to this that which""".split()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(DetectorConfig(entities=entities.groups()["secrets"]))


def png(source: random.Random) -> str:
    """A real little picture as a data URL."""
    rows = b"".join(b"\0" + source.randbytes(96) for _ in range(32))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return f'<img alt="x" src="data:image/png;base64,{base64.b64encode(data).decode()}">'


def sha(source: random.Random, bits: int) -> str:
    return hashlib.new(f"sha{bits}", source.randbytes(16)).hexdigest()


def integrity(source: random.Random) -> str:
    digest = base64.b64encode(hashlib.sha512(source.randbytes(16)).digest()).decode()
    name = "".join(source.choice(string.ascii_lowercase) for _ in range(9))
    return (
        f'    "node_modules/{name}": {{\n      "version": "{source.randrange(9)}.{source.randrange(30)}.1",\n'
        f'      "resolved": "https://registry.npmjs.org/{name}/-/{name}-1.0.0.tgz",\n'
        f'      "integrity": "sha512-{digest}",\n      "license": "MIT"\n    }},'
    )


def python_lock(source: random.Random) -> str:
    hashes = " \\\n".join(f"    --hash=sha256:{sha(source, 256)}" for _ in range(3))
    return f"somepackage-{source.randrange(99)}=={source.randrange(9)}.{source.randrange(9)} \\\n{hashes}"


def minified(source: random.Random) -> str:
    a, b, c = (source.choice(string.ascii_lowercase) for _ in range(3))
    name = source.choice(_NAMES)
    return source.choice(
        [
            f"function {a}{b}({a},{b}){{return {a}.{name}?{b}({a}.{name}):void 0}}",
            f"{a}.{name}={b}.{name}||{c}[{source.randrange(999)}];",
            f'{a}({{type:"password",name:"{name}",value:{b}.password,token:{c}.token}});',
            f"var {a}=e(0x{source.randrange(1 << 24):x}),{b}={a}&&{a}.__esModule?{a}:{{default:{a}}};",
            f'case"{name}":return {a}.secret={b},{a}.key="{name}",{c}.{name};',
        ]
    )


def code(source: random.Random) -> str:
    name, other = source.choice(_NAMES), source.choice(_NAMES)
    return source.choice(
        [
            f"    {name} = self._config.get('{other}')",
            f"    if {name} is None or {name} != {other}: raise ValueError('bad {name}')",
            f"    password: str = Field(min_length={source.randrange(6, 20)})",
            f"    token = lexer.next()  # {name}",
            f"    return {{'password': form.password.data, 'token': {other}, 'secret': os.environ['{name.upper()}']}}",
            f'    api_key=os.getenv("{name.upper()}"), secret=settings.{other},',
            f"    def set_{name}(self, password: str | None = None, *, token: Token) -> None: ...",
            f'    log.info("token %s of %d", {name}, {source.randrange(10**9)})',
            "    API_KEY = 'YOUR_API_KEY'; PASSWORD = '<password>'; SECRET = '${SECRET}'",
        ]
    )


def css(source: random.Random) -> str:
    return (
        f".token-{source.randrange(99)}>.key::after{{content:'\\{source.randrange(9999):04x}';"
        f"color:#{source.randrange(1 << 24):06x};background:url(img/{sha(source, 1)[:20]}.svg)}}"
    )


def log(source: random.Random) -> str:
    return (
        f"2026-0{source.randrange(1, 9)}-1{source.randrange(9)}T0{source.randrange(9)}:15:00Z INFO "
        f"request={uuid.UUID(int=source.getrandbits(128))} trace={source.getrandbits(128):032x} "
        f"span={source.getrandbits(64):016x} user_id={source.randrange(10**9)} tokens={source.randrange(9999)}"
    )


KINDS: dict[str, Callable[[random.Random], str]] = {
    "git log": lambda source: f"commit {sha(source, 1)}\nindex {sha(source, 1)[:7]}..{sha(source, 1)[:7]} 100644",
    "sha256 sums": lambda source: f"{sha(source, 256)}  dist/file-{source.randrange(999)}.tar.gz",
    "uuids": lambda source: f'{{"id": "{uuid.UUID(int=source.getrandbits(128))}", "ref": {source.randrange(10**10)}}}',
    "unix times": lambda source: f"{1_700_000_000 + source.randrange(10**8)} {source.randrange(10**13)}",
    "pictures": png,
    "npm lock": integrity,
    "python lock": python_lock,
    "minified": minified,
    "code": code,
    "css": css,
    "logs": log,
    "prose": lambda source: " ".join(source.choice(_WORDS) for _ in range(14)).capitalize() + ".",
    "hex dump": lambda source: f"{source.getrandbits(32):08x}  " + " ".join(f"{b:02x}" for b in source.randbytes(16)),
    "addresses": lambda source: f"0x{source.getrandbits(160):040x} -> block {source.randrange(10**8)}",
    "base64 lines": lambda source: base64.b64encode(source.randbytes(57)).decode(),
    "public keys": lambda source: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"
    + base64.b64encode(source.randbytes(32)).decode()[:43] + " kim@laptop",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_kilobytes_without_a_secret_have_no_finding(engine: Engine, kind: str) -> None:
    source = random.Random(kind)
    lines: list[str] = []
    size = 0
    while size < SIZE:
        lines.append(KINDS[kind](source))
        size += len(lines[-1]) + 1
    text = "\n".join(lines)
    assert [(text[m.start : m.end][:60], m.entity, m.detector) for m in engine.scan([text])[0]] == []
