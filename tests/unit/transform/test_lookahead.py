"""Where a text is cut to be judged: the same places in whatever pieces it comes, and never far apart."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.gateway.answering import MOST_RECORDED
from outgate.transform import answer_inspection, lookahead
from outgate.transform.lookahead import CONTEXT, MOST, MOST_OF_KEY, SHORTEST, Block, Edit, LookAhead

LINES = ("-----BEGIN X-----\n", "-----END X-----", "1,\n", ". ", "\n", "\n\n", "。", "y" * 900)
SIGNS = ("a", "1", "x" * 50, '"', "\\", "\\n", "\\u00e9", " ", '", "', "{", "12345 ")
WORDS = st.sampled_from((*LINES, *SIGNS))
TEXTS = st.lists(WORDS, max_size=40).map("".join)


def blocks(pieces: list[str], *, source: bool = False) -> list[Block]:
    ahead = LookAhead(source=source)
    return [block for piece in pieces for block in ahead.add(piece)] + ahead.rest()


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@given(TEXTS, st.lists(st.integers(0, 9999), max_size=9), st.booleans())
@settings(max_examples=120, deadline=None)
def test_a_text_is_judged_once_and_the_same_in_any_pieces(text: str, places: list[int], source: bool) -> None:
    whole = blocks([text], source=source)
    assert blocks(cut(text, places), source=source) == whole
    if len(text) < 2_000:
        assert blocks(list(text), source=source) == whole
    assert "".join(text[one.start : one.end] for one in whole) == text
    for one in whole:
        assert text[one.offset :].startswith(one.window)
        assert one.start - one.offset <= CONTEXT
        assert one.end - one.start <= MOST_OF_KEY
        assert len(one.window) >= one.end - one.offset
    for one in whole[:-1]:
        assert one.end - one.start >= SHORTEST


@given(
    TEXTS,
    st.lists(st.integers(0, 9999), max_size=9),
    st.lists(st.tuples(st.integers(0, 99), st.integers(1, 99))),
)
@settings(max_examples=120, deadline=None)
def test_edits_fall_where_they_belong_in_any_pieces(
    text: str, places: list[int], wanted: list[tuple[int, int]]
) -> None:
    ahead, told, position = LookAhead(), [], 0
    covered: set[int] = set()
    pieces = cut(text, places)
    made = [block for piece in pieces for block in ahead.add(piece)] + ahead.rest()
    for block in made:
        edits = [Edit(start, start + size, "") for start, size in wanted if start + size <= len(block.window)]
        covered.update(
            block.offset + at
            for one in edits
            for at in range(one.start, one.end)
            if block.offset + at >= block.start
        )
        ahead.judge(block, edits)
    assert ahead.judged == len(text)
    for piece in pieces:
        told.append(ahead.told(position, piece))
        position += len(piece)
    assert "".join(told) == "".join(sign for at, sign in enumerate(text) if at not in covered)


@given(
    st.recursive(
        st.text(max_size=9) | st.integers() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
    st.data(),
)
@settings(max_examples=120, deadline=None)
def test_json_stays_json_whatever_is_taken_out_of_it(value: object, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    start = data.draw(st.integers(0, max(len(text) - 1, 0)))
    size = data.draw(st.integers(1, 20))
    ahead = LookAhead(source=True)
    made = ahead.add(text) + ahead.rest()
    for block in made:
        if block.start <= start < block.end:
            at = start - block.offset
            ahead.judge(block, [Edit(at, min(at + size, len(block.window)), "[GONE]")])
        else:
            ahead.judge(block, [])
    json.loads(ahead.told(0, text))


def test_the_guarantee_that_is_told_is_that_of_the_code() -> None:
    told = (Path(__file__).parents[3] / "docs" / "answers.md").read_text()
    assert f"of {SHORTEST} characters or more" in told
    assert f"the {CONTEXT} characters before" in told
    assert f"up to {MOST:,} characters, of which the last {lookahead._OVERLAP} stay" in told
    assert f"up to {MOST_OF_KEY:,} characters" in told
    assert f"for {answer_inspection.STALE} events" in told
    assert f"{answer_inspection.MAX_HELD // 2**20} MiB that waits" in told
    assert f"its first {MOST_RECORDED // 2**20} MiB" in told
