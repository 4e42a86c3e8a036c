"""Files read by another process: bounded, remembered, and never taken for read when they were not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

import made_files
from outgate.attachments import ExtractionError, Passage, messages, worker
from outgate.attachments.config import ExtractorConfig, Limits
from outgate.attachments.extractor import Extractor
from outgate.attachments.joining import opened
from outgate.dlp import frames
from outgate.dlp.examples import fake
from outgate.dlp.process import WorkerProcess, environment
from outgate.model import Attachment, Document, Role

CARD = fake("CREDIT_CARD")
CONFIG = ExtractorConfig(deadline=60)


@pytest.fixture
async def extractor() -> AsyncIterator[Extractor]:
    async with Extractor(CONFIG) as made:
        yield made


async def test_a_file_is_read_once_and_then_known(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = made_files.pdf(CARD)
    first = await extractor.extract([content])
    assert Passage("page 1", CARD) in first[0].passages

    async def fail(*_: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(WorkerProcess, "ask", fail)
    assert await extractor.extract([content, content]) == first * 2


async def test_a_worker_that_ended_while_idle_is_replaced_and_no_file_fails(extractor: Extractor) -> None:
    await extractor.extract([made_files.pdf("a")])
    (worker,) = extractor._idle
    os.kill(worker.pid, signal.SIGKILL)
    await worker.ended()
    assert (await extractor.extract([made_files.pdf("b")]))[0].outcome == "read"


async def test_a_worker_that_ends_at_work_fails_its_file_alone(extractor: Extractor) -> None:
    await extractor.extract([made_files.pdf("a")])
    (worker,) = extractor._idle
    os.kill(worker.pid, signal.SIGSTOP)
    asked = asyncio.ensure_future(extractor.extract([made_files.pdf("b")]))
    await asyncio.sleep(0.05)
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(ExtractionError) as failed:
        await asked
    assert failed.value.reason == "crash"
    assert (await extractor.extract([made_files.pdf("b")]))[0].outcome == "read"


async def test_files_that_there_is_no_time_left_for_are_told_and_those_before_are_read(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = WorkerProcess.ask

    async def slowly(
        worker: WorkerProcess, message: dict[str, object], content: bytes = b""
    ) -> dict[str, object]:
        if content:
            await asyncio.sleep(0.4)
        return await answers(worker, message, content)

    files = [made_files.packed({"a.txt": str(number)}) for number in range(8)]
    await extractor.extract([made_files.pdf("a")])  # so that the worker is there
    monkeypatch.setattr(WorkerProcess, "ask", slowly)
    monkeypatch.setattr(extractor, "_config", replace(CONFIG, deadline=2))
    outcomes = [extracted.outcome for extracted in await extractor.extract(files)]
    assert outcomes[0] == "read" and outcomes[-1] == "timed_out"
    again = [extracted.outcome for extracted in await extractor.extract(files)]
    assert again.count("read") > outcomes.count("read")  # the next time it is their turn


async def test_memory_and_time_are_bounded_and_the_worker_goes_on() -> None:
    bomb = made_files.packed({"a.txt": b"a" * 2**27})
    config = replace(CONFIG, memory=2**28, limits=Limits(expanded=2**30, text=2**30))
    async with Extractor(config) as extractor:
        outcome = (await extractor.extract([bomb]))[0].outcome
        assert outcome == "partly"  # its names were read
        assert (await extractor.extract([made_files.pdf("b")]))[0].outcome == "read"
        assert len(extractor._idle) == 1


async def test_what_takes_longer_than_the_deadline_is_a_time_out() -> None:
    async with Extractor(replace(CONFIG, deadline=0.01)) as extractor:
        with pytest.raises(ExtractionError) as failed:
            await extractor.extract([made_files.pdf("a")])
    assert failed.value.reason == "timeout"


async def test_more_requests_than_the_queue_holds_are_refused(extractor: Extractor) -> None:
    async with Extractor(replace(CONFIG, queue_limit=1)) as extractor:
        tasks = [asyncio.ensure_future(extractor.extract([made_files.pdf(f"{n}")])) for n in range(3)]
        done = await asyncio.gather(*tasks, return_exceptions=True)
    reasons = [error.reason for error in done if isinstance(error, ExtractionError)]
    assert reasons == ["overload"]


async def test_what_is_too_large_or_of_no_known_kind_starts_no_process() -> None:
    async with Extractor(replace(CONFIG, limits=Limits(size=100))) as extractor:
        found = await extractor.extract([made_files.pdf("a"), b"\x00\x01\x02" * 10])
        assert [one.outcome for one in found] == ["too_large", "unknown"]
        assert extractor._idle == []


async def test_a_closed_extractor_reads_nothing() -> None:
    extractor = Extractor(CONFIG)
    await extractor.close()
    with pytest.raises(ExtractionError):
        await extractor.extract([made_files.pdf("a")])


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
async def test_the_reading_process_has_none_of_our_environment(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_OF_OURS", "made up")
    started = await WorkerProcess.start("outgate.attachments.worker")
    try:
        await started.ask({"config": messages.of_config(CONFIG)})
        assert b"A_SECRET_OF_OURS" not in _environment(started.pid)
    finally:
        await started.kill()


def _hang(*_: object) -> bytes:
    time.sleep(60)
    return b""


def _die(*_: object) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def _raise(*_: object) -> bytes:
    raise RuntimeError(CARD)


def _talk(*_: object) -> bytes:
    return bytes(2**27)


@pytest.mark.parametrize(
    ("reader", "seconds", "error"),
    [(_hang, 0.3, "timeout"), (_die, 30, "crash"), (_raise, 30, "crash"), (_talk, 30, "crash")],
)
def test_a_reader_that_hangs_dies_or_talks_without_end_is_told_as_such(
    reader: Callable[..., bytes], seconds: float, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_read", reader)
    started = time.monotonic()
    assert worker._isolated(b"", CONFIG, seconds, ()) == frames.pack({"error": error})
    assert time.monotonic() - started < 20


def test_what_a_reader_started_ends_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def leave_behind(*_: object) -> bytes:
        left = subprocess.Popen(["sleep", "60"])
        return frames.pack({"pid": left.pid})

    monkeypatch.setattr(worker, "_read", leave_behind)
    pid = frames.parse(worker._isolated(b"", CONFIG, 30, ())[frames.LENGTH_SIZE :])["pid"]
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.01)


CONFINED = """
import resource
from outgate.attachments import worker
from outgate.attachments.config import ExtractorConfig
worker._leave_the_network()
worker._confine(ExtractorConfig(memory=2**28), 5)
for attempt in (lambda: open(PATH, "w").write("x" * 10_000), lambda: bytes(2**29)):
    try:
        attempt()
    except (OSError, MemoryError) as error:
        print(type(error).__name__)
