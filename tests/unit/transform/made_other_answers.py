"""Answers of Cohere, Mistral, Ollama, OpenAI's audio, and Bedrock's models, made up like those of ``made_answers``."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from unit.transform import made_amazon_answers
from unit.transform.made_amazon_answers import message, messages
from unit.transform.made_answers import EVENT_STREAM, Pieces, dumped, event, payloads


class Cohere:
    """Two blocks of content, the plan, and two calls."""

    format, content_type = "cohere_chat", EVENT_STREAM
    texts, arguments = ("0", "1", "plan"), ("call 0", "call 1")

    def stream(self, pieces: Pieces) -> list[bytes]:
        start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        rows: list[dict[str, Any]] = [{"type": "message-start", "id": "c", "delta": {"message": start}}]
        for i, kind in ((0, "thinking"), (1, "text")):
            rows.append(self._row("content-start", i, {"content": {"type": kind, kind: ""}}))
        for i in (0, 1):
            call = {"id": f"c{i}", "type": "function", "function": {"name": "f", "arguments": ""}}
            rows.append(self._row("tool-call-start", i, {"tool_calls": call}))
        for lane, text in pieces:
            if lane == "plan":
                rows.append({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": text}}})
            elif lane.startswith("call"):
                said = {"tool_calls": {"function": {"arguments": text}}}
                rows.append(self._row("tool-call-delta", int(lane[5:]), said))
            else:
                kind = "text" if lane == "1" else "thinking"
                rows.append(self._row("content-delta", int(lane), {"content": {kind: text}}))
        rows += [{"type": f"{kind}-end", "index": i} for kind in ("content", "tool-call") for i in (0, 1)]
        rows.append({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {}}})
        return [event(row, row["type"]) for row in rows]

    def _row(self, kind: str, index: int, said: object) -> dict[str, Any]:
        return {"type": kind, "index": index, "delta": {"message": said}}

    def answer(self, texts: Mapping[str, str]) -> bytes:
        calls = [
            {"id": lane, "type": "function", "function": {"name": "f", "arguments": texts[lane]}}
            for lane in self.arguments
        ]
        content = [{"type": "thinking", "thinking": texts["0"]}, {"type": "text", "text": texts["1"]}]
        said = {"role": "assistant", "tool_plan": texts["plan"], "tool_calls": calls, "content": content}
        return dumped({"id": "c", "finish_reason": "COMPLETE", "message": said})

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts = dict.fromkeys((*self.texts, *self.arguments), "")
        ended = set()
        for row in payloads(stream):
            kind, said = row["type"], row.get("delta", {}).get("message", {})
            if kind == "content-delta":
                assert ("content", row["index"]) not in ended
                texts[str(row["index"])] += "".join(said["content"].values())
            elif kind == "tool-plan-delta":
                texts["plan"] += said["tool_plan"]
            elif kind == "tool-call-delta":
                assert ("tool-call", row["index"]) not in ended
                texts[f"call {row['index']}"] += said["tool_calls"]["function"]["arguments"]
            elif kind.endswith("-end"):
                ended.add((kind.removesuffix("-end"), row.get("index")))
        return texts

    def read_answer(self, answer: bytes) -> dict[str, str]:
        said = json.loads(answer)["message"]
        texts = {"0": said["content"][0]["thinking"], "1": said["content"][1]["text"]}
        calls = {call["id"]: call["function"]["arguments"] for call in said["tool_calls"]}
        return {**texts, "plan": said["tool_plan"], **calls}


class CohereV1:
    format, content_type = "cohere_v1", "application/stream+json"
    texts, arguments = ("0",), ("call 0", "call 1")

    def stream(self, pieces: Pieces) -> list[bytes]:
        rows: list[dict[str, Any]] = [{"event_type": "stream-start", "generation_id": "g"}]
        whole = dict.fromkeys((*self.texts, *self.arguments), "")
        for lane, text in pieces:
            whole[lane] += text
            row: dict[str, Any] = {"event_type": "text-generation", "text": text}
            if lane.startswith("call"):
                delta = {"index": int(lane[5:]), "parameters": text}
                row = {"event_type": "tool-calls-chunk", "tool_call_delta": delta}
            rows.append({"is_finished": False, **row})
        response = json.loads(self.answer(whole))
        rows.append({"event_type": "tool-calls-generation", "tool_calls": response["tool_calls"]})
        rows.append({"is_finished": True, "event_type": "stream-end", "response": response})
        return [dumped(row) + b"\n" for row in rows]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        calls = [{"name": "f", "parameters": json.loads(texts[lane] or "{}")} for lane in self.arguments]
        return dumped({"text": texts["0"], "generation_id": "g", "tool_calls": calls})

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts = dict.fromkeys((*self.texts, *self.arguments), "")
        rows = [json.loads(line) for line in stream.splitlines()]
        for row in rows:
            if row["event_type"] == "text-generation":
                texts["0"] += row["text"]
            elif row["event_type"] == "tool-calls-chunk":
                texts[f"call {row['tool_call_delta']['index']}"] += row["tool_call_delta"]["parameters"]
        assert rows[-1]["response"]["text"] == texts["0"]
        for i, call in enumerate(rows[-1]["response"]["tool_calls"]):
            assert call["parameters"] == json.loads(texts[f"call {i}"] or "{}")
        return texts

    def read_answer(self, answer: bytes) -> dict[str, str]:
        told = json.loads(answer)
        calls = {f"call {i}": json.dumps(call["parameters"]) for i, call in enumerate(told["tool_calls"])}
        return {"0": told["text"], **calls}


class Conversation:
    """Mistral's: two contents of one output, one of them in blocks, and two calls."""

    format, content_type = "mistral_conversations", EVENT_STREAM
    texts, arguments = ("0", "1"), ("call 1", "call 2")

    def stream(self, pieces: Pieces) -> list[bytes]:
        rows: list[dict[str, Any]] = [{"type": "conversation.response.started", "conversation_id": "c"}]
        for lane, text in pieces:
            place = {"id": "m1", "created_at": "2026-01-01T00:00:00Z", "output_index": 0}
            if lane.startswith("call"):
                place |= {"output_index": int(lane[5:]), "name": "f", "tool_call_id": lane}
                rows.append({"type": "function.call.delta", **place, "arguments": text})
                continue
            content = text if lane == "0" else {"type": "text", "text": text}
            place |= {"content_index": int(lane), "model": "m", "role": "assistant"}
            rows.append({"type": "message.output.delta", **place, "content": content})
        rows.append({"type": "conversation.response.done", "usage": {"total_tokens": 1}})
        return [event(row, row["type"]) for row in rows]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        content = [{"type": "text", "text": texts["1"]}]
        outputs: list[dict[str, Any]] = [
            {"object": "entry", "type": "message.output", "role": "assistant", "content": texts["0"]},
            {"object": "entry", "type": "message.output", "role": "assistant", "content": content},
        ]
        for lane in self.arguments:
            call = {"tool_call_id": lane, "name": "f", "arguments": texts[lane]}
            outputs.append({"object": "entry", "type": "function.call", **call})
        return dumped({"conversation_id": "c", "usage": {"total_tokens": 1}, "outputs": outputs})

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts = dict.fromkeys((*self.texts, *self.arguments), "")
        rows = payloads(stream)
        for row in rows:
            if row["type"] == "message.output.delta":
                content = row["content"]
                texts[str(row["content_index"])] += content if isinstance(content, str) else content["text"]
            elif row["type"] == "function.call.delta":
                texts[f"call {row['output_index']}"] += row["arguments"]
        assert rows[-1]["type"] == "conversation.response.done"
        return texts

    def read_answer(self, answer: bytes) -> dict[str, str]:
        first, second, *calls = json.loads(answer)["outputs"]
        texts = {"0": first["content"], "1": second["content"][0]["text"]}
        return {**texts, **{call["tool_call_id"]: call["arguments"] for call in calls}}


