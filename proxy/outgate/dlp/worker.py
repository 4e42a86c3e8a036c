"""The process that detects: reads tasks from stdin, writes answers to stdout, until stdin ends.

It reads hostile text of any length with regular expressions, recognizers, a policy's own patterns and
models, so it is made to be killed: it holds nothing that another needs, inherits no secret, writes no log
and no core dump, and tells of a failure by a fixed word, a detector's name and an exception's class.

First message in: ``{"config", "memory", "seconds", "folder", "compiling"}``; first out: ``{"ready"}`` or
``{"problem"}``. Then tasks ``{"stage", "texts", "ours"}`` or, for the stages "all" and "settle", with ``stages`` or
``found`` and ``values`` in place of ``ours``; the answers are
``{"found": [[[start, end, entity, score, detector], ...], ...]}`` or ``{"error", "detail"}``.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from outgate.dlp import DetectionError, frames
from outgate.dlp.child import restrict, take_pipes

if TYPE_CHECKING:
    from outgate.dlp.detector import Match
    from outgate.dlp.engine import Engine

# Real text, so that what is loaded or compiled on first use is there before the first request.
_WARM_UP = "Ada Lovelace wrote to ada@example.org from London, call 020 7946 0000, card 4000 0000 0000 0000."


def main() -> int:
    """Serve until stdin ends; 0 then, 1 when the detectors could not be built."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our stdin
    tasks, answers = take_pipes()
    logging.disable(logging.CRITICAL)
    hello = frames.read(tasks)
    if hello is None:
        return 0
    restrict(hello["memory"])
    engine = _build(hello, answers)
    if engine is None:
        return 1
    seconds = float(hello["seconds"])
    _write(answers, {"ready": True})
    while (task := frames.read(tasks)) is not None:
        # If the parent dies while an expression runs away, nobody else would end this process.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = _answer(engine, task)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(answers, answer)
    return 0


def _build(hello: dict[str, Any], answers: IO[bytes]) -> Engine | None:
    try:
        from outgate.dlp.config import DetectorConfig
        from outgate.dlp.engine import Engine

        folder = Path(hello["folder"]) if hello["folder"] else None
        engine = Engine(DetectorConfig.from_json(hello["config"]), folder, hello["compiling"])
        engine.scan([_WARM_UP])
    except DetectionError as error:
        _write(answers, {"problem": error.detail or error.reason})
    except (ImportError, OSError, MemoryError) as error:
        _write(answers, {"problem": f"{type(error).__name__}: {error}"})
    except Exception as error:
        # The message may quote a policy's own words and patterns.
        _write(answers, {"problem": f"the detectors could not be built: {type(error).__name__}"})
    else:
        return engine
    return None


def _answer(engine: Engine, task: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"found": _found(engine, task)}
    except DetectionError as error:
        return {"error": error.reason, "detail": error.detail}
    except Exception as error:
        return {"error": "detector_error", "detail": type(error).__name__}


def _found(engine: Engine, task: dict[str, Any]) -> list[list[Match]]:
    from outgate.dlp.detector import Match
    from outgate.dlp.repeats import Value

    texts: list[str] = task["texts"]
    match task["stage"]:
        case "all":
            return engine.found(texts, task["stages"])
        case "settle":
            found = [[Match(*row) for row in rows] for rows in task["found"]]
            return engine.settle(texts, found, [Value(*row) for row in task["values"]])
        case stage:
            return engine.find_many(stage, texts, task["ours"])


def _write(answers: IO[bytes], message: dict[str, Any]) -> None:
    answers.write(frames.pack(message))
    answers.flush()


if __name__ == "__main__":
    try:
        code = main()
    except BrokenPipeError:  # the parent has gone
        code = 0
    # Not sys.exit: nothing is left to flush, and unloading a model takes longer than leaving.
    os._exit(code)
