"""The shipped file and an administrator's own, made into one catalogue, or refused with a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from outgate.catalogue import Catalogue, CatalogueError

Load = Callable[[str], Catalogue]

GATEWAY = """\
providers:
  acme:
    name: Acme gateway
    operator: Acme
    jurisdiction: DE
    category: self-hosted
    hosts: [llm.acme.example]
    credentials: [Authorization, X-Acme-Key]
    source: the network team
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def made(text: str) -> Catalogue:
        file = tmp_path / "own.yaml"
        file.write_text(dedent(text), encoding="utf-8")
        return Catalogue.load(extra=file)

    return made


def refused(load: Load, text: str) -> tuple[int, str]:
    with pytest.raises(CatalogueError) as caught:
        load(text)
    assert str(caught.value.file).endswith("own.yaml")
    assert str(caught.value) == caught.value.message
    return caught.value.line, caught.value.message


def test_an_entry_of_ones_own_is_added(load: Load) -> None:
    catalogue = load(GATEWAY)
    endpoint = catalogue.identify("llm.acme.example", "/v1/chat/completions")
    assert endpoint is not None
    assert (endpoint.provider.id, endpoint.provider.jurisdiction, endpoint.format) == (
        "acme",
        "DE",
        "openai_chat",
    )
    assert endpoint.provider.credential_headers == {"authorization", "x-acme-key"}
    assert catalogue.provider_of("api.openai.com") is not None
    assert "llm.acme.example" in catalogue.constraint_names()


def test_an_entry_under_a_known_id_replaces_it_whole(load: Load) -> None:
    catalogue = load(GATEWAY.replace("acme:", "openai:"))
    assert catalogue.providers["openai"].name == "Acme gateway"
    assert catalogue.provider_of("api.openai.com") is None
    assert "api.openai.com" not in catalogue.constraint_names()


def test_what_is_removed_becomes_a_tunnel(load: Load) -> None:
    catalogue = load("remove: [openai, deepseek]")
    assert catalogue.provider_of("api.openai.com") is None
    assert catalogue.provider_of("api.deepseek.com") is None
    assert catalogue.provider_of("api.anthropic.com") is not None
    assert "deepseek" not in catalogue.providers


def test_a_removed_providers_host_can_be_ones_own(load: Load) -> None:
    catalogue = load("remove: [openai]\n" + GATEWAY.replace("llm.acme.example", "api.openai.com"))
    provider = catalogue.provider_of("api.openai.com")
    assert provider is not None and provider.id == "acme"


def test_ones_own_tenant_is_told_from_all_others(load: Load) -> None:
    catalogue = load(GATEWAY.replace("llm.acme.example", "acme.openai.azure.com"))
    own, other = (catalogue.provider_of(f"{name}.openai.azure.com") for name in ("acme", "contoso"))
    assert own is not None and own.id == "acme"
    assert other is not None and other.id == "azure-openai"
    assert "acme.openai.azure.com" not in catalogue.constraint_names()  # under openai.azure.com


def test_ones_own_paths_and_models_count_before_the_shipped_ones(load: Load) -> None:
    catalogue = load(
        """\
        paths:
          "**/chat/completions": generic
          "/ask": openai_chat
        models:
          Acme:
            origin: DE
            names: ["GPT-acme*", "deepseek-chat"]
            source: our own fine-tune
        """
    )
    for path, wanted in (("/v1/chat/completions", "generic"), ("/ask", "openai_chat")):
        endpoint = catalogue.identify("api.openai.com", path)
        assert endpoint is not None and endpoint.format == wanted
    assert catalogue.model_origin("gpt-ACME-7") == "DE"
    assert catalogue.model_origin("deepseek-chat") == "DE"
    assert catalogue.model_origin("deepseek-coder") == "CN"


def test_an_entrys_own_formats_count_before_those_of_all(load: Load) -> None:
    catalogue = load(GATEWAY + '    formats: {"/v1/chat/completions": gemini, "/llm/{model}": openai_chat}\n')
    endpoint = catalogue.identify("llm.acme.example", "/v1/chat/completions")
    assert endpoint is not None and endpoint.format == "gemini"
    endpoint = catalogue.identify("llm.acme.example", "/llm/Acme-7B")
    assert endpoint is not None and (endpoint.format, endpoint.model) == ("openai_chat", "Acme-7B")


def test_regions_of_an_entry_are_those_of_all_its_hosts(load: Load) -> None:
    catalogue = load(
        GATEWAY.replace(
            "[llm.acme.example]", '["llm.{region}.acme.example", {host: x.acme.example, region: eu}]'
        )
        + "    regions: [north, south]\n"
    )
    assert {"llm.north.acme.example", "llm.south.acme.example"} <= set(catalogue.constraint_names())
    for host, region in (
        ("llm.north.acme.example", "north"),
        ("llm.new.acme.example", "new"),
        ("x.acme.example", "eu"),
    ):
        endpoint = catalogue.identify(host, "/")
        assert endpoint is not None and endpoint.region == region


def test_a_country_that_yaml_takes_for_false_is_norway(load: Load) -> None:
    catalogue = load(GATEWAY.replace("DE", "NO"))
    assert catalogue.providers["acme"].jurisdiction == "NO"