class Interaction:
    """Gemini's steps: two outputs and two calls."""

    format, content_type = "gemini_interactions", EVENT_STREAM
    texts, arguments = ("0", "1"), ("2", "3")

    def _event(self, kind: str, **members: Any) -> bytes:
        return event({"event_type": kind, "event_id": "e", **members}, kind)

    def stream(self, pieces: Pieces) -> list[bytes]:
        interaction = {"id": "v1_a", "object": "interaction", "status": "in_progress"}
        events = [self._event("interaction.created", interaction=interaction)]
        for i in self.texts:
            events.append(self._event("step.start", index=int(i), step={"type": "model_output"}))
        for i in self.arguments:
            call = {"type": "function_call", "id": f"c{i}", "name": "f", "arguments": {}}
            events.append(self._event("step.start", index=int(i), step=call))
        for lane, text in pieces:
            delta = {"type": "text", "text": text}
            if lane in self.arguments:
                delta = {"type": "arguments_delta", "arguments": text}
            events.append(self._event("step.delta", index=int(lane), delta=delta))
        events += [self._event("step.stop", index=int(i)) for i in (*self.texts, *self.arguments)]
        interaction |= {"status": "completed"}
        return [*events, self._event("interaction.completed", interaction=interaction), b"data: [DONE]\n\n"]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        steps: list[dict[str, Any]] = [
            {"type": "model_output", "content": [{"type": "text", "text": texts[i]}]} for i in self.texts
        ]
        for i in self.arguments:
            arguments = json.loads(texts[i] or "{}")
            steps.append({"type": "function_call", "id": f"c{i}", "name": "f", "arguments": arguments})
        return dumped({"id": "v1_a", "object": "interaction", "status": "completed", "steps": steps})

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts = dict.fromkeys((*self.texts, *self.arguments), "")
        stopped = set()
        for row in payloads(stream):
            if row["event_type"] == "step.delta":
                assert row["index"] not in stopped
                delta = row["delta"]
                texts[str(row["index"])] += delta["text" if delta["type"] == "text" else "arguments"]
            elif row["event_type"] == "step.stop":
                stopped.add(row["index"])
        return texts

    def read_answer(self, answer: bytes) -> dict[str, str]:
        steps = json.loads(answer)["steps"]
        return {
            str(i): step["content"][0]["text"] if "content" in step else json.dumps(step["arguments"])
            for i, step in enumerate(steps)
        }


