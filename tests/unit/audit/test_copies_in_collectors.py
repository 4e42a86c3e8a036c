"""Copies of a log in an OpenTelemetry collector, which fails in every way."""

from __future__ import annotations

import json
import os
import socket
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_copies import Sending, section
from audit_events import VALUE, event
from audit_logs import Log, by, query

from outgate.audit.sink import Retention
from outgate.settings.audit import AnySink
from patience import eventually
from providers.collectors import (
    Collector,
    Handler,
    attributes_of,
    value_of,
)

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    server.start()
    yield server
    server.stop()


def to(collector: Collector, **others: Any) -> AnySink:
    return section(type="otlp", url=f"http://127.0.0.1:{collector.port}/v1/logs", **others)


def uids(collector: Collector) -> list[int]:
    told = [attributes_of(record["attributes"]) for record in collector.records()]
    return [int(one["log.record.uid"].partition(":")[2]) for one in told if "log.record.uid" in one]


def test_a_collector_gets_log_records_in_the_protocols_own_names(log: Log, collector: Collector) -> None:
    log.write(by(1, "ann"))
    with Sending(log, to(collector, headers={"X-Tenant": "us"})):
        assert eventually(lambda: len(collector.records()) == 2)
    headers, body = collector.requests[0]
    assert headers["Content-Type"] == "application/json" and headers["X-Tenant"] == "us"
    (resource,) = body["resourceLogs"]
    assert attributes_of(resource["resource"]["attributes"])["service.name"] == "outgate"
    record, checkpoint = collector.records()
    assert record.keys() == {
        "timeUnixNano", "severityNumber", "severityText", "eventName", "body", "attributes",
    }  # fmt: skip
    told = value_of(record["body"])
    expected = by(1, "ann").to_json()
    assert {name: told[name] for name in ("id", "user", "groups", "findings", "status")} == {
        name: expected[name] for name in ("id", "user", "groups", "findings", "status")
    }
    moment = datetime.fromisoformat(told["time"])
    assert record["timeUnixNano"] == str(round(moment.timestamp() * 1000) * 10**6)
    assert (record["severityNumber"], record["eventName"]) == (13, "outgate.exchange")
    assert checkpoint["eventName"] == "outgate.checkpoint"
    assert VALUE not in json.dumps(collector.requests)


