"""A detection worker: a child process that answers scans until its input closes.

Frames on standard input and output: four bytes of length (big-endian), then JSON. The first frame
is the configuration; the first answer says ready, or what is missing. Nothing is ever logged.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any, BinaryIO

from outgate.dlp import DetectionError
from outgate.dlp.config import DetectorConfig
from outgate.dlp.engine import Engine


def read_frame(stream: BinaryIO) -> bytes | None:
    """One frame, or None when the other side has closed."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    return stream.read(int.from_bytes(head))


def write_frame(stream: BinaryIO, message: Any) -> None:
    """ASCII JSON, so that lone surrogates survive."""
    data = json.dumps(message).encode("ascii")
    stream.write(len(data).to_bytes(4) + data)
    stream.flush()


def main() -> None:
    """Serve until standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, prints to nobody, never into the frames
    requests = sys.stdin.buffer
    first = read_frame(requests)
    if first is None:
        return
    try:
        engine = Engine(DetectorConfig.from_json(first))
        engine.scan(["Warm up: call Jane Miller at 10:15 or mail her."])
    except DetectionError:
        write_frame(answers, {"problem": "the named-entity model is not installed (extra: outgate[ner])"})
        return
    except Exception as error:
        write_frame(answers, {"problem": f"a detector cannot be built ({type(error).__name__})"})
        return
    write_frame(answers, {"ready": True})
    while (frame := read_frame(requests)) is not None:
        try:
            found = engine.scan(json.loads(frame))
            rows = [
                (index, m.start, m.end, m.entity, m.score, m.detector)
                for index, matches in enumerate(found)
                for m in matches
            ]
            write_frame(answers, {"findings": rows})
        except Exception:
            write_frame(answers, {"error": "detector_error"})


def _limit() -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = os.environ.get("OUTGATE_WORKER_MEMORY")
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))


if __name__ == "__main__":
    main()
