"""Values that are nobody's, in the shape of somebody's: what stands for a value where its shape counts.

    e-mail    under example.com                                       RFC 2606, section 3; RFC 6761, 6.5
    phone     +1 NPA 555 0100 to 0199                                 NANPA, "555 Line Numbers": for fiction
              numbers for drama                                       Ofcom, "Telephone numbers for use in TV and
                                                                      radio drama programmes"
    IPv4      192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24           RFC 5737
    IPv6      2001:db8::/32                                           RFC 3849
    card      its check digit does not check, so it is no card        ISO/IEC 7812-1, Luhn's formula
    name      a common given name, and a surname of syllables

A made-up name is the one kind that cannot be told by its looks. Pure functions of a digest. Nothing
here knows of keys, scopes, or which values are in a request.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_interface, ip_network

_DOMAIN = "example.com"
_LOCAL_LENGTH = 12
_EMAIL = re.compile(rf"[a-z2-7]{{{_LOCAL_LENGTH}}}@{re.escape(_DOMAIN)}")

# Area codes of the United States. The line numbers are kept free in every one of them.
_AREAS = (
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 252 "
    "253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 "
    "321 323 325 330 334 336 337 347 351 352 360 361 386 401 402 404 405 406 407 408 409 410 412 413 414 415 417 419 "
    "423 425 432 434 435 440 443 469 478 479 480 484 501 502 503 504 505 507 508 509 510 512 513 515 516 517 518 520"
).split()
_NANP = re.compile(r"1?[2-9]\d\d55501\d\d", re.ASCII)
# Of Ofcom's list, after the country code; each has a thousand numbers.
_DRAMA = (
    "7700900 1632960 2079460 1134960 1144960 1154960 1164960 1174960 1184960 1214960 1314960 1414960 1514960 1614960 "
    "1914980 2920180 2896496"
).split()
_UNITED_KINGDOM = re.compile(rf"(?:(?:00)?440?|0)(?:{'|'.join(_DRAMA)})\d{{3}}", re.ASCII)
_MARKS = re.compile(r"[\s().+/-]+")

_DOCUMENTATION = tuple(map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))
_DOCUMENTATION_6 = ip_network("2001:db8::/32")

_GIVEN = (
    "Ada Alma Anton Arlo Astrid Basil Bianca Boris Cara Carl Celia Clara Cora Cyrus Dana Della Dorian Edda Edgar Elia "
    "Elsa Emil Enzo Erik Esme Ezra Fabian Felix Fiona Flora Frida Gemma Gideon Greta Gustav Hanna Hector Helga Hugo "
    "Ida Igor Ines Ingrid Iris Ivo Jonas Juno Karla Kira Lars Leona Linus Livia Lorenz Magda Marek Mira Nadia Nils "
    "Nora Odin Oskar Petra"
).split()
_FIRST = (
    "Bel Bran Cal Cor Dar Del Dor Fal Fen Gal Gor Hal Hol Jas Kal Kel Lan Lor Mal Mer Nor Or Pel Quen Ral "
    "Ros Sel Tal Tor Val Ver Zan"
).split()
_MIDDLE = "a e i o u an ar el en er il in is om on or".split()
_LAST = (
    "bick bourn dane dorf fell gard grove ham holm lund mere more nard quist rand ridge ros stad thorn "
    "tin trup vale vang var veld ven vick vold wend wick worth zell"
).split()


class _Draw:
    """Choices from a digest, without any that depends on another."""

    def __init__(self, digest: bytes) -> None:
        self._left = int.from_bytes(digest)

    def below(self, limit: int) -> int:
        self._left, chosen = divmod(self._left, limit)
        return chosen

    def one_of(self, choices: Sequence[str]) -> str:
        return choices[self.below(len(choices))]


def surrogate(entity: str, value: str, digest: bytes) -> str | None:
    """A value of the kind of ``value`` (in its one spelling) that is nobody's; None: there are none.

    ``digest`` has 32 bytes, and decides which of them it is.
    """
    make = _MAKERS.get(entity)
    return make(value, digest) if make else None


def is_surrogate(text: str) -> bool:
    """Whether ``text`` lies in a range of the table above; never for a name or a card."""
    digits = _MARKS.sub("", text)
    if _EMAIL.fullmatch(text) or _NANP.fullmatch(digits) or _UNITED_KINGDOM.fullmatch(digits):
        return True
    try:
        address = ip_interface(text).ip
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return address in _DOCUMENTATION_6
    return any(address in network for network in _DOCUMENTATION)


def _email(value: str, digest: bytes) -> str:
    return f"{base64.b32encode(digest)[:_LOCAL_LENGTH].decode('ascii').lower()}@{_DOMAIN}"


def _phone(value: str, digest: bytes) -> str:
    draw = _Draw(digest)
    digits = value.lstrip("0")
    # 442 is an area code of California, whose numbers have ten digits.
    if digits != value or (digits.startswith("44") and len(digits) > 10):
        return f"+44{draw.one_of(_DRAMA)}{draw.below(1000):03}"
    return f"+1{draw.one_of(_AREAS)}55501{draw.below(100):02}"


def _address(value: str, digest: bytes) -> str | None:
    try:
        interface = ip_interface(value)
    except ValueError:
        return None
    draw = _Draw(digest)
    made: IPv4Address | IPv6Address
    if isinstance(interface.ip, IPv6Address):
        made = IPv6Address(int(_DOCUMENTATION_6.network_address) + draw.below(_DOCUMENTATION_6.num_addresses))
    else:
        network = _DOCUMENTATION[draw.below(len(_DOCUMENTATION))]
        made = IPv4Address(int(network.network_address) + draw.below(network.num_addresses))
    _, slash, length = value.partition("/")
    return f"{made}{slash}{length}"


def _card(value: str, digest: bytes) -> str | None:
    if not (value.isascii() and value.isdecimal() and 13 <= len(value) <= 19):
        return None
    draw = _Draw(digest)
    body = "4" + "".join(str(draw.below(10)) for _ in range(len(value) - 2))
    return f"{body}{(_check_digit(body) + 1 + draw.below(9)) % 10}"


def _check_digit(body: str) -> int:
    """Luhn's formula: every second digit from the right is doubled."""
    total = 0
    for position, digit in enumerate(map(int, reversed(body))):
        doubled = digit * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10


def _name(value: str, digest: bytes) -> str:
    draw = _Draw(digest)
    surname = draw.one_of(_FIRST) + draw.one_of(_MIDDLE) + draw.one_of(_LAST)
    return f"{draw.one_of(_GIVEN)} {surname}" if " " in value else surname


_MAKERS: Mapping[str, Callable[[str, bytes], str | None]] = {
    "EMAIL_ADDRESS": _email,
    "PHONE_NUMBER": _phone,
    "IP_ADDRESS": _address,
    "CREDIT_CARD": _card,
    "PERSON": _name,
}
