"""What is found through a disguise is found in the original text, where an edit takes all of it out."""

from __future__ import annotations

import base64
import gzip
from urllib.parse import quote

import pytest

from outgate.dlp.config import DetectorConfig
from outgate.dlp.disguise import views
from outgate.dlp.engine import Engine
from outgate.dlp.examples import fake

TOKEN, MAIL = fake("GITHUB_TOKEN"), fake("EMAIL_ADDRESS")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(DetectorConfig(entities=frozenset({"GITHUB_TOKEN", "EMAIL_ADDRESS", "DEEPLY_ENCODED"})))


def found(engine: Engine, text: str) -> list[tuple[str, str]]:
    return [(match.entity, text[match.start : match.end]) for match in engine.scan([text])[0]]


ENCODED = {
    "base64": base64.b64encode(TOKEN.encode()).decode(),
    "url-safe": base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("="),
    "hex": TOKEN.encode().hex(),
    "hex with colons": TOKEN.encode().hex(":"),
    "base64 of hex": base64.b64encode(TOKEN.encode().hex().encode()).decode(),
    "gzip in base64": base64.b64encode(gzip.compress(TOKEN.encode(), mtime=0)).decode(),
    "percent, twice": quote("".join(f"%{ord(char):02x}" for char in TOKEN)),
}


@pytest.mark.parametrize("dress", ENCODED)
def test_an_encoded_credential_is_found_as_the_whole_of_its_run(engine: Engine, dress: str) -> None:
    text = f"please use `{ENCODED[dress]}` for it"
    assert found(engine, text) == [("GITHUB_TOKEN", ENCODED[dress])]


HIDDEN = {
    "zero-width": TOKEN[:9] + "\u200b" + TOKEN[9:],
    "soft hyphen": TOKEN[:9] + "\u00ad" + TOKEN[9:],
    "fullwidth": "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in TOKEN),
    "Cyrillic": TOKEN.replace("p", "р", 1),
}


@pytest.mark.parametrize("dress", HIDDEN)
def test_a_credential_that_only_looks_so_is_found_where_it_stands(engine: Engine, dress: str) -> None:
    text = f"key {HIDDEN[dress]} is mine"
    assert found(engine, text) == [("GITHUB_TOKEN", HIDDEN[dress])]


def test_a_plain_value_is_found_once_beside_a_disguised_one(engine: Engine) -> None:
    text = f"{MAIL} is {base64.b64encode(MAIL.encode()).decode()}"
    assert [entity for entity, _ in found(engine, text)] == ["EMAIL_ADDRESS", "EMAIL_ADDRESS"]
    assert found(engine, text)[0][1] == MAIL


def test_what_is_encoded_more_often_than_is_undone_is_told(engine: Engine) -> None:
    text = TOKEN
    for _ in range(6):
        text = base64.b64encode(text.encode()).decode()
    assert [entity for entity, _ in found(engine, f"see {text} there")] == ["DEEPLY_ENCODED"]


EVERYTHING = Engine(
    DetectorConfig(
        entities=frozenset(
            "CREDIT_CARD EMAIL_ADDRESS PHONE_NUMBER IBAN_CODE PASSWORD AWS_ACCESS_KEY_ID".split()
        )
    )
)
BEHIND = [
    ("4000 0000 0000 0002", "CREDIT_CARD"),
    ("ada@example.org", "EMAIL_ADDRESS"),
    ("+49 30 901820", "PHONE_NUMBER"),
    ("DE02120300000000202051", "IBAN_CODE"),
    ("password: Zq7-unreal-Kw2x", "PASSWORD"),
    ("AKIA" + "R4NDM7TADE5UPKZY", "AWS_ACCESS_KEY_ID"),
]


@pytest.mark.parametrize("mark", ["\\n", "\\r\\n", "\\t", "\\\\n"])
@pytest.mark.parametrize(("value", "entity"), BEHIND)
def test_what_stands_right_behind_an_escaped_line_break_is_found(mark: str, value: str, entity: str) -> None:
    text = f'{{"path": "a.txt", "content": "See this:{mark}{value}{mark}and go on."}}'
    (found,) = [match for match in EVERYTHING.scan([text])[0] if match.entity == entity]
    start = text.index(value.rpartition(": ")[2])
    assert (found.start, text[found.start : found.end]) == (start, value.rpartition(": ")[2])


def test_commands_of_tex_are_no_line_breaks() -> None:
    text = r"\newcommand{\name}{\textbf{x}} \noindent \title{A} \ref{b} \nu \tau \rho"
    assert not list(views(text))
