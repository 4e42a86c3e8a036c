"""The section ``audit``: where the record of every exchange is kept, who signs it, and where copies go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from outgate.settings.sections import Address, Key, Section, SettingsError

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
_HEADER = r"^[A-Za-z0-9-]{1,64}$"
_LARGEST = 2**16  # bytes of a password


class Secret(Section):
    """A password or token: in a file of ours alone, or in the environment. Never in the settings themselves."""

    file: Path | None = None
    environment: str | None = Field(None, min_length=1, description="name of an environment variable")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) == (self.environment is None):
            raise ValueError("one of file and environment is expected")
        return self

    def read(self) -> str:
        """The secret, without white space around it. Raises SettingsError."""
        if self.environment is not None:
            value = os.environ.get(self.environment, "")
            where = f"the environment variable {self.environment}"
        else:
            assert self.file is not None
            where = str(self.file)
            try:
                with self.file.open("rb") as stream:
                    if os.name == "posix" and os.fstat(stream.fileno()).st_mode & 0o077:
                        raise SettingsError(f"{where}: open to other users. Run `chmod 600 {where}`.")
                    value = stream.read(_LARGEST).decode()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{where}: {getattr(error, 'strerror', 'not UTF-8')}") from None
        value = value.strip()
        if not value or not value.isprintable():
            raise SettingsError(f"{where}: a password or token is expected there, in one line")
        return value


class SigningKey(Key):
    """Where the key that signs the log comes from: one of these."""

    file: Path | None = Field(None, description="file of ours alone; default: audit/signing.key in state_dir")


class Tls(Section):
    """How a server of copies proves who it is, and how we do. It is always verified."""

    roots: Path | None = Field(None, description="PEM file of its root certificates; default: the system's")
    certificate: Path | None = Field(None, description="PEM file of our own certificate")
    key: Path | None = Field(None, description="PEM file of its key")

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` belong together")
        return self


class _Sink(Section):
    name: Name | None = Field(None, description="for logs, metrics and the cursor's file; default: its type")
    batch: int = Field(500, ge=1, le=5000, description="entries sent at once, at most")
    timeout: float = Field(10.0, gt=0, le=120, description="seconds to wait for the server")


class Syslog(_Sink):
    """RFC 5424 messages to a syslog server or daemon."""

    type: Literal["syslog"]
    transport: Literal["tls", "tcp", "udp", "unix"] = "tls"
    address: str = Field(description="HOST:PORT; for unix the socket's path, such as /dev/log")
    tls: Tls = Tls()
    facility: int = Field(13, ge=0, le=23, description="of RFC 5424; 13: log audit")
    enterprise: str = Field("32473", pattern=r"^[1-9][0-9]{0,9}$", description="number in structured data")

    @model_validator(mode="after")
    def _there(self) -> Self:
        _, _, port = self.address.rpartition(":")
        if self.transport == "unix":
            if not self.address.startswith("/"):
                raise ValueError(f"{self.address!r} is not the path of a socket")
        elif not (port.isdigit() and 0 < int(port) < 65536 and self.address != f":{port}"):
            raise ValueError(f"{self.address!r} is not HOST:PORT")
        if self.transport != "tls" and self.tls != Tls():
            raise ValueError("`tls` is for `transport: tls`")
        return self


class Otlp(_Sink):
    """Log records to an OpenTelemetry collector, over HTTP in JSON."""

    type: Literal["otlp"]
    url: str = Field(description="such as https://collector.example:4318/v1/logs")
    headers: dict[Annotated[str, Field(pattern=_HEADER)], str] = Field(default_factory=dict)
    token: Secret | None = Field(None, description="sent as `Authorization: Bearer ...`")
    tls: Tls = Tls()

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        given = urlsplit(url)
        if given.scheme not in ("https", "http") or not given.hostname or given.username or given.query:
            raise ValueError(f"{url!r} is not https://HOST:PORT/v1/logs")
        return url

    @field_validator("headers")
    @classmethod
    def _are_values(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"{name}: printable ASCII is expected")
        return headers

    @model_validator(mode="after")
    def _kept_secret(self) -> Self:
        if self.token is not None and not self.url.startswith("https:"):
            raise ValueError("`token` needs an https `url`")
        return self


class Postgres(_Sink):
    """Rows of a PostgreSQL table, one chain for each log that writes there."""

    type: Literal["postgres"]
    address: Address = "127.0.0.1:5432"
    database: str = Field("outgate", min_length=1)
    user: str = Field("outgate", min_length=1)
    password: Secret | None = None
    tls: Tls | None = Field(Tls(), description="null: none, for a server on this machine")
    table: str = Field("outgate_audit", pattern=r"^[a-z_][a-z0-9_]{0,47}$")

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        host = self.address.rpartition(":")[0].strip("[]")
        if self.tls is None and host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("`tls: null` is for a server on this machine")
        return self


AnySink = Annotated[Syslog | Otlp | Postgres, Field(discriminator="type")]


class Audit(Section):
    """Where the record of every exchange is kept."""

    sink: Literal["sqlite", "jsonl", "none"] = Field(
        "sqlite", description="the log on this machine; what goes elsewhere is read from it"
    )
    path: Path | None = Field(None, description="file; default: audit/audit.db (or .jsonl) in state_dir")
    max_age_days: float = Field(90, gt=0)
    max_bytes: int = Field(2**30, ge=2**20)
    on_error: Literal["allow", "block"] = "allow"
    key: SigningKey = SigningKey()
    sinks: tuple[AnySink, ...] = Field((), max_length=8, description="servers that get a copy")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        names = [sink.name or sink.type for sink in self.sinks]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"sinks: two are called {name!r}; give each a `name`")
        if self.sinks and self.sink == "none":
            raise ValueError("`sinks` are sent what the log on this machine has: `sink` cannot be none")
        return self

    @staticmethod
    def paths(section: Any) -> list[tuple[dict[str, Any], str]]:
        """Where a section as it was read may name a file: the mapping, and the key in it."""
        if not isinstance(section, dict):
            return []
        places: list[tuple[Any, str]] = [(section, "path"), (section.get("key"), "file")]
        sinks = section.get("sinks")
        for sink in sinks if isinstance(sinks, list) else []:
            if isinstance(sink, dict):
                places += [(sink.get(name), "file") for name in ("password", "token")]
                places += [(sink.get("tls"), name) for name in ("roots", "certificate", "key")]
        return [(place, name) for place, name in places if isinstance(place, dict)]
