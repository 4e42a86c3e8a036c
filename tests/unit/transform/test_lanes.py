"""An end finds its lanes among any number of others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outgate.formats.answers import End, Key
from outgate.model import Segment
from outgate.transform.answer_inspection import AnswerInspector
from outgate.transform.answers import AnswerRestorer
from outgate.transform.lanes import Lanes
from outgate.transform.lookahead import Edit
from outgate.transform.restore import Known

KEYS = st.lists(st.sampled_from(["choices", 0, 1, None]), max_size=3).map(tuple)
ENDS = st.builds(End, KEYS, st.none() | KEYS) | KEYS.map(lambda key: End(key, alone=True))


@example(keys=[("choices",), (0,)], ends=[End(("choices",), but=(0,))])
@given(st.lists(KEYS, unique=True, max_size=12), st.lists(ENDS, max_size=6))
def test_an_end_is_that_of_the_lanes_below_its_key_in_their_order(keys: list[Key], ends: list[End]) -> None:
    lanes: Lanes[Key] = Lanes()
    for key in keys:
        lanes.add(key, key)
    left = list(keys)
    for end in ends:
        expected = [key for key in left if (key == end.prefix if end.alone else end.of(key))]
        assert lanes.ended(end) == expected
        assert [lanes.pop(key) for key in expected] == expected
        left = [key for key in left if key not in expected]
        assert list(lanes) == left
        assert len(lanes) == len(left)
    assert not lanes.ended(End(("none", "such")))


def test_lanes_that_go_on_cost_an_end_nothing() -> None:
    asked: list[Key] = []

    class Asked(End):
        def of(self, key: Key) -> bool:
            asked.append(key)
            return super().of(key)

    lanes: Lanes[int] = Lanes()
    for number in range(1000):
        lanes.add(("choices", number, "content"), number)
    assert lanes.ended(Asked(("choices", 7))) == [("choices", 7, "content")]
    assert lanes.ended(Asked(("choices", 1000))) == []
    assert lanes.ended(Asked(("choices",), but=("choices",))) == []
    assert asked == [("choices", 7, "content")]


def test_of_many_texts_at_once_each_ends_at_the_price_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, of = 0, End.of

    def counted(end: End, key: Key) -> bool:
        nonlocal asked
        asked += 1
        return of(end, key)

    async def judge(segments: Sequence[Segment], new: Sequence[int]) -> list[list[Edit]]:
        return [[] for _ in segments]

    monkeypatch.setattr(End, "of", counted)
    many, known = 300, Known({"PERSON_aaaaaaaaaaaa": "Ada"})
    choices = [{"index": index, "delta": {"content": "a"}} for index in range(many)]
    choices += [{"index": index, "delta": {}, "finish_reason": "stop"} for index in range(2 * many)]
    answer = b"".join(b"data: %s\n\n" % json.dumps({"choices": [one]}).encode() for one in choices)
    assert AnswerRestorer("openai_chat", "text/event-stream", known).feed(answer)
    inspector = AnswerInspector("openai_chat", "text/event-stream", judge, limit=2**20)
    assert asyncio.run(inspector.feed(answer))
    assert asked <= 4 * len(choices)
