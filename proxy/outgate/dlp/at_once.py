"""Patterns looked for in the event loop, in turns of bounded length, where there is little to judge.

To ask a worker takes longer than to look through a clean text: the text goes through a pipe and JSON, and another
process is woken. So clean texts are looked through here, a piece at a time, with room for others in between. Where
much has to be judged it is given up, early: a glance at some of a long text mostly tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from outgate.dlp.detector import Match
from outgate.dlp.engine import Engine
from outgate.dlp.windows import cut

FEW = 200  # places that are judged here, of one request: a few milliseconds
_GLANCE = 4_096  # code points that tell whether there are few in a text of
_LONG = 16_384  # code points, or more
_TURN = 32_768  # code points after which others have a turn: half a millisecond where they are clean


async def found_at_once(engine: Engine, texts: Sequence[str], few: int = FEW) -> list[list[Match]] | None:
    """What the patterns find in each text by itself; None when more than ``few`` places would have to be judged.

    Raises DetectionError. ``engine`` must not be used by another thread meanwhile.
    """
    longest = max(texts, key=len)
    if len(longest) >= _LONG and engine.places(longest[:_GLANCE]) * len(longest) > few * _GLANCE:
        return None
    found: list[list[Match]] = [[] for _ in texts]
    read = 0
    for piece in cut("patterns", texts):
        if read >= _TURN:
            await asyncio.sleep(0)
            read = 0
        judged = engine.found_if_few(piece.of(texts), piece.ours, few)
        if judged is None:
            return None
        matches, places = judged
        found[piece.text].extend(piece.place(matches))
        few -= places
        read += len(piece)
    return found
