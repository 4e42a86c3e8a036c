"""The facts that ship: complete, sourced, and no wider than AI hosts."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate import shipped
from outgate.catalogue import Catalogue, schema
from outgate.catalogue.countries import COUNTRIES
from outgate.catalogue.hosts import HostPattern
from outgate.catalogue.source import read
from outgate.formats import FORMATS

CATALOGUE = Catalogue.load()
FILE, PROBLEMS = schema.validate(read(shipped.policies() / "catalogue" / "providers.yaml"))

# Those that everyone expects: a host, the operator's country, the category.
EXPECTED = {
    "api.openai.com": ("openai", "US", "api"),
    "eu.api.openai.com": ("openai", "US", "api"),
    "chatgpt.com": ("chatgpt", "US", "chat"),
    "contoso.openai.azure.com": ("azure-openai", "US", "cloud"),
    "contoso.services.ai.azure.com": ("azure-openai", "US", "cloud"),
    "api.anthropic.com": ("anthropic", "US", "api"),
    "claude.ai": ("claude-web", "US", "chat"),
    "generativelanguage.googleapis.com": ("google-ai", "US", "api"),
    "gemini.google.com": ("gemini-web", "US", "chat"),
    "aiplatform.googleapis.com": ("vertex-ai", "US", "cloud"),
    "europe-west4-aiplatform.googleapis.com": ("vertex-ai", "US", "cloud"),
    "bedrock-runtime.eu-central-1.amazonaws.com": ("bedrock", "US", "cloud"),
    "api.mistral.ai": ("mistral", "FR", "api"),
    "chat.mistral.ai": ("mistral-chat", "FR", "chat"),
    "api.cohere.com": ("cohere", "CA", "api"),
    "api.x.ai": ("xai", "US", "api"),
    "grok.com": ("grok-web", "US", "chat"),
    "api.deepseek.com": ("deepseek", "CN", "api"),
    "chat.deepseek.com": ("deepseek-chat", "CN", "chat"),
    "api.moonshot.ai": ("moonshot", "CN", "api"),
    "www.kimi.com": ("kimi", "CN", "chat"),
    "open.bigmodel.cn": ("zhipu", "CN", "api"),
    "api.z.ai": ("zhipu", "CN", "api"),
    "dashscope.aliyuncs.com": ("alibaba", "CN", "cloud"),
    "dashscope-intl.aliyuncs.com": ("alibaba", "CN", "cloud"),
    "chat.qwen.ai": ("qwen-chat", "CN", "chat"),
    "qianfan.baidubce.com": ("baidu", "CN", "cloud"),
    "yiyan.baidu.com": ("ernie-bot", "CN", "chat"),
    "hunyuan.tencentcloudapi.com": ("tencent", "CN", "cloud"),
    "yuanbao.tencent.com": ("yuanbao", "CN", "chat"),
    "ark.cn-beijing.volces.com": ("bytedance", "CN", "cloud"),
    "www.doubao.com": ("doubao", "CN", "chat"),
    "api.minimax.io": ("minimax", "CN", "api"),
    "api.lingyiwanwu.com": ("01ai", "CN", "api"),
    "api.siliconflow.cn": ("siliconflow", "CN", "api"),
    "llm.api.cloud.yandex.net": ("yandex", "RU", "cloud"),
    "gigachat.devices.sberbank.ru": ("sber", "RU", "api"),
    "api.aleph-alpha.com": ("aleph-alpha", "DE", "api"),
    "api.ai21.com": ("ai21", "IL", "api"),
    "api.perplexity.ai": ("perplexity", "US", "api"),
    "www.perplexity.ai": ("perplexity-web", "US", "chat"),
    "api.groq.com": ("groq", "US", "api"),
    "ollama.com": ("ollama", "US", "api"),
    "api.together.xyz": ("together", "US", "api"),
    "api.fireworks.ai": ("fireworks", "US", "api"),
    "openrouter.ai": ("openrouter", "US", "aggregator"),
    "api.replicate.com": ("replicate", "US", "aggregator"),
    "router.huggingface.co": ("huggingface", "US", "aggregator"),
    "integrate.api.nvidia.com": ("nvidia", "US", "api"),
    "api.cerebras.ai": ("cerebras", "US", "api"),
    "api.sambanova.ai": ("sambanova", "US", "api"),
    "api.deepinfra.com": ("deepinfra", "US", "api"),
    "api.individual.githubcopilot.com": ("github-copilot", "US", "assistant"),
    "copilot-proxy.githubusercontent.com": ("github-copilot", "US", "assistant"),
    "copilot.microsoft.com": ("microsoft-copilot", "US", "chat"),
    "api2.cursor.sh": ("cursor", "US", "assistant"),
    "us-eu.gcpp.cursor.sh": ("cursor", "US", "assistant"),
    "server.codeium.com": ("windsurf", "US", "assistant"),
    "api.jetbrains.ai": ("jetbrains-ai", "CZ", "assistant"),
    "api.tabnine.com": ("tabnine", "IL", "assistant"),
    "cloudcode-pa.googleapis.com": ("gemini-code-assist", "US", "assistant"),
    "q.us-east-1.amazonaws.com": ("amazon-q", "US", "assistant"),
    "www.meta.ai": ("meta-ai", "US", "chat"),
    "poe.com": ("poe", "US", "chat"),
    "neo.character.ai": ("character-ai", "US", "chat"),
}

# Neighbours of AI hosts: to open one would be to read what is none of our business.
NOT_OURS = """
    google.com www.google.com mail.google.com drive.google.com docs.google.com accounts.google.com
    googleapis.com storage.googleapis.com oauth2.googleapis.com clients6.google.com people-pa.clients6.google.com
    amazonaws.com s3.amazonaws.com sts.us-east-1.amazonaws.com bucket.s3.eu-west-1.amazonaws.com
    oidc.us-east-1.amazonaws.com client-telemetry.us-east-1.amazonaws.com console.aws.amazon.com
    microsoft.com login.microsoftonline.com graph.microsoft.com outlook.office.com substrate.office.com
    azure.com portal.azure.com management.azure.com vault.azure.net blob.core.windows.net openai.azure.com
    github.com api.github.com raw.githubusercontent.com githubusercontent.com copilot-telemetry.githubusercontent.com
    baidu.com www.baidu.com pan.baidu.com baidubce.com bj.bcebos.com
    tencent.com cloud.tencent.com cvm.tencentcloudapi.com qq.com tencentcloudapi.com
    aliyuncs.com oss-cn-beijing.aliyuncs.com ecs.aliyuncs.com maas.aliyuncs.com aliyun.com
    volces.com bytepluses.com yandex.ru yandex.net storage.yandexcloud.net sberbank.ru ngw.devices.sberbank.ru
    huggingface.co cdn-lfs.huggingface.co api.cloudflare.com cloudflare.com vercel.com ibm.com cloud.ibm.com
    oraclecloud.com objectstorage.us-ashburn-1.oraclecloud.com ovh.net nebius.com ionos.com
    facebook.com graph.facebook.com x.com quora.com www.quora.com duckduckgo.com brave.com search.brave.com
    proton.me mail.proton.me databricks.com adb-1.cloud.databricks.com snowflakecomputing.com
    jetbrains.com plugins.jetbrains.com cursor.sh metrics.cursor.sh authenticator.cursor.sh downloads.cursor.com
    zed.dev sourcegraph.com codeium.com unleash.codeium.com tabnine.com mozilla.org example.com localhost
    openai.com auth.openai.com auth0.openai.com anthropic.com statsig.anthropic.com
    evilopenai.com evilapi.openai.com api.openai.com.evil.com api.openai.com-evil.com api-openai.com openai.com.cn
    bedrock-runtime.amazonaws.com bedrock-runtime.us-east-1.amazonaws.com.evil.com
    evil-bedrock-runtime.us-east-1.amazonaws.com aiplatform.googleapis.com.evil.com 1.1.1.1 [::1]
