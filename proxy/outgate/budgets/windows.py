"""When a budget's window began and when it ends. Fixed windows: the next one begins where one ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from outgate.model import Window


def span(window: Window, now: datetime) -> tuple[datetime, datetime]:
    """Beginning and end (exclusive) of the window that ``now`` (aware) lies in, in UTC.

    A calendar day begins at its zone's midnight, also where a clock is put forward or back that day.
    """
    if window.seconds:
        begun = int(now.timestamp()) // window.seconds * window.seconds
        start = datetime.fromtimestamp(begun, UTC)
        return start, start + timedelta(seconds=window.seconds)
    local = now.astimezone(window.zone)
    is_month = window.calendar == "month"
    first = datetime(local.year, local.month, 1 if is_month else local.day)
    following = first + timedelta(days=31 if is_month else 1)
    if is_month:
        following = following.replace(day=1)
    start, end = (day.replace(tzinfo=window.zone).astimezone(UTC) for day in (first, following))
    return start, end
