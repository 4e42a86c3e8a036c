"""How many rows are a person's, where there is a bound: all addresses of one site are one there."""

from __future__ import annotations

import sqlite3
from ipaddress import ip_address

from outgate.policy.exceptions import asker
from outgate.sites import site_of


def prepare(connection: sqlite3.Connection) -> None:
    """Have a connection know what ``whose`` asks."""
    connection.create_function("site", 1, _site, deterministic=True)


def whose(person: str) -> tuple[str, tuple[str, ...]]:
    """An SQL condition on ``person`` that holds for all who are counted as one with ``person``, and its values."""
    _, address = asker(person)
    if address is None or ":" not in address:  # IPv4: by an index
        return "person = ?", (person,)
    return "person LIKE 'address:%:%' AND site(person) = site(?)", (person,)


def _site(person: str) -> str:
    _, address = asker(person)
    try:
        return str(site_of(ip_address(address or "")))
    except ValueError:
        return person
