"""Answers of each API family, made up in the shape of its documentation, and what a client makes of them.

An API here has text lanes and lanes of tool arguments; ``stream`` takes pieces of them in any order,
``answer`` the same texts at once, and ``read_stream`` and ``read_answer`` put them together as a client does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Pieces = Sequence[tuple[str, str]]
EVENT_STREAM = "text/event-stream; charset=utf-8"


def dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def event(value: object, name: str = "") -> bytes:
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + dumped(value) + b"\n\n"


def payloads(stream: bytes) -> list[Any]:
    """What a client reads of a stream of events, the last one too when nothing ends it."""
    found = []
    for block in stream.decode().replace("\r\n", "\n").split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:")]
        if lines and lines != ["[DONE]"]:
            found.append(json.loads("\n".join(lines)))
    return found


class Chat:
    format, content_type = "openai_chat", EVENT_STREAM
    texts, arguments = ("0", "1"), ("call 0", "call 1")

    def _chunk(self, index: int, delta: object, finish: str | None = None) -> bytes:
        return event(
            {
                "id": "chatcmpl-9x",
                "object": "chat.completion.chunk",
                "created": 1700000000,
                "model": "gpt-x",
                "system_fingerprint": "fp_1",
                "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}],
                "usage": None,
                "obfuscation": "k3x",
            }
        )

    def stream(self, pieces: Pieces) -> list[bytes]:
        events = [self._chunk(i, {"role": "assistant", "content": ""}) for i in (0, 1)]
        for i in (0, 1):
            call = {
                "index": i,
                "id": f"call_{i}",
                "type": "function",
                "function": {"name": "f", "arguments": ""},
            }
            events.append(self._chunk(0, {"tool_calls": [call]}))
        for lane, text in pieces:
            if lane.startswith("call"):
                call = {"index": int(lane[5:]), "function": {"arguments": text}}
                events.append(self._chunk(0, {"tool_calls": [call]}))
            else:
                events.append(self._chunk(int(lane), {"content": text}))
        events += [self._chunk(0, {}, "tool_calls"), self._chunk(1, {}, "stop")]
        return [*events, b"data: [DONE]\n\n"]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        calls = [
            {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": texts[lane]}}
            for lane in self.arguments
        ]
        message = {"role": "assistant", "content": texts["0"], "tool_calls": calls}
        other = {"role": "assistant", "content": texts["1"]}
        choices = [
            {"index": 0, "message": message, "finish_reason": "tool_calls"},
            {"index": 1, "message": other, "finish_reason": "stop"},
        ]
        return dumped({"id": "chatcmpl-9x", "object": "chat.completion", "choices": choices})

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts: defaultdict[str, str] = defaultdict(str)
        finished = set()
        for chunk in payloads(stream):
            for choice in chunk["choices"]:
                assert choice["index"] not in finished
                delta = choice["delta"]
                texts[str(choice["index"])] += delta.get("content") or ""
                for call in delta.get("tool_calls", ()):
                    texts[f"call {call['index']}"] += call["function"]["arguments"]
                if choice["finish_reason"]:
                    finished.add(choice["index"])
        return dict(texts)

    def read_answer(self, answer: bytes) -> dict[str, str]:
        choices = json.loads(answer)["choices"]
        texts = {str(choice["index"]): choice["message"]["content"] for choice in choices}
        for i, call in enumerate(choices[0]["message"]["tool_calls"]):
            texts[f"call {i}"] = call["function"]["arguments"]
        return texts


class Completions:
    format, content_type = "openai_completions", EVENT_STREAM
    texts, arguments = ("0", "1"), ()

    def stream(self, pieces: Pieces) -> list[bytes]:
        rows: list[tuple[str, str, str | None]] = [(lane, text, None) for lane, text in pieces]
        rows += [(lane, "", "stop") for lane in self.texts]
        head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m"}
        return [
            event(
                {
                    **head,
                    "choices": [{"text": text, "index": int(lane), "logprobs": None, "finish_reason": end}],
                }
            )
            for lane, text, end in rows
        ] + [b"data: [DONE]\n\n"]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        choices = [
            {"text": texts[lane], "index": int(lane), "logprobs": None, "finish_reason": "stop"}
            for lane in self.texts
        ]
        return dumped({"id": "cmpl-1", "object": "text_completion", "choices": choices})

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts = dict.fromkeys(self.texts, "")
        for chunk in payloads(stream):
            for choice in chunk["choices"]:
                texts[str(choice["index"])] += choice["text"]
        return texts

    def read_answer(self, answer: bytes) -> dict[str, str]:
        return {str(choice["index"]): choice["text"] for choice in json.loads(answer)["choices"]}


class Responses:
    format, content_type = "openai_responses", EVENT_STREAM
    texts, arguments = ("0", "1"), ("call 1", "call 2")

    def _output(self, texts: Mapping[str, str]) -> list[dict[str, Any]]:
        content = [{"type": "output_text", "text": texts[i], "annotations": []} for i in self.texts]
        return [
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": content,
            },
            *(
                {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": texts[lane]}
                for lane in self.arguments
            ),
        ]

    def stream(self, pieces: Pieces) -> list[bytes]:
        whole: defaultdict[str, str] = defaultdict(str)
        rows: list[dict[str, Any]] = [
            {"type": "response.created", "response": {"id": "resp_1", "output": []}},
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {"id": "msg_1", "type": "message"},
            },
        ]
        for lane, text in pieces:
            whole[lane] += text
            row: dict[str, Any]
            if lane.startswith("call"):
                kind = "response.function_call_arguments.delta"
                row = {"type": kind, "item_id": "fc", "output_index": int(lane[5:])}
            else:
                row = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0}
                row |= {"content_index": int(lane), "logprobs": []}
            rows.append(row | {"delta": text, "obfuscation": "qwe"})
        for i in self.texts:
            place = {"item_id": "msg_1", "output_index": 0, "content_index": int(i)}
            rows.append({"type": "response.output_text.done", **place, "text": whole[i], "logprobs": []})
            part = {"type": "output_text", "text": whole[i], "annotations": []}
            rows.append({"type": "response.content_part.done", **place, "part": part})
        for lane in self.arguments:
            place = {"item_id": "fc", "output_index": int(lane[5:])}
            rows.append({"type": "response.function_call_arguments.done", **place, "arguments": whole[lane]})
        for i, item in enumerate(self._output(whole)):
            rows.append({"type": "response.output_item.done", "output_index": i, "item": item})
        response = {"id": "resp_1", "object": "response", "output": self._output(whole)}
        rows.append({"type": "response.completed", "response": response})
        return [event({**row, "sequence_number": i}, row["type"]) for i, row in enumerate(rows)]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        return dumped({"id": "resp_1", "object": "response", "output": self._output(texts)})

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts = dict.fromkeys([*self.texts, *self.arguments], "")
        done: dict[str, str] = {}
        completed: dict[str, str] = {}
        last = -1
        for row in payloads(stream):
            assert row["sequence_number"] >= last
            last = row["sequence_number"]
            kind = row["type"]
            index, content = row.get("output_index"), row.get("content_index")
            lane = str(content) if index == 0 else f"call {index}"
            if kind.endswith(".delta"):
                assert lane not in done
                texts[lane] += row["delta"]
            elif kind == "response.output_text.done":
                done[lane] = row["text"]
            elif kind == "response.content_part.done":
                assert done[lane] == row["part"]["text"]
            elif kind == "response.function_call_arguments.done":
                done[lane] = row["arguments"]
            elif kind == "response.completed":
                completed = self._texts(row["response"]["output"])
        assert texts == done == completed
        return texts

    def _texts(self, output: list[dict[str, Any]]) -> dict[str, str]:
        texts = {str(i): part["text"] for i, part in enumerate(output[0]["content"])}
        return texts | {f"call {i}": item["arguments"] for i, item in enumerate(output) if i}

    def read_answer(self, answer: bytes) -> dict[str, str]:
        return self._texts(json.loads(answer)["output"])


class Anthropic:
    format, content_type = "anthropic_messages", EVENT_STREAM
    texts, arguments = ("0", "1"), ("2", "3")

    def stream(self, pieces: Pieces) -> list[bytes]:
        rows: list[dict[str, Any]] = [
            {
                "type": "message_start",
                "message": {"id": "msg_1", "type": "message", "content": [], "usage": {}},
            },
            {"type": "ping"},
        ]
        for i in self.texts:
            rows.append(
                {
                    "type": "content_block_start",
                    "index": int(i),
                    "content_block": {"type": "text", "text": ""},
                }
            )
        for i in self.arguments:
            block = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
            rows.append({"type": "content_block_start", "index": int(i), "content_block": block})
        for lane, text in pieces:
            delta = {"type": "text_delta", "text": text}
            if lane in self.arguments:
                delta = {"type": "input_json_delta", "partial_json": text}
            rows.append({"type": "content_block_delta", "index": int(lane), "delta": delta})
        rows += [{"type": "content_block_stop", "index": int(i)} for i in (*self.texts, *self.arguments)]
        rows += [
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ]
        return [event(row, row["type"]) for row in rows]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        content: list[dict[str, Any]] = [{"type": "text", "text": texts[i]} for i in self.texts]
        for i in self.arguments:
            content.append(
                {"type": "tool_use", "id": "t", "name": "f", "input": json.loads(texts[i] or "{}")}
            )
        return dumped({"id": "msg_1", "type": "message", "role": "assistant", "content": content})

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts: dict[str, str] = {}
        stopped = set()
        for row in payloads(stream):
            index = str(row.get("index"))
            if row["type"] == "content_block_start":
                texts[index] = ""
            elif row["type"] == "content_block_delta":
                assert index not in stopped
                texts[index] += row["delta"].get("text", "") + row["delta"].get("partial_json", "")
            elif row["type"] == "content_block_stop":
                stopped.add(index)
        return texts

    def read_answer(self, answer: bytes) -> dict[str, str]:
        content = json.loads(answer)["content"]
        return {
            str(i): block["text"] if "text" in block else json.dumps(block["input"])
            for i, block in enumerate(content)
        }


class Gemini:
    """Candidates 0 and 1 say text, candidate 2 calls a function whose arguments come in parts (Vertex AI)."""

    format, content_type = "gemini", EVENT_STREAM
    texts, arguments = ("0", "1", "$.a", "$.b"), ()

    def _rows(self, pieces: Pieces) -> list[dict[str, Any]]:
        rows = []
        for lane, text in pieces:
            part: dict[str, Any] = {"text": text}
            if lane.startswith("$"):
                part = {
                    "functionCall": {
                        "partialArgs": [{"jsonPath": lane, "stringValue": text, "willContinue": True}]
                    }
                }
                part["functionCall"]["willContinue"] = True
            index = 2 if lane.startswith("$") else int(lane)
            rows.append(self._row(index, [part]))
        ends = [{"jsonPath": lane, "stringValue": ""} for lane in ("$.a", "$.b")]
        rows.append(self._row(2, [{"functionCall": {"partialArgs": ends}}]))
        rows += [self._row(i, [{"text": "", "thoughtSignature": "c2ln"}], "STOP") for i in (0, 1, 2)]
        return rows

    def _row(self, index: int, parts: list[dict[str, Any]], finish: str | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
        if finish:
            candidate["finishReason"] = finish
        return {
            "candidates": [candidate],
            "usageMetadata": {"promptTokenCount": 1},
            "modelVersion": "gemini-x",
            "responseId": "r",
        }

    def stream(self, pieces: Pieces) -> list[bytes]:
        return [b"data: " + dumped(row) + b"\r\n\r\n" for row in self._rows(pieces)]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        row = self._row(0, [{"text": texts["0"]}], "STOP")
        arguments = {lane: texts[lane] for lane in ("$.a", "$.b")}
        row["candidates"] += self._row(1, [{"text": texts["1"]}], "STOP")["candidates"]
        row["candidates"] += self._row(2, [{"functionCall": {"name": "f", "args": arguments}}], "STOP")[
            "candidates"
        ]
        return dumped(row)

    def read_rows(self, rows: list[Any]) -> dict[str, str]:
        texts = dict.fromkeys(self.texts, "")
        for row in rows:
            for candidate in row["candidates"]:
                for part in candidate["content"]["parts"]:
                    if "text" in part and candidate["index"] < 2:
                        texts[str(candidate["index"])] += part["text"]
                    for argument in part.get("functionCall", {}).get("partialArgs", ()):
                        texts[argument["jsonPath"]] += argument["stringValue"]
        return texts

    def read_stream(self, stream: bytes) -> dict[str, str]:
        return self.read_rows(payloads(stream))

    def read_answer(self, answer: bytes) -> dict[str, str]:
        candidates = json.loads(answer)["candidates"]
        texts = {str(i): candidates[i]["content"]["parts"][0]["text"] for i in (0, 1)}
        return texts | candidates[2]["content"]["parts"][0]["functionCall"]["args"]


class GeminiArray(Gemini):
    content_type = "application/json; charset=UTF-8"

    def stream(self, pieces: Pieces) -> list[bytes]:
        rows = [dumped(row) for row in self._rows(pieces)]
        return [b"[" + rows[0], *(b"\n,\r\n" + row for row in rows[1:]), b"\n]\n"]

    def read_stream(self, stream: bytes) -> dict[str, str]:
        return self.read_rows(json.loads(stream))


APIS = (Chat(), Completions(), Responses(), Anthropic(), Gemini(), GeminiArray())
