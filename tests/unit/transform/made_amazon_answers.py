"""Answers of Amazon Bedrock as event streams, made up like those of ``made_answers``."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from struct import pack, unpack
from typing import Any
from zlib import crc32

from unit.transform import made_answers
from unit.transform.made_answers import Anthropic, Pieces, dumped, payloads


def message(kind: str, payload: bytes) -> bytes:
    """One message of an Amazon event stream."""
    headers = b""
    for name, value in (
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ):
        headers += pack(">B", len(name)) + name.encode() + pack(">BH", 7, len(value)) + value.encode()
    prelude = pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + pack(">I", crc32(prelude)) + headers + payload
    return whole + pack(">I", crc32(whole))


def messages(stream: bytes) -> list[tuple[str, Any]]:
    """Kind and payload of each message; their checksums are checked."""
    found = []
    while stream:
        size, headers, checksum = unpack(">III", stream[:12])
        assert checksum == crc32(stream[:8])
        assert unpack(">I", stream[size - 4 : size])[0] == crc32(stream[: size - 4])
        kind = stream[12 : 12 + headers].split(b":event-type\x07")[1]
        payload = json.loads(stream[12 + headers : size - 4])
        found.append((kind[2 : 2 + int.from_bytes(kind[:2])].decode(), payload))
        stream = stream[size:]
    return found


class Converse:
    format, content_type = "bedrock_converse", "application/vnd.amazon.eventstream"
    texts, arguments = ("0", "1"), ("2", "3")

    def stream(self, pieces: Pieces) -> list[bytes]:
        rows: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
        for i in self.arguments:
            start = {"toolUse": {"toolUseId": "tooluse_1", "name": "f"}}
            rows.append(("contentBlockStart", {"contentBlockIndex": int(i), "start": start}))
        for lane, text in pieces:
            delta = {"toolUse": {"input": text}} if lane in self.arguments else {"text": text}
            rows.append(("contentBlockDelta", {"contentBlockIndex": int(lane), "delta": delta}))
        rows += [("contentBlockStop", {"contentBlockIndex": int(i)}) for i in (*self.texts, *self.arguments)]
        rows += [("messageStop", {"stopReason": "tool_use"}), ("metadata", {"usage": {"totalTokens": 9}})]
        return [message(kind, dumped({**row, "p": "abcdef"})) for kind, row in rows]

    def answer(self, texts: Mapping[str, str]) -> bytes:
        content: list[dict[str, Any]] = [{"text": texts[i]} for i in self.texts]
        for i in self.arguments:
            content.append(
                {"toolUse": {"toolUseId": "t", "name": "f", "input": json.loads(texts[i] or "{}")}}
            )
        return dumped(
            {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use"}
        )

    def read_stream(self, stream: bytes) -> dict[str, str]:
        texts = dict.fromkeys([*self.texts, *self.arguments], "")
        stopped = set()
        for kind, row in messages(stream):
            index = str(row.get("contentBlockIndex"))
            if kind == "contentBlockDelta":
                assert index not in stopped
                texts[index] += row["delta"].get("text", "") + row["delta"].get("toolUse", {}).get(
                    "input", ""
                )
            elif kind == "contentBlockStop":
                stopped.add(index)
        return texts

    def read_answer(self, answer: bytes) -> dict[str, str]:
        content = json.loads(answer)["output"]["message"]["content"]
        return {
            str(i): block["text"] if "text" in block else json.dumps(block["toolUse"]["input"])
            for i, block in enumerate(content)
        }


class Invoke(Anthropic):
    """InvokeModelWithResponseStream: Anthropic's events, wrapped."""

    format, content_type = "bedrock_invoke", "application/vnd.amazon.eventstream"

    def stream(self, pieces: Pieces) -> list[bytes]:
        rows = payloads(b"".join(super().stream(pieces)))
        return [
            message("chunk", dumped({"bytes": b64encode(dumped(row)).decode(), "p": "abc"})) for row in rows
        ]

    def read_stream(self, stream: bytes) -> dict[str, str]:
        rows = [b64decode(payload["bytes"]) for _, payload in messages(stream)]
        return super().read_stream(b"".join(b"data: " + row + b"\n\n" for row in rows))


APIS = (*made_answers.APIS, Converse(), Invoke())
