"""What the providers' own client libraries make of a restored stream (no network: the transport is in memory)."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx
import httpx2
import openai
from google import genai

from outgate.transform.answers import AnswerRestorer
from outgate.transform.restore import Known
from unit.transform.made_answers import EVENT_STREAM, Anthropic, Chat, Gemini, Pieces, Responses

NAME, STREET = "PERSON_k3jq7x2mabcd", "STREET_ADDRESS_q2w3e4r5t6y7"
KNOWN = Known({NAME: 'Ada "A" Example', STREET: "1 Made-up Road\nSpringfield \\ 😀"})
PROSE = f"{NAME} lives at {STREET}"
SOURCE = json.dumps({"name": NAME, "to": STREET})
TOLD = 'Ada "A" Example lives at 1 Made-up Road\nSpringfield \\ 😀'
TOLD_ARGUMENTS = {"name": 'Ada "A" Example', "to": "1 Made-up Road\nSpringfield \\ 😀"}


def transport(api: Any, pieces: Pieces, library: Any = httpx) -> Any:
    restorer = AnswerRestorer(api.format, EVENT_STREAM, KNOWN)
    body = [piece for event in api.stream(pieces) for piece in restorer.feed(event)] + restorer.finish()
    answer = library.Response(200, headers={"content-type": EVENT_STREAM}, content=b"".join(body))
    return library.Client(transport=library.MockTransport(lambda request: answer))


def characters(**lanes: str) -> Pieces:
    return [(lane.replace("_", " ").strip(), character) for lane, text in lanes.items() for character in text]


def test_openai_chat() -> None:
    client = openai.OpenAI(api_key="x", http_client=transport(Chat(), characters(_0=PROSE, call_1=SOURCE)))
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.content == TOLD
    assert message.role == "assistant"
    assert message.tool_calls is not None
    call = message.tool_calls[1]
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == (
        "call_1",
        "f",
        TOLD_ARGUMENTS,
    )


def test_openai_responses() -> None:
    client = openai.OpenAI(
        api_key="x", http_client=transport(Responses(), characters(_0=PROSE, call_1=SOURCE))
    )
    text = arguments = ""
    for event in client.responses.create(model="m", input="x", stream=True):
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.function_call_arguments.delta":
            arguments += event.delta
        elif event.type == "response.completed":
            assert event.response.output_text.startswith(TOLD)
    assert (text, json.loads(arguments)) == (TOLD, TOLD_ARGUMENTS)


def test_anthropic() -> None:
    client = anthropic.Anthropic(
        api_key="x", http_client=transport(Anthropic(), characters(_0=PROSE, _2=SOURCE), httpx2)
    )
    with client.messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        content = stream.get_final_message().content
    assert content[0].type == "text" and content[0].text == TOLD
    assert content[2].type == "tool_use" and content[2].input == TOLD_ARGUMENTS


def test_gemini() -> None:
    options = genai.types.HttpOptions(httpx_client=transport(Gemini(), characters(_0=PROSE)))
    client = genai.Client(api_key="x", http_options=options)
    answers = list(client.models.generate_content_stream(model="m", contents="x"))
    texts = [
        part.text or ""
        for answer in answers
        for candidate in answer.candidates or ()
        if candidate.index == 0 and candidate.content
        for part in candidate.content.parts or ()
    ]
    assert "".join(texts) == TOLD
