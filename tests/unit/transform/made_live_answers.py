"""Messages of the APIs that speak over a WebSocket, in their documentation's shape, and what a client makes of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

Pieces = Sequence[tuple[str, str]]


class Realtime:
    """OpenAI Realtime: texts of two items and a tool call of one response, and a transcript of another between them."""

    format = "openai_realtime"
    texts, arguments = ("r1 0 a", "r1 1 b", "r2 0 c"), ("r1 2 d",)

    def __init__(self, text: str, transcript: str) -> None:
        self._kinds = {
            "r1 0 a": text,
            "r1 1 b": text,
            "r2 0 c": transcript,
            "r1 2 d": "function_call_arguments",
        }

    def _place(self, lane: str) -> dict[str, Any]:
        response, index, item = lane.split()
        place = {"event_id": "ev", "response_id": response, "output_index": int(index), "item_id": item}
        return place if lane in self.arguments else {**place, "content_index": 0}

    def messages(self, pieces: Pieces) -> list[bytes]:
        whole: defaultdict[str, str] = defaultdict(str)
        told: list[dict[str, Any]] = [{"type": "response.created", "response": {"id": "r1", "output": []}}]
        for lane, piece in pieces:
            whole[lane] += piece
            told.append({"type": f"response.{self._kinds[lane]}.delta", **self._place(lane), "delta": piece})
        for lane in (*self.texts, *self.arguments):
            name = {"function_call_arguments": "arguments"}.get(self._kinds[lane], "text")
            told.append(
                {"type": f"response.{self._kinds[lane]}.done", **self._place(lane), name: whole[lane]}
            )
        told += [{"type": "response.done", "response": {"id": name, "output": []}} for name in ("r1", "r2")]
        return [json.dumps(event, ensure_ascii=False).encode() for event in told]

    def read(self, messages: Iterable[bytes]) -> dict[str, str]:
        texts: defaultdict[str, str] = defaultdict(str)
        ended: set[str] = set()
        for event in map(json.loads, messages):
            lane = " ".join(str(event.get(name)) for name in ("response_id", "output_index", "item_id"))
            if event["type"].endswith(".delta"):
                assert lane not in ended
                texts[lane] += event["delta"]
            elif "response_id" in event:
                ended.add(lane)
                whole = event.get("text") if lane in self.texts else event["arguments"]
                assert (
                    whole == texts[lane]
                    if lane in self.texts
                    else json.loads(whole) == json.loads(texts[lane])
                )
        return {lane: text for lane, text in texts.items() if text}


class Live:
    """Gemini Live: the text of a turn, its thoughts, and the transcripts of both sides."""

    format = "gemini_live"
    texts, arguments = ("modelTurn", "outputTranscription", "inputTranscription"), ()

    def messages(self, pieces: Pieces) -> list[bytes]:
        told: list[dict[str, Any]] = [{"setupComplete": {}}]
        for lane, piece in pieces:
            value = {"parts": [{"text": piece}]} if lane == "modelTurn" else {"text": piece}
            told.append({"serverContent": {lane: value}})
        end: dict[str, Any] = {
            "serverContent": {"turnComplete": True},
            "usageMetadata": {"totalTokenCount": 9},
        }
        told += [{"serverContent": {"generationComplete": True}}, end]
        return [json.dumps(message).encode() for message in told]

    def read(self, messages: Iterable[bytes]) -> dict[str, str]:
        texts: defaultdict[str, str] = defaultdict(str)
        for message in map(json.loads, messages):
            content = message.get("serverContent", {})
            assert "modelTurn" not in content or "turnComplete" not in content
            for lane in set(self.texts) & content.keys():
                value = content[lane]
                texts[lane] += value["parts"][0]["text"] if lane == "modelTurn" else value["text"]
        return {lane: text for lane, text in texts.items() if text}


class Streams:
    """OpenAI Responses over one WebSocket: two answers at once, told apart by their streams."""

    format = "openai_responses"
    texts, arguments = ("one", "two"), ()

    def messages(self, pieces: Pieces) -> list[bytes]:
        whole: defaultdict[str, str] = defaultdict(str)
        told: list[dict[str, Any]] = []
        place = {"item_id": "m", "output_index": 0, "content_index": 0}
        for lane, piece in pieces:
            whole[lane] += piece
            told.append({"type": "response.output_text.delta", **place, "delta": piece, "stream_id": lane})
        for lane in self.texts:
            item = {"type": "message", "content": [{"type": "output_text", "text": whole[lane]}]}
            told.append(
                {"type": "response.output_text.done", **place, "text": whole[lane], "stream_id": lane}
            )
            told.append({"type": "response.completed", "response": {"output": [item]}, "stream_id": lane})
        return [
            json.dumps({**event, "sequence_number": number}).encode() for number, event in enumerate(told)
        ]

    def read(self, messages: Iterable[bytes]) -> dict[str, str]:
        texts: defaultdict[str, str] = defaultdict(str)
        ended: set[str] = set()
        for event in map(json.loads, messages):
            lane = event["stream_id"]
            if event["type"].endswith(".delta"):
                assert lane not in ended
                texts[lane] += event["delta"]
            elif event["type"].endswith(".done"):
                ended.add(lane)
                assert event["text"] == texts[lane]
            else:
                assert event["response"]["output"][0]["content"][0]["text"] == texts[lane]
        return {lane: text for lane, text in texts.items() if text}


SPOKEN = (
    Realtime("output_text", "output_audio_transcript"),
    Realtime("text", "audio_transcript"),
    Live(),
    Streams(),
)
