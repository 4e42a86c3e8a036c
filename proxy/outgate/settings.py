"""How the process runs: addresses, folders, limits. What it *decides* is the policy's business.

One YAML file, looked for in this order: ``--config``, ``$OUTGATE_CONFIG``, ``./outgate.yaml``,
``~/.config/outgate/outgate.yaml``, ``/etc/outgate/outgate.yaml``; without any, the defaults below
make a proxy for one person on this machine.
"""

from __future__ import annotations

import os
import re
import shutil
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from outgate import shipped

if TYPE_CHECKING:
    from outgate.attachments.config import ExtractorConfig
    from outgate.vault import VaultConfig

IPNetwork = IPv4Network | IPv6Network
LOOPBACK: tuple[IPNetwork, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
MODES = ("regular", "socks5", "transparent", "local", "wireguard")
_ELSEWHERE = {"upstream": "`parent: http://HOST:PORT`", "reverse": "`reverse: {openai: 8081}`"}


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


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Detection(_Section):
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
        2**15, ge=0, le=2**18, description="characters of new text that are scanned without asking a worker"
    )
    memory: int | None = Field(None, ge=2**28, description="bytes of address space for each worker, at most")


class Attachments(_Section):
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


class Limits(_Section):
    """What one connection may ask of us."""

    body: int = Field(64 * 2**20, ge=1024, description="bytes of a request body, before and after decoding")
    websocket_message: int = Field(16 * 2**20, ge=1024, description="bytes of one WebSocket message")
    buffered: int = Field(
        512 * 2**20,
        ge=1024,
        description="bytes of requests that are still coming in, of all clients together",
    )
    head: int = Field(60, ge=1, description="seconds from a connection to the head of its first request")
    request: int = Field(600, ge=1, description="seconds from a request's head to the end of its body")
    idle: int = Field(
        1800,
        ge=900,
        description="seconds without a byte before a connection is closed; answers may be silent",
    )


class Audit(_Section):
    """Where the record of every exchange is kept."""

    sink: Literal["sqlite", "jsonl", "none"] = "sqlite"
    path: Path | None = Field(None, description="file; default: audit/audit.db (or .jsonl) in state_dir")
    max_age_days: float = Field(90, gt=0)
    max_bytes: int = Field(2**30, ge=2**20)
    on_error: Literal["allow", "block"] = "allow"


class VaultKey(_Section):
    """Where the keys of the vault come from: one of these."""

    file: Path | None = Field(None, description="file of ours alone; default: vault/vault.key in state_dir")
    environment: str | None = Field(None, min_length=1, description="name of an environment variable")
    command: tuple[str, ...] | None = Field(None, min_length=1, description="program and arguments, no shell")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(source is not None for source in (self.file, self.environment, self.command)) > 1:
            raise ValueError("only one of file, environment and command can be given")
        return self


class Vault(_Section):
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


class Aws(_Section):
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


