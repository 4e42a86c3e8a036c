"""Newline-delimited JSON and JSON Lines: where each line lies."""

from __future__ import annotations


def split(data: bytes) -> list[tuple[int, int]]:
    """The byte spans of the lines that hold more than white space, without their line ends."""
    spans: list[tuple[int, int]] = []
    start = 0
    for line in data.split(b"\n"):
        if line.strip():
            spans.append((start, start + len(line.rstrip(b"\r"))))
        start += len(line) + 1
    return spans
