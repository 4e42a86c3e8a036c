"""The supervisor with stand-ins for its workers: small programs that say what a worker says."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from outgate.gateway import notify, worker_process, workers
from outgate.gateway.problem import GatewayError
from outgate.gateway.workers import Supervisor
from outgate.settings import Settings

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
WORKER = """
import json, mmap, os, signal, socket, sys, time
line = socket.socket(fileno=int(sys.argv[-1]))
reader = line.makefile("rb", buffering=0)
order = json.loads(reader.readline())
def say(**message):
    line.sendall(json.dumps(message).encode() + b"\\n")
def log(what):
    with open({log!r}, "a") as file:
        file.write(f"{{os.getpid()}} {{what}}\\n")
def orders():
    for said in iter(reader.readline, b""):
        log(json.loads(said)["order"])
        yield json.loads(said)["order"]
    log("gone")
def accept():
    mmap.mmap(order["seats"], 0)[order["seat"] * 8] = 1
    log("accepts")
    say(ways_in=["a way"])
    say(accepting=True, ready=True, problems=[])
{body}
"""
SERVING = """
accept()
for one in orders():
    if one in ("leave", "stop", "now"):
        break
"""
# One that shows that it lives; but for the second worker, the first time.
BEATING = """
accept()
before = order["settings"]["state_dir"] + "/before"
if order["number"] == 1 and not os.path.exists(before):
    open(before, "w").close()
    log("hangs")
    time.sleep(100)
line.settimeout(0.2)
while True:
    say(accepting=True, ready=True, problems=[])
    try:
        if b"stop" in line.recv(1000):
            break
    except TimeoutError:
        pass
"""


class Fleet:
    """A supervisor in this process, and the log of its workers."""

    def __init__(self, folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = folder / "log"
        self.log.touch()
        program, python = folder / "worker.py", folder / "python"
        program.write_text(WORKER.format(log=str(self.log), body=body))
        python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -S '{program}' \"$@\"\n")
        python.chmod(stat.S_IRWXU)
        fake = SimpleNamespace(executable=str(python), platform=sys.platform)
        monkeypatch.setattr(worker_process, "sys", fake)
        monkeypatch.setattr(workers.metrics_sharing, "share", lambda folder, *, afresh: None)
        self.values = {
            "listen": "127.0.0.1:0",
            "metrics": None,
            "state_dir": folder,
            "workers": {"count": 2, "drain": 2},
        }
        self.supervisor = Supervisor(self.settings(), self.settings)

    def settings(self) -> Settings:
        return Settings.model_validate(self.values)

    def told(self, what: str) -> list[int]:
        """The process ids of those that logged it, oldest first."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [int(pid) for pid, said in lines if said == what]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - what is waited for is in a file
                await asyncio.sleep(0.01)

    async def both(self) -> list[int]:
        """Wait until two are ready; their process ids."""
        await self.until(lambda: len(self.told("accepts")) >= 2 and self.supervisor.ready()[0])
        return [one.pid for one in self.supervisor.workers]

    async def over(self, running: asyncio.Task[None]) -> None:
        async with asyncio.timeout(30):
            await running
        assert not any(map(alive, self.told("accepts")))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Fleet]:
    return lambda body: Fleet(tmp_path, body, monkeypatch)


async def test_a_worker_that_ends_is_replaced_and_the_other_is_left_alone(
    fleet: Callable[[str], Fleet],
) -> None:
    it = fleet(SERVING)
    running = asyncio.create_task(it.supervisor.run())
    first, second = await it.both()
    os.kill(first, signal.SIGKILL)
    await it.until(lambda: len(it.told("accepts")) == 3)
    assert second in [one.pid for one in it.supervisor.workers]
    assert sum(it.supervisor._board._numbers) == 2  # nobody waits for the one that is gone
    it.supervisor.reload()
    await it.until(lambda: len(it.told("reload")) == 2)
    it.supervisor.stop()
    await it.over(running)
    assert sorted(it.told("stop")) == sorted(it.told("reload"))


async def test_a_worker_that_is_silent_is_killed_and_replaced(fleet: Callable[[str], Fleet]) -> None:
    it = fleet(BEATING)
    it.values["workers"] = {"count": 2, "drain": 2, "stall": 2}
    it.supervisor = Supervisor(it.settings(), it.settings)
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: it.told("hangs") and len(it.told("accepts")) == 3)
    assert not alive(it.told("hangs")[0])
    it.supervisor.stop()
    await it.over(running)


WAITING = """
for _ in range(12):
    say(accepting=False, ready=False, problems=["it is starting"], waits_for="policies from afar")
    time.sleep(0.25)
log("waited")
"""


