"""A vault in a file that several processes share, and a new key while they use it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from outgate.model import Pair
from outgate.vault import KeySource, Vault, VaultConfig, VaultError, rotation
from outgate.vault.sealing import Key

PROXY = Path(__file__).parents[3] / "proxy"
ALICE = "user:alice"
MAIL = Pair("EMAIL_ADDRESS_abcdefghijkl", "alice@made-up.example")

# Remembers one pair after the other, and at each step sees whether all of them are there.
_WORKER = """
import asyncio, sys
from pathlib import Path
from outgate.model import Pair
from outgate.vault import KeySource, VaultConfig

async def work(folder, worker, count):
    vault = VaultConfig("sqlite", folder / "vault.db", key=KeySource(folder / "vault.key")).open()
    for number in range(count):
        await vault.remember("user:alice", [Pair(f"PERSON_{worker}_{number}", f"{worker} {number}")])
        wanted = {f"PERSON_{worker}_{n}": f"{worker} {n}" for n in range(number + 1)}
        assert await vault.recall("user:alice", wanted) == wanted, number
        assert wanted.items() <= (await vault.known("user:alice")).items(), number
        print(number, flush=True)
    await vault.close()

asyncio.run(work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
"""


def config(folder: Path) -> VaultConfig:
    return VaultConfig("sqlite", folder / "vault.db", key=KeySource(folder / "vault.key"))


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "GRACE", 0.2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest_asyncio.fixture
async def vault(folder: Path) -> AsyncIterator[Vault]:
    opened = config(folder).open()
    yield opened
    await opened.close()


def worker(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(folder), name, str(count)],
        env={**os.environ, "PYTHONPATH": str(PROXY)},
        stdout=subprocess.PIPE,
        text=True,
    )


def stored(folder: Path) -> bytes:
    """All that the vault has on disk."""
    return b"".join(file.read_bytes() for file in folder.glob("vault.db*"))


def taken_away(folder: Path) -> None:
    for file in folder.glob("vault.db*"):
        file.unlink()


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in (folder, *folder.iterdir())}


async def test_after_a_restart_everything_is_there(folder: Path) -> None:
    before = config(folder).open()
    await before.remember(ALICE, [MAIL])
    await before.close()
    after = config(folder).open()
    assert await after.recall(ALICE, [MAIL.placeholder]) == {MAIL.placeholder: MAIL.value}
    await after.close()
    with pytest.raises(VaultError, match="closed"):
        await after.known(ALICE)


async def test_files_are_ours_alone(vault: Vault, folder: Path) -> None:
    await vault.remember(ALICE, [MAIL])
    files = ("vault.db", "vault.db-shm", "vault.db-wal", "vault.key")
    assert modes(folder) == {"vault": 0o700, **dict.fromkeys(files, 0o600)}


async def test_a_vault_that_others_may_read_is_refused(folder: Path) -> None:
    await config(folder).open().close()
    (folder / "vault.db").chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        config(folder).open()


@pytest.mark.parametrize(("content", "told"), [(b"hunter2" * 999, "no vault"), (None, "another version")])
async def test_a_file_that_is_no_vault_is_refused(folder: Path, content: bytes | None, told: str) -> None:
    await config(folder).open().close()
    taken_away(folder)
    path = folder / "vault.db"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(VaultError, match=told) as raised:
        config(folder).open()
    assert "hunter2" not in raised.value.message


async def test_a_lost_key_is_told_and_not_replaced_in_silence(vault: Vault, folder: Path) -> None:
    await vault.remember(ALICE, [MAIL])
    (folder / "vault.key").unlink()
    with pytest.raises(VaultError, match="no such file"):
        await vault.known(ALICE)
    with pytest.raises(VaultError, match="purge --all"):
        await config(folder).open().known(ALICE)


async def test_a_file_that_is_taken_away_is_made_anew(vault: Vault, folder: Path) -> None:
    await vault.remember(ALICE, [MAIL])
    assert await vault.known(ALICE)
    taken_away(folder)
    assert await vault.known(ALICE) == {}
    await vault.remember(ALICE, [MAIL])
    assert await vault.recall(ALICE, [MAIL.placeholder]) == {MAIL.placeholder: MAIL.value}


async def test_a_file_that_another_process_holds_too_long_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgate.disk.sqlite.PATIENCE", 0.05)
    vault = config(folder).open()
    await vault.remember(ALICE, [MAIL])
    other = sqlite3.connect(folder / "vault.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(VaultError, match="SQLITE_BUSY"):
        await vault.remember(ALICE, [Pair("PERSON_mnopqrstuvwx", "Alice Example")])
    assert await vault.recall(ALICE, [MAIL.placeholder])  # reading does not wait
    other.execute("COMMIT")
    other.close()
    await vault.remember(ALICE, [Pair("PERSON_mnopqrstuvwx", "Alice Example")])
    await vault.close()


async def test_the_event_loop_does_not_wait_for_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgate.disk.sqlite.PATIENCE", 0.5)
    vault = config(folder).open()
    await vault.known(ALICE)
    other = sqlite3.connect(folder / "vault.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    remembering = asyncio.create_task(vault.remember(ALICE, [MAIL]))
    turns = 0
    while not remembering.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns >= 20
    with pytest.raises(VaultError):
        await remembering
    other.close()
    await vault.close()


async def test_what_is_removed_is_not_left_in_the_file(vault: Vault, folder: Path) -> None:
    await vault.remember(ALICE, [MAIL])
    key = Key.of(vault.keys.secrets()[0])  # type: ignore[union-attr]
    name = key.name(ALICE, MAIL.placeholder)
    assert name in stored(folder)
    await vault.forget(ALICE)
    await vault.purge(0)
    assert name not in stored(folder)


async def test_two_processes_see_what_each_other_remember(vault: Vault, folder: Path) -> None:
    count = 100
    with worker(folder, "one", count) as one, worker(folder, "two", count) as two:
        one.communicate()
        two.communicate()
    assert (one.returncode, two.returncode) == (0, 0)
    known = await vault.known(ALICE)
    assert len(known) == 2 * count
    assert known["PERSON_two_7"] == "two 7"


async def test_processes_that_start_at_once_have_one_vault_and_one_key(folder: Path) -> None:
    workers = [worker(folder, str(number), 3) for number in range(4)]
    for running in workers:
        running.communicate()
    assert [running.returncode for running in workers] == [0] * 4
    vault = config(folder).open()
    assert len(await vault.known(ALICE)) == 12
    assert len(vault.keys.ring()) == 1
    await vault.close()


async def test_a_new_key_changes_nothing_for_a_process_that_reads_and_writes(
    vault: Vault, folder: Path
) -> None:
    await vault.remember(ALICE, [MAIL, *(Pair(f"PERSON_{number}", "x") for number in range(1500))])
    await vault.remember("user:bob", [MAIL])
    old = vault.keys.ring()[0]
    with worker(folder, "one", 400) as running:
        assert running.stdout is not None
        running.stdout.readline()
        sealed = await rotation.rotate(vault)
        assert running.poll() is None, "the worker was done too soon to tell"
        running.communicate()
    assert running.returncode == 0
    assert sealed >= 1502
    (new,) = vault.keys.ring()
    assert new.id != old.id
    known = await vault.known(ALICE)
    assert len(known) == 1901
    assert await vault.recall("user:bob", [MAIL.placeholder]) == {MAIL.placeholder: MAIL.value}
    await vault.purge(-60)  # all, and the log with it
    assert old.scope(ALICE) not in stored(folder)


async def test_a_rotation_that_was_broken_off_goes_on(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    await vault.remember(ALICE, [MAIL])

    async def broken(_vault: Vault) -> int:
        raise VaultError("no more")

    with monkeypatch.context() as context:
        context.setattr(rotation, "reseal", broken)
        with pytest.raises(VaultError, match="no more"):
            await rotation.rotate(vault)
    assert await vault.recall(ALICE, [MAIL.placeholder]) == {MAIL.placeholder: MAIL.value}
    await vault.remember(ALICE, [Pair("PERSON_mnopqrstuvwx", "Alice Example")])
    assert await rotation.rotate(vault) == 2
    assert len(vault.keys.ring()) == 1
    assert len(await vault.known(ALICE)) == 2


async def test_what_is_sealed_anew_is_no_younger(vault: Vault) -> None:
    await vault.remember(ALICE, [MAIL])
    before = await vault.stats()
    await asyncio.sleep(0.01)
    await rotation.rotate(vault)
    assert await vault.stats() == before


async def test_a_key_that_is_no_file_is_changed_by_its_owner(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = os.urandom(32).hex(), os.urandom(32).hex()
    source = KeySource(environment="OUTGATE_TEST_KEYS")

    def opened(ring: str) -> Vault:
        monkeypatch.setenv("OUTGATE_TEST_KEYS", ring)
        return VaultConfig("sqlite", folder / "vault.db", key=source).open()

    before = opened(old)
    await before.remember(ALICE, [MAIL])
    with pytest.raises(VaultError, match="--reseal"):
        await rotation.rotate(before)
    assert await rotation.reseal(opened(f"{new},{old}")) == 1
    after = opened(new)
    assert await after.known(ALICE) == {MAIL.placeholder: MAIL.value}
    with pytest.raises(VaultError, match="is kept with key"):
        await before.known(ALICE)
