"""The key that checkpoints are signed with: where it comes from, and how it is kept.

A ring as the vault's is: keys of 32 bytes in hexadecimal, one a line, the first signs and the others were used
before it. The first one is made by the program, in a file of its own beside the log.
"""

from __future__ import annotations

from pathlib import Path

from outgate.audit.checkpoint import Signer
from outgate.audit.sink import AuditError
from outgate.disk.private import make_file, make_folder
from outgate.settings import Settings
from outgate.vault import VaultError, keys

_SETTING = "audit.key"


def signer_of(settings: Settings) -> Signer:
    """Who signs the log that the settings ask for. Raises AuditError when there is no key."""
    given = settings.audit.key
    try:
        if given.environment is not None:
            return Signer(keys.secrets_of_environment(given.environment, _SETTING))
        if given.command is not None:
            return Signer(keys.secrets_of_command(given.command, _SETTING))
        return Signer(keys.secrets_of_file(key_file(settings)))
    except VaultError as error:
        raise AuditError(str(error)) from None


def make_key(settings: Settings) -> None:
    """Make the key's file where it is to be in one and there is none. Raises AuditError."""
    if settings.audit.key.environment is not None or settings.audit.key.command is not None:
        return
    file = key_file(settings)
    make_folder(file.parent, AuditError)
    make_file(file, _made(), AuditError)


def key_file(settings: Settings) -> Path:
    """The file of the key, when it is in one."""
    return settings.audit.key.file or settings.state_dir / "audit" / "signing.key"


def _made() -> bytes:
    return (
        "# The key that Outgate signs its audit log with. Who has it can rewrite the log: keep it as you keep a"
        f" password.\n{keys.new_secret().hex()}\n"
    ).encode()
