"""Compiled patterns are made once for all tests of a run, and go with its temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from outgate.dlp import entities
from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine


@pytest.fixture(scope="session")
def patterns_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    base = tmp_path_factory.getbasetemp()
    return (base if worker_id == "master" else base.parent) / "patterns"


@pytest.fixture(scope="session")
def every_pattern(patterns_folder: Path) -> Engine:
    """Every entity that needs no model, by Hyperscan."""
    wanted = frozenset(entities.catalogue()) - entities.named(entities.known())
    return Engine(DetectorConfig(entities=wanted), patterns_folder, "now")
