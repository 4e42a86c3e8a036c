"""``python -m tests.bench.restore``: what restoring an answer costs, without any network.

Events a second of one core through ``AnswerRestorer``, of a stream with nothing to restore and of one
with a placeholder in every tenth event, in text and in tool arguments; and megabytes a second through
one ``Restorer``. With ten placeholders known, and with ten thousand. Processor time, the best of the rounds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "proxy")]

from outgate.transform.answers import AnswerRestorer  # noqa: E402
from outgate.transform.restore import Known, Restorer  # noqa: E402

ROUNDS = 5
EVENTS = 20_000
WORDS = "The quick brown fox jumps over the lazy dog while Paris sleeps, said P. Example in 2024.".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def known(count: int) -> dict[str, str]:
    """Placeholders of four kinds."""
    values: dict[str, str] = {}
    for number in range(count):
        tail = "".join(LETTERS[(number * 7919 >> 5 * place) % 32] for place in range(12))
        values[f"PERSON_{tail}"] = "Ada Example"
        values[f"{tail}@example.com"] = "ada@corp.test"
        values[f"203.0.{number // 256 % 256}.{number % 256}"] = "10.1.2.3"
        values[f"EMAIL_ADDRESS_{tail}"] = "bo@corp.test"
        if len(values) >= count:
            break
    return values


def chat(texts: list[str]) -> list[bytes]:
    """Chunks of a chat completion."""
    head = {"id": "chatcmpl-9x", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-x"}
    return [
        b"data: "
        + json.dumps(
            {
                **head,
                "system_fingerprint": "fp_1",
                "choices": [
                    {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
                ],
                "usage": None,
                "obfuscation": "k3x9",
            }
        ).encode()
        + b"\n\n"
        for text in texts
    ]


def anthropic(texts: list[str]) -> list[bytes]:
    """Pieces of a tool's arguments."""
    texts = ['{"text":"', *texts[1:]]
    return [
        b"event: content_block_delta\ndata: "
        + json.dumps(
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": text},
            }
        ).encode()
        + b"\n\n"
        for text in texts
    ]


def best(run: Callable[[], None]) -> float:
    """Seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    clean = [f" {WORDS[i % len(WORDS)]}" for i in range(EVENTS)]
    for count in (10, 10_000):
        values = known(count)
        print(
            f"{len(values)} placeholders known: made ready in {best(lambda v=values: Known(v)) * 1e3:.2f} ms"
        )
        ready = Known(values)
        names = list(values)
        dirty = list(clean)
        for i in range(0, EVENTS - 3, 10):
            name = names[i % len(names)]
            dirty[i + 1 : i + 3] = [f" {name[:5]}", f"{name[5:]} "]
        for api, make in (("openai_chat", chat), ("anthropic_messages", anthropic)):
            for what, texts in (("clean", clean), ("with placeholders", dirty)):
                events = make(texts)

                def run(api: str = api, events: list[bytes] = events, ready: Known = ready) -> None:
                    restorer = AnswerRestorer(api, "text/event-stream", ready)
                    for event in events:
                        restorer.feed(event)
                    restorer.finish()

                seconds = best(run)
                print(
                    f"  {api}, {what}: {EVENTS / seconds:,.0f} events/s, {seconds / EVENTS * 1e6:.1f} us each"
                )
        for what, texts in (("clean", clean), ("with placeholders", dirty)):
            text = "".join(texts) * 10
            pieces = [text[i : i + 16_384] for i in range(0, len(text), 16_384)]

            def run_text(pieces: list[str] = pieces, ready: Known = ready) -> None:
                restorer = Restorer(ready)
                for piece in pieces:
                    restorer.feed(piece)
                restorer.flush()

            print(f"  one text, {what}: {len(text) / best(run_text) / 1e6:.1f} MB/s")


if __name__ == "__main__":
    main()
