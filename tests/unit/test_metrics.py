"""What is counted, under which labels, and that several processes' counts add up."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import outgate
from outgate.metrics import REASONS, Metrics, Vocabulary
from outgate.model import Action, Endpoint, Outcome, Provider, Record, Role, Uninspectable, Verdict

PACKAGE = Path(outgate.__file__).parent
PROVIDER = Provider("acme", "Acme", "Acme Inc.", "FR", "api")
WORDS = Vocabulary(
    providers=frozenset({"acme"}),
    formats=frozenset({"openai_chat"}),
    entities=frozenset({"PERSON", "CREDIT_CARD"}),
    rules=frozenset({"cards", "names"}),
)
FORWARD = Verdict(
    Outcome.FORWARD,
    endpoint=Endpoint(PROVIDER, "openai_chat"),
    decoded_size=2048,
    seconds={"decode": 0.0001, "detect": 0.02},
)


def record(entity: str = "PERSON", action: Action = Action.AUDIT, rule: str | None = "names") -> Record:
    return Record(entity, Role.USER, "messages[0].content", 0.9, "0123456789abcdef", rule, action)


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics.scrape()[0]).get((f"outgate_{name}", frozenset(labels.items())))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(WORDS)


def test_an_exchange_is_counted_by_provider_jurisdiction_format_and_action(metrics: Metrics) -> None:
    metrics.exchange(FORWARD)
    metrics.exchange(FORWARD)
    labels = {"provider": "acme", "jurisdiction": "FR", "format": "openai_chat"}
    assert value(metrics, "exchanges_total", **labels, action="allow") == 2
    assert value(metrics, "inspected_bytes_total", provider="acme") == 4096


def test_the_first_that_is_stopped_is_an_increase(metrics: Metrics) -> None:
    """Prometheus sees no increase by the count that a time series begins with."""
    labels = {"provider": "acme", "jurisdiction": "FR", "format": "openai_chat"}
    metrics.exchange(FORWARD)
    assert [value(metrics, "exchanges_total", **labels, action=action) for action in ("block", "refuse")] == [
        0,
        0,
    ]
    assert (
        value(metrics, "blocked_total", rule="cards")
        == value(metrics, "would_block_total", rule="cards")
        == 0
    )
    metrics.know(replace(WORDS, rules=frozenset({"new"})))
    assert value(metrics, "blocked_total", rule="new") == 0


@pytest.mark.parametrize(
    ("verdict", "action"),
    [
        (FORWARD, "allow"),
        (replace(FORWARD, records=(record(action=Action.ALLOW, rule=None),)), "allow"),
        (replace(FORWARD, records=(record(),)), "audit"),
        (replace(FORWARD, would_block="cards"), "audit"),
        (replace(FORWARD, outcome=Outcome.EDIT, records=(record(), record(action=Action.MASK))), "mask"),
        (
            replace(
                FORWARD,
                outcome=Outcome.EDIT,
                records=(record(action=Action.HASH), record(action=Action.REDACT)),
            ),
            "redact",
        ),
        (replace(FORWARD, outcome=Outcome.BLOCK, rule="cards"), "block"),
        (replace(FORWARD, outcome=Outcome.REFUSE, reason="too_deep"), "refuse"),
    ],
)
def test_an_exchange_has_the_one_action_that_was_strongest(
    metrics: Metrics, verdict: Verdict, action: str
) -> None:
    metrics.exchange(verdict)
    labels = {"provider": "acme", "jurisdiction": "FR", "format": "openai_chat"}
    assert value(metrics, "exchanges_total", **labels, action=action) == 1


def test_findings_are_counted_one_by_one(metrics: Metrics) -> None:
    metrics.exchange(
        replace(FORWARD, records=(record(), record(), record("CREDIT_CARD", Action.BLOCK, "cards")))
    )
    same = {"provider": "acme", "role": "user", "direction": "request"}
    assert value(metrics, "findings_total", entity="PERSON", action="audit", **same) == 2
    assert value(metrics, "findings_total", entity="CREDIT_CARD", action="block", **same) == 1


def test_seconds_are_told_by_stage_and_in_total(metrics: Metrics) -> None:
    metrics.exchange(FORWARD)
    assert value(metrics, "inspection_seconds_count", stage="decode") == 1
    assert value(metrics, "inspection_seconds_sum", stage="total") == pytest.approx(0.0201)
    assert value(metrics, "inspection_seconds_bucket", stage="detect", le="0.01") == 0
    assert value(metrics, "inspection_seconds_bucket", stage="detect", le="0.025") == 1
    bounds = [dict(labels)["le"] for name, labels in samples(metrics.scrape()[0]) if name.endswith("_bucket")]
    assert {"0.0005", "10.0"} <= set(bounds)


def test_a_blocked_exchange_is_counted_by_its_rule(metrics: Metrics) -> None:
    metrics.exchange(replace(FORWARD, outcome=Outcome.BLOCK, rule="cards"))
    metrics.exchange(replace(FORWARD, outcome=Outcome.BLOCK, rule="uninspectable"))
    metrics.exchange(replace(FORWARD, would_block="names"))
    assert value(metrics, "blocked_total", rule="cards") == 1
    assert value(metrics, "blocked_total", rule="uninspectable") == 1
    assert value(metrics, "would_block_total", rule="names") == 1


def test_the_gates_that_noted_or_let_through_are_counted_by_rule(metrics: Metrics) -> None:
    metrics.exchange(replace(FORWARD, rules=("cards", "uninspectable")))
    metrics.exchange(replace(FORWARD, outcome=Outcome.BLOCK, rule="names", rules=("cards",)))
    assert value(metrics, "rules_matched_total", rule="cards") == 2
    assert value(metrics, "rules_matched_total", rule="uninspectable") == 1


def test_a_failed_inspection_is_counted_by_reason_and_by_what_on_error_made_of_it(metrics: Metrics) -> None:
    metrics.exchange(replace(FORWARD, outcome=Outcome.REFUSE, reason="timeout"))
    metrics.exchange(replace(FORWARD, reason="timeout"))
    metrics.on_error("exception")
    assert value(metrics, "on_error_total", reason="timeout", action="block") == 1
    assert value(metrics, "on_error_total", reason="timeout", action="allow") == 1
    assert value(metrics, "on_error_total", reason="exception", action="block") == 1


def test_what_is_in_no_fixed_set_is_other(metrics: Metrics) -> None:
    stranger = Endpoint(replace(PROVIDER, id="stranger", jurisdiction="XX"), "a-format")
    secret = "value-of-a-client"
    metrics.exchange(
        Verdict(
            Outcome.BLOCK,
            rule=secret,
            reason=secret,
            endpoint=stranger,
            would_block=secret,
            rules=(secret,),
            records=(replace(record(), entity=secret, place=secret, fingerprint=secret),),
            seconds={secret: 1.0},
            decoded_size=1,
        )
    )
    metrics.on_error(secret)
    text = metrics.scrape()[0]
    assert secret.encode() not in text
    assert b"XX" not in text
    assert value(metrics, "blocked_total", rule="other") == 1
    assert value(metrics, "rules_matched_total", rule="other") == 1
    labels = {"provider": "other", "jurisdiction": "other", "format": "other"}
    assert value(metrics, "exchanges_total", **labels, action="block") == 1


def test_a_verdict_without_endpoint_is_counted_too(metrics: Metrics) -> None:
    metrics.exchange(Verdict(Outcome.REFUSE, 421, reason="unknown_host"))
    labels = {"provider": "other", "jurisdiction": "other", "format": "other"}
    assert value(metrics, "exchanges_total", **labels, action="refuse") == 1


def test_the_words_of_a_reloaded_policy_are_labels_from_then_on(metrics: Metrics) -> None:
    metrics.know(replace(WORDS, rules=frozenset({"new rule"})))
    metrics.exchange(replace(FORWARD, outcome=Outcome.BLOCK, rule="new rule"))
    assert value(metrics, "blocked_total", rule="new rule") == 1


def test_tunnels_and_streams_rise_and_fall(metrics: Metrics) -> None:
    for _ in range(3):
        metrics.tunnel_opened()
        metrics.stream_opened()
    metrics.tunnel_closed()
    metrics.stream_closed()
    assert value(metrics, "tunnels_total") == 3
    assert value(metrics, "tunnels_open") == 2
    assert value(metrics, "streams_active") == 2


def test_only_the_policy_in_force_is_told(metrics: Metrics) -> None:
    metrics.policy_loaded("a" * 64, at=1000)
    metrics.policy_failed()
    assert value(metrics, "policy_load_failed") == 1
    metrics.policy_loaded("b" * 64, at=2000)
    assert value(metrics, "policy_info", hash="b" * 16) == 1
    assert value(metrics, "policy_info", hash="a" * 16) is None
    assert value(metrics, "policy_loaded_timestamp_seconds") == 2000
    assert value(metrics, "policy_load_failed") == 0
    assert value(metrics, "policy_loads_total", result="loaded") == 2
    assert value(metrics, "policy_loads_total", result="failed") == 1


def test_the_other_gauges_and_counters_are_told(metrics: Metrics) -> None:
    metrics.queue_depth(7)
    metrics.ca_days_left(12.5)
    metrics.audit(False, 3)
    metrics.tls_failure("client")
    metrics.exchange(replace(FORWARD, uninspectable=(Uninspectable("a", "image/png", 9),)))
    metrics.attachment("pdf", "read")
    metrics.attachment("a client's own", "and another")
    assert value(metrics, "detection_queue_depth") == 7
    assert value(metrics, "ca_days_left") == 12.5
    assert value(metrics, "audit_failing") == 1
    assert value(metrics, "audit_dropped_total") == 3
    assert value(metrics, "tls_failures_total", side="client") == 1
    assert value(metrics, "uninspectable_total", provider="acme") == 1
    assert value(metrics, "attachments_total", kind="pdf", outcome="read") == 1
    assert value(metrics, "attachments_total", kind="other", outcome="other") == 1
    metrics.audit(True, 0)
    assert value(metrics, "audit_failing") == 0
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    assert value(metrics, "build_info", version=outgate.__version__, python=python) == 1


def test_every_metric_is_named_after_the_product_and_has_a_help_text(metrics: Metrics) -> None:
    for family in text_string_to_metric_families(metrics.scrape()[0].decode()):
        assert family.name.startswith("outgate_")
        assert family.documentation.endswith(".")


def test_openmetrics_is_told_to_those_who_ask_for_it(metrics: Metrics) -> None:
    text, content_type = metrics.scrape("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


def _reasons(source: Path) -> Iterable[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        position = {"WireError": 1, "DetectionError": 0}.get(name)
        given = [*node.args[position : position + 1]] if position is not None else []
        given += [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
        yield from (
            arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        )


def test_every_reason_that_a_room_gives_has_a_label_of_its_own() -> None:
    rooms = ("wire", "formats", "dlp", "pipeline.py", "gateway")
    files = [
        file for room in rooms for file in [PACKAGE / room, *(PACKAGE / room).rglob("*.py")] if file.is_file()
    ]
    given = {reason for file in files for reason in _reasons(file)} - {""}
    assert given - REASONS == set()


# --- several processes ------------------------------------------------------------------------

_WORKER = """
    import sys
    from pathlib import Path
    from outgate import metrics_sharing
    from outgate.metrics import Metrics, Vocabulary
    from outgate.model import Action, Endpoint, Outcome, Provider, Verdict

    metrics_sharing.share(Path(sys.argv[1]), afresh=False)
    metrics = Metrics(Vocabulary(providers=frozenset({"acme"}), formats=frozenset({"generic"})))
    endpoint = Endpoint(Provider("acme", "Acme", "Acme Inc.", "FR", "api"), "generic")
    verdict = Verdict(Outcome.FORWARD, endpoint=endpoint, decoded_size=10, seconds={"decode": 0.002})
    for _ in range(int(sys.argv[2])):
        metrics.exchange(verdict)
    metrics.stream_opened()
    metrics.policy_loaded("c" * 64, at=1000)
    print("counted", flush=True)
    sys.stdin.read()
