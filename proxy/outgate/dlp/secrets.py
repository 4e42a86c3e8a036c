"""The detectors of credentials that are more than patterns, for a configuration that wants them."""

from __future__ import annotations

from collections.abc import Iterator

from outgate.dlp.assignments import AssignmentDetector
from outgate.dlp.config import DetectorConfig
from outgate.dlp.detector import PatternDetector
from outgate.dlp.secret_columns import ColumnDetector
from outgate.dlp.secret_lists import ListDetector
from outgate.dlp.seed_phrases import SeedPhraseDetector


def detectors(config: DetectorConfig) -> Iterator[PatternDetector]:
    """Those that find something of what is wanted."""
    if config.entities & AssignmentDetector.entities:
        yield AssignmentDetector()
        yield ColumnDetector()
        yield ListDetector()
    if config.entities & SeedPhraseDetector.entities:
        yield SeedPhraseDetector()
