"""How the process runs: addresses, folders, limits. What it *decides* is the policy's business.

One YAML file, looked for in this order: ``--config``, ``$OUTGATE_CONFIG``, ``./outgate.yaml``,
``~/.config/outgate/outgate.yaml``, ``/etc/outgate/outgate.yaml``; without any, the defaults below
make a proxy for one person on this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from outgate import shipped
from outgate.settings.audit import Audit
from outgate.settings.budgets import Budgets
from outgate.settings.feedback import Feedback
from outgate.settings.identity import IdentitySettings, Tls
from outgate.settings.pac import Pac
from outgate.settings.paths import BASE
from outgate.settings.reports import Reports
from outgate.settings.rollout import PolicySource, Rollout
from outgate.settings.sections import (
    LOOPBACK,
    Address,
    Attachments,
    Aws,
    Detection,
    IPNetwork,
    Limits,
    Port,
    SettingsError,
    Vault,
)
from outgate.settings.shadow import Shadow
from outgate.settings.workers import Workers

if TYPE_CHECKING:
    from outgate.attachments.config import ExtractorConfig
    from outgate.budgets import BudgetConfig
    from outgate.vault import VaultConfig

MODES = ("regular", "socks5", "transparent", "local", "wireguard")
_ONE_PROCESS = ("local", "wireguard")
_ELSEWHERE = {"upstream": "`parent: http://HOST:PORT`", "reverse": "`reverse: {openai: 8081}`"}


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
    proxy_protocol: tuple[IPNetwork, ...] = Field(
        (), description="networks of load balancers, which tell their client's address in a PROXY header"
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
    policy_source: PolicySource | None = Field(None, description="where policies are got from, instead")
    rollout: Rollout = Rollout()
    detection: Detection = Detection()
    attachments: Attachments = Attachments()
    limits: Limits = Limits()
    workers: Workers = Workers()
    audit: Audit = Audit()
    vault: Vault = Vault()
    pac: Pac = Pac()
    budgets: Budgets = Budgets()
    aws: Aws = Aws()
    identity: IdentitySettings = IdentitySettings()
    tls: Tls | None = None
    feedback: Feedback = Feedback()
    reports: Reports = Reports()
    shadow: Shadow = Shadow()
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
        certificates = any(source.certificate for source in self.identity.sources)
        if certificates and (self.tls is None or self.tls.client_ca is None):
            raise ValueError(
                "identity: `certificate` needs `tls.client_ca`: who issues clients' certificates"
            )
        if self.policy_source is not None and "policies" in self.model_fields_set:
            raise ValueError("only one of `policies` and `policy_source` can be given")
        if self.workers.count != 1 and (reason := self._one_process()):
            if self.workers.count != "auto":
                raise ValueError(f"workers: {reason}, so there can be only one. Leave `workers` out.")
            object.__setattr__(self, "workers", self.workers.model_copy(update={"count": 1}))
        return self

    def _one_process(self) -> str | None:
        """Why the proxy cannot be several processes, or None."""
        if sys.platform == "win32":
            return "Windows has no way to share a port"
        for mode in self.mode:
            if (name := mode.partition(":")[0].partition("@")[0]) in _ONE_PROCESS:
                return f"`mode: {name}` belongs to one process"
        for name, section in (("vault", self.vault), ("budgets", self.budgets)):
            if section.store == "memory":
                return f"`{name}.store: memory` is the memory of one process"
        return None

    @property
    def tcp_addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of every TCP socket that the ways in listen on."""
        default_host, _, default_port = self.listen.rpartition(":")
        found = []
        for mode in self.mode:
            if mode.partition(":")[0].partition("@")[0] not in _ONE_PROCESS:
                host, _, port = mode.partition("@")[2].rpartition(":")
                found.append(((host or default_host).strip("[]"), int(port or default_port)))
        return (*found, *(("127.0.0.1", port) for port in self.reverse.values()))

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
    def budget_config(self) -> BudgetConfig:
        """What counts budgets as its room wants it told. Raises SettingsError."""
        from outgate.budgets import BudgetConfig

        given = self.budgets
        store = given.store or ("valkey" if self.vault.store == "valkey" else "sqlite")
        if store == "valkey" and not (given.url or self.vault.url):
            raise SettingsError("budgets: `store: valkey` needs a `url`, here or in `vault:`")
        return BudgetConfig(
            store=store,
            path=given.path or self.state_dir / "budgets" / "budgets.db",
            url=given.url or self.vault.url,
            section="budgets" if given.url else "vault",
            counters=given.counters,
        )

    @property
    def feedback_path(self) -> Path:
        """The file of what people said. By default in a folder of its own, closed to others."""
        return self.feedback.path or self.state_dir / "feedback" / "feedback.db"

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
        path = path or first_found()
        values: dict[str, Any] = _read(path) if path else {}
        values |= {key: value for key, value in overrides.items() if value is not None}
        try:
            return cls.model_validate(values, context={BASE: path.resolve().parent} if path else None)
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
    kept = (values.get("budgets"), values.get("feedback"), vault)
    for section, name in (*Audit.paths(values.get("audit")), *((one, "path") for one in kept), (key, "file")):
        if isinstance(section, dict) and isinstance(section.get(name), str):
            section[name] = base / Path(section[name]).expanduser()
    for setting in ("vault", "audit"):
        section = values.get(setting)
        given = section.get("key") if isinstance(section, dict) else None
        if isinstance(given, dict) and given.get("command"):
            _may_state_code(path, f"{setting}.key.command")
    if isinstance(values.get("mode"), str):
        values["mode"] = [values["mode"]]
    return values


def _may_state_code(path: Path, setting: str) -> None:
    from outgate.policy.code import distrusted

    wrong = distrusted(path)
    if wrong:
        raise SettingsError(f"{path}: {setting}: {': '.join(filter(None, wrong))}")


def first_found() -> Path | None:
    """The settings file that is read when none is named."""
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