"""
# The one that scrapes has imported prometheus_client before it was told to share.
_SCRAPER = """
    import sys
    import prometheus_client
    from pathlib import Path
    from outgate import metrics_sharing
    from outgate.metrics import Metrics

    metrics_sharing.share(Path(sys.argv[1]), afresh=sys.argv[2] == "afresh")
    metrics = Metrics()
    metrics.queue_depth(4)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.startswith("ended"):
            metrics_sharing.process_ended(int(line.split()[1]))
        sys.stdout.buffer.write(metrics.scrape()[0] + b"END\\n")
        sys.stdout.buffer.flush()
"""


class Process:
    """A Python process that one can talk to."""

    def __init__(self, program: str, *arguments: object) -> None:
        env = {key: text for key, text in os.environ.items() if key != "PROMETHEUS_MULTIPROC_DIR"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env | {"PYTHONPATH": str(PACKAGE.parent)},
        )
        self.first_line = self.line()

    def line(self) -> bytes:
        assert self.process.stdout
        return self.process.stdout.readline()

    def scrape(self, command: str = "scrape") -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        assert self.process.stdin
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return samples(b"".join(iter(self.line, b"END\n")))

    def end(self, *, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        self.process.communicate()


_EXCHANGES = (
    "outgate_exchanges_total",
    frozenset({"provider": "acme", "jurisdiction": "FR", "format": "generic", "action": "allow"}.items()),
)
_STREAMS = ("outgate_streams_active", frozenset[tuple[str, str]]())
_SECONDS = ("outgate_inspection_seconds_bucket", frozenset({"stage": "decode", "le": "0.0025"}.items()))
_POLICY = ("outgate_policy_info", frozenset({"hash": "c" * 16}.items()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


def test_counts_of_several_processes_add_up_and_outlive_the_processes(folder: Path) -> None:
    scraper = Process(_SCRAPER, folder, "afresh")
    assert folder.stat().st_mode & 0o777 == 0o700
    workers = [Process(_WORKER, folder, count) for count in (3, 4)]
    try:
        running = scraper.scrape()
        assert (running[_EXCHANGES], running[_STREAMS], running[_SECONDS]) == (7, 2, 7)
        assert running[_POLICY] == 1
        workers[0].end(kill=True)
        after_one = scraper.scrape(f"ended {workers[0].process.pid}")
        assert (after_one[_EXCHANGES], after_one[_STREAMS]) == (7, 1)
        workers[1].end()
        after_both = scraper.scrape()  # nobody told of this one
        assert (after_both[_EXCHANGES], after_both[_STREAMS], after_both[_SECONDS]) == (7, 0, 7)
        assert _POLICY not in after_both
        assert after_both[("outgate_detection_queue_depth", frozenset())] == 4
        names = {file.name for file in folder.glob("*.db")}
        assert not any(f"_{worker.process.pid}." in name for worker in workers for name in names)
        third = Process(_WORKER, folder, 5)
        assert scraper.scrape()[_EXCHANGES] == 12
        third.end()
        assert scraper.scrape()[_EXCHANGES] == 12
    finally:
        for process in (scraper, *workers):
            process.end(kill=True)


def test_a_new_fleet_does_not_inherit_the_counts_of_the_last(folder: Path) -> None:
    Process(_WORKER, folder, 3).end()
    scraper = Process(_SCRAPER, folder, "afresh")
    try:
        assert _EXCHANGES not in scraper.scrape()
    finally:
        scraper.end()


def test_a_folder_that_others_may_read_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    process = Process(_WORKER, folder, 1)
    assert process.first_line == b""
    process.end()
    assert process.process.returncode == 1


def test_who_is_refused_and_which_connection_is_turned_away_are_counted_apart() -> None:
    metrics = Metrics()
    metrics.identity_refused("password")
    metrics.connections_refused("full")
    text = metrics.scrape()[0].decode()
    assert 'outgate_identity_refused_total{kind="password"} 1.0' in text
    assert 'outgate_connections_refused_total{reason="full"} 1.0' in text


def test_no_metric_stands_in_anothers_place() -> None:
    """Parts of the metrics are attributes of one object; each has a name of its own."""
    from outgate import metrics, metrics_running

    sources = [inspect.getsource(one) for one in (metrics.Metrics, metrics_running.RunningMetrics)]
    names = [name for source in sources for name in re.findall(r"^ {8}self\.(_\w+) = ", source, re.MULTILINE)]
    assert len(names) > 30
    assert [
        name for name, count in Counter(names).items() if count > 1 and name not in ("_policy", "_vocabulary")
    ] == []
