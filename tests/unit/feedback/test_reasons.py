"""What people write is kept without values, whatever surrounds them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.dlp import DetectionError
from outgate.feedback.errors import FeedbackError, RefusedError
from outgate.feedback.reasons import LONGEST, redacted
from outgate.model import Action, Finding, Record, Role, Segment
from outgate.transform.operators import fingerprint

KEY = b"k" * 32
VALUES = {"SECRET_PASSWORD": "correct-horse 9!x", "PROJECT": "Blue Bird", "PHONE_NUMBER": "+44 20 7946 0123"}


def found() -> list[Record]:
    return [
        Record(entity, Role.USER, "p", 1.0, fingerprint(entity, value, KEY), "r", Action.BLOCK)
        for entity, value in VALUES.items()
    ]


async def nothing(_segments: Sequence[Segment]) -> Sequence[Finding]:
    return ()


async def test_a_value_that_no_detector_knows_by_itself_is_known_by_its_fingerprint() -> None:
    told = await redacted("the demo's login (correct-horse 9!x), for 'BLUE  bird'", found(), nothing, KEY)
    assert told == "the demo's login ([SECRET_PASSWORD]), for '[PROJECT]'"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(VALUES.values())),
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.sampled_from([(" ", " "), ("(", ")"), ('"', '"'), (":", ","), ("=", ";"), ("\n", "\t"), ("<", ">")]),
)
async def test_whatever_stands_around_a_value_it_is_not_kept(
    value: str, before: str, after: str, between: tuple[str, str]
) -> None:
    told = await redacted(f"why {before}{between[0]}{value}{between[1]}{after}", found(), nothing, KEY)
    assert value not in told
    assert "[" in told


async def test_what_detectors_find_is_taken_out_and_what_overlaps_goes_as_one() -> None:
    async def detect(segments: Sequence[Segment]) -> Sequence[Finding]:
        assert [segment.text for segment in segments] == ["an old key abcdef here"]
        return [Finding(0, 11, 17, "KEY", 1.0, "d"), Finding(0, 7, 14, "OTHER", 1.0, "d")]

    assert await redacted("an old\nkey\x00abcdef here", (), detect, KEY) == "an old [OTHER] here"


async def test_what_cannot_be_looked_at_is_not_kept() -> None:
    async def detect(_segments: Sequence[Segment]) -> Sequence[Finding]:
        raise DetectionError("timeout")

    with pytest.raises(FeedbackError, match="could not be looked at"):
        await redacted("a good reason", (), detect, KEY)


@pytest.mark.parametrize("reason", ["", " \n", "!!", "-- a", "x" * (LONGEST + 1)])
async def test_what_says_nothing_or_too_much_is_refused(reason: str) -> None:
    with pytest.raises(RefusedError):
        await redacted(reason, (), nothing, KEY)
