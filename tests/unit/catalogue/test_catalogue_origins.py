"""Where a model comes from, by any of the names it goes under."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.catalogue import Catalogue
from outgate.catalogue.origins import Developer, Origins

ORIGINS = Origins(
    [
        Developer("First", "CN", ("*seek*",), ("seek-ai",)),
        Developer("Second", "US", ("claude*", "*llama*"), ("anthropic", "meta")),
        Developer("Third", "FR", ("gpt-?",), ()),
        Developer("Without names", "DE", (), ("only-vendor",)),
    ]
)


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue.load()


@pytest.mark.parametrize(
    ("model", "origin"),
    [
        ("seek-r1", "CN"),
        ("SEEK-R1", "CN"),
        ("  claude-3  ", "US"),
        ("us.anthropic.claude-3-v1:0", "US"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-3", "US"),
        ("ft:claude-3:acme::id", "US"),
        ("accounts/x/models/claude-3", "US"),
        ("claude-3/versions/7", "US"),
        ("seek-r1-distill-llama-70b", "CN"),
        ("meta/seek-r1", "CN"),
        ("seek-ai/nameless", "CN"),
        ("only-vendor/nameless", "DE"),
        ("only-vendor.nameless", "DE"),
        ("gpt-5", "FR"),
        ("gpt-55", None),
        ("", None),
        ("/", None),
        ("nothing", None),
        ("my-claude", None),
        ("seek" * 200, None),
    ],
)
def test_the_name_decides_then_the_vendor(model: str, origin: str | None) -> None:
    assert ORIGINS.of(model) == origin


@pytest.mark.parametrize(
    ("model", "origin"),
    [
        ("deepseek-chat", "CN"),
        ("deepseek/deepseek-r1:free", "CN"),
        ("deepseek-ai/DeepSeek-V3", "CN"),
        ("us.deepseek.r1-v1:0", "CN"),
        ("accounts/fireworks/models/deepseek-v3", "CN"),
        ("deepseek-r1-distill-llama-70b", "CN"),
        ("Qwen/Qwen3-235B-A22B", "CN"),
        ("@cf/qwen/qwen1.5-14b-chat-awq", "CN"),
        ("cognitivecomputations/dolphin-qwen2-72b", "CN"),
        ("text-embedding-v4", "CN"),
        ("moonshotai/kimi-k2", "CN"),
        ("zai-org/GLM-4.6", "CN"),
        ("z-ai/glm-4.5-air:free", "CN"),
        ("doubao-1-5-pro-32k", "CN"),
        ("MiniMax-M2", "CN"),
        ("ernie-4.5-turbo", "CN"),
        ("hunyuan-turbos-latest", "CN"),
        ("yi-large", "CN"),
        ("step-2-16k", "CN"),
        ("gpt://b1g000/yandexgpt/latest", "RU"),
        ("GigaChat-Max", "RU"),
        ("gpt-4o-mini", "US"),
        ("openai/gpt-oss-120b", "US"),
        ("o3-mini", "US"),
        ("ft:gpt-4o-mini-2024-07-18:acme::Ab1", "US"),
        ("text-embedding-3-small", "US"),
        ("claude-sonnet-4-5@20250929", "US"),
        ("eu.anthropic.claude-sonnet-4-20250514-v1:0", "US"),
        ("models/gemini-2.5-flash", "US"),
        ("publishers/google/models/gemini-2.5-pro", "US"),
        ("text-embedding-004", "US"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "US"),
        ("nvidia/llama-3.1-nemotron-70b-instruct", "US"),
        ("grok-4", "US"),
        ("amazon.nova-pro-v1:0", "US"),
        ("Phi-4", "US"),
        ("ibm/granite-3-8b-instruct", "US"),
        ("mistral-large-latest", "FR"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "FR"),
        ("open-mistral-nemo", "FR"),
        ("codestral-latest", "FR"),
        ("command-a-03-2025", "CA"),
        ("cohere.embed-english-v3", "CA"),
        ("jamba-large", "IL"),
        ("tiiuae/falcon-180B", "AE"),
        ("solar-pro2", "KR"),
        ("HCX-005", "KR"),
        ("black-forest-labs/flux-schnell", "DE"),
        ("stable-diffusion-xl-1024-v1-0", "GB"),
        ("my-deployment", None),
        ("openrouter/auto", None),
        (None, None),
    ],
)
def test_models_by_the_names_that_clients_send(
    shipped: Catalogue, model: str | None, origin: str | None
) -> None:
    assert shipped.model_origin(model) == origin


def test_the_place_of_the_host_does_not_change_where_a_model_comes_from(shipped: Catalogue) -> None:
    endpoint = shipped.identify("api.together.xyz", "/v1/chat/completions")
    assert endpoint is not None and endpoint.provider.jurisdiction == "US"
    assert shipped.model_origin("deepseek-ai/DeepSeek-R1") == "CN"


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["seek-r1", "claude-3"]),
    st.lists(st.sampled_from(["models", "accounts", "x", "@cf", "publishers"]), max_size=4),
    st.sampled_from(["", "us.", "us.vendor.", "eu-gov.meta."]),
    st.sampled_from(["", ":free", "@2025", "-v1:0"]),
)
def test_prefixes_and_suffixes_do_not_hide_a_model(
    name: str, path: list[str], prefix: str, suffix: str
) -> None:
    spelt = "/".join([*path, prefix + name.upper() + suffix])
    assert ORIGINS.of(spelt) == ("CN" if name == "seek-r1" else "US")


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("/.:seklamc-"), max_size=520))
def test_no_name_raises(model: str) -> None:
    assert ORIGINS.of(model) in (None, "CN", "US", "FR", "DE")
