"""Hosts, paths and models: who is who."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgate.catalogue import Catalogue, CatalogueError, normalise_path
from outgate.catalogue.countries import country

CATALOGUE = Catalogue.load()


def test_there_are_sixty_providers_and_each_has_a_country() -> None:
    assert len(CATALOGUE.providers) >= 60
    for provider in CATALOGUE.providers.values():
        assert country(provider.jurisdiction) == provider.jurisdiction


@pytest.mark.parametrize(
    ("host", "provider", "jurisdiction"),
    [
        ("api.openai.com", "openai", "US"),
        ("API.OpenAI.com.", "openai", "US"),
        ("api.openai.com:443", "openai", "US"),
        ("acme.openai.azure.com", "azure-openai", "US"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "bedrock", "US"),
        ("bedrock-runtime.xx-new-9.amazonaws.com", "bedrock", "US"),
        ("api.deepseek.com", "deepseek", "CN"),
        ("api.moonshot.cn", "moonshot", "CN"),
        ("llm.api.cloud.yandex.net", "yandex", "RU"),
        ("api.mistral.ai", "mistral", "FR"),
        ("api.cohere.com", "cohere", "CA"),
    ],
)
def test_a_host_is_recognised(host: str, provider: str, jurisdiction: str) -> None:
    found = CATALOGUE.provider_of(host)
    assert found is not None
    assert (found.id, found.jurisdiction) == (provider, jurisdiction)


@pytest.mark.parametrize(
    "host",
    [
        "evilopenai.com",
        "api.openai.com.evil.com",
        "openai.azure.com.evil.com",
        "xapi.openai.com",
        "s3.eu-central-1.amazonaws.com",
        "www.google.com",
        "",
        ".",
        "127.0.0.1",
    ],
)
def test_another_host_is_not(host: str) -> None:
    assert CATALOGUE.provider_of(host) is None


@given(st.text(alphabet="abc.-", max_size=12))
def test_what_is_put_before_a_host_does_not_make_it_known(prefix: str) -> None:
    if not (prefix + "api.openai.com").endswith((".githubcopilot.com",)) and prefix:
        assert CATALOGUE.provider_of(f"{prefix}xapi.openai.com") is None


@pytest.mark.parametrize(
    ("host", "path", "name", "model"),
    [
        ("api.openai.com", "//v1/%63hat/./completions?x=1", "openai_chat", None),
        ("api.openai.com", "/v1/unknown", "generic", None),
        ("a.openai.azure.com", "/openai/deployments/my-gpt/chat/completions", "openai_chat", "my-gpt"),
        ("api.anthropic.com", "/v1/messages/count_tokens", "anthropic_messages", None),
        (
            "us-central1-aiplatform.googleapis.com",
            "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent",
            "gemini",
            "gemini-2.5-pro",
        ),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            "/model/anthropic.claude-v2:1/invoke",
            "bedrock_invoke",
            "anthropic.claude-v2:1",
        ),
        ("api.groq.com", "/openai/v1/chat/completions", "openai_chat", None),
    ],
)
def test_a_path_says_the_format(host: str, path: str, name: str, model: str | None) -> None:
    endpoint = CATALOGUE.identify(host, path)
    assert endpoint is not None
    assert (endpoint.format, endpoint.model) == (name, model)


@given(st.text(max_size=40))
def test_a_normalised_path_stays_as_it_is(path: str) -> None:
    once = normalise_path("/" + path)
    assert once.startswith("/")
    assert "/../" not in once and "//" not in once


@pytest.mark.parametrize(
    ("model", "origin"),
    [
        ("deepseek-ai/DeepSeek-V3", "CN"),
        ("us.anthropic.claude-sonnet-4", "US"),
        ("Qwen/Qwen3-32B", "CN"),
        ("mistral-large", "FR"),
        ("something-of-ours", None),
    ],
)
def test_a_models_name_says_where_it_comes_from(model: str, origin: str | None) -> None:
    assert CATALOGUE.model_origin(model) == origin


def test_constraints_cover_hosts_and_none_lies_under_another() -> None:
    names = set(CATALOGUE.constraint_names())
    assert {"api.openai.com", "openai.azure.com", "bedrock-runtime.us-east-1.amazonaws.com"} <= names
    for name in names:
        labels = name.split(".")
        assert not any(".".join(labels[i:]) in names for i in range(1, len(labels)))


def test_an_administrators_file_adds_overrides_and_removes(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "remove: [openai]\nproviders:\n  ours:\n    {name: Ours, operator: Us, jurisdiction: DE, category: api,"
        " hosts: [llm.acme.example], source: our own service}\n"
    )
    own = Catalogue.load(extra=file)
    assert own.provider_of("api.openai.com") is None
    assert own.provider_of("llm.acme.example") is not None
    file.write_text("providers: {x: {name: X}}\n")
    with pytest.raises(CatalogueError, match=r"own\.yaml:1: `operator` is missing"):
        Catalogue.load(extra=file)