class Ollama:
    format, content_type = "ollama", "application/x-ndjson"
    texts, arguments = ("thinking", "content"), ()

    def stream(self, pieces: Pieces) -> list[bytes]:
        order = sorted(pieces, key=lambda piece: piece[0] == "content")
        rows = [
            self._row({"role": "assistant", "content": "", lane: text}, done=False) for lane, text in order
        ]
        return [*rows, self._row({"role": "assistant", "content": ""}, done=True)]

    def _row(self, said: object, *, done: bool) -> bytes:
        row = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": said, "done": done}
        return dumped(row | ({"done_reason": "stop", "eval_count": 9} if done else {})) + b"\n"

    def answer(self, texts: Mapping[str, str]) -> bytes:
        return self._row({"role": "assistant", **{lane: texts[lane] for lane in self.texts}}, done=True)

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts = dict.fromkeys(self.texts, "")
        rows = [json.loads(line) for line in stream.splitlines()]
        for row in rows:
            assert row["message"]["role"] == "assistant"
            assert not (texts["content"] and row["message"].get("thinking"))
            for lane in self.texts:
                texts[lane] += row["message"].get(lane, "")
        assert [row["done"] for row in rows] == [False] * (len(rows) - 1) + [True]
        return texts

    def read_answer(self, answer: bytes) -> dict[str, str]:
        said = json.loads(answer)["message"]
        return {lane: said[lane] for lane in self.texts}


class OllamaGenerate(Ollama):
    texts, arguments = ("response",), ()

    def _row(self, said: Any, *, done: bool) -> bytes:
        return dumped({"model": "m", "response": said.get("response", ""), "done": done}) + b"\n"

    def read_stream(self, stream: bytes) -> dict[str, str]:
        return {"response": "".join(json.loads(line)["response"] for line in stream.splitlines())}

    def read_answer(self, answer: bytes) -> dict[str, str]:
        return {"response": json.loads(answer)["response"]}


