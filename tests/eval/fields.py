"""What the fields of templates mean: the name of a field becomes a value of one document.

person org place address phone email ip ipv6 mac dob card iban crypto      personal data
id        a number of the locale's: id.label id.key id.value, or id:UK_NHS  (see identifiers)
anyid     as id, of any country
secret    a credential that shows what it is: .value .label .variable .key; needed: any, also
          such that only the variable tells; password basic bearer pem      (see credentials)
and everything of ``harmless``, which is not sensitive
"""

from __future__ import annotations

import hashlib
import random

from . import credentials, identifiers, payment, people, phones, places
from .document import Value
from .harmless import harmless

_MONTHS = "January February March April May June July August September October November December".split()
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SHAPING = frozenset({"address", "phone", "card", "dob"})  # their form says how the value is drawn


class _Numbered:
    """A kind of number or credential with its one value."""

    def __init__(self, kind: identifiers.Identifier | credentials.Credential, source: random.Random) -> None:
        credential = isinstance(kind, credentials.Credential)
        self.forms = {
            "label": Value.of(kind.title if credential else source.choice(kind.labels)),
            "variable": Value.of(kind.variable if credential else kind.key.upper()),
            "key": Value.of(kind.variable.lower() if credential else kind.key),
            "value": kind.draw(source) if credential else Value.of(kind.make(source), kind.entity),
        }


_Thing = people.Person | _Numbered | Value


class DocumentFields:
    """The fields of one document of ``locale``, drawn from ``source``."""

    def __init__(self, locale: str, source: random.Random) -> None:
        self._locale = locale
        self._source = source
        self._kept: dict[str, _Thing] = {}

    def value(self, name: str, form: str | None, argument: str | None, keep: str | None) -> Value:
        """See ``template.Fields``."""
        if name in self._kept:
            return _form(self._kept[name], form)
        thing = self._draw(name, form if name in _SHAPING else None, argument)
        if keep:
            self._kept[keep] = thing
        return _form(thing, None if name in _SHAPING else form)

    def _draw(self, name: str, form: str | None, argument: str | None) -> _Thing:
        source, locale = self._source, self._locale
        match name:
            case "person":
                return people.Person.draw(argument or locale, source, own_script=argument == "script")
            case "id" | "anyid":
                if argument:
                    return _Numbered(identifiers.BY_ENTITY[argument], source)
                own = [kind for kind in identifiers.IDENTIFIERS if name == "anyid" or locale in kind.locales]
                return _Numbered(source.choice(own or identifiers.IDENTIFIERS), source)
            case "secret" | "needed":
                kinds = credentials.SHAPED if name == "secret" else credentials.CREDENTIALS
                return _Numbered(source.choice([k for k in kinds if argument in (None, k.entity)]), source)
            case "password":
                return Value.of(credentials.password(source), "GENERIC_SECRET")
            case "basic":
                return Value.of(credentials.basic(source), "BASIC_AUTH")
            case "bearer":
                return Value.of(credentials.drawn("url", 43, source), "BEARER_TOKEN")
            case "pem":
                return self._pem(argument)
            case _:
                return self._personal(name, form, argument)

    def _pem(self, argument: str | None) -> Value:
        text = credentials.pem(self._source)
        if argument == "json":
            text = text.replace("\n", "\\n")
        elif argument:
            text = text.replace("\n", "\n" + " " * int(argument))
        return Value.of(text, "PRIVATE_KEY")

    def _personal(self, name: str, form: str | None, argument: str | None) -> Value:
        source, locale = self._source, self._locale
        match name:
            case "org":
                return places.organisation(locale, source)
            case "place":
                return places.place(source)
            case "address":
                return places.address(argument or locale, source, form)
            case "phone":
                return Value.of(phones.telephone(argument or locale, source, form), "PHONE_NUMBER")
            case "email":
                return Value.of(people.email(source, locale), "EMAIL_ADDRESS")
            case "ip":
                return Value.of(_ipv4(source), "IP_ADDRESS")
            case "ipv6":
                return Value.of(_ipv6(source), "IP_ADDRESS")
            case "mac":
                sep = source.choice(":::-")
                return Value.of(sep.join(f"{source.randint(0, 255):02x}" for _ in range(6)), "MAC_ADDRESS")
            case "dob":
                return Value.of(_date_of_birth(source, locale, form), "DATE_OF_BIRTH")
            case "card":
                return Value.of(payment.card(source, form), "CREDIT_CARD")
            case "iban":
                country = "GB" if locale == "en_GB" else locale[-2:]
                return Value.of(payment.iban(source, argument or country), "IBAN_CODE")
            case "crypto":
                return Value.of(_bitcoin(source), "CRYPTO")
        return harmless(name, argument, source)


def _form(thing: _Thing, form: str | None) -> Value:
    if isinstance(thing, people.Person):
        return thing.form(form)
    if isinstance(thing, _Numbered):
        return thing.forms[form or "value"]
    if form == "lower":
        return Value(thing.text.lower(), thing.spans)
    if form == "upper" and len(thing.text.upper()) == len(thing.text):
        return Value(thing.text.upper(), thing.spans)
    if form in (None, "upper"):
        return thing
    raise KeyError(form)


def _ipv4(source: random.Random) -> str:
    first = source.choice([n for n in range(11, 224) if n not in (100, 127, 169, 172, 192, 198, 203)])
    return f"{first}.{source.randint(16, 254)}.{source.randint(0, 254)}.{source.randint(1, 254)}"


def _ipv6(source: random.Random) -> str:
    groups = [f"{source.randint(1, 65535):x}" for _ in range(6)]
    return source.choice(
        (
            f"2a02:{':'.join(groups)}:1",
            f"2a01:{groups[0]}:{groups[1]}::{groups[2]}",
            f"2600:{':'.join(groups)}:{groups[0]}",
        )
    )


def _date_of_birth(source: random.Random, locale: str, form: str | None) -> str:
    year, month, day = source.randint(1938, 2008), source.randint(1, 12), source.randint(1, 28)
    iso = f"{year}-{month:02d}-{day:02d}"
    if form == "iso":
        return iso
    match locale[-2:]:
        case "US":
            numbers = f"{month:02d}/{day:02d}/{year}"
        case "DE":
            numbers = f"{day:02d}.{month:02d}.{year}"
        case "NL":
            numbers = f"{day:02d}-{month:02d}-{year}"
        case _:
            numbers = f"{day:02d}/{month:02d}/{year}"
    words = (
        f"{_MONTHS[month - 1]} {day}, {year}",
        f"{day} {_MONTHS[month - 1]} {year}",
        f"{day} {_MONTHS[month - 1][:3]} {year}",
    )
    if form == "slashes" or not locale.startswith("en"):
        return numbers
    if form == "words":
        return source.choice(words)
    return source.choice((numbers, numbers, iso, *words))


def _bitcoin(source: random.Random) -> str:
    """Base58Check of a random hash, version 0 or 5."""
    data = source.choice([b"\0", b"\5"]) + source.randbytes(20)
    data += hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
    value, text = int.from_bytes(data), ""
    while value:
        value, rest = divmod(value, 58)
        text = _BASE58[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text
