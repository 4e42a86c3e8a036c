"""A report of the events that a test gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from reported_events import Made

from outgate.audit import AuditEvent
from outgate.catalogue import Catalogue
from outgate.reports import kinds
from outgate.reports.assess import assess
from outgate.reports.beside import Beside
from outgate.reports.counts import Counts
from outgate.settings.reports import Reports


@pytest.fixture(scope="session")
def providers() -> dict[str, Any]:
    return dict(Catalogue.load().providers)


@pytest.fixture
def report(providers: dict[str, Any]) -> Made:
    def made(
        events: Iterable[AuditEvent],
        *,
        settings: Reports | None = None,
        region: tuple[str, ...] = ("EEA",),
        by_person: bool = False,
        **beside: Any,
    ) -> dict[str, Any]:
        counts = Counts(by_person=by_person)
        for event in events:
            counts.add(event)
        return assess(
            counts, Beside(providers=providers, **beside), settings or Reports(), kinds.region(region)
        )

    return made
