"""Answers of our own, read by the vendors' client libraries."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from outgate.formats import FORMATS
from outgate.gateway import errors
from outgate.gateway.block_page import Stopped

STATUSES = (400, 403, 413, 415, 421, 503)
MESSAGE = "A live credential must not leave."
REFERENCE = "og_0123456789abcdef"


def answered(name: str, status: int) -> errors.ErrorAnswer:
    return errors.answer(name, status, MESSAGE, REFERENCE)


def status_of(name: str, status: int) -> int:
    """What is answered instead of a status: Codex takes no refusal for final but one of 400."""
    return 400 if name == "openai_responses" and status < 500 else status


class Answers:
    """Gives one answer to every request, and counts them."""

    def __init__(self, answer: errors.ErrorAnswer) -> None:
        self.answer = answer
        self.calls = 0

    def __call__(self, request: Any) -> Any:
        self.calls += 1
        library = httpx2 if isinstance(request, httpx2.Request) else httpx
        return library.Response(
            self.answer.status, headers=list(self.answer.headers), content=self.answer.body
        )


def test_every_format_has_a_shape() -> None:
    assert errors.SHAPES.keys() == FORMATS.keys()


CALLS: dict[str, Callable[[openai.OpenAI], Any]] = {
    "openai_chat": lambda client: client.chat.completions.create(model="m", messages=[]),
    "openai_responses": lambda client: client.responses.create(model="m", input="x"),
    "openai_completions": lambda client: client.completions.create(model="m", prompt="x"),
    "openai_embeddings": lambda client: client.embeddings.create(model="m", input="x"),
    "generic": lambda client: client.models.list(),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("status", STATUSES)
def test_openais_library_raises_its_error_and_does_not_try_again(name: str, status: int) -> None:
    answers = Answers(answered(name, status))
    status = status_of(name, status)
    client = openai.OpenAI(api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(answers)))
    with pytest.raises(openai.APIStatusError) as caught:
        CALLS[name](client)
    assert caught.value.status_code == status
    assert f"{MESSAGE} (reference {REFERENCE})" in caught.value.message
    assert caught.value.code == "outgate"
    assert answers.calls == 1
    named = {400: openai.BadRequestError, 403: openai.PermissionDeniedError, 503: openai.InternalServerError}
    assert isinstance(caught.value, named.get(status, openai.APIStatusError))


@pytest.mark.parametrize("status", STATUSES)
def test_an_error_of_responses_has_its_status_within_which_over_a_websocket_is_the_only_one(
    status: int,
) -> None:
    answer = answered("openai_responses", status)
    assert json.loads(answer.body)["status"] == answer.status


@pytest.mark.parametrize("status", STATUSES)
def test_anthropics_library_raises_its_error_and_does_not_try_again(status: int) -> None:
    answers = Answers(answered("anthropic_messages", status))
    http = httpx2.Client(transport=httpx2.MockTransport(answers))
    client = anthropic.Anthropic(api_key="k", http_client=http)
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model="m", max_tokens=1, messages=[])
    assert caught.value.status_code == status
    assert f"{MESSAGE} (reference {REFERENCE})" in str(caught.value)
    assert caught.value.body["request_id"] == REFERENCE  # type: ignore[call-overload,index]
    assert answers.calls == 1
    named = {
        400: anthropic.BadRequestError,
        403: anthropic.PermissionDeniedError,
        413: anthropic.RequestTooLargeError,
        503: anthropic.ServiceUnavailableError,
    }
    assert isinstance(caught.value, named.get(status, anthropic.APIStatusError))


@pytest.mark.parametrize("status", STATUSES)
def test_googles_library_raises_its_error_and_does_not_try_again(status: int) -> None:
    answers = Answers(answered("gemini", status))
    options = genai_types.HttpOptions(client_args={"transport": httpx.MockTransport(answers)})
    client = genai.Client(api_key="k", vertexai=False, http_options=options)
    with pytest.raises(genai_errors.APIError) as caught:
        client.models.generate_content(model="m", contents="x")
    assert caught.value.code == status
    assert caught.value.message == f"{MESSAGE} (reference {REFERENCE})"
    assert caught.value.details["error"]["details"][0]["metadata"] == {"reference": REFERENCE}
    assert isinstance(caught.value, genai_errors.ServerError if status >= 500 else genai_errors.ClientError)
    assert answers.calls == 1


@pytest.mark.parametrize("name", ["bedrock_converse", "bedrock_invoke", "generic"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_awss_clients_find_kind_and_message_where_their_protocol_has_them(
    name: str, status: int, kind: str
) -> None:
    answer = answered(name, status)
    assert dict(answer.headers)["x-amzn-errortype"] == kind
    assert json.loads(answer.body)["message"] == f"{MESSAGE} (reference {REFERENCE})"


@pytest.mark.parametrize("name", FORMATS)
def test_a_budget_that_is_used_up_says_when_a_person_may_try_again(name: str) -> None:
    answer = errors.answer(name, 429, MESSAGE, REFERENCE, retry_after=4000)
    assert answer.status == (400 if name.startswith("bedrock") else 429)
    assert dict(answer.headers)["retry-after"] == "4000"
    assert dict(answer.headers).get("x-amzn-errortype", "") in ("", "ServiceQuotaExceededException")
    assert dict(answer.headers)["x-should-retry"] == "false"
    error = json.loads(answer.body).get("error")
    if errors.SHAPES[name] is errors.SHAPES["gemini"]:
        assert error["details"][1]["retryDelay"] == "4000s"
        assert error["status"] == "RESOURCE_EXHAUSTED"
    elif isinstance(error, dict) and "code" in error:
        assert error["type"] == "usage_limit_reached"
        assert 3900 < error["resets_at"] - time.time() < 4100


@pytest.mark.parametrize("name", FORMATS)
def test_a_provider_that_was_not_reached_may_be_tried_again(name: str) -> None:
    assert "x-should-retry" not in dict(answered(name, 502).headers)


@pytest.mark.parametrize("name", [*FORMATS, "a format that came later"])
@pytest.mark.parametrize("status", [*STATUSES, 418, 431, 504])
def test_every_answer_holds_message_and_reference_and_is_not_kept(name: str, status: int) -> None:
    answer = answered(name, status)
    assert answer.status == status_of(name, status)
    assert f"{MESSAGE} (reference {REFERENCE})" in answer.body.decode()
    headers = dict(answer.headers)
    assert headers["x-outgate-reference"] == REFERENCE
    assert headers["cache-control"] == "no-store"


def test_a_page_shows_a_message_and_runs_nothing_of_it() -> None:
    odd = "<script>alert(1)</script>"
    stopped = Stopped(
        host=odd, provider=odd, rule=odd, found=(odd, *(f"K{i}" for i in range(9))), by_rule=True
    )
    answer = errors.answer("generic", 403, odd, REFERENCE, html=stopped)
    assert answer.body.count(b"&lt;script&gt;") == 6 and b"<script" not in answer.body
    assert b"and 4 more" in answer.body


def test_a_page_fetches_nothing_and_has_the_one_style_that_its_policy_names() -> None:
    answer = errors.answer("generic", 403, MESSAGE, REFERENCE, html=Stopped(host="chatgpt.com"))
    policy = dict(answer.headers)["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy and "unsafe" not in policy
    assert not re.search(r"\b(src|href|style|on\w+)\s*=|url\(|@import|https?:", answer.body.decode())
    assert "prefers-color-scheme:dark" in style


@pytest.mark.parametrize(
    ("status", "stopped", "told"),
    [
        (403, Stopped(found=("GITHUB_TOKEN",), by_rule=True), "take out what was found"),
        (403, Stopped(provider="DeepSeek", by_rule=True), "Use a service that is approved"),
        (503, Stopped(), "try again"),
        (502, Stopped(), "This site was not reached"),
    ],
)
def test_a_page_says_what_to_do(status: int, stopped: Stopped, told: str) -> None:
    answer = errors.answer("generic", status, MESSAGE, REFERENCE, html=stopped)
    text = answer.body.decode()
    assert told in text and MESSAGE in text and REFERENCE in text
    assert ("Nothing of it was sent" in text) is (status != 502)
