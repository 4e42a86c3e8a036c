"""The process that opens files: one file after the other comes on stdin, each is read in a child of its own.

Libraries for hostile files are loaded here once, and used only in the child: it is forked for one file,
has bounds on memory, time and processor, can write no file and reach no network, and what it says is
passed on unread. So a file that breaks a library harms neither the next file nor whoever asked.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import IO, Any

from outgate.attachments import messages
from outgate.attachments.config import ExtractorConfig
from outgate.dlp import frames
from outgate.dlp.child import restrict, take_pipes

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_HARD = 1.15  # of its own time, what a child that did not stop by itself has before it is killed
_FILES = 64  # file descriptors
_PER_CHARACTER, _BESIDES = 6, 16 * 2**20  # bytes of an answer: of a character in JSON, and of all else
_CHUNK = 2**20  # bytes


def main() -> int:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our stdin
    tasks, answers = take_pipes()
    logging.disable(logging.DEBUG)
    hello = frames.read(tasks)
    if hello is None:
        return 0
    config = messages.to_config(hello["config"])
    _load()
    _leave_the_network()
    restrict(None)
    gc.collect()
    gc.freeze()
    _write(answers, {"ready": True})
    while (task := frames.read(tasks)) is not None:
        content = tasks.read(task["size"])
        if len(content) < task["size"]:
            return 0
        answers.write(_isolated(content, config, float(task["seconds"]), (tasks, answers)))
        answers.flush()
    return 0


def _load() -> None:
    """What every child uses is there before it is forked."""
    from outgate.attachments import opening

    opening.load()


def _leave_the_network() -> None:
    """Into namespaces with no interface but a loopback that is down, where the system lets us."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)


def _isolated(content: bytes, config: ExtractorConfig, seconds: float, ours: tuple[IO[bytes], ...]) -> bytes:
    """The answer of a child that reads ``content``, as it goes over the pipe."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(read_end)
            for stream in ours:
                os.close(stream.fileno())
            _confine(config, seconds)
            _write_all(write_end, _read(content, config, seconds))
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    answer = _read_all(read_end, _PER_CHARACTER * config.limits.text + _BESIDES)
    os.close(read_end)
    status = _ended(child, kill=answer is None)
    if answer and status == 0:
        return answer
    timeout = status in (-signal.SIGALRM, -signal.SIGXCPU)
    return frames.pack({"error": "timeout" if timeout else "crash"})


def _confine(config: ExtractorConfig, seconds: float) -> None:
    """Bounds on ourselves, for the reading of one file."""
    import resource

    os.setpgid(0, 0)  # with whatever we start: all of it ends together
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, _HARD * seconds)
    cpu = int(_HARD * seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    restrict(config.memory)


def _read(content: bytes, config: ExtractorConfig, seconds: float) -> bytes:
    from outgate.attachments import opening

    return frames.pack(messages.of_extracted(opening.read(content, config, seconds)))


def _ended(child: int, *, kill: bool) -> int:
    """How the child ended (negative: by which signal); whatever it left running is ended too."""
    if not kill:
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _read_all(handle: int, most: int) -> bytes | None:
    """Everything until the end; None when it is more than ``most`` bytes."""
    pieces, size = [], 0
    while piece := os.read(handle, _CHUNK):
        size += len(piece)
        if size > most:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _write(answers: IO[bytes], message: dict[str, Any]) -> None:
    answers.write(frames.pack(message))
    answers.flush()


if __name__ == "__main__":
    try:
        code = main()
    except BrokenPipeError:  # the parent has gone
        code = 0
    os._exit(code)
