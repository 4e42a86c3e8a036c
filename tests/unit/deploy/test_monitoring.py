"""Prometheus and Grafana: the alerts sound when they should, and every panel shows something."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from outgate.gateway.health import HealthServer
from outgate.metrics import Metrics, Vocabulary
from outgate.model import Action, Endpoint, Outcome, Provider, Record, Role, Uninspectable, Verdict
from programs import program

DEPLOY = Path(__file__).parents[3] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "5s", "$__range": "30s", "$__interval": "5s", "$instance": ".*"}


def panels() -> Iterator[dict[str, Any]]:
    """All of them, those in folded rows too."""
    for panel in DASHBOARD["panels"]:
        yield from [panel] if panel["type"] != "row" else panel["panels"]


def expressions() -> list[str]:
    """Every query of the dashboard, as Prometheus is asked it."""
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    found += [annotation["expr"] for annotation in DASHBOARD["annotations"]["list"]]
    for name, value in VARIABLES.items():
        found = [text.replace(name, value) for text in found]
    return found


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_and_dashboard_name_metrics_that_exist() -> None:
    exposed = set(re.findall(r"^# HELP (\S+)", Metrics().scrape()[0].decode(), re.MULTILINE))
    variables = json.dumps(DASHBOARD["templating"])
    texts = [(PROMETHEUS / "alerts.yml").read_text(), variables, *expressions()]
    used = {name for text in texts for name in re.findall(r"outgate_[a-z_]+", text)}
    assert len(used) > 15
    assert {re.sub("_bucket$", "", name) for name in used} <= exposed


def test_prometheus_takes_its_configuration_and_the_alerts(tmp_path: Path) -> None:
    run(program("promtool"), "check", "config", "prometheus.yml", cwd=PROMETHEUS)


def test_each_alert_sounds_when_it_should_and_not_before() -> None:
    run(program("promtool"), "test", "rules", "alerts.test.yml", cwd=PROMETHEUS)


def test_every_alert_has_a_case_in_which_it_sounds_and_says_what_to_do() -> None:
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    sounding = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    names = {rule["alert"] for rule in rules}
    assert names == sounding == silent
    assert all(rule["annotations"].keys() == {"summary", "action"} for rule in rules)
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "ticket"}


def test_an_alert_about_any_of_a_kind_sounds_at_the_first() -> None:
    """A time series that begins with its first count shows no increase by it."""
    metrics = Metrics(VOCABULARY)
    metrics.audit_sink("collector", 0.0, 0, failing=False)
    there = text_string_to_metric_families(metrics.scrape()[0].decode())
    samples = [(sample.name, sample.labels) for family in there for sample in family.samples]
    expressions = [
        rule["expr"] for rule in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
    ]
    watched = [
        (name, re.findall(r'(\w+)=~?"([^"]*)"', selector))
        for text in expressions
        for name, selector in re.findall(
            r"(?:increase|rate)\((\w+)(?:{([^}]*)})?\[\w+\]\)+ > 0(?![.\d])", text
        )
    ]
    assert len(watched) >= 7
    for name, asked in watched:
        assert any(
            name == there and all(re.fullmatch(words, labels.get(label, "")) for label, words in asked)
            for there, labels in samples
        ), (name, asked)


def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions())]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    run(program("promtool"), "check", "rules", "panels.yml", cwd=tmp_path)


def test_panels_fit_their_rows_and_do_not_overlap() -> None:
    folded = [row for row in DASHBOARD["panels"] if row["type"] == "row" and row["collapsed"]]
    for shown in (DASHBOARD["panels"], *([row, *row["panels"]] for row in folded)):
        taken: set[tuple[int, int]] = set()
        for panel in shown:
            place = panel["gridPos"]
            cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
            assert place["x"] + place["w"] <= 24, panel["title"]
            assert not taken & cells, panel["title"]
            taken |= cells
    rows = [row for row in DASHBOARD["panels"] if row["type"] == "row"]
    identifiers = [panel["id"] for panel in (*rows, *panels())]
    assert len(identifiers) == len(set(identifiers))


def test_grafana_finds_the_dashboard_and_its_source_where_they_are_mounted() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    mounts = dict(mount.split(":")[:2][::-1] for mount in compose["grafana"]["volumes"])
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "outgate.yaml").read_text())["providers"]
    assert DEPLOY / mounts["/etc/grafana/provisioning"] == provisioning
    home = compose["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY / mounts[home]).samefile(DEPLOY / "grafana" / "dashboard.json")
    assert str(Path(home).parent) == provider["options"]["path"]
    chosen = DASHBOARD["templating"]["list"][0]["current"]["value"]
    assert source["uid"] == chosen
    assert source["url"] == "http://prometheus:9090"
    scraped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    assert scraped[0]["static_configs"][0]["targets"] == ["outgate:9464"]
    assert {"prometheus", "outgate"} <= compose.keys()


# --- a real Prometheus that scrapes a real exporter --------------------------------------------

PROVIDER = Provider("openai", "OpenAI", "OpenAI", "US", "api")
VOCABULARY = Vocabulary(
    frozenset({"openai"}),
    frozenset({"openai_chat"}),
    frozenset({"CREDIT_CARD"}),
    frozenset({"cards", "a day"}),
)


def happen(metrics: Metrics) -> None:
    """Once everything that is ever counted."""
    endpoint = Endpoint(PROVIDER, "openai_chat")
    record = Record("CREDIT_CARD", Role.USER, "messages[0].content", 1.0, "ab" * 8, "cards", Action.REDACT)
    left, noted, stopped = (replace(record, action=one) for one in (Action.ALLOW, Action.AUDIT, Action.BLOCK))
    told: dict[str, Any] = {"endpoint": endpoint, "seconds": {"decode": 0.001, "detect": 0.02}}
    unread = Uninspectable("messages[1].content[0]", "image/png", 1000)
    metrics.exchange(Verdict(Outcome.FORWARD, decoded_size=9, uninspectable=(unread,), **told))
    metrics.exchange(Verdict(Outcome.FORWARD, records=(left, noted), **told))
    metrics.exchange(Verdict(Outcome.EDIT, records=(record,), **told))
    metrics.exchange(Verdict(Outcome.BLOCK, 403, rule="cards", records=(stopped,), **told))
    metrics.exchange(Verdict(Outcome.FORWARD, would_block="cards", **told))
    metrics.exchange(Verdict(Outcome.REFUSE, 503, reason="timeout", **told))
    metrics.exchange(Verdict(Outcome.FORWARD, reason="timeout", **told))
    metrics.exchange(Verdict(Outcome.BLOCK, 429, rule="a day", overdrawn=("a day",), **told))
    metrics.exchange(Verdict(Outcome.BLOCK, 403, rule="allowed_accounts", **told))
    metrics.exchange(Verdict(Outcome.FORWARD, rules=("allowed_accounts",), **told))
    metrics.exchange(Verdict(Outcome.BLOCK, 403, rule="cards", coached=True, **told))
    metrics.exchange(Verdict(Outcome.EDIT, records=(record,), signature=((b"authorization", b"x"),), **told))
    metrics.tokens(PROVIDER, "input", 7, estimated=False)
    metrics.attachment("pdf", "read")
    metrics.feedback("not-sensitive", taken=True)
    metrics.exceptions_in_force(2)
    metrics.shadow_connection()
    metrics.identity_refused("password")
    metrics.tls_failure("client")
    metrics.connections_open(4)
    metrics.connections_refused("full")
    metrics.requests_under_way(2)
    metrics.workers_ready(2)
    metrics.worker_ended("crash")
    metrics.detection_cache(3, 1)
    metrics.audit_sink("collector", 2.0, 1, failing=True)
    metrics.rollout.policies({"stable": "ab" * 32, "shadow": "cd" * 32})
    metrics.rollout.source("unchanged", looked=time.time(), stale=False, version=3)
    metrics.rollout.shadowed("would_block")
    metrics.rollout.shadow_differs("would_block", "cards", "openai")
    metrics.tunnel_opened()
    metrics.stream_opened()
    metrics.queue_depth(3)
    metrics.policy_loaded("ab" * 32)
    metrics.ca_days_left(100)
    metrics.audit(True, 1)


@contextmanager
def prometheus(exporter: HealthServer, folder: Path) -> Iterator[str]:
    """The address of a Prometheus with our configuration, but for the exporter's address and a faster beat."""
    shutil.copy(PROMETHEUS / "alerts.yml", folder)
    text = (PROMETHEUS / "prometheus.yml").read_text()
    text = text.replace("outgate:9464", "{}:{}".format(*exporter.address)).replace("15s", "1s")
    (folder / "prometheus.yml").write_text(text)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    running = subprocess.Popen(
        [
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://{address}"
    finally:
        running.terminate()
        running.wait(30)


def asked(base: str, expression: str) -> list[dict[str, Any]]:
    """The result of an instant query; empty also while Prometheus starts, first deaf and then with 503."""
    query = urllib.parse.urlencode({"query": expression})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{base}/api/v1/query?{query}", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
            return []
        raise AssertionError(f"{expression}: {error.read().decode()}") from None
    except OSError:
        return []
    return [series for series in found if series["value"][1] != "NaN"]


def test_every_panel_shows_what_happens(tmp_path: Path) -> None:
    program("prometheus")
    metrics = Metrics(VOCABULARY)
    exporter = HealthServer(metrics, lambda: (True, []), "127.0.0.1:0")
    exporter.start()
    empty = set(expressions())
    try:
        with prometheus(exporter, tmp_path) as base:
            deadline = time.monotonic() + 45
            while empty and time.monotonic() < deadline:
                happen(metrics)
                time.sleep(0.5)
                empty = {text for text in empty if not asked(base, text)}
            legends = [
                (label, target["expr"])
                for panel in panels()
                for target in panel["targets"]
                for label in re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))
            ]
            for label, expression in legends:
                for name, value in VARIABLES.items():
                    expression = expression.replace(name, value)
                assert all(series["metric"].get(label) for series in asked(base, expression)), expression
    finally:
        exporter.close()
    assert not empty
