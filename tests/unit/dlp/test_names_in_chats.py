"""Who speaks in chats and transcripts, as the programs that people copy them from write it."""

from __future__ import annotations

import pytest

from outgate.dlp.names import fields


def persons_in(text: str) -> list[str]:
    found = sorted({span for span in fields.listed(text) if span[2] == "PERSON"})
    return list(dict.fromkeys(text[start:end] for start, end, _ in found))


@pytest.mark.parametrize(
    "text",
    [
        "Wyxotal : tu viens ?\nKaren : oui",
        "Wyxotal\u00a0: tu viens ?\nKaren\u00a0: oui",
        "12/03/2024, 18:02 - Wyxotal: Have you paid?\n12/03/2024, 18:04 - Karen: Not yet",
        "12.03.24, 18:02 - Wyxotal: Hast du?\n12.03.24, 18:04 - Karen: Nein",
        "3/12/24, 6:02 PM - Wyxotal: Have you paid?\n3/12/24, 6:04 PM - Karen: Not yet",
        "[12/03/24, 18:02:11] Wyxotal: Have you paid?\n[12/03/24, 18:04:01] Karen: Not yet",
        "[3/12/24, 6:02:11 PM] ~ Wyxotal: Have you paid?\n[3/12/24, 6:04:01 PM] Karen: Not yet",
        "2024-03-12 18:02 Wyxotal: Have you paid?\n2024-03-12 18:04 Karen: Not yet",
        "Wyxotal  10:14 AM\nHave you paid?\nKaren  10:15 AM\nnot yet",
        "Wyxotal 10:14\nHave you paid?\nKaren 10:15\nnot yet",
        "**Wyxotal:** Have you paid?\n**Karen:** Not yet",
        "Wyxotal (10:14): Have you paid?\nKaren (10:15): Not yet",
    ],
)
def test_who_speaks_is_a_person_when_the_lists_know_one_of_them(text: str) -> None:
    assert persons_in(text) == ["Wyxotal", "Karen"]


def test_in_an_exported_chat_nobody_needs_to_be_known() -> None:
    text = "12/03/2024, 18:02 - Aunty Wyxotal: Have you paid?\n12/03/2024, 18:04 - Qerunib: Not yet"
    assert persons_in(text) == ["Wyxotal", "Qerunib"]


@pytest.mark.parametrize(
    "text",
    [
        "10:14:03 Server: started\n10:14:05 Worker: started",
        "Note: it works\nWarning: it does not",
        "Monday  10:14\nTuesday  10:15",
        "2024-03-12 18:02 Error: disk full\n2024-03-12 18:04 Warning: disk nearly full",
        "Build 10:14\nDeploy 10:15",
        "[2024-03-12 18:02:11] Qerunib: started\n[2024-03-12 18:02:12] Wyxotal: started",
    ],
)
def test_what_stands_before_a_colon_or_a_time_is_mostly_nobody(text: str) -> None:
    assert persons_in(text) == []
