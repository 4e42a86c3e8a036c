"""Answers that are like no other: reasoning before a text, blocks of Mistral's, Bedrock's models, files, pictures."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from outgate.transform.answers import AnswerRestorer
from unit.transform.made_amazon_answers import messages
from unit.transform.made_answers import Chat, dumped, event, payloads
from unit.transform.made_other_answers import Cohere, wrapped
from unit.transform.test_answers import ADA, BO, KNOWN, VALUES


def told(name: str, label: str, *pieces: bytes) -> bytes:
    restorer = AnswerRestorer(name, label, KNOWN)
    return b"".join([piece for data in pieces for piece in restorer.feed(data)] + restorer.finish())


def whole(name: str, answer: object) -> Any:
    return json.loads(told(name, "application/json", dumped(answer)))


def test_reasoning_is_told_to_its_end_before_the_text_begins() -> None:
    for name in ("reasoning", "reasoning_content"):
        deltas: list[dict[str, str]] = [{name: "of "}, {name: ADA}, {"content": "for "}, {"content": BO}]
        rows = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        answer = payloads(told("openai_chat", "text/event-stream", *map(event, rows), b"data: [DONE]\n\n"))
        said = [delta for row in answer for delta in row["choices"][0]["delta"].items() if delta[1]]
        assert said == [(name, "of "), (name, "Ada Example"), ("content", "for "), ("content", VALUES[BO])]


def test_reasoning_and_text_in_one_event_are_each_told_in_it() -> None:
    row = {"choices": [{"index": 0, "delta": {"reasoning": ADA, "content": "for you."}}]}
    (one,) = payloads(told("openai_chat", "text/event-stream", event(row)))
    assert one["choices"][0]["delta"] == {"reasoning": "Ada Example", "content": "for you."}


def test_reasoning_that_goes_on_between_texts_is_told_in_its_turn() -> None:
    deltas = [{"content": "a "}] * 4 + [{"reasoning": ADA}] + [{"content": "b "}] * 4
    rows = [event({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    answer = payloads(told("openai_chat", "text/event-stream", *rows))
    said = [row["choices"][0]["delta"] for row in answer]
    assert [delta for delta in said if "b " not in delta.values()][-1] == {"reasoning": "Ada Example"}
    assert said[-4:] == [{"content": "b "}] * 4


def test_the_plan_is_told_to_its_end_before_the_first_call() -> None:
    answer = payloads(told("cohere_chat", "text/event-stream", *Cohere().stream([("plan", ADA)])))
    assert json.dumps(answer).index("Ada Example") > 0
    rows = [{"type": "tool-plan-delta", "delta": {"message": {"tool_plan": ADA}}}]
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    rows.append({"type": "tool-call-start", "delta": {"message": {"tool_calls": call}}})
    stream = told("cohere_chat", "text/event-stream", *map(event, rows))
    assert stream.index(b"Ada Example") < stream.index(b"tool-call-start")


def test_mistrals_thinking_may_be_signed_and_stays_as_it_came() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": ADA}], "signature": "c2ln"}
    content = [thinking, {"type": "text", "text": ADA}]
    said = whole("openai_chat", {"choices": [{"index": 0, "message": {"content": content}}]})
    assert said["choices"][0]["message"]["content"] == [thinking, {"type": "text", "text": "Ada Example"}]
    outputs = whole("mistral_conversations", {"outputs": [{"type": "message.output", "content": content}]})
    assert outputs["outputs"][0]["content"] == [thinking, {"type": "text", "text": "Ada Example"}]
    row = {"choices": [{"index": 0, "delta": {"content": content}}]}
    rows = payloads(told("openai_chat", "text/event-stream", event(row), b"data: [DONE]\n\n"))
    first, rest = (row["choices"][0]["delta"]["content"] for row in rows)
    assert first == [thinking, {"type": "text", "text": ""}]
    assert rest == [{"type": "text", "text": "Ada Example"}]


def test_the_one_text_of_baidus_chat_is_a_lane() -> None:
    rows = [{"id": "as-1", "sentence_id": i, "is_end": False, "result": sign} for i, sign in enumerate(BO)]
    rows.append({"id": "as-1", "sentence_id": len(rows), "is_end": True, "result": ""})
    answer = payloads(told("openai_chat", "text/event-stream", *map(event, rows)))
    assert "".join(row["result"] for row in answer) == VALUES[BO]


def test_openais_chat_within_bedrocks_stream() -> None:
    rows = payloads(b"".join(Chat().stream([("0", sign) for sign in BO])))
    stream = told("bedrock_invoke", "application/vnd.amazon.eventstream", *map(wrapped, rows))
    found = [json.loads(b64decode(row["bytes"])) for _, row in messages(stream)]
    assert Chat().read_stream(b"".join(map(event, found)))["0"] == VALUES[BO]


def test_a_line_of_results_is_restored_and_every_other_byte_of_the_file_stays() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": json.dumps({"to": BO})}}
    lines = [
        {
            "custom_id": ADA,
            "response": {"body": {"choices": [{"message": {"content": BO, "tool_calls": [call]}}]}},
        },
        {"custom_id": "2", "response": {"body": {"data": [{"embedding": [0.25, 1e-3]}]}}},
        {"custom_id": "3", "response": None, "error": {"message": ADA}},
    ]
    data = b"\n".join(json.dumps(line, indent=None).encode() for line in lines) + b"\r\nnot JSON\n"
    answer = told("openai_files", "application/octet-stream", data).splitlines(keepends=True)
    assert answer[1:3] == [
        json.dumps(lines[1]).encode() + b"\n",
        json.dumps(lines[2]).replace(ADA, "Ada Example").encode() + b"\r\n",
    ]
    assert answer[3] == b"not JSON\n"
    first = json.loads(answer[0])
    message = first["response"]["body"]["choices"][0]["message"]
    assert (first["custom_id"], message["content"]) == ("Ada Example", VALUES[BO])
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"to": VALUES[BO]}


def test_any_other_file_has_its_names_restored_too() -> None:
    assert whole("openai_files", {ADA: {BO: [ADA]}}) == {"Ada Example": {VALUES[BO]: ["Ada Example"]}}


def test_pictures_are_passed_on_and_what_was_drawn_is_restored() -> None:
    row = {"data": [{"b64_json": ADA, "revised_prompt": f"of {ADA}"}]}
    assert whole("openai_images", row) == {"data": [{"b64_json": ADA, "revised_prompt": "of Ada Example"}]}
    partial = {"type": "image_generation.partial_image", "b64_json": ADA, "partial_image_index": 0}
    assert told("openai_images", "text/event-stream", event(partial)) == event(partial)


def test_an_item_of_a_conversation_is_read_as_in_a_response() -> None:
    reasoning = {"type": "reasoning", "encrypted_content": ADA}
    items = [{"type": "function_call", "call_id": ADA, "arguments": json.dumps({"to": BO})}, reasoning]
    call, kept = whole("openai_responses", {"object": "list", "data": items})["data"]
    assert (call["call_id"], json.loads(call["arguments"]), kept) == (ADA, {"to": VALUES[BO]}, reasoning)


def test_a_stream_of_lines_that_says_it_is_json_is_told_line_by_line() -> None:
    restorer = AnswerRestorer("cohere_v1", "application/stream+json", KNOWN)
    line = dumped({"event_type": "text-generation", "text": "hello "}) + b"\n"
    assert restorer.feed(line) == [line]
