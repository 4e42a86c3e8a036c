"""``outgate vault``: what placeholders stand for, counted, removed and sealed anew. Never shown."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outgate.cli import options
from outgate.cli.options import config_option, json_option
from outgate.settings import Settings
from outgate.vault.errors import VaultError

if TYPE_CHECKING:
    from outgate.vault import Vault


@click.group()
@config_option
@click.pass_context
def command(ctx: click.Context, config: Path | None) -> None:
    """Look after the vault: where placeholders and the values that they stand for are kept, encrypted."""
    ctx.obj = Settings.load(config)


@command.command(short_help="How much is in it.")
@json_option
@click.pass_obj
def stats(settings: Settings, as_json: bool) -> None:
    """How many values are kept, for how many scopes, and since when. Tells nothing of values and people."""

    async def counted(vault: Vault) -> dict[str, object]:
        found = await vault.stats()
        ring = vault.keys.ring()
        return {
            "store": settings.vault.store,
            "where": vault.store.where,
            "entries": found.entries,
            "scopes": found.scopes,
            "bytes": found.size,
            "oldest_use": _told(found.oldest),
            "newest_use": _told(found.newest),
            "key": ring[0].id.hex(),
            "old_keys": [key.id.hex() for key in ring[1:]],
        }

    facts = _with_vault(settings, counted)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for name, value in facts.items():
        told = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name.replace('_', ' '):12}{'-' if told in (None, '') else told}")


@command.command(short_help="Remove values.")
@click.option("--scope-user", "user", metavar="NAME", help="All of one user.")
@click.option(
    "--older-than", "age", metavar="AGE", callback=options.age, help="What was not used for 30m, 12h, 7d, 2w."
)
@click.option("--all", "everything", is_flag=True, help="All of everybody.")
@click.option("--yes", is_flag=True, help="Do not ask whether --all is meant.")
@click.pass_obj
def purge(settings: Settings, user: str | None, age: timedelta | None, everything: bool, yes: bool) -> None:
    """Remove values, in processes that run as well. Their placeholders, where they are still about, stay as they are.

    A conversation that sends a value again makes its placeholder known again. With --all, what cannot be read since
    its key is lost goes too.
    """
    if [user is not None, age is not None, everything].count(True) != 1:
        raise click.UsageError("one of --scope-user, --older-than and --all is needed")
    if everything and not yes:
        click.confirm("Remove every value? Placeholders in answers to come will not be restored.", abort=True)

    seconds = None if age is None else int(age.total_seconds())

    async def purged(vault: Vault) -> int:
        return await (vault.purge(seconds) if user is None else vault.forget(f"user:{user}"))

    click.echo(f"{_with_vault(settings, purged)} removed")


@command.command(name="rotate-key", short_help="Seal everything with a new key.")
@click.option("--reseal", is_flag=True, help="Make no key: use the first that the settings give.")
@click.pass_obj
def rotate_key(settings: Settings, reseal: bool) -> None:
    """Put a new key first in the key file, seal everything with it, and take the old one away.

    Processes of this machine may run on: they read the file before each use. No placeholder changes.

    Where the key comes from an environment variable or a command, or several machines share the vault, make the
    key yourself (openssl rand -hex 32). On every machine, put it below the old one, then above it, starting the
    proxies anew each time; run `outgate vault rotate-key --reseal` once; then take the old one away.
    """
    from outgate.vault import rotation

    if not reseal and settings.vault.store == "valkey":
        raise VaultError(
            "vault.store: several machines may share this vault, and only this one would have the new key. "
            "Put it on all of them as `outgate vault rotate-key --help` says, then use --reseal."
        )
    sealed = _with_vault(settings, rotation.reseal if reseal else rotation.rotate)
    click.echo(f"{sealed} sealed with the new key")


def _with_vault[T](settings: Settings, work: Callable[[Vault], Awaitable[T]]) -> T:
    if settings.vault.store == "memory":
        raise VaultError("vault.store: memory: no other process can see it, and it ends with the proxy")

    async def worked() -> T:
        vault = settings.vault_config.open()
        try:
            return await work(vault)
        finally:
            await vault.close()

    try:
        return asyncio.run(worked())
    except KeyboardInterrupt:
        sys.exit(130)


def _told(time: int | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="seconds")
