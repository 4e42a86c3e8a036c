"""``application/x-www-form-urlencoded`` bodies and URL queries as spans (WHATWG URL, 5.1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """A name and its value as byte spans; a field without ``=`` has an empty value at its end."""

    name: tuple[int, int]
    value: tuple[int, int]


def parse(data: bytes, start: int = 0, end: int | None = None) -> list[Field]:
    """Every field between ``start`` and ``end``; every byte but ``&`` and the first ``=`` is in one."""
    stop = len(data) if end is None else end
    fields: list[Field] = []
    while start <= stop and start < stop:
        close = data.find(b"&", start, stop)
        close = stop if close < 0 else close
        equals = data.find(b"=", start, close)
        if equals < 0:
            fields.append(Field((start, close), (close, close)))
        else:
            fields.append(Field((start, equals), (equals + 1, close)))
        start = close + 1
    return fields
