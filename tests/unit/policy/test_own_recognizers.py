"""``recognizers:`` and ``ner_models:``: what somebody wrote for Presidio runs here, and says what is wrong with it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from outgate.dlp import DetectionError
from outgate.dlp.config import DetectorConfig, RecognizerClass
from outgate.dlp.engine import Engine
from outgate.dlp.pool import DetectionPool
from outgate.model import BODY, Role, Segment
from outgate.policy import Policy, PolicyError, load
from outgate.policy.diff import compare

OURS = r"""supported_languages: [en, de]
recognizers:
  - name: Ticket Recognizer
    supported_language: de
    supported_entity: TICKET
    patterns:
      - {name: ticket (weak), regex: "\\bT-\\d{5}\\b", score: 0.2}
      - {name: ticket (strong), regex: '(?<=case )T-\d{5}\b', score: 0.7}
    context: [ticket, vorgang]
  - name: Titles
    type: custom
    supported_languages: [{language: en, context: [dear]}, {language: de, context: [lieber]}]
    supported_entity: TITLE
    deny_list: [Mr., Dr., Frau]
    deny_list_score: 0.9
  - name: Spare
    enabled: false
    supported_entity: SPARE
    deny_list: [spare]
"""
RULES = "rules:\n  - {name: ours, detect: [custom], action: mask}\n"
PRESIDIO = "presidio_analyzer.predefined_recognizers:"


def made(folder: Path, detectors: str, rules: str = RULES, **options: bool) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(f"version: 1\n{rules}detectors:\n{detectors}")
    file.chmod(0o600)
    return load([file], **options)


def described(folder: Path, text: str = OURS, more: str = "") -> Policy:
    (folder / "ours.yaml").write_text(text)
    return made(folder, f"  recognizers:\n    - {{file: ours.yaml{more}}}\n")


def found(config: DetectorConfig, text: str) -> list[tuple[str, str, float]]:
    (matches,) = Engine(config).scan([text])
    return [(match.entity, text[match.start : match.end], match.score) for match in matches]


class _Words(NlpEngine):
    """Words as they stand, for Presidio's context enhancer: no model is at hand."""

    def load(self) -> None: ...
    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        import spacy

        doc = spacy.blank("en")(text)
        words = [token.text.lower() for token in doc]
        return NlpArtifacts([], doc, [token.idx for token in doc], words, self, language)

    def process_batch(self, *_: object, **__: object) -> None:  # type: ignore[override]
        raise NotImplementedError

    def is_stopword(self, word: str, language: str) -> bool:
        return False

    def is_punct(self, word: str, language: str) -> bool:
        return not any(map(str.isalnum, word))

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en", "de"]


@pytest.mark.parametrize(
    "text",
    [
        "ticket T-12345",
        "T-12345 alone",
        "case T-12345, closed",
        "Dr. Who and Mr. X; frau; DR.",
        "Dr.Who aDr. Mr.",
        "vorgang t-00001\nT-00002",
    ],
)
def test_a_file_of_presidios_finds_what_it_finds_there(tmp_path: Path, text: str) -> None:
    policy = described(tmp_path)
    assert policy.entities == {"TICKET", "TITLE"}
    registry = RecognizerRegistryProvider(conf_file=str(tmp_path / "ours.yaml")).create_recognizer_registry()
    engine = AnalyzerEngine(registry=registry, nlp_engine=_Words(), supported_languages=["en", "de"])
    theirs = {
        (result.entity_type, text[result.start : result.end], round(result.score, 4))
        for language in ("en", "de")
        for result in engine.analyze(text, language=language, score_threshold=0.4)
    }
    best = {(entity, value): 0.0 for entity, value, _ in theirs}
    for entity, value, score in theirs:
        best[entity, value] = max(best[entity, value], score)
    ours = {(entity, value): score for entity, value, score in found(policy.detectors, text)}
    assert ours == best


def test_the_least_score_is_the_policys(tmp_path: Path) -> None:
    assert not found(described(tmp_path).detectors, "T-12345")
    assert found(described(tmp_path, more=", min_score: 0.1").detectors, "T-12345") == [
        ("TICKET", "T-12345", 0.2)
    ]