class Transcript:
    format, content_type = "openai_audio", EVENT_STREAM
    texts, arguments = ("seg_1", "seg_2"), ()

    def stream(self, pieces: Pieces) -> list[bytes]:
        whole = dict.fromkeys(self.texts, "")
        rows = []
        for lane, text in pieces:
            whole[lane] += text
            rows.append({"type": "transcript.text.delta", "delta": text, "segment_id": lane})
        rows += [{"type": "transcript.text.segment", "id": lane, "text": whole[lane]} for lane in self.texts]
        rows.append({"type": "transcript.text.done", "text": "".join(whole.values())})
        return [event(row) for row in rows]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        return dumped({"segments": [{"id": lane, "text": texts[lane]} for lane in self.texts]})

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts = dict.fromkeys(self.texts, "")
        rows = payloads(stream)
        for row in rows:
            if row["type"] == "transcript.text.delta":
                texts[row["segment_id"]] += row["delta"]
            elif row["type"] == "transcript.text.segment":
                assert row["text"] == texts[row["id"]]
        return texts

    def read_answer(self, answer: bytes) -> dict[str, str]:
        return {segment["id"]: segment["text"] for segment in json.loads(answer)["segments"]}


class Nova(made_amazon_answers.Converse):
    """Converse's events within InvokeModel's."""

    format = "bedrock_invoke"

    def stream(self, pieces: Pieces) -> list[bytes]:
        rows = messages(b"".join(super().stream(pieces)))
        return [wrapped({kind: {k: v for k, v in row.items() if k != "p"}}) for kind, row in rows]

    def read_stream(self, stream: bytes) -> dict[str, str]:
        rows = [json.loads(b64decode(payload["bytes"])) for _, payload in messages(stream)]
        return super().read_stream(b"".join(message(k, dumped(v)) for row in rows for k, v in row.items()))


def wrapped(row: object) -> bytes:
    return message("chunk", dumped({"bytes": b64encode(dumped(row)).decode(), "p": "abc"}))


class _OneText:
    """A model of Bedrock whose answer is one text: ``shape`` makes a row of it, ``text`` finds it there."""

    format, content_type = "bedrock_invoke", "application/vnd.amazon.eventstream"
    texts, arguments = ("0",), ()

    def shape(self, text: str, end: str | None) -> dict[str, Any]:
        raise NotImplementedError

    def text(self, row: Any) -> str:
        raise NotImplementedError

    def stream(self, pieces: Pieces) -> list[bytes]:
        rows = [self.shape(text, None) for _, text in pieces]
        return [wrapped(row) for row in (*rows, self.shape("", "stop"))]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        return dumped(self.shape(texts["0"], "stop"))

    def read_stream(self, stream: bytes) -> dict[str, str]:
        rows = [json.loads(b64decode(payload["bytes"])) for _, payload in messages(stream)]
        return {"0": "".join(self.text(row) for row in rows)}

    def read_answer(self, answer: bytes) -> dict[str, str]:
        return {"0": self.text(json.loads(answer))}


class Titan(_OneText):
    def shape(self, text: str, end: str | None) -> dict[str, Any]:
        return {"outputText": text, "index": 0, "completionReason": end and "FINISH"}

    def text(self, row: Any) -> str:
        return str(row["outputText"])


class Llama(_OneText):
    def shape(self, text: str, end: str | None) -> dict[str, Any]:
        return {"generation": text, "generation_token_count": 1, "stop_reason": end}

    def text(self, row: Any) -> str:
        return str(row["generation"])


class BedrockMistral(_OneText):
    def shape(self, text: str, end: str | None) -> dict[str, Any]:
        return {"outputs": [{"text": text, "stop_reason": end}]}

    def text(self, row: Any) -> str:
        return str(row["outputs"][0]["text"])


class BedrockCommand(_OneText):
    def shape(self, text: str, end: str | None) -> dict[str, Any]:
        if end is None:
            return {"event_type": "text-generation", "is_finished": False, "text": text}
        return {"event_type": "stream-end", "is_finished": True, "text": text}

    def text(self, row: Any) -> str:
        return str(row["text"])


APIS = (
    *made_amazon_answers.APIS,
    Cohere(),
    CohereV1(),
    Conversation(),
    Interaction(),
    Ollama(),
    OllamaGenerate(),
    Transcript(),
    Nova(),
    Titan(),
    Llama(),
    BedrockMistral(),
    BedrockCommand(),
)
