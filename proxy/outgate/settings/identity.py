"""The sections ``identity`` and ``tls``: who is asking, and the proxy's own certificate."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from outgate.settings.paths import NearPath
from outgate.settings.sections import IPNetwork, Section

_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
# What is somebody else's: of the connection, or of the client towards its provider.
_TAKEN = frozenset(
    (
        *("authorization", "connection", "content-encoding", "content-length", "content-type", "cookie"),
        *("host", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "x-api-key"),
    )
)


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name) or name.lower() in _TAKEN:
        raise ValueError(f"{name!r} is not the name of a header that a proxy may say this with")
    return name.lower()


def _filter(value: str) -> str:
    if "{user}" not in value or not (value.startswith("(") and value.endswith(")")):
        raise ValueError(f"{value!r} is not a filter such as (uid={{user}})")
    return value


def _member_filter(value: str) -> str:
    if not ("{dn}" in value or "{user}" in value) or not (value.startswith("(") and value.endswith(")")):
        raise ValueError(f"{value!r} is not a filter such as (member={{dn}})")
    return value


HeaderName = Annotated[str, AfterValidator(_header)]
CertificateField = Literal[
    "subject.CN", "subject.UID", "subject.OU", "subject.O", "subject.emailAddress", "subject.serialNumber"
]
CertificateName = CertificateField | Literal["san.email", "san.dns", "san.uri", "san.upn"]
# Asymmetric ones alone: with a shared secret whoever can check a token can make one.
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip


class LdapGroups(Section):
    """Where a user's groups are, if they do not stand in the user's own entry."""

    base: str = Field(min_length=1)
    filter: Annotated[str, AfterValidator(_member_filter)] = "(member={dn})"
    attribute: str = "cn"


class Ldap(Section):
    """A directory server: users by a search, their password by a bind."""

    url: str = Field(description="ldaps://HOST[:PORT], or ldap://HOST[:PORT], which has to speak StartTLS")
    plain: bool = Field(False, description="ldap:// without TLS: passwords in the clear, for loopback alone")
    ca: NearPath | None = Field(None, description="PEM file of roots; default: the system's")
    bind_dn: str | None = Field(None, min_length=1, description="who searches; default: nobody in particular")
    password_file: NearPath | None = Field(None, description="whose password is in this file")
    base: str = Field(min_length=1, description="where users are")
    filter: Annotated[str, AfterValidator(_filter)] = "(uid={user})"
    user: str = Field("uid", description="attribute that a user is called by from then on")
    member_of: str | None = Field(None, description="attribute with the names or DNs of the user's groups")
    groups: LdapGroups | None = None
    device: str | None = Field(None, description="attribute with the user's device")
    timeout: int = Field(5, ge=1, le=60, description="seconds for each step")

    @model_validator(mode="after")
    def _safe(self) -> Self:
        url = urlsplit(self.url)
        if url.scheme not in ("ldap", "ldaps") or not url.hostname or url.path.strip("/") or url.query:
            raise ValueError(f"{self.url!r} is not ldaps://HOST[:PORT] or ldap://HOST[:PORT]")
        if (self.bind_dn is None) != (self.password_file is None):
            raise ValueError("`bind_dn` and `password_file` belong together")
        if self.plain and (url.scheme != "ldap" or url.hostname not in ("127.0.0.1", "::1", "localhost")):
            raise ValueError("`plain` sends passwords in the clear: it is for ldap:// on this machine alone")
        return self


class Tokens(Section):
    """Tokens (JWT) of an issuer, by its published keys."""

    issuer: str = Field(min_length=1)
    audience: tuple[str, ...] = Field(min_length=1, description="a token has to be for one of these")
    jwks_url: str | None = Field(None, description="https:// address of the issuer's key set")
    jwks_file: NearPath | None = Field(None, description="file with the issuer's key set")
    ca: NearPath | None = Field(None, description="PEM file of roots for jwks_url; default: the system's")
    algorithms: tuple[Algorithm, ...] = Field(("RS256", "ES256"), min_length=1)
    user: str = Field("sub", description="claim; a.b is b in a")
    groups: str | None = Field("groups", description="claim: a list, or one name")
    device: str | None = Field(None, description="claim")
    leeway: int = Field(30, ge=0, le=300, description="seconds that clocks may differ by")
    refresh: int = Field(3600, ge=60, description="seconds that fetched keys are good for")
    timeout: float = Field(5.0, gt=0, le=60, description="seconds for the key set")

    @model_validator(mode="after")
    def _one_key_set(self) -> Self:
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise ValueError("one of `jwks_url` and `jwks_file` is needed")
        if self.jwks_url is not None:
            url = urlsplit(self.jwks_url)
            here = url.scheme == "http" and url.hostname in ("127.0.0.1", "::1", "localhost")
            if not url.hostname or not (url.scheme == "https" or here):
                raise ValueError(f"{self.jwks_url!r} is not an https:// address")
        return self


class CertificateRule(Section):
    """Which words of a client's certificate say who it is."""

    user: CertificateName | None = None
    groups: CertificateField | None = None
    device: CertificateName | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.user is None and self.device is None:
            raise ValueError("`user` or `device` is needed, such as `user: san.email`")
        return self


