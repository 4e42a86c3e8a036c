"""E-mail and IP addresses: people's, as far as can be told, and not what merely has their shape.

Texts about software are full of both shapes: versions of four parts, netmasks, private and documentation
addresses, `name@2x.png`, `git@host:path`, `package@1.2.3`. Those score less than 0.4, and so are not found
unless a policy asks for them; a word such as "visitor" beside an address lifts it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from outgate.dlp.context import Words, raised
from outgate.dlp.detector import Match, Text
from outgate.dlp.scanner import Expression, Window, matches
from outgate.dlp.scripts import SOLID

EMAIL, IP = "EMAIL_ADDRESS", "IP_ADDRESS"
_REAL, _SAMPLE, _NONE = 1.0, 0.85, 0.1
_PUBLIC, _DOUBTFUL, _OWN = 0.6, 0.3, 0.2

# RFC 5321: a local part has 64 characters at most, a domain 255; international ones, RFC 6531.
_LOCAL = r"[\w!#$%&'*+/=?^`{|}~-]"
# Up to the end that it is given, which is where an @ stands.
_BEFORE_AT = re.compile(rf"(?<![\w!#$%&*+/=?^|~.@-])(?!['`])(?:{_LOCAL}|\.(?!\.)){{1,64}}(?<![.'`])\Z")
# The same in ASCII, right behind a word that no blank ends: `联系kim@...` is Kim's address.
_GLUED = re.compile(rf"(?<={SOLID})(?!['`])(?:(?a:{_LOCAL})|\.(?!\.)){{1,64}}(?<![.'`])\Z")
# JSON or code in a string: `\nkim@...` is a line break, and Kim's address.
_ESCAPE = re.compile(r"(?<=\\)(?:[nrtbf]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.){1,8}(?P<top>[^\W\d_]{2,24}|xn--[a-z0-9-]{2,59})(?![\w-])(?!\.\w)"
)
_GLUED_DOMAIN = re.compile(
    rf"(?a:(?:[a-z0-9](?:[a-z0-9-]{{0,62}}[a-z0-9])?\.){{1,8}}(?P<top>[a-z]{{2,24}}))(?={SOLID})", re.I
)
# RFC 2606 and 6761: nobody has an address there. People's examples have a name, those of code do not.
_RESERVED = re.compile(
    r"(?:^|\.)(?:example\.\w{2,3}|test|invalid|localhost|local|example|internal|lan)$|^(?:domain|company|"
    r"yourdomain|your-?company|mydomain|acme|foo|bar|email|mail|host|server|site|abc|xyz|some)\.(?:com|org|net|"
    r"io|tld)$",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    r"(?:your?|my|the|some|a|test|sample|example|dummy|fake|demo)?[._-]?(?:user|name|email|e-?mail|username|me|you|"
    r"someone|somebody|foo|bar|baz|test|tester|admin|root|example|sample|nobody|recipient|sender|from|to|address|"
    r"account|login|hello|info|contact|support|noreply|no-reply|git|postmaster|webmaster|x|y|z|a|b|c|u)[0-9]{0,2}",
    re.IGNORECASE,
)
# What a file is called, not a domain, even where a country's top-level domain has the same letters.
FILES = frozenset("png jpg jpeg gif svg webp ico pdf txt js ts py rb rs go css html json yaml yml md".split())


class EmailDetector:
    """Finds e-mail addresses whose domain could exist."""

    name = "email"
    entities = frozenset({EMAIL})
    expressions = (Expression(r"@\w"),)

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Every address; samples of code score 0.1."""
        for window in windows:
            at = text.text.find("@", window.start, window.end)
            while at >= 0:
                yield from self._at(text.text, at)
                at = text.text.find("@", at + 1, window.end)

    def _at(self, text: str, at: int) -> Iterator[Match]:
        """The address around the @ at ``at``, if it is one's."""
        domains = (pattern.match(text, at + 1) for pattern in (_DOMAIN, _GLUED_DOMAIN))
        domain = next((one for one in domains if one and top_level(one["top"].lower())), None)
        if domain is None:
            return
        first = max(0, at - 64)
        found = _GLUED.search(text, first, at) or _BEFORE_AT.search(text, first, at)
        if found is None:
            return
        # A path or a query may stand before the address; nobody has their marks in one.
        start = max(text.rfind(mark, found.start(), at) + 1 for mark in "/=|?&{}") or found.start()
        escape = _ESCAPE.match(text, start, at)
        if escape and escape.end() < at:
            start = escape.end()
        if start < at:
            score = self._score(text, start, domain.end(), text[start:at], domain[0])
            yield Match(start, domain.end(), EMAIL, score, self.name)

    @staticmethod
    def _score(text: str, start: int, end: int, local: str, domain: str) -> float:
        before = text[max(0, start - 3) : start]
        if text[end : end + 1] == ":" and re.match(r"[~/\w]", text[end + 1 : end + 2]):
            # `git@host:path` of git and scp; a label in front of prose is followed by a blank
            return _NONE
        if before.endswith("//") or local.lower() == "git":
            return _NONE
        nobody = _NOBODY.fullmatch(local) is not None
        if domain.rpartition(".")[2].lower() in FILES and (nobody or re.match(r"\d+x\.", domain)):
            return _NONE
        if _RESERVED.search(domain):
            return _NONE if nobody else _SAMPLE
        return _REAL