def test_an_empty_file_changes_nothing(load: Load) -> None:
    assert load("").providers.keys() == Catalogue.load().providers.keys()
    assert load("# nothing yet\n").providers.keys() == Catalogue.load().providers.keys()


@pytest.mark.parametrize(
    ("wrong", "line", "said"),
    [
        (
            GATEWAY.replace("jurisdiction", "jurisdicton"),
            5,
            "unknown key `jurisdicton`; did you mean jurisdiction?",
        ),
        (GATEWAY.replace("category: self-hosted", "category: asistant"), 6, "did you mean assistant?"),
        (GATEWAY.replace("DE", "Germany"), 5, "'Germany' is not an ISO 3166-1 country code"),
        (GATEWAY.replace("DE", "UK"), 5, "UK is written GB"),
        (GATEWAY.replace("    source: the network team\n", ""), 2, "`source` is missing"),
        (GATEWAY.replace("source: the network team", "source:"), 9, "something is expected here"),
        (GATEWAY.replace("[llm.acme.example]", "[]"), 7, "`hosts`: at least one is needed"),
        (GATEWAY.replace("[llm.acme.example]", "llm.acme.example"), 7, "a list is expected"),
        (GATEWAY.replace("[llm.acme.example]", "[{hots: x}]"), 7, "unknown key `hots`; did you mean host?"),
        (
            GATEWAY.replace("[llm.acme.example]", "\n    - a.acme.example\n    - '*.acme.example'"),
            9,
            "'.acme.example'",
        ),
        (GATEWAY.replace("llm.acme.example", "https://llm.acme.example"), 7, "without scheme"),
        (GATEWAY.replace("llm.acme.example", "10.0.0.7"), 7, "only names can be opened"),
        (GATEWAY.replace("llm.acme.example", ".example"), 7, "too wide"),
        (GATEWAY.replace("llm.acme.example", "a.acme.example, A.acme.example"), 7, "is here twice"),
        (GATEWAY.replace("llm.acme.example", "api.openai.com"), 7, "api.openai.com is openai's already"),
        (GATEWAY.replace("acme:", "Acme GmbH:"), 2, "'Acme GmbH' does not look like"),
        (GATEWAY.replace("X-Acme-Key", "X Acme Key"), 8, "does not look like"),
        (GATEWAY + "  acme: {}\n", 10, "`acme` is here twice"),
        (GATEWAY + '    formats: {"v1/chat": openai_chat}\n', 10, "a path begins with /"),
        (GATEWAY + '    formats: {"/v1/chat": openai-chat}\n', 10, "did you mean openai_chat?"),
        ("provider:\n  acme: {}\n", 1, "unknown key `provider`; did you mean providers?"),
        ("version: 2\n", 1, "'2' is not one of: 1"),
        ("models:\n  Acme:\n    origin: XX\n    source: x\n", 3, "'XX' is not an ISO 3166-1 country code"),
        ("models:\n  Acme:\n    origin: DE\n    source: x\n    name: [x]\n", 5, "did you mean names?"),
        (
            "remove:\n  - openai\n  - antropic\n",
            3,
            "no provider is called 'antropic'; did you mean anthropic?",
        ),
        ("remove: [openai\n", 2, "not valid YAML"),
        ("- a\n- b\n", 1, "a mapping is expected"),
        ("providers: {? [a] : b}\n", 1, "a key must be a text"),
        ("a: " + "[" * 40 + "]" * 40 + "\n", 1, "nested deeper than 16 levels"),
        ("a: &a [*a]\n", 1, "nested deeper than 16 levels"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_a_remedy(load: Load, wrong: str, line: int, said: str) -> None:
    _, message = refused(load, wrong)
    assert any(said in told for told in message.splitlines() if f"own.yaml:{line}: " in told), message


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(load: Load) -> None:
    first, message = refused(
        load, GATEWAY.replace("DE", "Germany").replace("self-hosted", "home").replace("hosts", "hots")
    )
    lines = [int(line.split("own.yaml:")[1].split(":")[0]) for line in message.splitlines()]
    assert lines == sorted(lines)
    assert first == lines[0]
    assert set(lines) == {2, 5, 6, 7}  # hosts missing, country, category, unknown key


def test_a_flood_of_mistakes_is_cut_short(load: Load) -> None:
    _, message = refused(load, "".join(f"key{n}: x\n" for n in range(500)))
    assert len(message.splitlines()) == 21
    assert message.endswith("and 480 more")


def test_a_host_that_is_someone_elses_says_whose_and_where(load: Load) -> None:
    _, message = refused(load, GATEWAY.replace("llm.acme.example", "api.openai.com"))
    assert "providers.yaml:" in message
    assert "`remove: [openai]`" in message


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read: No such file"):
        Catalogue.load(extra=tmp_path / "none.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(CatalogueError, match="not UTF-8"):
        Catalogue.load(extra=binary)
    control = tmp_path / "control.yaml"
    control.write_bytes(b"name: \x00\n")
    with pytest.raises(CatalogueError, match="not valid YAML"):
        Catalogue.load(extra=control)
