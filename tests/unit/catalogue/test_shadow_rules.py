"""Shadow AI by name: each rule's examples, and how good the rules are on hosts that they were not made for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.catalogue import Catalogue, CatalogueError
from outgate.catalogue.shadow import Shadow, ShadowRule

SHADOW, CATALOGUE = Shadow.load(), Catalogue.load()
HOSTS = yaml.safe_load((Path(__file__).parent / "shadow_hosts.yaml").read_text())
KNOWN = "a known service"


@pytest.mark.parametrize("rule", SHADOW.rules, ids=lambda rule: rule.name)
def test_a_rule_is_about_its_examples_and_not_about_the_others(rule: ShadowRule) -> None:
    for host in rule.match:
        assert SHADOW.suspect(host) == (host, rule.name)
    for host in rule.ignore:
        assert SHADOW.suspect(host) is None or SHADOW.suspect(host)[1] != rule.name, host  # type: ignore[index]


def test_how_many_are_found_and_how_many_are_false() -> None:
    """The figures of docs/accounts.md. Services of the catalogue are opened, and so are not looked for here."""
    services = [host for host in HOSTS["services"] if CATALOGUE.provider_of(host) is None]
    found = {host: told[1] for host in services if (told := SHADOW.suspect(host))}
    by_rules = [host for host, rule in found.items() if rule != KNOWN]
    false = [host for host in HOSTS["others"] if SHADOW.suspect(host)]
    assert (len(services), len(found), len(by_rules)) == (133, 124, 65), sorted({*services} - {*found})
    assert (len(HOSTS["others"]), false) == (168, ["graduateinstitute-llm.example.edu", "news.ai"])


@pytest.mark.parametrize(
    ("written", "name"),
    [("API.Acme.AI.", "api.acme.ai"), ("acme.ai:443", "acme.ai"), ("acme\uff0eai", "acme.ai")],
)
def test_a_host_is_known_however_it_is_written(written: str, name: str) -> None:
    assert SHADOW.suspect(written) == (name, "the top-level domain of AI")


@settings(max_examples=50)
@given(st.text(max_size=400) | st.from_regex(r"([a-z0-9_-]{1,20}[.]){0,9}(ai|gpt|example)", fullmatch=True))
def test_what_is_told_of_a_host_is_a_plain_name(host: str) -> None:
    told = SHADOW.suspect(host)
    if told is not None:
        assert len(told[0]) <= 253
        assert set(told[0]) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{name: x, words: [gpt], match: [a.b]}", "ignore"),
        ("{name: x, words: [gpt], tlds: [ai], match: [a.b], ignore: [a.c]}", "one of these is expected"),
        ("{name: x, words: [GPT], match: [a.b], ignore: [a.c]}", "in lower case"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_its_line(tmp_path: Path, rule: str, told: str) -> None:
    file = tmp_path / "shadow.yaml"
    file.write_text(f"version: 1\nrules:\n  - {rule}\n")
    with pytest.raises(CatalogueError, match=told) as caught:
        Shadow.load(file)
    assert caught.value.line == 3
