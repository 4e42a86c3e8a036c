"""What takes a value's place: redact, mask, hash; and the fingerprint that tells it apart unseen.

Every function here is a pure function of (action, entity, value, key): the same value gets the same
answer in any worker, turn or restart. Nothing here knows of bytes, segments or rules.
"""

from __future__ import annotations

import hmac
import re
import unicodedata

from outgate.model import Action

_FINGERPRINT_LENGTH = 16  # hex digits: 64 bits
_HASH_LENGTH = 12  # hex digits: 48 bits, short enough to read and long enough not to collide
_LAST = 4  # characters of a number that a mask may leave
_SHARE = 4  # ... and never more than one in this many

# Kinds written as a run of digits (and letters) with separators anyone may put elsewhere. By the
# words of their names, so that the entities of other countries and of policies are covered too.
_NUMBER_NAME = re.compile(
    r"""(?:^|_)(?:CARD|IBAN|SSN|ITIN|PHONE|TELEPHONE|MOBILE|FAX|ACCOUNT|ROUTING|NUMBER|PASSPORT|LICEN[CS]E|TAX|VAT
    |NINO|NHS|AADHAAR|PAN|GSTIN|ABN|ACN|TFN|MEDICARE|SIN|NIF|NIE|PESEL|NIN|NRIC|UEN|TNIN|RRN|FRN|BRN|NPI|MBI|TIN|UMID
    |ID|CODE|IMEI|BIC)(?:_|$)""",
    re.VERBOSE,
)
_NEVER_NUMBER = re.compile(r"SECRET|KEY|TOKEN|PASSWORD|PASSPHRASE|CREDENTIAL|PRIVATE|POSTCODE|POSTAL")
# Kinds whose case, spacing and separators are the value, by the words of their names, too.
_EXACT = re.compile(
    r"""SECRET|KEY|TOKEN|PASSWORD|PASSPHRASE|CREDENTIAL|PRIVATE|WEBHOOK|COOKIE|MACAROON|ASSERTION|ENCODED|CRYPTO|CERTIFICATE
    |(?:^|_)(?:URL|HOOK|AUTH|JWT|SEED|PAT|STRING|PROFILE|PHRASE|RECOVERY_CODE)(?:_|$)""",
    re.VERBOSE,
)
_NATIONAL = re.compile(r"(?!IP_)[A-Z]{2}_")  # a country's numbers have fixed lengths: separators add nothing
_NUMBER_SHAPE = re.compile(r"[\d\s./()+\u2010-\u2015-]+")
_EMAIL_ENDING = re.compile(r"@[^@]*\.([A-Za-z]{2,24})\Z")
_INVISIBLE = frozenset({"Cf", "Mn", "Cc"})
_STARS = ((6, 4), (12, 8), (24, 16))  # (at most so many characters, so many stars)
_MOST_STARS = 24


def replacement(action: Action, entity: str, value: str, key: bytes) -> str:
    """The text that stands in for ``value``; the same for the same value, whatever its position.

    Raises ValueError for an action that replaces nothing by itself.
    """
    match action:
        case Action.REDACT:
            return f"[REDACTED {entity}]"
        case Action.MASK:
            return mask(entity, value)
        case Action.HASH:
            return f"{entity}_{_keyed(key, b'hash', entity, value)[:_HASH_LENGTH]}"
        case _:
            raise ValueError(f"{action} has no replacement of its own")


def fingerprint(entity: str, value: str, key: bytes) -> str:
    """16 hex digits that are equal for equal values, and say nothing of the value without ``key``.

    A value is the same in any case and spacing, and for numbers with any separators. The hash action
    derives from the same key in another domain: who receives a hash cannot find it in the audit log.
    """
    return _keyed(key, b"fingerprint", entity, value)[:_FINGERPRINT_LENGTH]


def identity(entity: str, value: str) -> str:
    """What two spellings have in common if one may be restored for the other.

    As in ``fingerprint``, except that nothing is another spelling of a secret, and that separators count
    where they part numbers: 1.11.1.1 is another address than 11.1.1.1, 1.11.1990 another day than 11.1.1990.
    """
    if _EXACT.search(entity):
        return value
    if _NUMBER_NAME.search(entity) or _NATIONAL.match(entity):
        return _normal(entity, value)
    return " ".join(_folded(value).split())


def mask(entity: str, value: str) -> str:
    """``value`` with its characters starred; at most a quarter of its letters and digits stay.

    Numbers keep their layout and up to four last characters, e-mail addresses their top-level domain,
    anything else only the class of its length.
    """
    if is_number(entity, value):
        return _mask_number(value)
    count = sum(map(str.isalnum, value))
    ending = _EMAIL_ENDING.search(value)
    if ending and len(ending[1]) * _SHARE <= count:
        return f"****@****.{ending[1]}"
    if ending:
        return "****@****"
    return "*" * next((stars for most, stars in _STARS if len(value) <= most), _MOST_STARS)


def is_number(entity: str, value: str) -> bool:
    """Whether separators and case mean nothing in ``value``, and its last digits tell its owner which."""
    if _NEVER_NUMBER.search(entity):
        return False
    if _NUMBER_NAME.search(entity):
        return "@" not in value
    return _NUMBER_SHAPE.fullmatch(value) is not None


def _mask_number(value: str) -> str:
    stay = min(_LAST, sum(map(str.isalnum, value)) // _SHARE)
    masked: list[str] = []
    for character in reversed(value):
        if character.isalnum():
            masked.append(character if stay > 0 else "*")
            stay -= 1
        else:
            # Layout helps to recognise a number; a mark of another kind could be part of it.
            masked.append(character if character in " -./()+" else "*")
    return "".join(reversed(masked))


def _keyed(key: bytes, domain: bytes, entity: str, value: str) -> str:
    message = b"\0".join((domain, entity.encode(), _normal(entity, value).encode("utf-8", "surrogatepass")))
    return hmac.digest(key, message, "sha256").hex()


def _normal(entity: str, value: str) -> str:
    """The one spelling of all the ways to write a value down."""
    plain = _folded(value)
    if is_number(entity, value):
        # Digits of any script are the same digits.
        return "".join(str(unicodedata.decimal(c, c)) for c in plain if c.isalnum())
    return " ".join(plain.split())


def _folded(value: str) -> str:
    if value.isascii():
        return value.lower()
    folded = unicodedata.normalize("NFKC", value).casefold()
    return "".join(c for c in folded if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