class TrustedHeader(Section):
    """What a proxy in front of this one says of who is asking."""

    networks: tuple[IPNetwork, ...] = Field(
        min_length=1, description="of those proxies; nobody else is believed"
    )
    user: HeaderName = "x-forwarded-user"
    groups: HeaderName | None = Field(None, description="header with the groups, parted by commas")
    device: HeaderName | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every header that it looks at."""
        return tuple(name for name in (self.user, self.groups, self.device) if name is not None)


class Place(Section):
    """Who is on a network."""

    user: str | None = Field(None, min_length=1)
    groups: tuple[str, ...] = ()
    device: str | None = Field(None, min_length=1)


class Source(Section):
    """One thing that can say who is asking: exactly one of these keys."""

    htpasswd: NearPath | None = Field(
        None, description="file of users and bcrypt hashes (`outgate user add`)"
    )
    ldap: Ldap | None = None
    tokens: Tokens | None = None
    certificate: CertificateRule | None = Field(None, description="needs `tls.client_ca`")
    header: TrustedHeader | None = None
    networks: dict[IPNetwork, Place] | None = Field(None, min_length=1)
    local: Literal[True] | None = Field(None, description="the user of this machine that made a connection")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"one of {', '.join(type(self).model_fields)} is expected, not {len(given)} of them"
            )
        return self


class Directory(Section):
    """Groups and devices of users whom a source has named."""

    file: NearPath | None = Field(None, description="YAML (user: {groups: [...], device: ...}) or CSV")
    ldap: Ldap | None = None


class IdentitySettings(Section):
    """Who is asking: sources, asked from top to bottom. The first that knows decides."""

    sources: tuple[Source, ...] = ()
    required: bool = Field(False, description="nobody unknown gets through")
    directory: Directory = Directory()
    cache: int = Field(
        300, ge=0, le=86_400, description="seconds that a checked password or token is believed"
    )

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if not self.sources and (self.required or self.directory != Directory()):
            raise ValueError("nobody can be known without `sources`")
        return self


class Tls(Section):
    """TLS to the proxy itself (``https://proxy:8080``), with a certificate of the administrator's."""

    certificate: NearPath = Field(description="PEM file: the proxy's certificate, then its intermediates")
    key: NearPath = Field(description="PEM file of its key")
    client_ca: NearPath | None = Field(None, description="PEM file of who issues certificates to clients")
    client_certificates: Literal["optional", "required"] = "optional"
    revoked: NearPath | None = Field(None, description="PEM file of revocation lists, one for each client CA")

    @model_validator(mode="after")
    def _whose(self) -> Self:
        if self.client_ca is None and (self.revoked or self.client_certificates == "required"):
            raise ValueError("`client_certificates` and `revoked` need `client_ca`")
        return self
