"""The sections of a settings file: what each key may hold, and what it is when nothing is said."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

if TYPE_CHECKING:
    pass

IPNetwork = IPv4Network | IPv6Network
LOOPBACK: tuple[IPNetwork, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class SettingsError(Exception):
    """A settings file that cannot be used; ``message`` says what, where, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r} is not HOST:PORT")
    return value


Address = Annotated[str, AfterValidator(_address)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Detection(Section):
    """The worker processes that look for sensitive data."""

    workers: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 2) - 1), ge=1, le=256)
    deadline: float = Field(10.0, gt=0, le=600, description="seconds for one request, waiting included")
    queue_limit: int = Field(256, ge=1, description="requests waiting for a worker, at most")
    cache: int = Field(
        64 * 2**20, ge=0, description="bytes, about, for what was found in texts that may come again; 0: none"
    )
    scanner: Literal["hyperscan", "python"] = Field(
        "hyperscan", description="what looks for patterns; python is slow, and needs nothing to be compiled"
    )
    inline: int = Field(
        2**17, ge=0, le=2**18, description="characters of new text that are scanned without asking a worker"
    )
    memory: int | None = Field(None, ge=2**28, description="bytes of address space for each worker, at most")


class Attachments(Section):
    """Files within requests, and the processes that open them."""

    workers: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 2) // 2), ge=1, le=256)
    deadline: float = Field(
        20.0, gt=0, le=600, description="seconds for all files of one request, waiting included"
    )
    queue_limit: int = Field(64, ge=1, description="requests waiting for a worker, at most")
    memory: int = Field(2**30, ge=2**28, description="bytes of address space to read one file with, at most")
    cache: int = Field(
        64 * 2**20, ge=0, description="bytes, about, for the texts of files that may come again; 0: none"
    )
    size: int = Field(32 * 2**20, ge=1, description="bytes of a file that is opened, at most")
    expanded: int = Field(256 * 2**20, ge=1, description="bytes of all that is packed in it, at most")
    text: int = Field(8 * 2**20, ge=1, description="characters that are read of it, at most")
    members: int = Field(10_000, ge=1, description="files, pages and parts in it, at most")
    depth: int = Field(5, ge=1, le=20, description="files within files, at most")
    images: int = Field(50, ge=0, description="images of it that are looked at for text, at most")
    ocr: bool = Field(True, description="read the text of images, where Tesseract is installed")
    languages: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_]{3,20}$")], ...] = Field(
        ("eng",), min_length=1, description="languages of Tesseract that are installed and looked for"
    )


class Limits(Section):
    """What one connection may ask of us."""

    body: int = Field(64 * 2**20, ge=1024, description="bytes of a request body, before and after decoding")
    websocket_message: int = Field(16 * 2**20, ge=1024, description="bytes of one WebSocket message")
    buffered: int = Field(
        512 * 2**20,
        ge=1024,
        description="bytes of requests that are still coming in, of all clients together",
    )
    connections: int = Field(8192, ge=1, description="connections of all clients together; more have to wait")
    client_connections: int = Field(
        1024,
        ge=1,
        description="connections of one client's address (of IPv6: of a /64); more are closed at once",
    )
    requests: int = Field(
        2048, ge=1, description="requests being inspected or answered; more are answered 503, try again"
    )
    lag: float = Field(
        1.0,
        ge=0.05,
        description="seconds that work may lie waiting, again and again, before requests are answered 503",
    )
    head: int = Field(60, ge=1, description="seconds from a connection to the head of its first request")
    request: int = Field(600, ge=1, description="seconds from a request's head to the end of its body")
    idle: int = Field(
        1800,
        ge=900,
        description="seconds without a byte before a connection is closed; answers may be silent",
    )


class Key(Section):
    """Where a key comes from: one of these."""

    file: Path | None = Field(None, description="file of ours alone")
    environment: str | None = Field(None, min_length=1, description="name of an environment variable")
    command: tuple[str, ...] | None = Field(None, min_length=1, description="program and arguments, no shell")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(source is not None for source in (self.file, self.environment, self.command)) > 1:
            raise ValueError("only one of file, environment and command can be given")
        return self


class VaultKey(Key):
    """Where the keys of the vault come from: one of these."""

    file: Path | None = Field(None, description="file of ours alone; default: vault/vault.key in state_dir")


class Vault(Section):
    """Where placeholders and their values are kept, encrypted."""

    store: Literal["memory", "sqlite", "valkey"] = Field(
        "sqlite",
        description="memory: one process, until it ends; sqlite: this machine; valkey: many machines",
    )
    path: Path | None = Field(None, description="file of sqlite; default: vault/vault.db in state_dir")
    url: str | None = Field(
        None, repr=False, description="server of valkey: valkeys://USER:PASSWORD@HOST:PORT (TLS) or valkey://"
    )
    key: VaultKey = VaultKey()
    ttl: int = Field(30 * 86_400, ge=60, description="seconds that a value is kept after its last use")
    entries: int = Field(1_000_000, ge=1, description="values, at most; the one used longest ago goes first")
    scope_entries: int = Field(10_000, ge=1, description="values of one scope, at most")
    cache: int = Field(64 * 2**20, ge=0, description="bytes of values that a process may hold in the clear")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.store == "valkey") != (self.url is not None):
            raise ValueError("`store: valkey` and `url` belong together")
        return self


AccessKey = Annotated[str, Field(pattern=r"^A[A-Z0-9]{15,127}$")]


class Aws(Section):
    """Whether requests to Amazon Bedrock that an edit takes the signature from are signed anew."""

    sign: bool = Field(False, description="sign them; without it, they are blocked")
    profiles: tuple[str, ...] = Field(
        (), description="of AWS's configuration files; default: what AWS's own chain finds"
    )
    lend_to: tuple[AccessKey, ...] = Field(
        (), description="access key ids that get our signature on their word; theirs cannot be checked"
    )

    @model_validator(mode="after")
    def _meant(self) -> Self:
        if not self.sign and (self.profiles or self.lend_to):
            raise ValueError("`profiles` and `lend_to` need `sign: true`")
        return self
