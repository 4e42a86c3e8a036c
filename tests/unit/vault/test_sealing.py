"""Keys, and what they make of a pair."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgate.model import Pair
from outgate.vault import VaultError
from outgate.vault.keys import KeyFile, from_command, from_environment
from outgate.vault.sealing import Key, UnreadableError

ANY = st.text(st.characters(codec=None, exclude_categories=()))
KEY, OTHER = Key.of(bytes(range(32))), Key.of(bytes(32))


@given(ANY, ANY, ANY)
def test_any_text_is_opened_as_it_was_sealed(scope: str, placeholder: str, value: str) -> None:
    pair = Pair(placeholder, value)
    blob = KEY.seal(scope, pair)
    assert KEY.open(KEY.scope(scope), KEY.name(scope, placeholder), blob) == (scope, pair)
    with pytest.raises(UnreadableError):
        OTHER.open(OTHER.scope(scope), OTHER.name(scope, placeholder), blob)


@given(st.lists(ANY, min_size=4, max_size=4))
def test_names_differ_when_scope_or_placeholder_does(texts: list[str]) -> None:
    one, other = tuple(texts[:2]), tuple(texts[2:])
    assert (KEY.name(*one) == KEY.name(*other)) == (one == other)
    assert KEY.name(*one) != OTHER.name(*one)


@given(st.binary(max_size=200))
def test_bytes_that_nobody_sealed_are_unreadable(blob: bytes) -> None:
    for data in (blob, KEY.id + blob):
        with pytest.raises(UnreadableError):
            KEY.open(b"scope", b"name", data)


def test_a_pair_is_sealed_otherwise_each_time_and_shows_no_value() -> None:
    pair = Pair("PERSON_abcdefghijkl", "Alice Example")
    assert KEY.seal("user:alice", pair) != KEY.seal("user:alice", pair)
    assert "Alice" not in repr(pair)
    assert repr(KEY) == f"Key(id={KEY.id!r})"


def test_a_key_file_is_made_once_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "vault.key"
    ring = KeyFile(path).ring()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [key.id for key in KeyFile(path).ring()] == [key.id for key in ring]
    assert [file.name for file in path.parent.iterdir()] == ["vault.key"]


@pytest.mark.parametrize(
    ("mend", "told"),
    [
        (lambda path: path.chmod(0o640), "chmod 600"),
        (lambda path: path.parent.chmod(0o777), "chmod 700"),
        (lambda path: (path.rename(path.with_name("a")), path.symlink_to("a")), "not a plain file"),
        (lambda path: path.write_text("hunter2\n"), "openssl rand -hex 32"),
        (lambda path: path.write_text(""), "openssl rand -hex 32"),
        (lambda path: path.write_text(f"{'ab' * 32}\n" * 2), "twice"),
    ],
)
def test_a_key_file_that_is_unfit_is_refused_with_what_to_do(tmp_path: Path, mend: object, told: str) -> None:
    path = tmp_path / "vault" / "vault.key"
    KeyFile(path)
    mend(path)  # type: ignore[operator]
    with pytest.raises(VaultError, match=told) as raised:
        KeyFile(path)
    assert "hunter2" not in raised.value.message
    assert "ab" * 32 not in raised.value.message


def test_a_key_file_is_read_anew_when_it_changed(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "vault.key")
    first = keys.ring()
    assert keys.ring() is first
    KeyFile(keys.path).replace([os.urandom(32), *keys.secrets()])
    assert keys.ring()[1].id == first[0].id


def test_keys_come_from_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = os.urandom(32), os.urandom(32)
    monkeypatch.setenv("OUTGATE_TEST_KEYS", f"{one.hex()}, {two.hex().upper()}")
    assert [key.id for key in from_environment("OUTGATE_TEST_KEYS").ring()] == [
        Key.of(one).id,
        Key.of(two).id,
    ]
    monkeypatch.delenv("OUTGATE_TEST_KEYS")
    with pytest.raises(VaultError, match="OUTGATE_TEST_KEYS"):
        from_environment("OUTGATE_TEST_KEYS")


def test_keys_come_from_a_command_and_what_it_says_is_not_repeated() -> None:
    def python(program: str) -> list[str]:
        return [sys.executable, "-c", program]

    assert from_command(python("print('# newest\\n' + 'ab' * 32)")).ring()[0].id == Key.of(b"\xab" * 32).id
    for program, told in (
        ("print('hunter2')", "64 hexadecimal"),
        ("import sys; sys.exit('hunter2')", "status 1"),
        ("import time; time.sleep(9)", "longer than"),
    ):
        with pytest.raises(VaultError, match=told) as raised:
            from_command(python(program), timeout=1)
        assert "hunter2" not in raised.value.message
    with pytest.raises(VaultError, match="cannot be run"):
        from_command(["/no/such/program"])
