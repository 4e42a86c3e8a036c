"""The local mode's helper: its end is told, and its problems in words."""

from __future__ import annotations

import asyncio
import logging

import pytest

from outgate.gateway import local


def test_a_problem_is_told_without_its_stack_and_with_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    told = local.explained(
        "Failed to run sudo.\n\nCaused by:\n    No such file\n\nStack backtrace:\n   0: <unknown>"
    )
    assert told.startswith("Failed to run sudo. Caused by: No such file. It needs Linux 6.8")
    monkeypatch.setattr("sys.platform", "aix")
    assert "Linux, macOS and Windows alone" in local.explained("no")


@pytest.mark.parametrize(
    "line", ["[linux-redirector] exited: Ok(ExitStatus(256))", "[linux-redirector] exited successfully."]
)
async def test_the_redirectors_end_is_told_once_in_our_loop(line: str) -> None:
    told: list[str] = []
    local.watch(asyncio.get_running_loop(), told.append)
    log = logging.getLogger("mitmproxy.packet_sources.linux")
    log.debug("Waiting for redirector...")
    await asyncio.to_thread(log.debug, line)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(told) == 1
    assert "go past Outgate" in told[0]


def test_an_end_after_ours_is_no_error() -> None:
    loop = asyncio.new_event_loop()
    local.watch(loop, lambda _: None)
    loop.close()
    logging.getLogger("mitmproxy.packet_sources.linux").error("[linux-redirector] exited: Ok(0)")
