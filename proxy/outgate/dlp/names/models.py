"""The models that read: a spaCy package's NER component, or an NLP engine of Presidio's.

Owns loading and reading; what they say is put right elsewhere. spaCy and Presidio are imported in the
functions that build, in a worker process.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from outgate.dlp.names.shapes import Span

# The labels of spaCy's models (OntoNotes, and WikiNER for many languages) as Presidio names them.
_LABELS = {
    "PER": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}
# Read by numeric libraries when numpy is loaded, which is below. Processes are our parallelism: for matrices of this
# size a library's own threads only get in each other's way.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_BATCH = 128  # sentences that go through the model's matrices together
_REMEMBERED = 1_000_000  # characters whose new words spaCy keeps at a time, in some tens of megabytes


class Model(Protocol):
    """Reads sentences; says where in each there are names, with Presidio's names for the kinds."""

    def read(self, sentences: Sequence[str]) -> Iterator[list[Span]]: ...


def load(name: str, language: str) -> Model:
    """The model of a spaCy package, or of a configuration file for Presidio's NLP engines (``*.yaml``)."""
    for variable in _THREADS:
        os.environ.setdefault(variable, "1")
    return _PresidioEngine(name, language) if is_file(name) else _Spacy(name)


def is_file(name: str) -> bool:
    """Whether a model's name is that of a configuration file."""
    return name.endswith((".yaml", ".yml"))


class _Spacy:
    """A package's NER component and nothing else of it."""

    def __init__(self, package: str) -> None:
        import spacy
        from thinc.api import use_ops

        model = folder(package)
        # thinc multiplies with BLIS, whose kernels are several times slower here than numpy's OpenBLAS.
        with warnings.catch_warnings(), use_ops("numpy", use_blis=False):
            warnings.simplefilter("ignore")
            self._nlp = spacy.util.load_model_from_path(model, exclude=_unneeded(model))
        self._zone = ExitStack()
        self._read = 0

    def read(self, sentences: Sequence[str]) -> Iterator[list[Span]]:
        self._forget(sum(map(len, sentences)))
        for doc in self._nlp.pipe(sentences, batch_size=_BATCH):
            yield [
                (span.start_char, span.end_char, _LABELS.get(span.label_, span.label_)) for span in doc.ents
            ]

    def _forget(self, characters: int) -> None:
        """spaCy keeps every new word for good, unless told that these texts' need not be (3.8).

        Forgetting after every text would have it look at the commonest words anew each time.
        """
        self._read += characters
        if self._read > _REMEMBERED or self._read == characters:
            self._zone.close()
            self._read = characters
            if hasattr(self._nlp, "memory_zone"):
                self._zone.enter_context(self._nlp.memory_zone())


def folder(package: str) -> Path:
    """Where in a package its model is: at the top, or in a folder of its own, named with the version."""
    import spacy

    return next(file.parent for file in sorted(spacy.util.get_package_path(package).rglob("config.cfg")))


def _unneeded(model: Path) -> list[str]:
    """The components that the NER component does not listen to, and the words as text (its vectors go by hash)."""
    import spacy

    config = spacy.util.load_config(model / "config.cfg")
    listens = "Listener" in config["components"]["ner"]["model"].get("tok2vec", {}).get("@architectures", "")
    needed = {"ner"} | ({"tok2vec", "transformer"} if listens else set())
    return ["strings", *(name for name in config["nlp"]["pipeline"] if name not in needed)]


class _PresidioEngine:
    """What Presidio's own configuration builds: spaCy, Stanza or Transformers."""

    def __init__(self, file: str, language: str) -> None:
        from presidio_analyzer.nlp_engine import NlpEngineProvider

        self._engine: Any = NlpEngineProvider(conf_file=file).create_engine()
        self._language = language

    def read(self, sentences: Sequence[str]) -> Iterator[list[Span]]:
        for _, found in self._engine.process_batch(list(sentences), self._language):
            yield [
                (span.start_char, span.end_char, _LABELS.get(span.label_, span.label_))
                for span in found.entities
            ]
