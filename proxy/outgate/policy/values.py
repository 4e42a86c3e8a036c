"""The values of ``when`` and ``unless`` that are more than a word: networks, days, hours, zones, globs.

Owns what these look like in YAML and what they mean; which key holds which is the schema's
business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from fnmatch import translate
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from zoneinfo import ZoneInfo

from outgate.ages import seconds
from outgate.model import IPAddress
from outgate.policy.error import near_miss

IPNetwork = IPv4Network | IPv6Network
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES = 24 * 60

_LONGEST = 90 * 86_400  # seconds
_HOURS = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})", re.ASCII)


def network(text: object) -> IPNetwork:
    """An address or a CIDR network; ValueError for anything else, host bits included."""
    try:
        return ip_network(str(text))
    except ValueError as error:
        try:
            meant = f"; did you mean {ip_network(str(text), strict=False)}?"
        except ValueError:
            meant = ""
        reason = "has bits set beyond its mask" if meant else "is not an address or a network"
        raise ValueError(f"{text!r} {reason} such as 10.0.0.0/8 or 2001:db8::/32{meant}") from error


def within(address: IPAddress, networks: tuple[IPNetwork, ...]) -> bool:
    """Whether an address lies in any of the networks; an IPv4 address mapped into IPv6 is IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in candidate for candidate in networks)


def days(text: object) -> frozenset[int]:
    """``mon`` or ``mon-fri`` (or ``sat-mon``) as numbers from Monday = 0."""
    first, dash, last = str(text).lower().replace(" ", "").partition("-")
    for day in (first, last) if dash else (first,):
        if day not in DAYS:
            hint = near_miss(day, DAYS)
            raise ValueError(f"{day!r} is not a day: one of {', '.join(DAYS)}{', ' + hint if hint else ''}")
    start = DAYS.index(first)
    length = (DAYS.index(last) - start) % 7 if dash else 0
    return frozenset((start + step) % 7 for step in range(length + 1))


def span(text: object) -> int:
    """``30m``, ``8h``, ``7d``, ``2w`` as seconds; ValueError for anything else, nothing, and more than 90 days."""
    found = seconds(str(text)) or 0
    if not 0 < found <= _LONGEST:
        raise ValueError(f"{text!r} is not a time such as 30m, 8h or 7d, of at most 90d")
    return found


def hours(text: object) -> tuple[int, int]:
    """``08:00-18:00`` as minutes of the day, the end exclusive; ``22:00-06:00`` goes past midnight."""
    match = _HOURS.fullmatch(str(text))
    if match:
        a, b, c, d = map(int, match.groups())
        start, end = a * 60 + b, c * 60 + d
        if b < 60 and d < 60 and start < MINUTES and end <= MINUTES and start != end:
            return start, end
    raise ValueError(f"{text!r} is not a span of hours such as 08:00-18:00 or 22:00-06:00")


def zone(name: object) -> tzinfo:
    """A zone of the IANA time zone database."""
    if name in ("UTC", "Etc/UTC"):
        return UTC  # needs no database, which small container images lack
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is not a time zone such as Europe/Berlin (or this machine has none)"
        ) from None


@dataclass(frozen=True, slots=True)
class Window:
    """Some hours of some days, in one zone. Hours past midnight belong to the day they began on."""

    days: frozenset[int]
    hours: tuple[tuple[int, int], ...]
    zone: tzinfo = UTC

    def holds(self, time: datetime) -> bool:
        """Whether the aware ``time`` lies in it."""
        here = time.astimezone(self.zone)
        minute = here.hour * 60 + here.minute
        today, yesterday = here.weekday(), (here - timedelta(days=1)).weekday()
        for start, end in self.hours:
            if start < end:
                if start <= minute < end and today in self.days:
                    return True
            elif (minute >= start and today in self.days) or (minute < end and yesterday in self.days):
                return True
        return False


def glob(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a text matches any of the patterns: ``*`` any characters, ``?`` one; case is ignored.

    Linear in practice: fnmatch's translation uses atomic groups, so stars do not backtrack into
    one another.
    """
    exact = frozenset(pattern.casefold() for pattern in patterns if not _is_glob(pattern))
    globs = [translate(pattern.casefold().replace("[", "[[]")) for pattern in patterns if _is_glob(pattern)]
    matches = re.compile("|".join(globs)).match if globs else None

    def holds(text: str) -> bool:
        folded = text.casefold()
        return folded in exact or (matches is not None and matches(folded) is not None)

    return holds


def _is_glob(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern
