"""Where policies come from, and who gets the new ones first: the sections ``policy_source`` and ``rollout``.

``rollout`` is written the same in the settings and in a release's own ``release.yaml``, where its paths are relative
to that file.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from outgate.settings.paths import NearPath
from outgate.settings.sections import Section

_Name = Annotated[str, Field(min_length=1, max_length=256)]
_Paths = Annotated[
    tuple[NearPath, ...], BeforeValidator(lambda told: [told] if isinstance(told, str) else told)
]
_Policies = Annotated[_Paths, Field(min_length=1)]
# What git takes as a name, less whatever it gives a meaning of its own (git-check-ref-format).
_Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,200}$")]


class Canary(Section):
    """Who is judged by another policy than everybody else."""

    policies: _Policies = Field(description="files of the new policy")
    groups: tuple[_Name, ...] = Field((), description="people in one of these groups; * and ? are wild")
    users: tuple[_Name, ...] = Field((), description="these people; * and ? are wild")
    percent: float = Field(0, ge=0, le=100, description="and so many of all, the same ones on every machine")
    seed: str = Field("", max_length=64, description="another word here draws others for `percent`")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.groups or self.users or self.percent):
            raise ValueError("nobody is meant: say `groups`, `users` or `percent`")
        return self


class Shadow(Section):
    """A policy that is asked about every request, and does nothing."""

    policies: _Policies = Field(description="files of the policy")


class Rollout(Section):
    """Other policies beside the one for everybody."""

    canary: Canary | None = None
    shadow: Shadow | None = None


class PolicySource(Section):
    """Where releases of the policy are got from: one of ``directory``, ``git`` and ``url``."""

    directory: NearPath | None = Field(None, description="a folder that something else keeps up to date")
    git: str | None = Field(
        None, min_length=1, description="a repository: https://, ssh://, NAME@HOST:PATH or a path"
    )
    branch: _Ref | None = Field(None, description="of the repository; default: main, where no tag is named")
    tag: _Ref | None = Field(None, description="of the repository, instead of a branch")
    verify: Literal["commit", "tag"] | None = Field(
        None, description="what of the repository has to be signed"
    )
    allowed_signers: NearPath | None = Field(
        None, description="SSH keys that may sign (ssh-keygen's ALLOWED SIGNERS)"
    )
    keyring: NearPath | None = Field(
        None, description="OpenPGP keys that may sign, as `gpg --export` writes them"
    )
    url: str | None = Field(
        None, description="https:// address of a bundle; its signature is at the same with .sig"
    )
    keys: _Paths = Field((), description="PEM files of the public keys (Ed25519) that may sign bundles")
    at_least: int = Field(0, ge=0, description="version of a bundle below which none is taken, even at first")
    every: float = Field(60, ge=1, le=86_400, description="seconds between looks, give or take a tenth")
    stale_after: float = Field(
        86_400, ge=1, description="seconds without a good look that are worth an alarm"
    )
    allow_rollback: bool = Field(
        False, description="also take what is older, or another line, than what was taken"
    )
    may_run: bool = Field(
        False, description="a release may state commands and recognizer classes, which are code"
    )
    may_read: _Paths = Field((), description="folders outside of it that a release's policies may name")

    @property
    def pulls(self) -> bool:
        """Whether we get the releases ourselves."""
        return self.directory is None

    @field_validator("git")
    @classmethod
    def _is_a_repository(cls, git: str | None) -> str | None:
        # Other transports of git's (`ext::`) run commands; plain ones (http, git) can be written into on the way.
        if git and not re.fullmatch(r"(https|ssh|file)://[^\s]+|[\w.-]+@[\w.-]+:[^\s-][^\s]*|/[^\s]+", git):
            raise ValueError(f"{git!r} is not https://, ssh://, NAME@HOST:PATH or an absolute path")
        return git

    @field_validator("url")
    @classmethod
    def _is_https(cls, url: str | None) -> str | None:
        if url is not None:
            parts = urlsplit(url)
            plain = (
                parts.scheme == "https" and parts.hostname and parts.port != 0
            )  # raises for what is no port
            if not plain or parts.query or parts.fragment or "@" in parts.netloc:
                raise ValueError(f"{url!r} is not https://HOST/PATH, without a query and credentials")
        return url

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("directory", "git", "url") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("one of `directory`, `git` and `url` is expected")
        belongs = {
            "git": ("branch", "tag", "verify", "allowed_signers", "keyring"),
            "url": ("keys", "at_least"),
        }
        for owner, names in belongs.items():
            for name in names:
                if owner not in given and name in self.model_fields_set:
                    raise ValueError(f"`{name}` is for `{owner}`")
        if self.url and not self.keys:
            raise ValueError("`url` needs `keys`: a bundle that nobody signed is not taken")
        if self.branch and self.tag:
            raise ValueError("only one of `branch` and `tag` can be given")
        if self.verify == "tag" and not self.tag:
            raise ValueError("`verify: tag` needs the name of a `tag`")
        if bool(self.verify) != bool(self.allowed_signers or self.keyring):
            raise ValueError("`verify` and one of `allowed_signers` and `keyring` belong together")
        if self.allowed_signers and self.keyring:
            raise ValueError("only one of `allowed_signers` and `keyring` can be given")
        return self
