"""Events for other programs."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_events import event, name_of
from audit_logs import Log, by
from click.testing import CliRunner

from outgate.audit import AuditError, AuditEvent
from outgate.audit.export import export
from outgate.audit.ocsf import ocsf
from outgate.cli.audit import command
from outgate.model import Uninspectable

# Attributes that OCSF 1.6.0 requires (schema.ocsf.io), by class: dotted where an object within requires them.
BASE = ("activity_id", "category_uid", "class_uid", "metadata.version", "metadata.product.name", "severity_id",
        "time", "type_uid")  # fmt: skip
REQUIRED = {2006: (*BASE, "finding_info.uid"), 4002: BASE}
# Of each of these one must be there.
ONE_OF = {
    4002: (("http_request", "http_response"), ("src_endpoint", "dst_endpoint")),
    2006: (("data_security",),),
}


def of(values: dict[str, Any], path: str) -> Any:
    for step in path.split("."):
        values = values[step]
    return values


@pytest.mark.parametrize(
    ("found", "number", "severity"),
    [(event(1), 2006, 3), (replace(event(2), findings=(), findings_total=0, outcome="forward"), 4002, 1)],
)
def test_an_event_in_ocsf_has_what_its_class_requires(found: AuditEvent, number: int, severity: int) -> None:
    told = ocsf(replace(found, user="ann", device="laptop"))
    assert told["class_uid"] == number and told["category_uid"] == number // 1000
    assert all(of(told, path) is not None for path in REQUIRED[number])
    assert all(any(name in told for name in names) for names in ONE_OF[number])
    assert told["type_uid"] == number * 100 + told["activity_id"]
    assert told["metadata"]["version"] == "1.6.0" and told["severity_id"] == severity
    assert told["time"] == round(found.time.timestamp() * 1000) and type(told["time"]) is int
    assert told["actor"]["user"]["name"] == "ann"
    assert told["src_endpoint"] == {"ip": "127.0.0.1", "name": "laptop"}
    assert "None" not in json.dumps(told) and "null" not in json.dumps({**told, "unmapped": {}})


@pytest.mark.parametrize(
    ("outcome", "findings", "action", "disposition"),
    [
        ("forward", 0, 1, 1),
        ("forward", 1, 3, 17),
        ("edit", 1, 4, 11),
        ("block", 1, 2, 2),
        ("refuse", 0, 2, 2),
    ],
)
def test_what_was_done_is_an_action_and_a_disposition(
    outcome: str, findings: int, action: int, disposition: int
) -> None:
    one = replace(event(1), outcome=outcome, findings_total=findings)
    told = ocsf(one if findings else replace(one, findings=()))
    assert (told["action_id"], told["disposition_id"]) == (action, disposition)


def test_a_cell_of_csv_is_never_a_formula_and_comes_back_as_it_was() -> None:
    odd = ('=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\tx", 'a,"b"; c', "plain")
    rows = list(
        csv.DictReader(
            io.StringIO(
                "\n".join(export([replace(event(n), user=name) for n, name in enumerate(odd)], "csv"))
            )
        )
    )
    assert [row["user"] for row in rows] == [*(f"'{name}" for name in odd[:5]), *odd[5:]]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert rows[0]["findings"] == "GENERIC_SECRET block messages[0].content " + "ab" * 8
    assert rows[0]["status"] == "403" and rows[0]["id"] == name_of(0)


@pytest.mark.parametrize("sink", ["sqlite", "jsonl"])
def test_the_command_gives_the_events_that_are_wanted_oldest_first(tmp_path: Path, sink: str) -> None:
    log = Log.of(tmp_path, sink)
    uninspectable = (Uninspectable("part[0]", "image/png", 1, "broken"),)
    events = [
        replace(by(number, "ann", time=datetime(2026, 1, 1 + number // 200, tzinfo=UTC)),
                outcome="block" if number % 2 else "forward", uninspectable=uninspectable)
        for number in range(1200)
    ]  # fmt: skip
    log.write(*events)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(command, ["--file", str(log.path), "export", *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    lines = [json.loads(line) for line in run("--outcome", "block").splitlines()]
    assert lines == [one.to_json() for one in events if one.outcome == "block"]
    assert len(run("--since", "2026-01-05", "--format", "ocsf").splitlines()) == 400
    target = tmp_path / "events.csv"
    assert run("--format", "csv", "--output", str(target)) == ""
    assert len(target.read_text().splitlines()) == 1201
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = CliRunner().invoke(command, ["--file", str(log.path), "export", "-o", str(target)])
    assert isinstance(again.exception, AuditError) and os.strerror(17) in str(again.exception)
