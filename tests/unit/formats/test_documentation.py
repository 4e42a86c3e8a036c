"""docs/formats.md says of every format what the code does with it, and of nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from outgate.formats import FORMATS
from outgate.formats.answer_tables import GENERIC, table
from outgate.transform.answers import AnswerRestorer
from outgate.transform.restore import Known

TEXT = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
ROWS = {
    name: (request, answer, streamed)
    for name, request, answer, streamed in re.findall(
        r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", TEXT, re.MULTILINE
    )
}


def test_every_format_has_a_row_and_every_row_is_a_format() -> None:
    assert ROWS.keys() == FORMATS.keys()


def test_a_row_says_whether_a_text_is_restored_over_its_events() -> None:
    for name, (_, answer, streamed) in ROWS.items():
        by_lanes = table(name) is not GENERIC
        assert (answer == "restored") == by_lanes, name
        assert streamed.startswith("restored as it comes") == by_lanes, name


def test_every_format_has_its_events_restored() -> None:
    known = Known({"PERSON_abcdefghijkl": "Ada"})
    for name in ROWS:
        events = b'data: {"x": "PERSON_abcdefghijkl"}\n\n'
        restorer = AnswerRestorer(name, "text/event-stream", known)
        assert b"Ada" in b"".join([*restorer.feed(events), *restorer.finish()]), name
