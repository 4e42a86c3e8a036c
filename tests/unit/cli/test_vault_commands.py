"""``outgate vault``, and the settings of the vault."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from outgate.gateway import checkup
from outgate.model import Pair
from outgate.settings import Settings
from outgate.settings.sections import SettingsError
from outgate.vault import rotation

MAIL = Pair("EMAIL_ADDRESS_abcdefghijkl", "alice@made-up.example")


def remembered(*scopes: str) -> None:
    """What a proxy with the default settings would leave behind."""

    async def remember() -> None:
        vault = Settings.load().vault_config.open()
        for scope in scopes:
            await vault.remember(scope, [MAIL])
        await vault.close()

    asyncio.run(remember())


def known(scope: str) -> dict[str, str]:
    async def ask() -> dict[str, str]:
        vault = Settings.load().vault_config.open()
        try:
            return dict(await vault.known(scope))
        finally:
            await vault.close()

    return asyncio.run(ask())


def test_stats_count_and_tell_nobody_and_nothing(shell) -> None:  # type: ignore[no-untyped-def]
    remembered("user:alice", "group:sales")
    done = shell("vault", "stats", "--json")
    facts = json.loads(done.text)
    assert (facts["store"], facts["entries"], facts["scopes"], facts["old_keys"]) == ("sqlite", 2, 2, [])
    assert facts["oldest_use"] <= facts["newest_use"]
    told = done.text + shell("vault", "stats").text
    assert not any(word in told for word in ("alice", "sales", MAIL.placeholder))


def test_purge_of_a_user_leaves_the_others(shell) -> None:  # type: ignore[no-untyped-def]
    remembered("user:alice", "user:bob")
    assert shell("vault", "purge", "--scope-user", "alice").text == "1 removed\n"
    assert known("user:alice") == {}
    assert shell("vault", "purge", "--older-than", "1d").text == "0 removed\n"
    assert known("user:bob") == {MAIL.placeholder: MAIL.value}


def test_purge_of_all_asks_and_mends_a_lost_key(shell) -> None:  # type: ignore[no-untyped-def]
    remembered("user:alice")
    assert shell("vault", "purge", "--all", stdin=b"n\n").code == 130
    assert known("user:alice")
    key = Settings.load().vault_config.key.file
    assert key is not None
    key.unlink()
    lost = shell("vault", "stats")
    assert lost.code == 2
    assert "outgate vault purge --all" in lost.err
    assert shell("vault", "purge", "--all", stdin=b"y\n").text.endswith("1 removed\n")
    assert shell("vault", "stats").code == 0


def test_a_new_key_leaves_values_and_takes_the_old_key_away(shell, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    remembered("user:alice")
    before = json.loads(shell("vault", "stats", "--json").text)["key"]
    monkeypatch.setattr(rotation, "GRACE", 0)
    assert shell("vault", "rotate-key").text == "1 sealed with the new key\n"
    after = json.loads(shell("vault", "stats", "--json").text)
    assert after["key"] != before
    assert after["old_keys"] == []
    assert known("user:alice") == {MAIL.placeholder: MAIL.value}


def test_the_doctor_looks_at_the_vault_and_makes_none(shell) -> None:  # type: ignore[no-untyped-def]
    def told() -> tuple[str, str]:
        found = checkup.checkup(Settings.load(), offline=True)
        result = next(result for result in found if result.name == "vault")
        return result.state, result.told

    assert told()[0] == "note"
    assert not Settings.load().state_dir.exists()
    remembered("user:alice")
    assert told() == ("ok", "1 values in sqlite, and the key fits")
    key = Settings.load().vault_config.key.file
    assert key is not None
    key.chmod(0o644)
    assert "chmod 600" in told()[1]
    key.unlink()
    assert told()[0] == "mend"
    assert not key.exists()


def settings(folder: Path, text: str) -> Settings:
    path = folder / "outgate.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return Settings.load(path)


def test_paths_are_relative_to_the_settings(tmp_path: Path) -> None:
    config = settings(tmp_path, "vault: {path: v/v.db, key: {file: v/k}, ttl: 3600}").vault_config
    assert (config.path, config.key.file, config.ttl) == (tmp_path / "v/v.db", tmp_path / "v/k", 3600)
    config = settings(tmp_path, "state_dir: state").vault_config
    assert config.path == tmp_path / "state/vault/vault.db"
    assert config.key.file == tmp_path / "state/vault/vault.key"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vault: {store: valkey}", "belong together"),
        ("vault: {url: 'valkey://127.0.0.1'}", "belong together"),
        ("vault: {key: {file: a, environment: B}}", "only one of"),
        ("vault: {key: {command: []}}", "at least 1"),
        ("vault: {ttl: 1}", "60"),
    ],
)
def test_settings_that_make_no_vault_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        settings(tmp_path, text)


def test_a_servers_password_is_not_shown(tmp_path: Path) -> None:
    found = settings(tmp_path, "vault: {store: valkey, url: 'valkeys://vault:pass-word@cache.example:6379'}")
    assert "pass-word" not in repr(found) + repr(found.vault_config)


def test_a_key_command_is_refused_where_others_could_state_another(tmp_path: Path) -> None:
    path = tmp_path / "outgate.yaml"
    path.write_text("vault: {key: {command: [print-the-key]}}")
    path.chmod(0o666)
    with pytest.raises(SettingsError, match="chmod go-w"):
        Settings.load(path)
    path.chmod(0o600)
    assert Settings.load(path).vault_config.key.command == ("print-the-key",)
