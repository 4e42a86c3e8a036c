"""What ``outgate doctor`` looks at: whether each source can say who is asking, now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from outgate.identity import directory, passwords
from outgate.identity.evidence import IdentityError
from outgate.identity.ldap import Ldap
from outgate.identity.tokens import Tokens
from outgate.settings.identity import IdentitySettings, Source
from outgate.settings.identity import Ldap as LdapSettings
from outgate.settings.identity import Tokens as TokenSettings


def of(settings: IdentitySettings, *, offline: bool = False) -> Iterator[Callable[[], str]]:
    """Each returns what is well, or raises an error that says what is not. ``offline``: no server is asked."""
    for source in settings.sources:
        check = _of_source(source, offline)
        if check is not None:
            yield check
    if settings.directory.file is not None:
        path = settings.directory.file
        yield lambda: f"{len(directory.read(path))} people in {path}"
    if settings.directory.ldap is not None and not offline:
        server = settings.directory.ldap
        yield lambda: _ldap(server)


def _of_source(source: Source, offline: bool) -> Callable[[], str] | None:
    if source.htpasswd is not None:
        path = source.htpasswd
        return lambda: f"{len(passwords.read(path))} users in {path}"
    if source.ldap is not None and not offline:
        server = source.ldap
        return lambda: _ldap(server)
    if source.tokens is not None and not (offline and source.tokens.jwks_url):
        tokens = source.tokens
        return lambda: _tokens(tokens)
    return None


def _ldap(settings: LdapSettings) -> str:
    return f"{settings.url} lets {Ldap(settings).reach()} search"


def _tokens(settings: TokenSettings) -> str:
    keys = Tokens(settings).keys().keys
    if not keys:
        raise IdentityError(f"{settings.jwks_file or settings.jwks_url}: no keys that can be used")
    return f"{len(keys)} keys of {settings.issuer} in {settings.jwks_file or settings.jwks_url}"
