"""docs/formats.md says of every path and format what the code does with it, and of nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from outgate import shipped
from outgate.catalogue import Catalogue, schema
from outgate.catalogue.hosts import HostPattern
from outgate.catalogue.source import read
from outgate.formats import FORMATS, generic
from outgate.formats.answer_tables import GENERIC, table
from outgate.transform.answers import AnswerRestorer
from outgate.transform.restore import Known
from unit.transform.made_live_answers import Live, Realtime
from unit.transform.made_other_answers import APIS

TEXT = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
CATALOGUE = Catalogue.load()
FILE, _ = schema.validate(read(shipped.policies() / "catalogue" / "providers.yaml"))


class Row(NamedTuple):
    paths: list[str]
    provider: str
    format: str
    request: str
    answer: str
    streamed: str


ROWS = [
    Row(re.findall(r"`([^`]+)`", paths), provider.strip("`"), *rest)
    for paths, provider, *rest in re.findall(
        r"^\| (`/.*?|`\*\*/.*?) \| (\S+) \| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", TEXT, re.MULTILINE
    )
]
NAMED = [(row.provider, path, row.format) for row in ROWS for path in row.paths]
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.provider}-{row.format}")


def host_of(provider: str) -> str:
    if provider == "all":
        return "api.openai.com"
    entry = FILE.providers[provider]
    first = entry.hosts[0]
    name = next(iter(HostPattern.parse(first.host, regions=first.regions or entry.regions).names()))
    return f"acme.{name}" if first.host.startswith(".") else name


def an_example_of(path: str) -> str:
    """A path that the template describes."""
    path = re.sub(r"\{model\+?=([^}]*)\}", lambda found: found[1].replace("*", "cf/m"), path)
    return (
        path.replace("**/", "/v1/").replace("{model+}", "a/m-1").replace("{model}", "m-1").replace("*", "x1")
    )


def test_every_path_of_the_catalogue_has_a_row_and_every_row_is_a_path_of_it() -> None:
    wanted = [("all", path, name) for path, name in FILE.paths.items()]
    for identifier, entry in FILE.providers.items():
        wanted += [(identifier, path, name) for path, name in entry.formats.items()]
    assert sorted(NAMED) == sorted(wanted)


def test_every_format_has_a_row_and_every_row_is_of_a_format() -> None:
    assert {row.format for row in ROWS} == FORMATS.keys()


@pytest.mark.parametrize(("provider", "path", "name"), NAMED)
def test_a_path_is_known_as_its_row_says(provider: str, path: str, name: str) -> None:
    endpoint = CATALOGUE.identify(host_of(provider), an_example_of(path))
    assert endpoint is not None
    assert endpoint.format == name
    assert provider in ("all", endpoint.provider.id)
    assert (endpoint.model is not None) == ("{model" in path)


@each_row
def test_a_row_says_whether_a_request_is_read_by_role(row: Row) -> None:
    assert row.request.startswith("by role") == (FORMATS[row.format] is not generic.ROOT)


@each_row
def test_a_row_says_whether_a_text_is_restored_over_its_events(row: Row) -> None:
    assert row.answer.startswith("restored") == (table(row.format) is not GENERIC)
    assert row.streamed.startswith("as it comes") == (
        row.format in {api.format for api in (*APIS, Realtime, Live)}
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_its_events_restored(name: str) -> None:
    known = Known({"PERSON_abcdefghijkl": "Ada"})
    events = b'data: {"x": "PERSON_abcdefghijkl"}\n\n'
    restorer = AnswerRestorer(name, "text/event-stream", known)
    assert b"Ada" in b"".join([*restorer.feed(events), *restorer.finish()])
