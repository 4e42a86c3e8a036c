"""A Prometheus of our own that has what scrapes say in its blocks, and answers queries about it."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_PATIENCE = 60  # seconds


@dataclass(frozen=True)
class Prometheus:
    """One that answers at an address."""

    base: str

    def at(self, expression: str, when: datetime) -> list[dict[str, Any]]:
        """The result of an instant query. Raises RuntimeError with Prometheus's words when it takes none of it."""
        return self._asked("query", query=expression, time=when.timestamp())

    def over(self, expression: str, start: datetime, end: datetime, step: timedelta) -> list[dict[str, Any]]:
        """The result of a range query; errors as in ``at``."""
        return self._asked(
            "query_range",
            query=expression,
            start=start.timestamp(),
            end=end.timestamp(),
            step=step.total_seconds(),
        )

    def _asked(self, what: str, **told: str | float) -> list[dict[str, Any]]:
        try:
            with _DIRECT.open(
                f"{self.base}/api/v1/{what}?{urllib.parse.urlencode(told)}", timeout=30
            ) as answer:
                result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return result
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{told['query']}: {error.read().decode()}") from None


@contextmanager
def prometheus(texts: Iterable[bytes], folder: Path, *, step: timedelta) -> Iterator[Prometheus]:
    """One that knows these OpenMetrics texts, each with whole blocks of two hours; ``step``: between scrapes.

    ``folder`` is an empty one for its files. Needs ``prometheus`` and ``promtool``. Raises CalledProcessError when
    promtool takes no text, TimeoutError when Prometheus does not begin to answer.
    """
    filled = []
    for number, text in enumerate(texts):  # the next one is written while this one is read
        file = folder / f"{number}.om"
        file.write_bytes(text)
        command = [
            "promtool",
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "-q",
            str(file),
            str(folder / "data"),
        ]
        filled.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))  # noqa: S603
    for done in filled:
        if done.wait():
            raise subprocess.CalledProcessError(done.returncode, done.args)
    (folder / "prometheus.yml").write_text("{}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*free.getsockname())
    running = subprocess.Popen(  # noqa: S603
        [  # noqa: S607
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--query.lookback-delta={int(step.total_seconds()) + 1}s",
            f"--web.listen-address={address}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_ready(running, f"http://{address}")
        yield Prometheus(f"http://{address}")
    finally:
        running.kill()  # what it has is thrown away
        running.wait(30)


def _await_ready(running: subprocess.Popen[bytes], base: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and running.poll() is None:
        try:
            with _DIRECT.open(f"{base}/-/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"Prometheus did not become ready within {_PATIENCE} s")