print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_CPU))
"""


def test_who_reads_a_file_writes_none_and_has_bounds(tmp_path: Path) -> None:
    code = CONFINED.replace("PATH", repr(str(tmp_path / "written")))
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert told.stdout.splitlines() == ["OSError", "MemoryError", "(0, 0) (6, 7)"], told.stderr
    assert (tmp_path / "written").read_bytes() == b""


def _environment(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:  # noqa: PTH123
            return stream.read()
    except PermissionError:  # nobody may read of it: not dumpable
        return b""


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"kind": "pdf", "passages": [["a"]], "gaps": []},
        {"kind": "pdf", "passages": [["a", 1]], "gaps": []},
        {"kind": "of my own", "passages": [], "gaps": []},
        {"kind": "pdf", "passages": [], "gaps": [["", "", 1, "of my own"]]},
    ],
)
async def test_an_odd_answer_is_a_failure(
    answer: dict[str, object], extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(_: WorkerProcess, message: dict[str, object], content: bytes = b"") -> dict[str, object]:
        return {"ready": True} if "config" in message else answer

    monkeypatch.setattr(WorkerProcess, "ask", ask)
    with pytest.raises(ExtractionError) as failed:
        await extractor.extract([made_files.pdf("a")])
    assert failed.value.reason == "crash"


async def test_a_document_gains_what_is_in_its_attachments_and_cannot_edit_it(extractor: Extractor) -> None:
    body = b"<<" + made_files.pdf(CARD) + b">>"
    attachment = Attachment(
        "part[0]", Role.TOOL_RESULT, "application/pdf", len(body), 2, len(body) - 2, "identity"
    )
    document = await opened(Document((), attachments=(attachment,)), body, extractor.extract)
    assert document.attachments == document.uninspectable == ()
    first = document.segments[0]
    assert (first.text, first.place, first.role) == (CARD, "part[0], page 1", Role.TOOL_RESULT)
    assert not any(segment.editable for segment in document.segments)


async def test_base64_that_cannot_be_decoded_and_files_nobody_opens_are_told() -> None:
    attachment = Attachment("a", Role.USER, "application/pdf", 5, 0, 5, "base64")
    document = Document((), attachments=(attachment,))
    asked: list[bytes] = []

    async def extract(files: object) -> list[object]:
        raise AssertionError("asked")

    told = await opened(document, b"AAAAA", extract)  # type: ignore[arg-type]
    assert [(item.place, item.reason) for item in told.uninspectable] == [("a", "broken")]
    unopened = await opened(document, b"AAAAA", None)
    assert [(item.place, item.reason) for item in unopened.uninspectable] == [("a", "")]
    assert asked == []
