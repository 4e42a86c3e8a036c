"""Accounts at providers as data: where a request tells whose it uses, and where a provider is told whom to serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["header", "query", "path", "host", "aws"]  # of a request, in which an account is told
# What a told account is worth. "scope": whichever credential comes with it, the provider takes it for this account
# alone. "credential": it is one account's, and others may be beside it. "none": to be listed, and no proof of anything.
Proof = Literal["scope", "credential", "none"]


@dataclass(frozen=True, slots=True)
class Account:
    """Whose account at a provider a request says that it uses, in one of the places where it may."""

    kind: str  # "organization", "project", "key", ...
    value: str  # an id, or the fingerprint of a key; "": told in a shape that no id of this kind has
    proof: Proof = "credential"

    def __str__(self) -> str:
        return f"{self.kind}:{self.value or '?'}"


@dataclass(frozen=True, slots=True)
class AccountSource:
    """Where a request to a provider tells an account."""

    kind: str
    place: Place
    name: str = ""  # of the header or parameter, lower case; in a path, the piece before the account
    prefix: str = ""  # the account is that of the header's comma-separated items that begins so
    like: str = ""  # regular expression of an id; "": it is a secret, and known by its fingerprint
    proof: Proof = "credential"


@dataclass(frozen=True, slots=True)
class Restriction:
    """A header in which a provider is told which accounts it may serve, and turns away all others."""

    header: str  # lower case
    kind: str  # of the accounts in it
    like: str = ""  # regular expression of one
    form: Literal["list", "google"] = "list"
    separator: str = ","
