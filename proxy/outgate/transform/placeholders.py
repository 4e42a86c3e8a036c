"""Placeholders: what a value leaves as, so that it can come back as itself.

A placeholder is derived and not counted: with the installation's key, from whose it is (the scope),
the entity and the value. So it is the same in every turn, field, worker and after a restart, and the
same value has another one in another scope. Two styles:

    tag         EMAIL_ADDRESS_ab12cd34ef56: letters, digits and ``_`` only, one word in JSON, Markdown, code,
                URLs and shells. 60 bits of the derivation: 100,000 values of one scope meet by
                chance once in 200,000,
    surrogate   a value of the same shape (``surrogates``); a tag where an entity has none.

Owns the derivation, and that no two values of a request share a placeholder. Stores nothing.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from outgate.model import Document, Finding, Pair, Style
from outgate.transform import surrogates
from outgate.transform.operators import identity

_NAME_LENGTH = 24  # characters of the entity's name in a tag
_TAG_BYTES = 8  # 64 bits of the derivation, of which the 12 characters show 60
_TAG_LENGTH = 12
_TAG = re.compile(rf"([A-Z0-9][A-Z0-9_]{{0,{_NAME_LENGTH - 1}}})_[a-z2-7]{{{_TAG_LENGTH}}}")
_NO_NAME = re.compile(r"[^A-Z0-9]+")
_ATTEMPTS = 64  # at a surrogate that nobody else in the scope has, before it becomes a tag
_INFO = b"outgate placeholders 1"


@lru_cache(maxsize=8)
def derivation_key(key: bytes) -> bytes:
    """The key of placeholders, from the installation's: HKDF (RFC 5869) in a domain of its own."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(key)


def derive(key: bytes, scope: str, style: Style, entity: str, value: str, attempt: int = 0) -> str:
    """The placeholder of a value in a scope; ``attempt`` gives another one where that is taken.

    ``key`` is that of ``derivation_key``. Pure; ASCII; linear in the value's length.
    """
    of_scope = hmac.digest(key, scope.encode("utf-8", "surrogatepass"), "sha256")
    spelled = identity(entity, value)
    message = f"{entity}\0{attempt}\0{spelled}".encode("utf-8", "surrogatepass")
    digest = hmac.digest(of_scope, message, "sha256")
    if style is Style.SURROGATE:
        made = surrogates.surrogate(entity, spelled, digest)
        if made is not None:
            return made
    word = base64.b32encode(digest[:_TAG_BYTES])[:_TAG_LENGTH].decode("ascii").lower()
    return f"{_name(entity)}_{word}"


def _name(entity: str) -> str:
    return _NO_NAME.sub("_", entity.upper())[:_NAME_LENGTH].strip("_") or "VALUE"


@lru_cache(maxsize=8)
def _names(entities: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_name, entities))


def is_placeholder(text: str, entities: frozenset[str]) -> bool:
    """Whether ``text`` has the shape of a tag of one of ``entities``, or is a value that is nobody's."""
    tag = _TAG.fullmatch(text)
    return surrogates.is_surrogate(text) if tag is None else tag[1] in _names(entities)


def set_apart(
    findings: Sequence[Finding], document: Document, entities: frozenset[str], known: Mapping[str, str]
) -> tuple[Sequence[Finding], frozenset[str]]:
    """The findings without those of placeholders, and what these are.

    A placeholder that is sent back as it is (nobody restored it) is nobody's data: it stays, and is
    not blocked, redacted, or given a placeholder of its own. ``entities`` are those that get any: what
    only looks like a tag, such as a key that a company makes itself, is a finding like others.
    """
    left: list[Finding] = []
    apart: set[str] = set()
    for finding in findings:
        text = document.segments[finding.segment].text[finding.start : finding.end]
        if text in known or is_placeholder(text, entities):
            apart.add(text)
        else:
            left.append(finding)
    return left, frozenset(apart)


class Pseudonymiser:
    """The placeholders of one request. Values must come in the order of the request.

    ``known`` are the scope's placeholders of earlier requests with their values, as far as they are at
    hand; ``taken`` what is written in this request and looks like one. They matter for surrogates,
    whose ranges are small: without them two values of different requests might share one.
    """

    def __init__(
        self, key: bytes, scope: str, known: Mapping[str, str] | None = None, taken: Iterable[str] = ()
    ) -> None:
        self._key = key
        self._scope = scope
        self._known = known or {}
        self._taken = frozenset(taken)
        self._made: dict[tuple[Style, str, str], str] = {}
        self._pairs: dict[str, Pair] = {}

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Every placeholder that was given out, with the first spelling of its value."""
        return tuple(self._pairs.values())

    def placeholder(self, style: Style, entity: str, value: str) -> str:
        """What stands for ``value``; no other value of the request gets the same."""
        wanted = (style, entity, identity(entity, value))
        made = self._made.get(wanted)
        if made is None:
            made = self._made[wanted] = self._new(style, entity, value)
            self._pairs.setdefault(made, Pair(made, value))
        return made

    def _new(self, style: Style, entity: str, value: str) -> str:
        attempt = 0
        while True:
            tried = style if attempt < _ATTEMPTS else Style.TAG
            made = derive(self._key, self._scope, tried, entity, value, attempt)
            if self._is_free(made, entity, value):
                return made
            attempt += 1

    def _is_free(self, made: str, entity: str, value: str) -> bool:
        spelled = identity(entity, value)
        before = self._pairs.get(made)
        if before is not None:
            return identity(entity, before.value) == spelled
        known = self._known.get(made)
        if known is not None:
            return identity(entity, known) == spelled
        return made not in self._taken