@pytest.mark.parametrize(
    ("change", "place", "says"),
    [
        (("supported_entity: TICKET", "supported_entity: ticket no"), "ours.yaml:5:", "ticket no"),
        (("T-\\\\d{5}", "T-(\\\\d{5}"), "ours.yaml:7:", "not a regular expression"),
        (("score: 0.2", "score: 2"), "ours.yaml:7:", "less than or equal to 1"),
        (("type: custom", "type: predefined"), "ours.yaml:11:", "are there already"),
        (("deny_list: [Mr., Dr., Frau]", "context: [x]"), "ours.yaml:10:", "deny_list"),
        (("enabled: false", "enabeld: false"), "ours.yaml:17:", "did you mean enabled"),
    ],
)
def test_a_mistake_in_such_a_file_is_told_with_its_place(
    tmp_path: Path, change: tuple[str, str], place: str, says: str
) -> None:
    assert change[0] in OURS
    with pytest.raises(PolicyError) as caught:
        described(tmp_path, OURS.replace(*change))
    assert place in str(caught.value)
    assert says in str(caught.value)


def test_a_file_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"policy.yaml:6:\d+: there is no file"):
        made(tmp_path, "  recognizers:\n    - {file: absent.yaml}\n")


# A module of somebody's: what each class is there for stands in its name.
THEIRS = """
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

class Badge(PatternRecognizer):
    def __init__(self):
        super().__init__("BADGE", patterns=[Pattern("badge", r"B-\\d{4}", 0.5)], context=["badge"])
    def validate_result(self, text):
        return True if text.endswith("7") else None
    def invalidate_result(self, text):
        return text == "B-0000"

class Loud(EntityRecognizer):
    def __init__(self):
        super().__init__(["LOUD", "LOUDER"], context=["shouts"])
    def load(self): pass
    def analyze(self, text, entities, nlp_artifacts=None):
        import re
        for word in re.finditer(r"\\b[A-Z]{5,}\\b", text):
            entity = "LOUDER" if len(word[0]) > 7 else "LOUD"
            yield RecognizerResult(entity, word.start(), word.end(), 0.5)

made = 0
class Heavy(Loud):
    def load(self):
        global made
        made += 1

class NeedsTokens(Loud):
    def analyze(self, text, entities, nlp_artifacts=None):
        return [token for token in nlp_artifacts.tokens]

class NeedsArguments(Loud):
    def __init__(self, path):
        super().__init__()

class Other: pass
"""


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an installed module, for this process and for workers."""
    from outgate.dlp import process

    folder = tmp_path / "installed"
    folder.mkdir()
    name = f"our_recognizers_{tmp_path.name}"
    (folder / f"{name}.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(folder)
    # Where workers import from, which is this installation's own folder: there is no other that they look at.
    real = process.environment

    def with_folder() -> dict[str, str]:
        there = real()
        return {**there, "PYTHONPATH": f"{there['PYTHONPATH']}{os.pathsep}{folder}"}

    monkeypatch.setattr("outgate.dlp.recognizers.environment", with_folder)
    monkeypatch.setattr("outgate.dlp.process.environment", with_folder)
    return name


def entry(module: str, name: str, *entities: str) -> str:
    return f"  recognizers:\n    - {{class: '{module}:{name}', entities: [{', '.join(entities)}]}}\n"


def test_a_class_with_patterns_keeps_its_checks_and_context(tmp_path: Path, theirs: str) -> None:
    policy = made(tmp_path, entry(theirs, "Badge", "BADGE"), check_model=True)
    assert found(policy.detectors, "B-1237 B-1234 B-0000; badge B-1235") == [
        ("BADGE", "B-1237", 1.0),
        ("BADGE", "B-1234", 0.5),
        ("BADGE", "B-1235", 0.85),
    ]


def test_a_class_without_patterns_is_asked_for_what_it_is_named_for(tmp_path: Path, theirs: str) -> None:
    policy = made(tmp_path, entry(theirs, "Loud", "LOUD"), check_model=True)
    text = "he shouts HELLO and GOODNIGHT"
    assert found(policy.detectors, text) == [("LOUD", "HELLO", 0.85)]
    long = "x" * 100_000 + " WORLD " + "y " * 50_000
    assert [value for _, value, _ in found(policy.detectors, long)] == ["WORLD"]


def test_a_class_is_made_once(tmp_path: Path, theirs: str) -> None:
    Engine(made(tmp_path, entry(theirs, "Heavy", "LOUD", "LOUDER")).detectors)
    assert import_module(theirs).made == 1


def test_workers_run_what_they_import(tmp_path: Path, theirs: str) -> None:
    recognizers = entry(theirs, "Badge", "BADGE") + f"    - {{class: '{theirs}:Loud', entities: [LOUD]}}\n"
    config = made(tmp_path, recognizers, check_model=True).detectors
    text = "WORLD B-1237"

    async def detected() -> list[str]:
        pool = DetectionPool(config, workers=1, deadline=30.0, queue_limit=4, inline=1000)
        await pool.start()
        try:
            findings = await pool.detect([Segment(text, Role.USER, "t", BODY, 0, 0, "utf8")])
            assert pool._here is None  # a class is imported in no process but a worker
            return [finding.entity for finding in findings]
        finally:
            await pool.close()

    assert asyncio.run(detected()) == ["LOUD", "BADGE"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Missing", "has no Missing"),
        ("Other", "no subclass of Presidio's EntityRecognizer"),
        ("NeedsArguments", "must do without arguments"),
        ("NeedsTokens", "no NLP artifacts"),
        ("Badge", "finds BADGE, not LOUD"),
    ],
)
def test_a_class_that_does_not_fit_is_told_with_its_place(
    tmp_path: Path, theirs: str, name: str, says: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        made(tmp_path, entry(theirs, name, "LOUD"), check_model=True)
    assert "policy.yaml:6:" in str(caught.value)
    assert says in str(caught.value)


def test_a_module_that_is_not_installed_is_told_by_the_policy_and_by_a_worker(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nowhere_at_all cannot be imported"):
        made(tmp_path, entry("nowhere_at_all", "Badge", "BADGE"), check_model=True)
    config = made(tmp_path, entry("nowhere_at_all", "Badge", "BADGE")).detectors
    with pytest.raises(DetectionError, match=r"not_ready.*nowhere_at_all cannot be imported"):
        Engine(config)


def test_a_class_is_refused_where_others_could_state_another(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(f"version: 1\n{RULES}detectors:\n{entry(PRESIDIO[:-1], 'UuidRecognizer', 'UUID')}")
    file.chmod(0o620)
    with pytest.raises(PolicyError, match=r"policy.yaml:6:\d+: code may be stated only"):
        load([file], check_model=True)


def test_a_failing_class_is_told_by_its_name_and_never_by_the_text(tmp_path: Path, theirs: str) -> None:
    config = replace(
        DetectorConfig(entities=frozenset({"LOUD"})),
        recognizer_classes=(RecognizerClass(f"{theirs}:NeedsTokens", ("LOUD",)),),
    )
    with pytest.raises(DetectionError) as caught:
        Engine(config).scan(["a private text"])
    assert str(caught.value) == "detector_error: recognizer:NeedsTokens: AttributeError"


def test_a_recognizer_that_is_gone_is_a_difference(tmp_path: Path) -> None:
    before = described(tmp_path)
    after = described(tmp_path, OURS.replace("Frau", "Herr"))
    assert compare(before, after, ()).detectors == ("TITLE",)
    assert not compare(before, before, ()).detectors


# --- ner_models ----------------------------------------------------------------------------------


def test_models_of_further_languages_are_those_of_the_first_file_that_states_them(tmp_path: Path) -> None:
    pack = tmp_path / "pack.yaml"
    pack.write_text("version: 1\ndetectors: {ner_models: {fr: other, de: other}}\n")
    policy = made(
        tmp_path, "  ner_models: {de: ours}\n", f"include: pack.yaml\n{RULES}".replace("custom", "names")
    )
    assert policy.detectors.ner_models == (("de", "ours"),)
    assert {"PERSON", "LOCATION"} <= policy.missing.keys()
    assert "'ours'" in policy.missing["PERSON"]
    with pytest.raises(PolicyError, match="ours"):
        load([tmp_path / "policy.yaml"], check_model=True)


@pytest.mark.parametrize(
    ("models", "says"),
    [("{en: a}", "the policy's own language"), ("{xx: a}", "known here"), ("{german: a}", "german")],
)
def test_a_model_that_would_never_be_asked_is_told(tmp_path: Path, models: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        made(tmp_path, f"  ner_models: {models}\n", RULES.replace("custom", "secrets"))


def test_a_model_that_is_gone_lets_names_out(tmp_path: Path) -> None:
    rules = RULES.replace("custom", "names, secrets")
    before = made(tmp_path, "  ner_models: {de: a, fr: b}\n", rules)
    after = made(tmp_path, "  ner_models: {de: a}\n", rules)
    assert compare(before, after, ()).detectors == ("LOCATION", "ORGANIZATION", "PERSON")
    assert not compare(after, before, ()).detectors