""".split()


def test_the_shipped_file_is_in_order() -> None:
    assert PROBLEMS == []


def test_there_are_providers_of_every_kind() -> None:
    kinds = Counter(provider.category for provider in CATALOGUE.providers.values())
    assert sum(kinds.values()) >= 100
    assert kinds["api"] >= 40
    assert kinds["chat"] >= 20
    assert kinds["assistant"] >= 15
    assert kinds["cloud"] >= 10


@pytest.mark.parametrize("host", EXPECTED)
def test_an_expected_host_is_known_with_operator_and_kind(host: str) -> None:
    provider = CATALOGUE.provider_of(host)
    assert provider is not None
    assert (provider.id, provider.jurisdiction, provider.category) == EXPECTED[host]


@pytest.mark.parametrize("host", NOT_OURS)
def test_a_host_that_is_not_ai_alone_stays_a_tunnel(host: str) -> None:
    assert CATALOGUE.provider_of(host) is None


@pytest.mark.parametrize("identifier", FILE.providers)
def test_an_entry_is_complete_and_says_where_it_is_stated(identifier: str) -> None:
    entry = FILE.providers[identifier]
    assert entry.jurisdiction in COUNTRIES
    assert entry.source.startswith("https://")
    assert entry.credentials, "without them a client's own key would be held back from its provider"
    assert CATALOGUE.providers[identifier].operator == entry.operator


@pytest.mark.parametrize("developer", FILE.models)
def test_a_developer_is_complete_and_says_where_it_is_stated(developer: str) -> None:
    entry = FILE.models[developer]
    assert entry.origin in COUNTRIES
    assert entry.source.startswith("https://")
    assert entry.names and entry.vendors


def _patterns(identifier: str) -> list[HostPattern]:
    entry = FILE.providers[identifier]
    return [
        HostPattern.parse(host.host, regions=host.regions or entry.regions, region=host.region)
        for host in entry.hosts
    ]


@pytest.mark.parametrize("identifier", FILE.providers)
def test_no_host_of_one_provider_is_another_providers_too(identifier: str) -> None:
    for pattern in _patterns(identifier):
        for name in pattern.names():
            for host in (f"some.{name}", f"a.b.{name}") if pattern.below else (name,):
                provider = CATALOGUE.provider_of(host)
                assert provider is not None and provider.id == identifier, host


def test_no_wide_spelling_of_one_provider_covers_anothers_host() -> None:
    wide = {name: one for one in FILE.providers for p in _patterns(one) if p.below for name in p.names()}
    for identifier in FILE.providers:
        for pattern in _patterns(identifier):
            for name in pattern.names():
                covering = {wide[parent] for parent in wide if name.endswith(f".{parent}")}
                assert covering <= {identifier}, name


def test_a_file_may_name_every_format_that_there_is() -> None:
    assert set(get_args(schema.Format)) == set(FORMATS)


def test_every_format_that_is_named_exists() -> None:
    named = set(FILE.paths.values()) | {
        name for entry in FILE.providers.values() for name in entry.formats.values()
    }
    assert named <= set(FORMATS)


def test_constraint_names_cover_every_known_host_and_none_lies_under_another() -> None:
    names = CATALOGUE.constraint_names()
    assert list(names) == sorted(set(names))
    for name in names:
        assert not name.startswith(".") and "{" not in name and name == name.lower()
        assert not any(name.endswith(f".{other}") for other in names), name
    for identifier in FILE.providers:
        for pattern in _patterns(identifier):
            for name in pattern.names():
                assert any(name == other or name.endswith(f".{other}") for other in names), name


def test_a_ca_limited_to_the_names_can_sign_for_nobody_else() -> None:
    names = CATALOGUE.constraint_names()
    parents_of_many = {"openai.azure.com", "maas.aliyuncs.com"}  # themselves tunnels, hosts below are opened
    for host in set(NOT_OURS) - parents_of_many:
        assert not any(host == name or host.endswith(f".{name}") for name in names), host


@pytest.mark.parametrize(
    ("host", "path", "format_", "model"),
    [
        ("api.openai.com", "/v1/chat/completions", "openai_chat", None),
        ("api.openai.com", "/v1/responses", "openai_responses", None),
        ("api.openai.com", "/v1/responses/compact", "openai_responses", None),
        ("api.openai.com", "/v1/completions", "openai_completions", None),
        ("api.openai.com", "/v1/embeddings", "openai_embeddings", None),
        ("api.openai.com", "/v1/responses/resp_1", "openai_responses", None),
        ("api.openai.com", "/v1/conversations/conv_1/items", "openai_responses", None),
        ("api.openai.com", "/v1/audio/speech", "openai_audio", None),
        ("api.openai.com", "/v1/files/file-1/content", "openai_files", None),
        ("api.openai.com", "/v1/batches", "generic", None),
        ("api.openai.com", "/", "generic", None),
        ("chatgpt.com", "/backend-api/codex/responses", "openai_responses", None),
        ("chatgpt.com", "/backend-api/conversation", "generic", None),
        ("api.anthropic.com", "/v1/messages", "anthropic_messages", None),
        ("api.anthropic.com", "/v1/messages?beta=true", "anthropic_messages", None),
        ("api.anthropic.com", "/v1/messages/count_tokens", "anthropic_messages", None),
        ("api.anthropic.com", "/v1/messages/batches", "anthropic_batches", None),
        ("generativelanguage.googleapis.com", "/v1beta/models/g-2:generateContent", "gemini", "g-2"),
        (
            "generativelanguage.googleapis.com",
            "/v1beta/models/g-2:streamGenerateContent?alt=sse",
            "gemini",
            "g-2",
        ),
        ("generativelanguage.googleapis.com", "/v1beta/models/g-2:countTokens", "gemini", "g-2"),
        ("generativelanguage.googleapis.com", "/v1beta/models/g-2:embedContent", "generic", "g-2"),
        ("generativelanguage.googleapis.com", "/v1beta/openai/chat/completions", "openai_chat", None),
        ("cloudcode-pa.googleapis.com", "/v1internal:streamGenerateContent", "gemini", None),
        ("x.openai.azure.com", "/openai/deployments/my-gpt/chat/completions", "openai_chat", "my-gpt"),
        ("x.openai.azure.com", "/openai/v1/responses", "openai_responses", None),
        ("api.openai.com", "/v1/realtime?model=gpt-realtime", "openai_realtime", None),
        ("api.openai.com", "/v1/realtime/translations", "openai_realtime", None),
        ("api.openai.com", "/v1/realtime/client_secrets", "generic", None),
        ("api.openai.com", "/v1/live/sessions", "openai_realtime", None),
        ("api.openai.com", "/v1/live/sessions/s_1/attach", "openai_realtime", None),
        ("x.openai.azure.com", "/openai/realtime?api-version=1&deployment=d", "openai_realtime", None),
        ("x.openai.azure.com", "/openai/v1/realtime", "openai_realtime", None),
        ("api.elevenlabs.io", "/v1/speech-to-text/realtime", "generic", None),
        (
            "generativelanguage.googleapis.com",
            "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k",
            "gemini_live",
            None,
        ),
        (
            "generativelanguage.googleapis.com",
            "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained",
            "gemini_live",
            None,
        ),
        (
            "us-central1-aiplatform.googleapis.com",
            "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent",
            "gemini_live",
            None,
        ),
        ("x.openai.azure.com", "/openai/v1/chat/completions", "openai_chat", None),
        ("x.openai.azure.com", "/openai/v1/conversations/conv_1/items", "openai_responses", None),
        ("x.openai.azure.com", "/openai/v1/files/file-1/content", "openai_files", None),
        ("x.openai.azure.com", "/openai/deployments/my-stt/audio/transcriptions", "openai_audio", "my-stt"),
        ("x.services.ai.azure.com", "/models/chat/completions", "openai_chat", None),
        ("x.services.ai.azure.com", "/providers/cohere/v2/chat", "cohere_chat", None),
        ("x.services.ai.azure.com", "/anthropic/v1/messages", "anthropic_messages", None),
        (
            "us-east5-aiplatform.googleapis.com",
            "/v1/projects/p/locations/us-east5/publishers/google/models/gemini-2.5-pro:generateContent",
            "gemini",
            "gemini-2.5-pro",
        ),
        (
            "us-east5-aiplatform.googleapis.com",
            "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-x@1:streamRawPredict",
            "anthropic_messages",
            "claude-x@1",
        ),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            "/model/meta.llama3/converse",
            "bedrock_converse",
            "meta.llama3",
        ),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            "/model/us.anthropic.claude-x-v1%3A0/invoke-with-response-stream",
            "bedrock_invoke",
            "us.anthropic.claude-x-v1:0",
        ),
        (
            "aiplatform.googleapis.com",
            "/v1/projects/p/locations/global/publishers/mistralai/models/mistral-x:streamRawPredict",
            "openai_chat",
            "mistral-x",
        ),
        (
            "aiplatform.googleapis.com",
            "/v1/projects/p/locations/global/endpoints/openapi/chat/completions",
            "openai_chat",
            None,
        ),
        (
            "aiplatform.googleapis.com",
            "/v1/projects/p/locations/l/endpoints/7:generateContent",
            "gemini",
            "7",
        ),
        ("aiplatform.googleapis.com", "/v1/projects/p/locations/l/cachedContents", "gemini", None),
        (
            "aiplatform.googleapis.com",
            "/v1beta1/projects/p/locations/l/interactions",
            "gemini_interactions",
            None,
        ),
        ("generativelanguage.googleapis.com", "/v1beta/models/g-2:batchGenerateContent", "gemini", "g-2"),
        ("generativelanguage.googleapis.com", "/v1beta/interactions/v1_a", "gemini_interactions", None),
        ("bedrock-mantle.us-east-1.api.aws", "/v1/chat/completions", "openai_chat", None),
        ("api.groq.com", "/openai/v1/chat/completions", "openai_chat", None),
        ("openrouter.ai", "/api/v1/chat/completions", "openai_chat", None),
        ("openrouter.ai", "/api/v1/responses", "openai_responses", None),
        ("openrouter.ai", "/api/v1/messages", "anthropic_messages", None),
        ("api.perplexity.ai", "/chat/completions", "openai_chat", None),
        ("dashscope.aliyuncs.com", "/compatible-mode/v1/chat/completions", "openai_chat", None),
        ("dashscope.aliyuncs.com", "/api/v1/services/aigc/text-generation/generation", "generic", None),
        ("open.bigmodel.cn", "/api/paas/v4/chat/completions", "openai_chat", None),
        ("open.bigmodel.cn", "/api/anthropic/v1/messages", "anthropic_messages", None),
        ("ark.cn-beijing.volces.com", "/api/v3/chat/completions", "openai_chat", None),
        ("api.fireworks.ai", "/inference/v1/chat/completions", "openai_chat", None),
        ("api.deepinfra.com", "/v1/openai/chat/completions", "openai_chat", None),
        ("api.cohere.com", "/compatibility/v1/chat/completions", "openai_chat", None),
        ("api.cohere.com", "/v2/chat", "cohere_chat", None),
        ("api.cohere.com", "/v1/chat", "cohere_v1", None),
        ("api.cohere.com", "/v2/rerank", "generic", None),
        ("api.deepseek.com", "/anthropic/v1/messages", "anthropic_messages", None),
        ("api.moonshot.ai", "/anthropic/v1/messages", "anthropic_messages", None),
        ("api.mistral.ai", "/v1/fim/completions", "openai_completions", None),
        ("api.mistral.ai", "/v1/agents/completions", "openai_chat", None),
        ("api.eu.mistral.ai", "/v1/conversations/conv_1/restart", "mistral_conversations", None),
        ("ollama.com", "/api/chat", "ollama", None),
        ("ollama.com", "/v1/chat/completions", "openai_chat", None),
        ("api.githubcopilot.com", "/chat/completions", "openai_chat", None),
        (
            "copilot-proxy.githubusercontent.com",
            "/v1/engines/gpt-41-copilot/completions",
            "openai_completions",
            "gpt-41-copilot",
        ),
        ("api.replicate.com", "/v1/models/meta/llama-3/predictions", "generic", "meta/llama-3"),
        ("gateway.ai.cloudflare.com", "/v1/acc/gw/openai/chat/completions", "openai_chat", None),
        ("gateway.ai.cloudflare.com", "/v1/acc/gw/workers-ai/@cf/meta/llama", "generic", "@cf/meta/llama"),
        ("cloud.zed.dev", "/completions", "generic", None),
        ("ampcode.com", "/api/provider/anthropic/v1/messages", "anthropic_messages", None),
    ],
)
def test_a_request_is_known_by_host_and_path(host: str, path: str, format_: str, model: str | None) -> None:
    endpoint = CATALOGUE.identify(host, path)
    assert endpoint is not None
    assert (endpoint.format, endpoint.model) == (format_, model)


def test_a_host_that_says_its_region_tells_it() -> None:
    for host, region in (
        ("eu.api.openai.com", "eu"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
        ("europe-west4-aiplatform.googleapis.com", "europe-west4"),
        ("aiplatform.eu.rep.googleapis.com", "eu"),
        ("dashscope-intl.aliyuncs.com", "ap-southeast-1"),
        ("ws-1.eu-central-1.maas.aliyuncs.com", "eu-central-1"),
        ("api.openai.com", None),
    ):
        endpoint = CATALOGUE.identify(host, "/")
        assert endpoint is not None and endpoint.region == region, host


def test_a_region_that_is_newer_than_the_catalogue_is_opened_all_the_same() -> None:
    for host in (
        "bedrock-runtime.eu-north-9.amazonaws.com",
        "mars-north1-aiplatform.googleapis.com",
        "br.api.openai.com",
        "ark.sa-east.bytepluses.com",
    ):
        assert CATALOGUE.provider_of(host) is not None, host


def test_a_method_that_sends_no_message_has_no_format_but_keeps_its_model() -> None:
    path = "/openai/deployments/my-gpt/chat/completions"
    for method in ("OPTIONS", "delete", "HEAD"):
        endpoint = CATALOGUE.identify("x.openai.azure.com", path, method)
        assert endpoint is not None and (endpoint.format, endpoint.model) == ("generic", "my-gpt")
    upgrade = CATALOGUE.identify("chatgpt.com", "/backend-api/codex/responses", "GET")
    assert upgrade is not None and upgrade.format == "openai_responses"


def test_a_provider_with_one_base_url_tells_its_host() -> None:
    for identifier, host in (
        ("openai", "api.openai.com"),
        ("anthropic", "api.anthropic.com"),
        ("google-ai", "generativelanguage.googleapis.com"),
        ("github-copilot", "api.githubcopilot.com"),
        ("azure-openai", None),
        ("bedrock", None),
        ("nobody", None),
    ):
        assert CATALOGUE.base_host(identifier) == host


def test_the_same_models_weights_and_their_operators_are_two_facts() -> None:
    there, here = CATALOGUE.provider_of("api.deepseek.com"), CATALOGUE.provider_of("api.fireworks.ai")
    assert there is not None and here is not None
    assert (there.jurisdiction, here.jurisdiction) == ("CN", "US")
    assert CATALOGUE.model_origin("accounts/fireworks/models/deepseek-v3p1") == "CN"


def test_gemini_takes_its_key_as_a_header() -> None:
    assert "x-goog-api-key" in CATALOGUE.providers["google-ai"].credential_headers


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(EXPECTED)), st.text(st.sampled_from("abz09-."), min_size=1, max_size=12))
def test_a_known_host_with_something_behind_it_is_another_host(host: str, behind: str) -> None:
    if behind.strip("."):
        assert CATALOGUE.provider_of(f"{host}.{behind.strip('.')}") is None


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(EXPECTED)), st.data())
def test_a_known_host_in_any_case_is_the_same(host: str, data: st.DataObject) -> None:
    spelt = "".join(data.draw(st.sampled_from((letter.lower(), letter.upper()))) for letter in host)
    assert CATALOGUE.provider_of(spelt + data.draw(st.sampled_from(["", ".", ":443", ".:8443"]))) == (
        CATALOGUE.provider_of(host)
    )
