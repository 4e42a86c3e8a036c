"""Charts as SVG: bars, and nothing that moves. Colours are the page's classes, so that they follow light and dark.

Each has a title and a description for who does not see it, and stands beside a table with the same numbers. What
comes in is numbers and labels; labels are escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

PARTS = ("stopped", "changed", "noted", "clean")  # of a bar, from below; classes of the page


@dataclass(frozen=True, slots=True)
class Bar:
    """A stack."""

    label: str
    parts: tuple[int, ...]  # as PARTS, or as the caller's classes

    @property
    def total(self) -> int:
        """Its height."""
        return sum(self.parts)


def columns(
    title: str, bars: Sequence[Bar], classes: Sequence[str] = PARTS, *, width: int = 720, height: int = 200
) -> Markup:
    """Upright stacks beside each other, with a scale."""
    top = _scale(max((bar.total for bar in bars), default=0))
    left, right, above, below = 52, 4, 10, 26
    across, down = width - left - right, height - above - below
    step = across / max(len(bars), 1)
    thick = max(min(step * 0.72, 56), 1)
    drawn = [
        f'<line class="grid" x1="{left}" x2="{width - right}" y1="{_n(y)}" y2="{_n(y)}"/>'
        f'<text class="tick" x="{left - 8}" y="{_n(y + 4)}" text-anchor="end">{value:,}</text>'
        for value in _ticks(top)
        for y in [above + down - down * value / top]
    ]
    every = ceil(len(bars) / 16)
    for number, bar in enumerate(bars):
        x, y = left + step * number + (step - thick) / 2, float(above + down)
        for part, name in zip(bar.parts, classes, strict=True):
            tall = down * part / top
            if part:
                tall = max(tall, 1.0)
                y -= tall
                drawn.append(_rect(name, x, y, thick, tall, f"{bar.label}: {part:,} {name}"))
        if number % every == 0:
            drawn.append(
                f'<text class="tick" x="{_n(x + thick / 2)}" y="{height - 8}" text-anchor="middle">'
                f"{escape(bar.label)}</text>"
            )
    return _svg(title, f"{len(bars)} columns; the numbers are in the table.", width, height, drawn)


def row(
    parts: Sequence[int], classes: Sequence[str], most: int, *, width: int = 260, height: int = 14
) -> Markup:
    """One lying stack, as long as its sum is of ``most``: for a cell of a table, whose numbers say the same."""
    x, drawn = 0.0, []
    for part, name in zip(parts, classes, strict=True):
        if part:
            wide = max(width * part / max(most, 1), 1.5)
            drawn.append(_rect(name, x, 0, min(wide, width - x), height, ""))
            x += wide
    return Markup(  # noqa: S704
        f'<svg class="row" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(drawn)}</svg>"
    )


def _svg(title: str, description: str, width: int, height: int, drawn: Sequence[str]) -> Markup:
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{''.join(drawn)}</svg>"
    )


def _rect(name: str, x: float, y: float, width: float, height: float, told: str) -> str:
    inner = f"<title>{escape(told)}</title>" if told else ""
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    return f'<rect class="{escape(name)}" {place}>{inner}</rect>'


def _scale(most: int) -> int:
    """A round number that nothing is higher than."""
    if most <= 4:
        return 4
    size = 10 ** floor(log10(most))
    return next(int(size * step) for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if size * step >= most)


def _ticks(top: int) -> list[int]:
    return [top * quarter // 4 for quarter in range(5)]


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
