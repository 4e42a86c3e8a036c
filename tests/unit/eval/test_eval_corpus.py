"""The corpora of ``make eval``: their gold is where it says, they come out the same, and they do not overlap."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.eval import checksums, corpus, identifiers, national
from tests.eval.document import Document, Set
from tests.eval.fields import DocumentFields
from tests.eval.match import SECRET, row_of
from tests.eval.score import JUDGED
from tests.eval.template import Template, TemplateError, render

from outgate.dlp import entities
from outgate.dlp.validators import crc32_base62

SETS: tuple[Set, ...] = ("tune", "score")
ROOT = Path(__file__).parents[3]
# The catalogue's entities that no corpus has: not data but a way of writing, and what every text about software has.
_WITHOUT_GOLD = frozenset({"DEEPLY_ENCODED", "URL", "UUID"})


@pytest.fixture(scope="module", params=SETS)
def gold(request: pytest.FixtureRequest) -> list[Document]:
    return list(corpus.gold(request.param, 0.3))


@pytest.fixture(scope="module", params=SETS)
def benign(request: pytest.FixtureRequest) -> list[Document]:
    return list(corpus.benign(request.param, 0.15))


def test_every_gold_span_lies_in_its_text_and_none_overlaps_another(gold: list[Document]) -> None:
    for document in gold:
        position = 0
        for span in document.spans:
            assert position <= span.start < span.end <= len(document.text), document.id
            position = span.end


def test_a_gold_span_is_the_whole_value(gold: list[Document]) -> None:
    shapes = {
        "EMAIL_ADDRESS": r"[\w.+-]+@[\w.-]+\.[a-z]{2,3}",
        "IP_ADDRESS": r"[\d.]+|[0-9a-f:]+",
        "MAC_ADDRESS": r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}",
        "IBAN_CODE": r"[A-Z]{2}\d{2}[A-Z0-9 ]+",
        "CREDIT_CARD": r"[\d -]{14,23}",
        "US_SSN": r"\d{3}[- ]?\d{2}[- ]?\d{4}",
        "GITHUB_TOKEN": r"gh[pso]_\w{36}|github_pat_\w{82}",
        "PRIVATE_KEY": r"-----BEGIN [A-Z ]+-----(?s:.+)-----END [A-Z ]+-----",
        "DATABASE_URL": r"[^/@:]+",
    }
    checked = set()
    for document in gold:
        for span in document.spans:
            if span.entity in shapes:
                checked.add(span.entity)
                value = document.text[span.start : span.end]
                assert re.fullmatch(shapes[span.entity], value), (document.id, value)
    assert checked == set(shapes)


def test_a_gold_name_ends_where_a_word_ends(gold: list[Document]) -> None:
    for document in gold:
        for span in document.spans:
            if span.entity == "PERSON" and not span.optional:
                around = (
                    document.text[max(0, span.start - 1) : span.start]
                    + document.text[span.end : span.end + 1]
                )
                assert not any(map(str.isalnum, around)), (document.id, document.text[span.start : span.end])


def test_a_corpus_comes_out_the_same_in_another_process() -> None:
    program = (
        "import hashlib; from tests.eval import corpus; d = hashlib.sha256();\n"
        "for which in ('tune', 'score'):\n"
        "  for x in (*corpus.gold(which, 0.05), *corpus.benign(which, 0.01)): d.update(repr(x).encode())\n"
        "print(d.hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT / "proxy"), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_the_sets_share_no_template_and_no_line_of_one() -> None:
    tune, score = ({line for t in corpus.templates(which) for line in _telling(t)} for which in SETS)
    assert len(tune) > 200
    assert len(score) > 200
    assert not tune & score


def _telling(template: Template) -> Iterator[str]:
    """Lines long enough to be of a template's own making, without their fields."""
    for line in template.body.splitlines():
        plain = re.sub(r"\W+", " ", re.sub("«[^»]*»", "", line)).strip().lower()
        if len(plain) > 25:
            yield plain