async def test_a_worker_that_waits_for_policies_from_elsewhere_is_starting_for_as_long_as_it_does(
    fleet: Callable[[str], Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "_START", 1.0)
    it = fleet(WAITING + SERVING)
    running = asyncio.create_task(it.supervisor.run())
    seen: set[str] = set()
    await it.until(lambda: seen.update(it.supervisor.ready()[1]) or it.told("waited"))
    assert "worker 0 waits for policies from afar" in seen
    await it.both()
    assert len(it.told("waited")) == 2
    it.supervisor.stop()
    await it.over(running)


async def test_a_worker_that_has_waited_starts_in_time_or_is_killed(
    fleet: Callable[[str], Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "_START", 1.0)
    it = fleet(WAITING + "while True:\n  say(accepting=False, ready=False, problems=['']); time.sleep(0.2)")
    with pytest.raises(
        GatewayError, match="while it was starting: it did not accept connections within 1 seconds"
    ):
        async with asyncio.timeout(30):
            await it.supervisor.run()
    assert len(it.told("waited")) == 1


async def test_systemd_is_told_to_wait_as_long_as_a_worker_waits(
    fleet: Callable[[str], Fleet], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(notify, "_AGAIN", 0.5)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        it = fleet(WAITING + SERVING)
        running = asyncio.create_task(it.supervisor.run())
        await it.both()
        it.supervisor.stop()
        await it.over(running)
        told = [systemd.recv(1000) for _ in range(3)]
        assert told[:2] == [b"EXTEND_TIMEOUT_USEC=30000000"] * 2
        while told[-1] != b"READY=1":
            told.append(systemd.recv(1000))
        systemd.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemd.recv(1000)


async def test_workers_that_end_again_and_again_end_it_all_loudly(fleet: Callable[[str], Fleet]) -> None:
    it = fleet("accept()\nif order['number'] == 1: sys.exit(3)\nfor one in orders(): break")
    with pytest.raises(GatewayError, match=r"worker 1 ended 5 times within 60 seconds, at last: exit code 3"):
        async with asyncio.timeout(60):
            await it.supervisor.run()
    assert not any(map(alive, it.told("accepts"))) and len(it.told("stop")) == 1


async def test_what_keeps_the_first_from_starting_is_told_once(fleet: Callable[[str], Fleet]) -> None:
    it = fleet("log('tried'); say(problem='There is no CA.'); sys.exit(2)")
    with pytest.raises(GatewayError, match="There is no CA"):
        await it.supervisor.run()
    assert len(it.told("tried")) == 1


async def test_workers_are_replaced_one_by_one_with_the_settings_of_now(
    fleet: Callable[[str], Fleet],
) -> None:
    it = fleet("log(order['settings'].get('log_level'))" + SERVING)
    running = asyncio.create_task(it.supervisor.run())
    before = await it.both()
    it.values["log_level"] = "error"
    it.supervisor.restart()
    await it.until(lambda: len(it.told("leave")) == 2 and not it.supervisor._rolling)
    assert it.told("leave") == before and len(it.told("error")) == 2
    log = it.log.read_text().split("\n")
    accepted, left = (
        [i for i, line in enumerate(log) if line.endswith(word)] for word in ("accepts", "leave")
    )
    assert accepted[2] < left[0] < accepted[3] < left[1]  # a successor accepts first, and one at a time
    it.supervisor.stop()
    await it.over(running)


async def test_settings_that_cannot_be_used_leave_the_workers_as_they_are(
    fleet: Callable[[str], Fleet], caplog: pytest.LogCaptureFixture
) -> None:
    it = fleet(SERVING)
    running = asyncio.create_task(it.supervisor.run())
    before = await it.both()
    it.values["listen"] = "127.0.0.1:1"
    it.supervisor.restart()
    await it.until(lambda: "tcp_addresses: stop and start the proxy" in caplog.text)
    assert [one.pid for one in it.supervisor.workers] == before and it.told("leave") == []
    it.supervisor.stop()
    await it.over(running)


async def test_a_successor_that_does_not_start_leaves_its_predecessor(
    fleet: Callable[[str], Fleet], caplog: pytest.LogCaptureFixture
) -> None:
    it = fleet(
        "if order['settings'].get('log_level') == 'error': say(problem='broken'); sys.exit(2)" + SERVING
    )
    running = asyncio.create_task(it.supervisor.run())
    before = await it.both()
    it.values["log_level"] = "error"
    it.supervisor.restart()
    await it.until(lambda: "could not be replaced: broken" in caplog.text)
    assert [one.pid for one in it.supervisor.workers] == before and it.supervisor.ready()[0]
    it.supervisor.stop()
    await it.over(running)


async def test_asked_twice_nobody_is_waited_for(fleet: Callable[[str], Fleet]) -> None:
    it = fleet("accept()\nfor one in orders():\n  if one == 'now': break")
    it.values["workers"] = {"count": 2, "drain": 600}
    it.supervisor = Supervisor(it.settings(), it.settings)
    running = asyncio.create_task(it.supervisor.run())
    await it.both()
    it.supervisor._asked()
    await it.until(lambda: len(it.told("stop")) == 2)
    assert not it.supervisor.ready()[0]
    it.supervisor._asked()
    await it.over(running)


async def test_one_that_accepts_without_being_able_to_inspect_makes_the_whole_unready(
    fleet: Callable[[str], Fleet],
) -> None:
    it = fleet(
        SERVING.replace(
            "accept()",
            "accept()\nif order['number']: say(accepting=True, ready=False, problems=['no model'])",
        )
    )
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: it.supervisor.ready() == (False, ["worker 1: no model"]))
    it.supervisor.stop()
    await it.over(running)


def test_it_imports_nothing_that_traffic_goes_through() -> None:
    program = (
        "import sys, outgate.gateway.workers\n"
        "print({'mitmproxy', 'outgate.pipeline', 'outgate.gateway.service'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=ENVIRONMENT
    )
    assert done.stdout == "set()\n", done.stderr
