"""Documents in strings, through the pipeline: what is found there, which bytes leave, and what is told of it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from outgate.model import Outcome, Role
from outgate.policy import load
from unit.test_pseudonymise import exchange, judged

PASSWORD = "xK9" + '"' + "mQ2vLp7w"
POLICY = """
version: 1
rules:
  - {name: secrets, detect: [PASSWORD], action: redact}
  - {name: mail, detect: [EMAIL_ADDRESS], action: mask}
"""


def calling(arguments: Any) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}


def output(text: str) -> dict[str, Any]:
    return {"model": "m", "input": [{"type": "function_call_output", "call_id": "c", "output": text}]}


@pytest.fixture
def policy(tmp_path: Path) -> Any:
    (tmp_path / "policy.yaml").write_text(POLICY)
    return load([tmp_path / "policy.yaml"])


@pytest.mark.parametrize("times", [1, 2, 4])
async def test_a_password_with_escapes_leaves_a_call_whose_arguments_still_parse(policy, times: int) -> None:
    arguments: Any = {"user": "kim", "password": PASSWORD, "mail": ["kim.roe@northwind-mail.com"]}
    for _ in range(times):
        arguments = json.dumps({"of": arguments} if isinstance(arguments, str) else arguments)
    verdict = await judged(policy, exchange(calling(arguments)))
    assert verdict.outcome is Outcome.EDIT
    value = json.loads(verdict.body)["messages"][0]["tool_calls"][0]["function"]["arguments"]
    for _ in range(times):
        value = json.loads(value)
        value = value.get("of", value)
    assert value == {"user": "kim", "password": "[REDACTED PASSWORD]", "mail": ["****@****.com"]}


async def test_a_finding_is_told_with_its_path_in_the_document(policy) -> None:
    body = calling(json.dumps({"user": {"email": "kim.roe@northwind-mail.com"}}))
    [record] = (await judged(policy, exchange(body))).records
    assert record.place == "messages[0].tool_calls[0].function.arguments:user.email"
    assert record.role is Role.TOOL_CALL


async def test_a_result_that_is_json_is_edited_byte_for_byte(policy) -> None:
    text = '{"rows": [ {"m\\u0061il":"kim.roe@northwind-mail.com"}, 1.0 ]}'
    body = json.dumps(output(text)).encode()
    verdict = await judged(policy, exchange(body, path="/v1/responses"))
    assert verdict.body == body.replace(b"kim.roe@northwind-mail.com", b"****@****.com")
    [record] = verdict.records
    assert (record.place, record.role) == ("input[0].output:rows[0].mail", Role.TOOL_RESULT)


async def test_a_value_in_a_key_is_edited_and_in_no_place(policy) -> None:
    mail = "kim.roe@northwind-mail.com"
    body = calling(json.dumps({mail: {"password": "xK9mQ2vLp7wT"}}))
    verdict = await judged(policy, exchange(body))
    assert b"kim.roe" not in verdict.body
    assert not [record for record in verdict.records if "kim" in record.place]
    assert len(verdict.records) == 2


@pytest.mark.parametrize("opening", ["", " "])
async def test_the_key_of_a_calls_argument_tells_what_its_value_is(policy, opening: str) -> None:
    use = {
        "type": "tool_use",
        "id": "t",
        "name": "f",
        "input": {"login": {"user": "kim", "password": PASSWORD}},
    }
    body = json.dumps({"model": "m", "messages": [{"role": "assistant", "content": [use]}]}).encode()
    body = body.replace(b'{"user"', f'{{{opening}"user"'.encode())
    verdict = await judged(policy, exchange(body, host="api.anthropic.com", path="/v1/messages"))
    assert verdict.body == body.replace(json.dumps(PASSWORD).encode(), b'"[REDACTED PASSWORD]"')
    [record] = verdict.records
    assert (record.place, record.role) == ("messages[0].content[0].input.login.password", Role.TOOL_CALL)


async def test_an_image_in_a_calls_arguments_is_told_and_what_stands_beside_it_is_read(policy) -> None:
    image = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(99)).decode()
    call = {
        "name": "f",
        "args": {"shot": f"data:image/png;base64,{image}", "to": "kim.roe@northwind-mail.com"},
    }
    body = {"contents": [{"role": "model", "parts": [{"functionCall": call}]}]}
    path = "/v1beta/models/some-model:generateContent"
    verdict = await judged(policy, exchange(body, host="generativelanguage.googleapis.com", path=path))
    assert [one.media_type for one in verdict.uninspectable] == ["image/png"]
    assert b"kim.roe" not in verdict.body


async def test_a_key_that_stands_twice_in_arguments_hides_nothing(policy) -> None:
    mail = b'"kim.roe@northwind-mail.com"'
    body = json.dumps(
        {"model": "m", "messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": 0}]}]}
    )
    body = body.encode().replace(b'"input": 0', b'"input": {"a": %b, "a": "x", "b": %b}' % (mail, mail))
    verdict = await judged(policy, exchange(body, host="api.anthropic.com", path="/v1/messages"))
    assert verdict.body == body.replace(mail, b'"****@****.com"')
