"""``application/x-www-form-urlencoded`` bodies and URL queries as spans (WHATWG URL, 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from outgate.wire import WireError

MAX_FIELDS = 100_000


@dataclass(frozen=True, slots=True)
class Field:
    """A name and its value as byte spans; a field without ``=`` has an empty value at its end."""

    name: tuple[int, int]
    value: tuple[int, int]


def parse(data: bytes, start: int = 0, end: int | None = None) -> list[Field]:
    """Every field between ``start`` and ``end``; every byte but ``&`` and the first ``=`` is in one.

    Raises WireError 413 for more than ``MAX_FIELDS`` fields that hold a byte.
    """
    stop = len(data) if end is None else end
    fields: list[Field] = []
    while start < stop:
        close = data.find(b"&", start, stop)
        close = stop if close < 0 else close
        if start < close:
            equals = data.find(b"=", start, close)
            name_end, value_start = (close, close) if equals < 0 else (equals, equals + 1)
            fields.append(Field((start, name_end), (value_start, close)))
            if len(fields) > MAX_FIELDS:
                raise WireError(413, "too_large", f"The form has more than {MAX_FIELDS} fields.")
        start = close + 1
    return fields
