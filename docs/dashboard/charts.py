"""Time series as SVG: lines, areas that stand on each other, bars; a scale, days or hours, marks for events."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape

from .panels import Series, Span

_LEFT, _RIGHT, _ABOVE, _BELOW = 62, 8, 8, 22  # pixels round the field
_LABEL = 48  # pixels: of a day's name
# Between two times that are written, in hours.
_HOURS = (1, 2, 3, 6, 12, 24, 48, 168)


@dataclass(frozen=True)
class Line:
    """How a series is drawn. ``fill``: 0 to 1."""

    series: Series
    colour: str
    width: float
    fill: float
    bars: bool
    stacked: bool


@dataclass(frozen=True)
class Scale:
    """What stands at the left. ``most``: its end, where that does not depend on the values."""

    most: float | None
    whole: bool  # only whole numbers
    write: Callable[[float], str]

    def ticks(self, highest: float) -> list[float]:
        """Round numbers, the last one not below the highest."""
        most = self.most or highest or 1.0
        size = 10 ** math.floor(math.log10(most))
        steps = (size * part for part in (0.2, 0.25, 0.5, 1, 2, 2.5))
        step = next(step for step in steps if step * 4.6 >= most and not (self.whole and step % 1))
        return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def chart(
    lines: Sequence[Line],
    span: Span,
    step: timedelta,
    size: tuple[float, float],
    scale: Scale,
    marks: Sequence[float] = (),
) -> str:
    """The picture. ``size``: width and height in pixels."""
    width, height = size
    start, end = span.start.timestamp(), span.end.timestamp()
    down, across = height - _ABOVE - _BELOW, width - _LEFT - _RIGHT
    heights = _stacked(lines)
    ticks = scale.ticks(max((high for tops in heights for _, high in tops.values()), default=0))
    top = ticks[-1]

    def x(time: float) -> float:
        return _LEFT + across * (time - start) / (end - start)

    def y(value: float) -> float:
        return _ABOVE + down * (1 - value / top)

    drawn = []
    for value in ticks:
        drawn.append(f'<path class="grid" d="M{_LEFT} {y(value):.1f}H{width - _RIGHT:.1f}"/>')
        drawn.append(
            f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{escape(scale.write(value))}</text>'
        )
    for time, label in _times(span, across):
        drawn.append(f'<path class="grid" d="M{x(time):.1f} {_ABOVE}V{_ABOVE + down:.1f}"/>')
        if x(time) + _LABEL < width:
            drawn.append(f'<text x="{x(time) + 4:.1f}" y="{height - 6:.1f}">{label}</text>')
    for line, tops in zip(lines, heights, strict=True):
        corners = {time: (x(time), y(low), y(high)) for time, (low, high) in tops.items()}
        if line.bars:
            drawn.append(_bars(line, list(corners.values()), across * step.total_seconds() / (end - start)))
        else:
            for run in _runs(corners, step):
                drawn.append(_area(line, run))
    for time in marks:
        foot = _ABOVE + down
        drawn.append(f'<path class="mark" d="M{x(time):.1f} {_ABOVE}V{foot:.1f}"/>')
        drawn.append(f'<path class="event" d="M{x(time):.1f} {foot:.1f}l-4 6h8Z"/>')
    return f'<svg width="{width:.0f}" height="{height:.0f}" class="chart">{"".join(drawn)}</svg>'


def _stacked(lines: Sequence[Line]) -> list[dict[float, tuple[float, float]]]:
    """For each series: time -> from where to where it is drawn."""
    below: dict[float, float] = {}
    found = []
    for line in lines:
        tops = {}
        for time, value in line.series.points:
            low = below.get(time, 0.0) if line.stacked else 0.0
            tops[time] = (low, low + value)
            if line.stacked:
                below[time] = low + value
        found.append(tops)
    return found


def _runs(
    corners: dict[float, tuple[float, float, float]], step: timedelta
) -> list[list[tuple[float, float, float]]]:
    """Points with no gap between them."""
    runs: list[list[tuple[float, float, float]]] = []
    before = -math.inf
    for time, corner in sorted(corners.items()):
        if time - before > step.total_seconds() * 1.5:
            runs.append([])
        runs[-1].append(corner)
        before = time
    return runs


def _area(line: Line, run: Sequence[tuple[float, float, float]]) -> str:
    over = "L".join(f"{x:.1f} {high:.1f}" for x, _, high in run)
    under = "L".join(f"{x:.1f} {low:.1f}" for x, low, _ in reversed(run))
    if len(run) == 1:
        (x, _, high), *_ = run
        return f'<circle cx="{x:.1f}" cy="{high:.1f}" r="{line.width:.1f}" fill="{line.colour}"/>'
    return (
        f'<path d="M{over}L{under}Z" fill="{line.colour}" fill-opacity="{line.fill}"/>'
        f'<path d="M{over}" fill="none" stroke="{line.colour}" stroke-width="{line.width}"/>'
    )


def _bars(line: Line, corners: Sequence[tuple[float, float, float]], wide: float) -> str:
    thick = max(wide * 0.8, 2.0)
    path = "".join(
        f"M{x - thick / 2:.1f} {low:.1f}v{high - low:.1f}h{thick:.1f}V{low:.1f}Z"
        for x, low, high in corners
        if low - high > 0.2
    )
    return f'<path d="{path}" fill="{line.colour}"/>'


def _times(span: Span, across: float) -> list[tuple[float, str]]:
    hours = (span.end - span.start) / timedelta(hours=1)
    every = next((each for each in _HOURS if hours / each <= across / 64), _HOURS[-1])
    found, time = [], span.start.replace(minute=0, second=0)
    while time < span.end:
        if (
            time >= span.start
            and (time - datetime(2001, 1, 1, tzinfo=UTC)) % timedelta(hours=every) == timedelta()
        ):
            found.append((time.timestamp(), f"{time:%a %d}" if every >= 24 else f"{time:%H:%M}"))
        time += timedelta(hours=1)
    return found
