"""A proxy whose people may say why, and two of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from e2e.conftest import Proxy
from e2e.people import Person, coaching
from providers.standin import Server

_numbers = count(2)


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with coaching(server, tmp_path_factory.mktemp("feedback")) as running:
        yield running


@pytest.fixture
def person(proxy: Proxy) -> Person:
    return Person(proxy, f"127.0.0.{next(_numbers)}")


@pytest.fixture
def another(proxy: Proxy) -> Person:
    return Person(proxy, f"127.0.0.{next(_numbers)}")
