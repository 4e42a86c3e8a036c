"""Patterns looked for in the event loop, text by text, where there is little to judge.

To ask a worker takes longer than to look through a clean text: the text goes through a pipe and JSON, and another
process is woken. So clean texts are looked through here, with room for others in between. Where much has to be judged
it is given up, early: a glance at some of a long text mostly tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from secrets import randbelow

from outgate.dlp.detector import Match
from outgate.dlp.engine import Engine

FEW = 200  # places that are judged here, of one request: a few milliseconds
_LONG = 16_384  # code points of a text that is glanced at first,
_GLANCES, _GLANCE = 4, 1_024  # so often, at so many of them
_TURN = 32_768  # code points after which others have a turn: half a millisecond where they are clean


async def found_at_once(engine: Engine, texts: Sequence[str], few: int = FEW) -> list[list[Match]] | None:
    """What the patterns find in each text by itself; None when more than ``few`` places would have to be judged.

    Raises DetectionError. ``engine`` must not be used by another thread meanwhile.
    """
    if any(len(text) >= _LONG and _is_crowded(engine, text, few) for text in texts):
        return None
    found: list[list[Match]] = []
    read = 0
    for text in texts:
        if read >= _TURN:
            await asyncio.sleep(0)
            read = 0
        judged = engine.found_if_few(text, few)
        if judged is None:
            return None
        matches, places = judged
        found.append(matches)
        few -= places
        read += len(text)
    return found


def _is_crowded(engine: Engine, text: str, few: int) -> bool:
    """Whether, by glances at some of it, there are more than ``few`` places in a long text."""
    # Somewhere else each time, so that nobody knows where a text has to be clean.
    places = [randbelow(len(text) - _GLANCE) for _ in range(_GLANCES)]
    some = "\n".join([text[place : place + _GLANCE] for place in places])
    return engine.places(some) * len(text) > few * len(some)
