"""The tools that are compared, each as a function from a document to findings.

Each is set up as somebody would who wants all that it has: Outgate with every entity, Presidio's AnalyzerEngine
as it comes with the same spaCy model, detect-secrets with its default plugins and filters over a file of the
document's kind. Nothing of them is changed but that they do not reach for the network.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from outgate.dlp.config import DEFAULT_NER_MODEL

from .document import Document
from .match import SECRET, Found

MODEL = DEFAULT_NER_MODEL


class Tool(Protocol):
    """Something that finds."""

    @property
    def name(self) -> str:
        """Its name in the table."""

    @property
    def entities(self) -> frozenset[str]:
        """What it can find."""

    @property
    def secrets(self) -> frozenset[str]:
        """Those of its entities that are kinds of secrets."""

    @property
    def lenient(self) -> bool:
        """Whether it says where a value is only roughly."""

    def find(self, document: Document) -> Sequence[Found]:
        """What it finds in one document."""


class Outgate:
    """``outgate.dlp.engine.Engine``, every entity of the catalogue on."""

    name = "outgate"
    lenient = False

    def __init__(self) -> None:
        # First, so that Presidio is whole: Outgate imports it without its language models when it is alone.
        import presidio_analyzer  # noqa: F401

        from outgate.dlp import entities
        from outgate.dlp.config import DetectorConfig
        from outgate.dlp.engine import Engine

        catalogue = entities.catalogue()
        self.entities = frozenset(catalogue)
        self.secrets = entities.groups()["secrets"]
        self._least = {name: entity.min_score for name, entity in catalogue.items()}
        self._engine = Engine(DetectorConfig(entities=self.entities, ner_model=MODEL))

    def find(self, document: Document) -> list[Found]:
        """Findings with at least the score that their entity asks for."""
        (found,) = self._engine.scan([document.text])
        return [
            Found(match.start, match.end, match.entity, match.score)
            for match in found
            if match.score >= self._least.get(match.entity, 0.0)
        ]


class Presidio:
    """Stock ``AnalyzerEngine`` on the same model; ``least`` 0 is as it is."""

    name = "presidio"
    lenient = False
    secrets: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._analyzer = analyzer()
        self.entities = frozenset(self._analyzer.get_supported_entities("en"))

    def find(self, document: Document) -> list[Found]:
        """All results, of any score."""
        return [
            Found(result.start, result.end, result.entity_type, float(result.score))
            for result in self._analyzer.analyze(document.text, language="en")
        ]


def analyzer() -> Any:
    """Presidio's engine with its default registry."""
    for name in ("presidio-analyzer", "tldextract"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    import tldextract.tldextract as domains
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    from outgate.dlp.names.models import folder

    # Its own snapshot of the list of domains; by default it downloads one.
    domains.TLD_EXTRACTOR = domains.TLDExtract(cache_dir=None, suffix_list_urls=())
    # This package is no spaCy package in form: it is loaded by its folder.
    models = [{"lang_code": "en", "model_name": str(folder(MODEL))}]
    nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    return AnalyzerEngine(nlp_engine=nlp)


class DetectSecrets:
    """detect-secrets over one file; what it calls a secret is found where its line holds it."""

    name = "detect-secrets"
    lenient = True
    entities = frozenset({SECRET})
    secrets = frozenset({SECRET})

    def __init__(self) -> None:
        from detect_secrets.settings import default_settings, get_settings

        logging.getLogger("detect_secrets").setLevel(logging.CRITICAL)
        with default_settings():
            settings = get_settings()
            # Verification would ask the vendors whether a key is live.
            online = ("is_ignored_due_to_verification_policies",)
            self._settings = {
                "plugins_used": [
                    {"name": name, **options}
                    for name, options in settings.plugins.items()
                    if name != "IPPublicDetector"
                ],
                "filters_used": [
                    {"path": path, **options}
                    for path, options in settings.filters.items()
                    if not path.endswith(online)
                ],
            }
        self._folder = tempfile.TemporaryDirectory(prefix="outgate-eval-")

    def find(self, document: Document) -> list[Found]:
        """Where the values that it names stand in their lines."""
        from detect_secrets.core.scan import scan_file
        from detect_secrets.settings import transient_settings

        file = Path(self._folder.name) / f"document{document.suffix}"
        file.write_text(document.text, "utf-8", newline="")
        found: list[Found] = []
        with transient_settings(self._settings):
            for secret in scan_file(str(file)):
                found.append(_place(document.text, secret.line_number, secret.secret_value or ""))
        return found


def _place(text: str, number: int, value: str) -> Found:
    """Where ``value`` stands in a line; the line, when it does not. Transformed files are numbered otherwise."""
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: number - 1])
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    if value and value in line:
        start += line.index(value)
        return Found(start, start + len(value), SECRET, 1.0)
    if value and value in text:
        start = text.index(value)
        return Found(start, start + len(value), SECRET, 1.0)
    return Found(start, start + len(line), SECRET, 1.0)
