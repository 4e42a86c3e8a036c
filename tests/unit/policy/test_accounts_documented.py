"""docs/accounts.md: its policy and its catalogue can be used, and its table says what the catalogue does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outgate.catalogue import Catalogue
from outgate.gateway import pac
from outgate.policy import load

TEXT = (Path(__file__).parents[3] / "docs" / "accounts.md").read_text()
POLICY, CATALOGUE = re.findall(r"```yaml\n(version: 1\n.*?)```", TEXT, re.DOTALL)
SHIPPED = Catalogue.load()


def test_the_policy_loads(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    policy = load([file], providers=SHIPPED.providers.values())
    assert set(policy.allowed_accounts) >= {"openai", "chatgpt", "bedrock"}


def test_sign_in_pages_are_opened_and_told_only_where_the_catalogue_and_the_policy_say_so(
    tmp_path: Path,
) -> None:
    own, file = tmp_path / "catalogue.yaml", tmp_path / "policy.yaml"
    own.write_text(CATALOGUE)
    listed = re.search(r"with `(microsoft-sign-in: \{.*?\})` in", TEXT, re.DOTALL)
    allowing = re.search(r"put `(\{name: sign-in.*?\})` above", TEXT, re.DOTALL)
    assert listed
    assert allowing
    rule = " ".join(allowing[1].split())
    file.write_text(f"version: 1\nallowed_accounts:\n  {listed[1]}\nrules:\n  - {rule}\n")
    catalogue, host = Catalogue.load(extra=own), "login.microsoftonline.com"
    assert host in catalogue.constraint_names()
    assert f'"{host}": 1' in pac.script(catalogue.hosts(), ["proxy:8080"])
    assert SHIPPED.provider_of(host) is None
    assert host not in SHIPPED.constraint_names()
    provider = catalogue.provider_of(host)
    assert provider is not None
    policy = load([file], providers=catalogue.providers.values())
    assert policy.restrictions(provider) == (
        (b"restrict-access-to-tenants", b"acme.example"),
        (b"restrict-access-context", b"00000000-aaaa-4bbb-8ccc-0123456789ab"),
    )
    google = catalogue.provider_of("accounts.google.com")
    assert google is not None
    assert policy.restrictions(google) == ()


ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("| `")
]


def test_the_table_has_every_provider_of_which_there_is_something_to_say() -> None:
    assert {row[0] for row in ROWS} == {
        name
        for name, provider in SHIPPED.providers.items()
        if provider.restrictions
        or any(source.like or source.place == "query" for source in provider.accounts)
    }


@pytest.mark.parametrize(("name", "kind", "header", "told"), ROWS, ids=[row[0] for row in ROWS])
def test_the_table_says_what_the_catalogue_does(name: str, kind: str, header: str, told: str) -> None:
    provider = SHIPPED.providers[name]
    stated = [(kind.split()[0], header)] if kind else []
    assert [(one.kind, one.header) for one in provider.restrictions] == stated
    if told:  # web chats have nothing but a session, which nobody can list
        kinds = {source.kind for source in provider.accounts if source.proof != "none"}
        assert kinds == {part.split()[0] for part in re.sub(r"\(.*?\)", "", told).split(",")}