def hang_up(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def test_a_collector_that_fails_in_the_middle_gets_everything_once(log: Log, collector: Collector) -> None:
    """It answers 503 and asks for patience, hangs up, is down for a while, refuses a token."""
    log.write(*map(event, range(60)))
    collector.script += [
        lambda handler: handler.answer(503, {}, Retry_After="1"),
        hang_up,
        lambda handler: handler.answer(429, {}),
        lambda handler: handler.answer(401, {}),
        lambda handler: handler.answer(307, {}, Location="http://127.0.0.1:1/"),
    ]
    with Sending(log, to(collector, batch=20)) as sending:
        assert eventually(lambda: len(uids(collector)) >= 60)
        assert collector.times[1] - collector.times[0] >= 1.0
        collector.stop()
        log.write(*map(event, range(60, 100)))
        assert eventually(lambda: sending.failing)
        collector.start()
        assert eventually(lambda: len(uids(collector)) >= 100)
    assert uids(collector) == list(range(1, 101))
    assert sending.lost == 0


def test_a_mistake_in_settings_costs_no_event(tmp_path: Path, collector: Collector) -> None:
    """A token that is wrong, a path that is not there: also a single event waits until that is mended."""
    log = Log.of(tmp_path, "sqlite")
    log.write(event(0))
    for status in (401, 403, 404, 500):
        collector.script.append(lambda handler, status=status: handler.answer(status, {}))
    with Sending(log, to(collector)) as sending:
        assert eventually(lambda: uids(collector) == [1])
    assert sending.lost == 0


def test_an_event_that_was_tampered_with_keeps_no_other_from_being_sent(
    tmp_path: Path, collector: Collector
) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(*map(event, range(3)))
    query(log, "UPDATE entries SET public = '[]' WHERE seq = 2")
    with Sending(log, to(collector)):
        assert eventually(lambda: uids(collector) == [1, 2, 3])
    assert collector.records()[1]["eventName"] == "outgate.unreadable"


def test_what_a_collector_refuses_for_good_is_counted_and_not_sent_again(
    tmp_path: Path, collector: Collector
) -> None:
    log = Log.of(tmp_path, "sqlite")
    log.write(*map(event, range(4)))
    refuse = lambda handler: handler.answer(400, {"message": "bad"})  # noqa: E731
    take = lambda handler: handler.answer(200, {})  # noqa: E731
    partly = lambda handler: handler.answer(  # noqa: E731
        200, {"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "too old"}}
    )
    # All four, the first two, the first, the second; then the last two.
    collector.script += [refuse, refuse, refuse, take, take]
    with Sending(log, to(collector)) as sending:
        assert eventually(lambda: sending.lost == 1)
        collector.script.append(partly)
        log.write(*map(event, range(4, 9)))
        assert eventually(lambda: sending.lost == 3)
        log.write(event(9))
        assert eventually(lambda: uids(collector) == [10])


def test_of_two_processes_one_sends_and_the_other_takes_over(log: Log, collector: Collector) -> None:
    log.write(*map(event, range(50)))
    first, second = Sending(log, to(collector, batch=5)), Sending(log, to(collector, batch=5))
    assert eventually(lambda: len(uids(collector)) >= 50)
    first.__exit__()
    log.write(*map(event, range(50, 70)))
    assert eventually(lambda: len(uids(collector)) >= 70)
    second.__exit__()
    assert uids(collector) == list(range(1, 71))


def test_a_log_that_was_put_aside_or_replaced_is_followed(tmp_path: Path, collector: Collector) -> None:
    log = Log.of(tmp_path, "jsonl")
    with Sending(log, to(collector)) as sending:
        sink = log.sink(Retention(1e9, 8 * 5000))
        for start in range(0, 60, 5):
            sink.write(deque(map(event, range(start, start + 5))))
            assert eventually(lambda start=start: len(uids(collector)) >= start + 5)
        sink.close()
        assert uids(collector) == list(range(1, 61)) and sending.lost == 0
        for file in log.path.parent.glob("audit.jsonl*"):
            if "cursor" not in file.name and "lock" not in file.name:
                file.unlink()
        log.write(event(99))
        assert eventually(lambda: len(uids(collector)) == 61)
    assert uids(collector)[-1] == 1


def test_what_retention_removed_before_it_was_sent_is_counted(log: Log, collector: Collector) -> None:
    now = datetime.now(UTC)
    log.path.parent.mkdir(mode=0o700)
    with Sending(log, to(collector)) as sending:
        log.write(event(0, time=now - timedelta(hours=2)))
        assert eventually(lambda: uids(collector) == [1])
        collector.script += [lambda handler: handler.answer(503, {}, Retry_After="1")]
        sink = log.sink(Retention(3600, 2**30))
        sink.write(deque(event(number, time=now - timedelta(hours=2)) for number in range(1, 11)))
        assert eventually(lambda: sending.failing)
        for _ in range(3):
            sink.tidy(now.timestamp())
            for file in log.path.parent.glob("audit.jsonl.2*"):
                os.utime(file, (now.timestamp() - 7200,) * 2)
        sink.write(deque([event(11, time=now)]))
        sink.close()
        assert eventually(lambda: len(uids(collector)) >= 2)
    if log.path.suffix == ".sqlite":
        assert (uids(collector), sending.lost) == ([1, 12], 10)
    else:  # the file that is being read is sent to its end, although it was removed
        assert uids(collector)[-1] == 12 and len(uids(collector)) + sending.lost == 12
