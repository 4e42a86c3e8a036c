"""A worker: one service among several behind the same sockets, which a supervisor started and watches.

Run as a program, with the file descriptor of its end of the line. It says when it accepts, shows that it lives, and
ends when it is told to, or when there is no supervisor any more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

from outgate import metrics_sharing
from outgate.gateway import control, notify, signals
from outgate.gateway.control import Line
from outgate.gateway.loop import event_loop_factory
from outgate.gateway.seats import Seats
from outgate.gateway.service import Service
from outgate.gateway.sockets import Sockets
from outgate.settings import Settings

_TAKEN_OVER = 2.0  # seconds without a request after which a connection is closed, while others serve on


def main() -> int:
    """Serve as the first line says; the exit code."""
    end = socket.socket(fileno=int(sys.argv[1]))
    end.set_inheritable(False)
    order = first_line(end)
    settings = Settings.model_validate(order["settings"])
    number = int(order["number"])
    logging.basicConfig(
        format=f"%(asctime)s %(levelname)s [{number}] %(message)s", level=settings.log_level.upper()
    )
    notify.forget()
    metrics_sharing.share(settings.state_dir / "metrics", afresh=False)
    if order["core"] is not None:
        _keep_to(order["core"])
    seats = Seats(order["seats"], order["seat"])
    os.close(order["seats"])
    service = Service(settings, sockets=Sockets.inherited(order["sockets"]), seats=seats)
    with asyncio.Runner(loop_factory=event_loop_factory(settings.routes)) as runner:
        return runner.run(_serve(service, end))


def _keep_to(core: int) -> None:
    try:
        os.sched_setaffinity(0, {core})
    except OSError as error:  # a sandbox that does not allow it; the system's own choice is good enough
        logging.getLogger("outgate").warning("no core of its own: %s", error.strerror)


def first_line(end: socket.socket) -> Mapping[str, Any]:
    """It, and nothing of what follows it."""
    with end.makefile("rb", buffering=0) as stream:
        order: Mapping[str, Any] = json.loads(stream.readline())
    return order


async def _serve(service: Service, end: socket.socket) -> int:
    line = await Line.over(end)
    around = [asyncio.create_task(_obey(line, service)), asyncio.create_task(_beat(line, service))]
    try:
        await service.run(on_ready=lambda _: _started(line, service))
    except Exception as error:
        message = getattr(error, "message", None)
        line.say(problem=message or type(error).__name__)
        if message is None:  # a fault of the program
            raise
        return 2
    finally:
        for task in around:
            task.cancel()
        await line.flushed()
    return 0


def _started(line: Line, service: Service) -> None:
    signals.handle(SIGTERM=service.drain, SIGINT=service.drain)
    line.say(ways_in=service.ways_in)


async def _beat(line: Line, service: Service) -> None:
    """From the event loop: one that hangs is silent."""
    while True:
        ready, problems = service.ready()
        waits_for = service.waiting.what
        line.say(accepting=service.accepting, ready=ready, problems=problems, waits_for=waits_for)
        await asyncio.sleep(control.BEAT)


async def _obey(line: Line, service: Service) -> None:
    async for message in line.heard():
        match message.get("order"):
            case "reload":
                service.reload()
            case "leave":
                service.drain(_TAKEN_OVER)
            case "stop":
                service.drain()
            case "now":
                service.stop()
    service.drain()  # nobody would replace us, or tell us to end


if __name__ == "__main__":
    sys.exit(main())
