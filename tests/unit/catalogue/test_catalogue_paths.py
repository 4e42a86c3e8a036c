"""Which format a path speaks, however it is spelt."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgate.catalogue import normalise_path
from outgate.catalogue.paths import PathMatch, PathTable, check

TABLE = PathTable(
    {
        "/v1/special/chat/completions": "whole",
        "**/chat/completions": "chat",
        "**/completions": "completions",
        "**/v1/messages": "messages",
        "**/models/{model}:generateContent": "gemini",
        "**/deployments/{model}/chat/completions": "deployed",
        "/model/{model+=*anthropic.claude*}/invoke": "claude",
        "/model/{model+}/invoke": "other",
        "/v1/*/*/workers-ai/{model+=@*}": "workers",
    }
)


def find(path: str) -> PathMatch | None:
    return TABLE.find(normalise_path(path))


@pytest.mark.parametrize(
    ("path", "format_", "model"),
    [
        ("/v1/chat/completions", "chat", None),
        ("/chat/completions", "chat", None),
        ("/any/prefix/of/it/chat/completions", "chat", None),
        ("/v1/special/chat/completions", "whole", None),
        ("/v1/completions", "completions", None),
        ("/completions", "completions", None),
        ("/anthropic/v1/messages", "messages", None),
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini", "gemini-2.5-pro"),
        ("/openai/deployments/My-GPT/chat/completions", "deployed", "My-GPT"),
        ("/OpenAI/Deployments/My-GPT/Chat/Completions", "deployed", "My-GPT"),
        ("/model/us.anthropic.claude-sonnet-4-v1:0/invoke", "claude", "us.anthropic.claude-sonnet-4-v1:0"),
        ("/model/meta.llama3-70b/invoke", "other", "meta.llama3-70b"),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fx/invoke",
            "other",
            "arn:aws:bedrock:us-east-1::foundation-model/x",
        ),
        ("/v1/acc/gw/workers-ai/@cf/meta/llama-3", "workers", "@cf/meta/llama-3"),
    ],
)
def test_a_path_says_its_format_and_its_model(path: str, format_: str, model: str | None) -> None:
    assert find(path) == (format_, model)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/v1",
        "/v1/chat/completions/id",
        "/v1/chat-completions",
        "/v1/xchat/completionsx",
        "/v1/messages2",
        "/messages",
        "/v1beta/models/:generateContent",
        "/v1beta/models/a/b:generateContent",
        "/model//invoke",
        "/v1/acc/workers-ai/@cf/x",
        "/v1/acc/gw/workers-ai/cf/x",
        "/x/model/y/invoke",
    ],
)
def test_another_path_has_no_format(path: str) -> None:
    assert find(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "//v1//chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions?stream=true",
        "/v1/./chat/completions",
        "/v1/files/../chat/completions",
        "/../../v1/chat/completions",
        "/v1/chat/completions/.",
        "/v1/%63hat/completions",
        "/v1%2fchat%2Fcompletions",
        "/v1/x/%2e%2E/chat/completions",
        "/v1/chat\\completions",
        "/%76%31/%2563hat/completions",
        "v1/chat/completions",
    ],
)
def test_a_path_in_another_spelling_is_the_same_path(path: str) -> None:
    assert normalise_path(path) == "/v1/chat/completions"


@pytest.mark.parametrize(
    "template",
    [
        "v1/chat",
        "/",
        "**/",
        "/v1//chat",
        "/v1/../chat",
        "/v1/chat/",
        "/v1/chat?x=1",
        "/v1/%63hat",
        "/v1/**/chat",
        "/{name}/x",
        "/{model}/{model}",
        "/{model",
        "**/{model+}/x",
    ],
)
def test_a_template_that_can_match_nothing_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"path|match|model|name|beginning"):
        check(template)


pieces = st.text(st.characters(codec="utf-8", exclude_characters="/\\?%"), min_size=1, max_size=6).filter(
    lambda piece: piece not in (".", "..")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=5), st.randoms(use_true_random=False))
def test_every_detour_and_every_escape_leads_to_the_same_path(wanted: list[str], random: object) -> None:
    choose = random.choice  # type: ignore[attr-defined]
    spelt = ""
    for piece in wanted:
        spelt += choose(["/", "//", "/./", "/x/../", "\\", "/%2e/", "%2F", "/x/%2e%2e/"])
        spelt += choose(
            [piece, quote(piece), quote(piece, safe=""), "".join(f"%{b:02x}" for b in piece.encode())]
        )
    spelt += choose(["", "/", "/.", "?a=b", "/?a=/../c"])
    assert normalise_path(spelt) == "/" + "/".join(wanted)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("/.%2eE5fF\\?ab:*"), max_size=60))
def test_a_normal_path_has_no_detours_left(path: str) -> None:
    normal = normalise_path(path)
    assert normal.startswith("/")
    assert "//" not in normal
    assert not {".", ".."} & set(normal.split("/"))
    TABLE.find(normal)