@lru_cache(maxsize=1)
def _suffixes() -> Any:
    """tldextract's own snapshot of the public suffix list; nothing is fetched or cached on disk."""
    import tldextract

    return tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())


@lru_cache(maxsize=2048)
def top_level(name: str) -> bool:
    """Whether ``name`` (lower case) is a top-level domain, or is reserved as one."""
    return name in ("test", "invalid", "example", "local") or bool(_suffixes()(f"a.{name}").suffix)


_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(
    rf"(?<![\w.~^<>@-])(?<![A-Za-z]/)(?<![=!~<>]=)(?:{_OCTET}\.){{3}}{_OCTET}(?:/(?:3[0-2]|[12]?\d)(?![\d/]))?"
    r"(?![\w-])(?!\.\d|/\d)"
)
_IPV6 = re.compile(
    rf"(?<![\w:.])(?=[0-9A-Fa-f:]{{0,39}}\d)(?:[0-9A-Fa-f]{{1,4}}:|"
    rf"::)[0-9A-Fa-f:]{{1,37}}(?:(?<=:)(?:{_OCTET}\.){{3}}{_OCTET})?"
    r"(?:%\w{1,16})?(?:/(?:12[0-8]|1[01]\d|[1-9]?\d))?(?![\w:]|\.\d)"
)
# A number of four parts, by the word in front of it.
_PART = re.compile(
    r"(?:§|\b(?:sections?|sect?|versions?|ver|v|releases?|rel|chapters?|clauses?|articles?|paragraph|para|appendix|"
    r"figure|fig|table|step|build|firmware|driver|revision|rev|abschnitt|kapitel|ziffer|upgraded? to|update to|"
    r"python|node|java|chrome|firefox|safari|edge|kernel|oid|schema|sdk|api|app|patch|hotfix|tag))"
    r"[\s\"'=:.(\[]{0,6}$",
    re.IGNORECASE,
)
# In a row of numbers, as a path of SVG has them.
_NUMBERS = re.compile(r"[\d.][ ,]_[ ,-][\d.-]|[\d.][ ,]_[.-]\d")
_ADDRESS = Words("ip ips ipv4 ipv6 address addr *ipaddr* ipaddress adresse dirección indirizzo".split())
_WHOSE = Words(
    """client clients user users visitor visitors customer customers patient attacker subscriber employee remote source
    login logged signed connected connecting connection x-forwarded-for forwarded session sessions guest
    kunde besucher nutzer benutzer client visiteur utilisateur usuario utente gebruiker""".split()
)


class IpDetector:
    """Finds IPv4 and IPv6 addresses, with the length of their network if it is stated."""

    name = "ip"
    entities = frozenset({IP})
    expressions = (
        Expression(r"\d\.\d{1,3}\.\d{1,3}\.\d", before=2, after=8),
        Expression(r"::|:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:", before=40, after=64),
    )

    def judge(self, text: Text, which: int, windows: Sequence[Window]) -> Iterator[Match]:
        """Every address: public 0.6, anything else less; with a word that says whose it is, 0.35 more."""
        for found in matches((_IPV4, _IPV6)[which], text.text, windows):
            score = self._score(text, found.start(), found.end())
            if score > 0.0:
                yield Match(found.start(), found.end(), IP, round(score, 4), self.name)

    @staticmethod
    def _score(text: Text, start: int, end: int) -> float:
        whole = text.text
        try:
            address = ipaddress.ip_interface(whole[start:end]).ip
        except ValueError:
            return 0.0
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        if _PART.search(whole, max(0, start - 24), start) or _NUMBERS.search(
            whole[max(0, start - 2) : start] + "_" + whole[end : end + 2]
        ):
            return _NONE
        whose = _WHOSE.near(text, start, end)
        if isinstance(address, ipaddress.IPv4Address) and address.packed[0] == _MASK:
            return 0.0
        if not address.is_global or address.is_multicast:
            named = whose and not (address.is_loopback or address.is_unspecified or address.is_multicast)
            return raised(_OWN) if named else _OWN
        stated = whose or _ADDRESS.near(text, start, end)
        low = _is_numbering(address)
        score = _DOUBTFUL if low else _PUBLIC
        return raised(score) if stated and str(address) not in _RESOLVERS else score


_MASK = 255  # a first part that no address has, and every mask of a network or of all of one does
# Public resolvers: in every text about networks, and nobody's.
_RESOLVERS = frozenset(
    {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "2001:4860:4860::8888", "2001:4860:4860::8844"}
)


def _is_numbering(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it may as well number something: four small parts, or an IPv6 address of no assigned network."""
    if isinstance(address, ipaddress.IPv4Address):
        first, second, *_ = address.packed
        identifier = first <= 2 and second < 40  # an object identifier's first two numbers (ITU-T X.660)
        return identifier or max(address.packed) < 32 or str(address) in _RESOLVERS
    return address.packed[0] >> 5 != 1  # RFC 4291: global unicast is 2000::/3
