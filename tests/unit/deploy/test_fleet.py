"""The document of the fleet: its settings are ones, and fit the shipped configuration of HAProxy."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from outgate.policy import watch
from outgate.settings import Settings

ROOT = Path(__file__).parents[3]


def test_the_settings_of_the_document_are_taken_and_fit_haproxys(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "fleet.md").read_text(), re.DOTALL)
    file = tmp_path / "outgate.yaml"
    file.write_text(text)
    told = Settings.load(file)
    assert told.proxy_protocol and told.client_networks and told.vault.store == "valkey"
    haproxy = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    port, health = told.listen.rpartition(":")[2], str(told.metrics).rpartition(":")[2]
    assert len(re.findall(rf"^    server \w+ [\d.]+:{port}$", haproxy, re.MULTILINE)) == 3
    assert f"send-proxy-v2 check port {health} " in haproxy


def test_a_log_beside_the_policy_does_not_fill_itself() -> None:
    """Each line about a change would be a change."""
    assert watch.log.name == "outgate.policy.watch"
    assert not logging.getLogger("watchfiles.main").isEnabledFor(logging.INFO)