def test_the_sets_share_no_long_value() -> None:
    values = [
        {
            document.text[span.start : span.end]
            for document in corpus.gold(which, 0.1)
            for span in document.spans
            if span.end - span.start > 16 and row_of(span.entity, frozenset()) == SECRET
        }
        for which in SETS
    ]
    assert all(values)
    assert not values[0] & values[1]


def test_every_entity_of_the_catalogue_has_gold_in_both_sets() -> None:
    secrets = entities.groups()["secrets"]
    wanted = {row_of(name, secrets) for name in entities.catalogue()} - _WITHOUT_GOLD
    for which in SETS:
        spans = (span for document in corpus.gold(which, 0.5) for span in document.spans)
        assert wanted <= {row_of(span.entity, secrets) for span in spans}
    assert wanted <= JUDGED


def test_benign_documents_have_no_gold(benign: list[Document]) -> None:
    assert all(document.benign and all(span.optional for span in document.spans) for document in benign)
    assert len({document.kind for document in benign}) >= 30


def test_benign_text_is_two_megabytes_in_a_thousand_documents() -> None:
    for which in SETS:
        sizes = [len(document.text.encode()) for document in corpus.benign(which)]
        assert sum(sizes) >= 2_000_000
        assert len(sizes) >= 1000


def test_benign_text_holds_nothing_that_a_checksum_would_confirm(benign: list[Document]) -> None:
    for document in benign:
        for digits in re.findall(r"(?<![\w.])[2-6]\d{12,18}(?![\w.])", document.text):
            assert not checksums.luhn_holds(digits), (document.id, digits)
        for spaced in re.findall(r"(?<!\d)(?:\d{4}(?:[ -]\d{4}){3}|\d{3}-\d{7}-\d{7})(?!\d)", document.text):
            assert not checksums.luhn_holds(re.sub(r"\D", "", spaced)), (document.id, spaced)
        for text in re.findall(r"(?<!\w)[A-Z]{2}\d{2}[A-Z0-9]{11,30}(?!\w)", document.text):
            assert checksums.mod97(text[4:] + text[:4]) != 1, (document.id, text)
        for token in re.findall(r"gh[pousr]_[A-Za-z0-9]{36}", document.text):
            assert not crc32_base62(token), (document.id, token)
        assert not re.search(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", document.text), document.id
        assert not re.search(r"(?<!\w)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)", document.text)
        assert "PRIVATE KEY-----" not in document.text


def test_generated_numbers_pass_checks_written_from_other_examples() -> None:
    # Numbers that the issuers themselves publish as examples, or that textbooks work through.
    assert checksums.luhn_holds("4111111111111111")
    assert checksums.mod97("370400440532013000DE89") == 1
    assert checksums.iso7064_mod11_10("8609574271") == "9"
    assert checksums.verhoeff("236") == "3"
    assert checksums.icao("L898902C3") == "6"
    assert checksums.weighted("4401011359"[:3], (1, 3, 7)) == 16
    assert national._nhs("943476591") == "9434765919"
    assert national._nif_letter(12345678) == "Z"


@pytest.mark.parametrize("kind", identifiers.IDENTIFIERS, ids=lambda kind: kind.entity)
def test_identifiers_of_a_kind_differ(kind: identifiers.Identifier) -> None:
    source = random.Random(kind.entity)
    assert len({kind.make(source) for _ in range(50)}) > 45


def test_a_misspelt_field_is_refused_with_its_template() -> None:
    source = random.Random(1)
    for body in ("a «nosuchfield»", "a «person", "«loop 1-2»\nwithout an end"):
        with pytest.raises(TemplateError, match="here#1"):
            render(Template("here#1", "x", body), "x", "en", source, DocumentFields("en_US", source))


def test_a_benign_template_cannot_hold_a_person() -> None:
    source = random.Random(1)
    template = Template("here#1", "x", "by «person»", benign=True)
    with pytest.raises(TemplateError, match="sensitive"):
        render(template, "x", "en", source, DocumentFields("en_US", source))
