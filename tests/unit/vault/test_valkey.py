"""What can go wrong between a vault and its server."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from vault_places import Place, Server

from outgate.model import Pair
from outgate.vault import Vault, VaultError, rotation
from outgate.vault.keys import FixedKeys, KeyFile
from outgate.vault.store import Limits
from outgate.vault.valkey import ValkeyStore
from outgate.vault.vault import now_ms

pytest.importorskip("valkey", reason="valkey is not installed (pip install 'outgate[valkey]')")

ALICE = "user:alice"
MAIL = Pair("EMAIL_ADDRESS_abcdefghijkl", "alice@made-up.example")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def opened(url: str, **options: float) -> Vault:
    return Vault(ValkeyStore(url, Limits(), now_ms, **options), FixedKeys([os.urandom(32)]))


@asynccontextmanager
async def served(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that does what ``serve`` does; its port."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def refused(vault: Vault) -> str:
    with pytest.raises(VaultError) as raised:
        await vault.remember(ALICE, [MAIL])
    await vault.close()
    assert MAIL.value not in raised.value.message
    assert "pass-word" not in raised.value.message
    return raised.value.message


async def test_a_server_that_is_not_there_is_told_at_once() -> None:
    async def nobody(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with served(nobody) as port:
        pass
    begun = time.monotonic()
    message = await refused(opened(f"valkey://somebody:pass-word@127.0.0.1:{port}"))
    assert f"valkey://127.0.0.1:{port}: cannot be reached" in message
    assert time.monotonic() - begun < 1


async def test_a_server_that_is_silent_is_given_up_and_asked_once() -> None:
    asked = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    async with served(silent) as port:
        begun = time.monotonic()
        message = await refused(opened(f"valkey://127.0.0.1:{port}", timeout=0.2))
    assert "no answer in time" in message
    assert time.monotonic() - begun < 2
    assert asked == 1


async def test_a_server_that_closes_or_speaks_otherwise_is_told() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 alice@made-up.example\r\n\r\n")
        writer.close()

    async with served(other) as port:
        assert f"127.0.0.1:{port}" in await refused(opened(f"valkey://127.0.0.1:{port}"))


async def test_a_password_is_asked_for_and_never_told(server: Server) -> None:
    address = server.url.partition("://")[2]
    store = ValkeyStore(server.url, Limits(), now_ms)
    await store._client.execute_command("ACL", "SETUSER", "vault", "on", ">pass-word", "~outgate:*", "+@all")
    await store.close()
    assert "user and password" in await refused(opened(f"valkey://vault:pass-word-not@{address}"))
    vault = opened(f"redis://vault:pass-word@{address}")
    await vault.purge()
    await vault.remember(ALICE, [MAIL])
    assert await vault.recall(ALICE, [MAIL.placeholder]) == {MAIL.placeholder: MAIL.value}
    assert "pass-word" not in repr(vars(vault.store)["where"])
    await vault.purge()
    await vault.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1", "is expected"),
        ("127.0.0.1:6379", "is expected"),
        ("valkeys://127.0.0.1?ssl_cert_reqs=none", "ssl_cert_reqs is not known"),
        ("valkeys://127.0.0.1?ssl_check_hostname=false", "ssl_check_hostname is not known"),
    ],
)
def test_an_address_that_is_none_or_asks_for_less_safety_is_refused(url: str, told: str) -> None:
    with pytest.raises(VaultError, match=told):
        opened(url)


@pytest.mark.parametrize(
    ("name", "told"), [("127.0.0.1", "user and password"), ("127.0.0.2", "cannot be reached")]
)
async def test_tls_is_verified_with_its_name(tmp_path: Path, name: str, told: str) -> None:
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(certified(name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def strict(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
        writer.close()

    async with served(strict, context) as port:
        url = f"rediss://vault:pass-word@127.0.0.1:{port}"
        assert "cannot be reached" in await refused(opened(url))  # nobody vouches for it
        assert told in await refused(opened(f"{url}?ssl_ca_certs={certificate}"))


def certified(name: str) -> bytes:
    """A key and its own certificate for an address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
    ) + certificate.public_bytes(serialization.Encoding.PEM)


async def test_a_server_that_comes_back_is_used_again(server: Server) -> None:
    store = ValkeyStore(server.url, Limits(), now_ms)
    vault = Vault(store, FixedKeys([os.urandom(32)]))
    await vault.purge()
    await vault.remember(ALICE, [MAIL])
    other = ValkeyStore(server.url, Limits(), now_ms)
    await other._client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    for _ in range(2):  # the broken connection is told of, or not even noticed
        try:
            known = await vault.known(ALICE)
        except VaultError:
            continue
    assert known == {MAIL.placeholder: MAIL.value}
    await vault.purge()
    await vault.close()
    await other.close()


async def test_a_scope_that_nobody_uses_leaves_nothing_behind(server: Server) -> None:
    store = ValkeyStore(server.url, Limits(ttl=50), now_ms)
    await store._client.flushall()
    vault = Vault(store, FixedKeys([os.urandom(32)]))
    await vault.remember(ALICE, [MAIL])
    await asyncio.sleep(0.1)
    assert await vault.known(ALICE) == {}
    await store._client.delete("outgate:vault:tidied")
    await vault.remember("user:bob", [MAIL])
    await asyncio.sleep(0.1)
    await store._client.delete("outgate:vault:tidied")
    await store._tidy(now_ms())
    left = set(await store._client.keys("outgate:*"))
    assert left == {b"outgate:vault:mark"}
    await vault.close()


async def test_a_new_key_reaches_all_machines_in_turn(server: Server, tmp_path: Path) -> None:
    old, new = os.urandom(32), os.urandom(32)
    place = Place("valkey", server.url)
    one, other = (place.open(FixedKeys(ring)) for ring in ([old, new], [old, new]))
    await one.purge()
    await one.remember(ALICE, [MAIL])
    first = place.open(FixedKeys([new, old]))
    await first.remember(ALICE, [Pair("PERSON_mnopqrstuvwx", "Alice Example")])
    assert len(await other.known(ALICE)) == 2
    assert await rotation.reseal(first) == 1
    assert len(await other.known(ALICE)) == len(await first.known(ALICE)) == 2
    await other.remember(ALICE, [Pair("PERSON_nnopqrstuvwx", "Another Example")])
    assert await rotation.reseal(first) == 1
    last = place.open(FixedKeys([new]))
    assert len(await last.known(ALICE)) == 3
    stray = place.open(KeyFile(tmp_path / "vault.key"))
    with pytest.raises(VaultError, match="is kept with key"):
        await stray.known(ALICE)
    await last.purge()
    await asyncio.gather(*(store.close() for store in place.stores))
