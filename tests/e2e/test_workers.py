"""Several workers behind one port: what each of them may lose, and what all of them together may not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import yaml
from click.testing import CliRunner

from e2e.fleet import POLICY, SOURCES, URL, Fleet, Traffic, begun, fleet, question, received
from outgate.cli.restart import command as restart
from outgate.rollout import signing
from outgate.rollout.bundle import pack
from providers.bundles import BundleServer
from providers.standin import Server

if sys.platform != "linux":
    pytest.skip("what processes have is read from /proc", allow_module_level=True)


@pytest.fixture(scope="module")
def running(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Stopped at the end, with an answer under way: that is finished first."""
    stand_in = server.stand_in
    stand_in.reset()
    with fleet(server, tmp_path_factory.mktemp("fleet"), workers={"drain": 60}) as it:
        yield it
        workers = it.workers()
        stand_in.reset()
        stand_in.hold = True
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(ask(it, "last", stream=True)))
        asking.start()
        it.until(lambda: stand_in.received)
        it.process.send_signal(signal.SIGTERM)
        it.until(lambda: it.get("readyz").status_code == 503)
        assert asking.is_alive()
        stand_in.gate.set()
        asking.join(60)
        assert answers[0].text.endswith("[DONE]\n\n")
        assert it.process.wait(60) == 0
        assert it.said() == [b"READY=1", b"STOPPING=1"]
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


@pytest.fixture
def it(running: Fleet, server: Server) -> Fleet:
    server.stand_in.reset()
    running.ready()
    return running


def ask(it: Fleet, words: str, *, stream: bool = False) -> httpx.Response:
    with it.client() as client:
        return client.post(URL, json=question(words, stream=stream))


def sockets(pid: int) -> int:
    """How many a process has."""
    found = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(descriptor.readlink()).startswith("socket:")
    return found


def test_a_worker_that_is_killed_under_load_takes_nothing_with_it_but_its_own_connections(it: Fleet) -> None:
    before, ended = it.workers(), it.metric('outgate_worker_ends_total{reason="crash"}')
    traffic = Traffic(it)
    with traffic.flowing(4):
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        it.until(lambda: it.metric('outgate_worker_ends_total{reason="crash"}') == ended + 1)
        it.ready()
    assert len(traffic.broken) <= 4  # one for each connection that the worker may have had
    assert len(it.workers()) == 2 and victim not in it.workers()
    arrived = received(it.stand_in)  # which also looks whether each was inspected
    assert all(arrived[words] == 1 for words in traffic.answered)


def test_workers_are_replaced_one_by_one_under_load_and_nothing_is_lost(it: Fleet) -> None:
    before = it.workers()
    plain, streamed = Traffic(it), Traffic(it, streamed=True)
    it.stand_in.pause = 0.05
    with plain.flowing(2), streamed.flowing(2):
        told = CliRunner().invoke(restart, ["--config", str(it.config)])
        assert told.exit_code == 0 and str(it.process.pid) in told.output
        it.until(lambda: len(it.workers()) == 2 and not it.workers() & before)
        it.ready()
    assert plain.broken == streamed.broken == []
    asked = plain.answered + streamed.answered
    assert received(it.stand_in) == asked and set(asked.values()) == {1}


def test_what_is_counted_and_recorded_is_that_of_all_and_each_once(it: Fleet) -> None:
    exchanges, recorded = it.metric("outgate_exchanges_total"), set(it.events())
    workers = it.workers()
    before = {pid: sockets(pid) for pid in workers}
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(it.client()) for _ in range(8)]
        for number, client in enumerate(clients):
            for turn in range(3):
                client.post(URL, json=question(f"{number} {turn}")).raise_for_status()
        # Each had some of the connections: two sockets for one of them.
        assert all(sockets(pid) >= before[pid] + 4 for pid in workers)
        assert it.metric("outgate_connections_open") == 8
    it.until(lambda: it.metric("outgate_exchanges_total") == exchanges + 24)
    it.until(lambda: len(it.events()) == len(recorded) + 24)
    assert len(set(it.events())) == len(recorded) + 24


def test_a_reload_is_for_all_of_them(it: Fleet) -> None:
    before = it.metric('outgate_policy_loads_total{result="loaded"}')
    it.process.send_signal(signal.SIGHUP)
    it.until(lambda: it.metric('outgate_policy_loads_total{result="loaded"}') == before + 2)


def test_a_first_policy_that_is_long_in_coming_is_waited_for_and_told_of(
    server: Server, tmp_path: Path
) -> None:
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    signing.keygen(key, public)
    packed = pack({"policy.yaml": POLICY.encode()}, 1, datetime.now(UTC), None)
    (tmp_path / "bundles").mkdir()
    with BundleServer(tmp_path / "bundles") as bundles:
        bundles.gate = threading.Event()
        bundles.publish(packed, signing.sign(packed, key))
        source = {"url": bundles.url, "keys": [str(public)]}
        roots = [str(server.root), str(bundles.root)]
        with begun(server, tmp_path, policies=None, policy_source=source, extra_roots=roots) as it:
            waits = f"waits for the first policies from {bundles.url}"
            it.until(lambda: waits in it.get("readyz").text)
            assert f"not started yet: waiting for the first policies from {bundles.url}" in it.log()
            bundles.gate.set()
            it.ready()
            assert "version 1 of" in it.log() and waits not in it.get("readyz").text
            assert it.metric("outgate_worker_ends_total") == 0


def test_what_keeps_workers_from_starting_is_told_once(tmp_path: Path) -> None:
    config = tmp_path / "outgate.yaml"
    config.write_text(
        yaml.safe_dump({"listen": "127.0.0.1:0", "metrics": "127.0.0.1:0", "state_dir": str(tmp_path)})
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "outgate", "run", "--config", str(config), "--workers", "2"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        timeout=100,
    )
    assert done.returncode == 2 and "outgate ca init" in done.stderr and time.monotonic() - started < 100
    assert "Traceback" not in done.stderr and done.stderr.count("\noutgate: ") <= 1
