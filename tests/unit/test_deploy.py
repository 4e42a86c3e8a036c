"""What is deployed fits what is built: metric names, YAML, settings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from outgate.metrics import Metrics
from outgate.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_alerts_and_dashboard_name_metrics_that_exist() -> None:
    exposed = set(re.findall(r"^# HELP (\S+)", Metrics().scrape()[0].decode(), re.MULTILINE))
    alerts = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    dashboard = (DEPLOY / "grafana" / "dashboard.json").read_text()
    json.loads(dashboard)
    used = set(re.findall(r"outgate_[a-z_]+", alerts + dashboard))
    assert used
    assert {re.sub("_bucket$", "", name) for name in used} <= exposed


def test_every_yaml_file_is_yaml_and_the_containers_settings_load() -> None:
    for file in [*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml")]:
        assert yaml.safe_load(file.read_text()), file
    assert Settings.load(DEPLOY / "container.yaml").client_networks
