"""What a collector elsewhere gets of traffic through the proxy, and what the proxy tells of it."""

from __future__ import annotations

import json
from collections.abc import Callable

from e2e.conftest import Proxy
from e2e.test_traffic import chat, post
from outgate.audit.log import path_of
from outgate.audit.signing import signer_of
from outgate.audit.stored import stored
from outgate.audit.verify import verify
from outgate.dlp.examples import fake
from patience import eventually
from providers.collectors import Collector, value_of

CARD = fake("CREDIT_CARD")


def test_a_collector_gets_what_the_log_has_and_the_proxy_tells_how_far_it_is(
    make_proxy: Callable[..., Proxy],
) -> None:
    """Also what happened while the collector was down; and the log verifies."""
    collector = Collector()
    collector.start()
    collector.stop()
    url = f"http://127.0.0.1:{collector.port}/v1/logs"
    proxy = make_proxy(audit={"sinks": [{"type": "otlp", "name": "siem", "url": url}]})
    try:
        for number in range(3):
            assert post(proxy, chat(f"number {number}: {CARD}")).status_code == 200
        assert eventually(lambda: 'outgate_audit_sink_failing{sink="siem"} 1.0' in proxy.metrics())
        assert 'outgate_audit_sink_lag_seconds{sink="siem"}' in proxy.metrics()
        collector.start()
        assert eventually(lambda: len(taken(collector)) == 3, 20)
        assert eventually(lambda: 'outgate_audit_sink_failing{sink="siem"} 0.0' in proxy.metrics())
        assert 'outgate_audit_sink_lag_seconds{sink="siem"} 0.0' in proxy.metrics()
        assert taken(collector) == [event.id for event in proxy.events(3)]
        assert CARD not in json.dumps(collector.requests)
    finally:
        collector.stop()
    settings = proxy.service.settings
    log = stored(path_of(settings))
    result = verify(log, signer_of(settings).public_keys)
    log.close()
    assert (result.problems, result.entries) == ([], 3)


def taken(collector: Collector) -> list[str]:
    bodies = [value_of(record["body"]) for record in collector.records()]
    return [body["id"] for body in bodies if "outcome" in body]