class Settings(BaseModel):
    """Everything an administrator sets about the process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: Address = "127.0.0.1:8080"
    metrics: Address | None = "127.0.0.1:9464"
    mode: tuple[str, ...] = Field(
        ("regular",), min_length=1, description="ways in; NAME@PORT or NAME@HOST:PORT to listen elsewhere"
    )
    reverse: dict[str, Port] = Field(
        default_factory=dict, description="provider id or host -> local port (base-URL use)"
    )
    clients: tuple[IPNetwork, ...] | None = Field(
        None, description="networks that may connect; default loopback"
    )
    connect_ports: tuple[int, ...] = Field((443, 80), description="ports that CONNECT may ask for")
    routes: dict[str, Address] = Field(default_factory=dict, description="HOST or HOST:PORT -> ADDRESS:PORT")
    extra_roots: tuple[Path, ...] = Field(
        (), description="PEM files of root certificates for upstream servers"
    )
    parent: str | None = Field(None, description="http(s)://HOST:PORT of a proxy that all traffic goes on to")
    state_dir: Path = Field(default_factory=lambda: _state_home() / "outgate")
    ca_dir: Path = Field(default=Path("ca"), description="relative to state_dir")
    catalogue: Path | None = Field(
        None, description="an administrator's own catalogue, added to the shipped one"
    )
    policies: tuple[Path, ...] = Field(
        default_factory=lambda: (shipped.policies() / "default.yaml",), min_length=1
    )
    detection: Detection = Detection()
    attachments: Attachments = Attachments()
    limits: Limits = Limits()
    audit: Audit = Audit()
    vault: Vault = Vault()
    aws: Aws = Aws()
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("routes")
    @classmethod
    def _routes_are_lower_case(cls, routes: dict[str, str]) -> dict[str, str]:
        return {host.lower(): address for host, address in routes.items()}

    @field_validator("mode")
    @classmethod
    def _modes_are_known(cls, modes: tuple[str, ...]) -> tuple[str, ...]:
        for mode in modes:
            name = mode.partition(":")[0].partition("@")[0]
            if name in _ELSEWHERE:
                raise ValueError(f"{mode!r}: write {_ELSEWHERE[name]} instead")
            if name not in MODES:
                raise ValueError(f"{mode!r}: one of {', '.join(MODES)} is expected")
        return modes

    @field_validator("parent")
    @classmethod
    def _parent_is_an_address(cls, parent: str | None) -> str | None:
        if parent and not re.fullmatch(r"https?://[^/@\s]+:\d+/?", parent):
            raise ValueError(f"{parent!r} is not http://HOST:PORT or https://HOST:PORT")
        return parent

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.ca_dir.is_absolute():
            object.__setattr__(self, "ca_dir", self.state_dir / self.ca_dir)
        return self

    @property
    def client_networks(self) -> tuple[IPNetwork, ...]:
        """Who may connect. Listening beyond loopback without saying so is refused, not guessed."""
        if self.clients is not None:
            return self.clients
        elsewhere = [mode.rpartition("@")[2] for mode in self.mode if ":" in mode.partition("@")[2]]
        for address in (self.listen, *elsewhere):
            if not _is_loopback(address.rpartition(":")[0]):
                raise SettingsError(
                    f"listen: {address} is open to other machines. Say which may use it with "
                    "`clients: [10.0.0.0/8]` (or --clients), or listen on 127.0.0.1."
                )
        return LOOPBACK

    @property
    def patterns_dir(self) -> Path:
        """Where compiled patterns are kept."""
        return self.state_dir / "patterns"

    @property
    def extractor_config(self) -> ExtractorConfig:
        """The extractor of attachments as its room wants it told."""
        from outgate.attachments.config import ExtractorConfig, Limits

        given = self.attachments
        return ExtractorConfig(
            limits=Limits(
                size=given.size,
                expanded=given.expanded,
                text=given.text,
                members=given.members,
                depth=given.depth,
                images=given.images,
            ),
            workers=given.workers,
            deadline=given.deadline,
            queue_limit=given.queue_limit,
            memory=given.memory,
            cache=given.cache,
            ocr=shutil.which("tesseract") if given.ocr else None,
            languages=given.languages,
        )

    @property
    def vault_config(self) -> VaultConfig:
        """The vault as its room wants it told."""
        from outgate.vault import KeySource, VaultConfig

        given, folder = self.vault, self.state_dir / "vault"
        key = KeySource(given.key.file, given.key.environment, given.key.command)
        return VaultConfig(
            store=given.store,
            path=given.path or folder / "vault.db",
            url=given.url,
            key=KeySource(file=folder / "vault.key") if key == KeySource() else key,
            ttl=given.ttl,
            entries=given.entries,
            scope_entries=given.scope_entries,
            cache=given.cache,
        )

    @property
    def proxy_address(self) -> tuple[str, int]:
        """Where a client on this machine finds the HTTP proxy: host and port. Raises SettingsError."""
        regular = next((mode for mode in self.mode if mode.partition("@")[0] == "regular"), None)
        if regular is None:
            raise SettingsError("mode: there is no HTTP proxy. Add `regular` to the list.")
        default, _, port = self.listen.rpartition(":")
        host, _, own = regular.partition("@")[2].rpartition(":")
        here = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
        host = (host or default).strip("[]")
        return here.get(host, host), int(own or port)

    @classmethod
    def load(cls, path: Path | None = None, **overrides: Any) -> Settings:
        """Read ``path`` or the first file found. Relative paths in it are relative to it.

        Raises SettingsError.
        """
        path = path or _first_found()
        values: dict[str, Any] = _read(path) if path else {}
        values |= {key: value for key, value in overrides.items() if value is not None}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            where = path or "command line"
            lines = [
                f"{where}: {'.'.join(map(str, e['loc']))}: {e['msg']}"
                for e in error.errors(include_url=False)
            ]
            raise SettingsError("\n".join(lines)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid YAML: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: a mapping of settings is expected, such as `listen: 127.0.0.1:8080`")
    base = path.resolve().parent
    for name in ("state_dir", "ca_dir", "catalogue"):
        if isinstance(values.get(name), str):
            values[name] = base / Path(values[name]).expanduser()
    for name in ("policies", "extra_roots"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
        if isinstance(values.get(name), list):
            values[name] = [base / Path(str(item)).expanduser() for item in values[name]]
    vault = values.get("vault")
    key = vault.get("key") if isinstance(vault, dict) else None
    for section, name in ((values.get("audit"), "path"), (vault, "path"), (key, "file")):
        if isinstance(section, dict) and isinstance(section.get(name), str):
            section[name] = base / Path(section[name]).expanduser()
    if isinstance(key, dict) and key.get("command"):
        _may_state_code(path)
    if isinstance(values.get("mode"), str):
        values["mode"] = [values["mode"]]
    return values


def _may_state_code(path: Path) -> None:
    from outgate.policy.code import distrusted

    wrong = distrusted(path)
    if wrong:
        raise SettingsError(f"{path}: vault.key.command: {': '.join(filter(None, wrong))}")


def _first_found() -> Path | None:
    named = os.environ.get("OUTGATE_CONFIG")
    if named:
        return Path(named)
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    places = (Path("outgate.yaml"), config / "outgate" / "outgate.yaml", Path("/etc/outgate/outgate.yaml"))
    return next((place for place in places if place.is_file()), None)


def _state_home() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
