"""People, their names in every dress, and their e-mail addresses. All made up (Faker)."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from faker import Faker

from .document import Span, Value

# Whose names turn up in a text of a locale: its own mostly, and those of everywhere.
_ELSEWHERE = (
    "de_DE fr_FR es_ES it_IT nl_NL pl_PL sv_SE pt_BR tr_TR en_IN es_MX cs_CZ da_DK fi_FI no_NO ro_RO hu_HU en_NG vi_VN"
).split()
_OWN_SCRIPT = ("ru_RU", "el_GR", "ja_JP", "zh_CN", "ko_KR", "uk_UA")
_NO_FAKER = {"en_NG": "en_IN", "en_AU": "en_GB", "vi_VN": "pt_PT"}
_FREE_MAIL = (
    "gmail.com outlook.com hotmail.com yahoo.com icloud.com gmx.de web.de orange.fr libero.it ziggo.nl "
    "hotmail.co.uk btinternet.com protonmail.com bigpond.com aol.com"
).split()
_DOMAIN_WORDS = (
    "northgate larkfield bluepine helion marwick tessera quayside orbitale vantor keldane brightmoor ostrava "
    "fenwick-partners calder-group rosebridge lindenhof veltaro sanmarco-tec delmonte-it zuidas-advies"
).split()
_TLDS = ("com", "com", "com", "co.uk", "io", "net", "org", "de", "fr", "nl", "es", "it", "com.au", "ca", "eu")


@cache
def faker(locale: str) -> Faker:
    """One Faker of a locale; whoever uses it seeds it first."""
    return Faker(_NO_FAKER.get(locale, locale))


def seeded(locale: str, source: random.Random) -> Faker:
    """The locale's Faker, set to where ``source`` is."""
    own = faker(locale)
    own.seed_instance(source.getrandbits(48))
    return own


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist."""

    given: str
    family: str
    initial: str
    address: str  # e-mail
    user: str

    @classmethod
    def draw(cls, locale: str, source: random.Random, own_script: bool = False) -> Person:
        """A person such as a text of ``locale`` names; one in five comes from elsewhere."""
        home = locale
        if own_script:
            home = source.choice(_OWN_SCRIPT)
        elif source.random() < 0.2:
            home = source.choice(_ELSEWHERE)
        own = seeded(home, source)
        given, family = own.first_name(), own.last_name()
        if source.random() < 0.06 and not own_script:
            family = f"{family}-{own.last_name()}" if "-" not in family else family
        user = _user(given, family, source)
        domain = _domain(source)
        return cls(
            given,
            family,
            source.choice("ABCDEGHJKLMNPRSTW"),
            f"{user}@{domain}",
            user,
        )

    def form(self, name: str | None) -> Value:
        """The name as ``name`` says it should be written. Raises KeyError."""
        full = f"{self.given} {self.family}"
        texts = {
            None: full,
            "first": self.given,
            "last": self.family,
            "upper": full.upper(),
            "lower": full.lower(),
            "comma": f"{self.family}, {self.given}",
            "commaupper": f"{self.family.upper()}, {self.given}",
            "commainitial": f"{self.family}, {self.given} {self.initial}.",
            "initial": f"{self.given[0]}. {self.family}",
            "middle": f"{self.given} {self.initial}. {self.family}",
            "firstlower": self.given.lower(),
            "lastupper": self.family.upper(),
        }
        if name in texts:
            return Value.of(texts[name], "PERSON")
        match name:
            case "email":
                return Value.of(self.address, "EMAIL_ADDRESS")
            case "user":
                return Value.of(self.user, "PERSON", optional=True)
            case "display":
                return _display(full, f"{full} <{self.address}>", self.address)
            case "quoted":
                given = f"{self.family}, {self.given}"
                return _display(given, f'"{given}" <{self.address}>', self.address)
        raise KeyError(name)


def email(source: random.Random, locale: str) -> str:
    """An address of nobody in particular."""
    own = seeded(locale if locale not in _OWN_SCRIPT else "en_US", source)
    return f"{_user(own.first_name(), own.last_name(), source)}@{_domain(source)}"


def _display(name: str, text: str, address: str) -> Value:
    start, at = text.index(name), text.index(address)
    return Value(
        text, (Span(start, start + len(name), "PERSON"), Span(at, at + len(address), "EMAIL_ADDRESS"))
    )


def _user(given: str, family: str, source: random.Random) -> str:
    first, last = _plain(given) or "info", _plain(family) or "team"
    kind = source.randrange(6)
    return (
        f"{first}.{last}",
        f"{first[0]}{last}",
        f"{first}_{last}",
        f"{last}.{first}",
        f"{first}{source.randint(2, 99)}",
        f"{first}.{last}+{source.choice(['news', 'test', 'shop'])}",
    )[kind]


def _domain(source: random.Random) -> str:
    if source.random() < 0.35:
        return source.choice(_FREE_MAIL)
    part = source.choice(["", "", "", "mail.", "hr.", "corp."])
    return f"{part}{source.choice(_DOMAIN_WORDS)}.{source.choice(_TLDS)}"


def _plain(name: str) -> str:
    for letter, plain in {"ß": "ss", "ø": "o", "ł": "l", "ä": "ae", "ö": "oe", "ü": "ue", "ı": "i"}.items():
        name = name.lower().replace(letter, plain)
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", ascii_only)
