"""Patterns that proxies and commands compile are compiled once for all tests of a run, not for each state folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outgate.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def _patterns_are_shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[None]:
    base = tmp_path_factory.getbasetemp()
    folder: Path = (base if worker_id == "master" else base.parent) / "patterns_of_settings"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Settings, "patterns_dir", property(lambda _: folder))
        yield
