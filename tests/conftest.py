"""Patterns that proxies and commands compile are compiled once for all tests of a run, not for each state folder."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import regex

from outgate.settings import Settings

# Every engine has the same expressions, more than these two keep of what they compiled.
for _module in (re, sys.modules[regex.compile.__module__]):
    _module._MAXCACHE = 20_000  # type: ignore[attr-defined]


def pytest_collection_finish() -> None:
    """What all tests and their libraries are made of stays: no collection of garbage has to go through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _patterns_are_shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[None]:
    base = tmp_path_factory.getbasetemp()
    folder: Path = (base if worker_id == "master" else base.parent) / "patterns_of_settings"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Settings, "patterns_dir", property(lambda _: folder))
        yield
