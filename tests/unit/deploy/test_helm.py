"""The Helm chart: rendered by Helm's own engine, checked against Kubernetes' schemas and against Outgate itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outgate import __version__
from outgate.audit.signing import signer_of
from outgate.catalogue import Catalogue
from outgate.gateway import ca
from outgate.gateway.service import fingerprint_key
from outgate.metrics import Metrics
from outgate.settings import Settings
from outgate.vault.keys import secrets_of_file

helm = pytest.importorskip("helm_python", reason="Helm's engine is not installed (PyPI's helm-python-sdk)")
kubernetes = pytest.importorskip("kubernetes_validate")

CHART = Path(__file__).parents[3] / "deploy" / "helm" / "outgate"
KUBERNETES = "1.34"
TO = [{"ipBlock": {"cidr": "10.1.2.3/32"}}]
SHARED: dict[str, Any] = {
    "keys": {"existingSecret": "outgate-keys"},
    "valkey": {"existingSecret": "outgate-valkey", "to": TO},
    "postgres": {"existingSecret": "outgate-db", "address": "db.corp.example:5432", "to": TO},
}
POLICY = "version: 1\nrules:\n  - {name: people, detect: [EMAIL_ADDRESS], action: pseudonymise}\n"
Manifests = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def chart() -> Iterator[Any]:
    with helm.Chart.load(CHART) as loaded:
        yield loaded


def rendered(chart: Any, values: dict[str, Any] | None = None) -> Manifests:
    """What Helm makes of the values, by kind and name; each is one that Kubernetes takes."""
    found: Manifests = {}
    chart.validate_schema(values)
    for name, text in chart.render(values, name="outgate", namespace="ai").items():
        if name.endswith(".txt"):
            continue
        for manifest in filter(None, yaml.safe_load_all(text)):
            if manifest["kind"] != "ServiceMonitor":  # of the Prometheus operator, not of Kubernetes
                kubernetes.validate(manifest, KUBERNETES, strict=True)
            key = manifest["kind"], manifest["metadata"]["name"]
            assert key not in found
            found[key] = manifest
    return found


def pod(manifests: Manifests) -> dict[str, Any]:
    (workload,) = (one for (kind, _), one in manifests.items() if kind in ("Deployment", "StatefulSet"))
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def test_the_linter_finds_nothing() -> None:
    report = helm.lint(CHART, strict=True, kube_version=f"v{KUBERNETES}.0")
    assert report["errors"] == []
    assert [one["error"] for one in report["messages"]] == ["icon is recommended"]


def test_the_charts_version_is_outgates(chart: Any) -> None:
    assert (chart.metadata["version"], chart.metadata["appVersion"]) == (__version__, __version__)


def some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with any of these."""
    return st.fixed_dictionaries({}, optional=values)


peers = st.sampled_from([[], TO])
options = some(
    persistence=some(enabled=st.booleans(), storageClass=st.sampled_from(["", "fast"])),
    autoscaling=some(enabled=st.booleans(), queueDepth=some(enabled=st.booleans())),
    networkPolicy=some(**{"enabled": st.booleans(), "metricsFrom": peers, "from": peers}),
    serviceMonitor=some(enabled=st.booleans(), labels=st.just({"release": "monitoring"})),
    service=some(
        type=st.sampled_from(["LoadBalancer", "NodePort"]),
        externalTrafficPolicy=st.sampled_from(["", "Local"]),
    ),
    image=some(digest=st.sampled_from(["", "sha256:" + "a" * 64])),
    policies=st.just({"files": {"policy.yaml": POLICY}}),
    files=st.just([{"secret": "ldap", "key": "password", "path": "ldap.password"}]),
    proxyProtocol=st.just(["10.9.0.0/16"]),
    topologyKeys=st.just([]),
    tolerations=st.just([{"key": "ai", "operator": "Exists"}]),
    podAnnotations=st.just({"a/b": "true"}),
    podDisruptionBudget=st.just({"maxUnavailable": "25%"}),
    settings=st.just({"log_level": "debug", "audit": {"max_age_days": 30}}),
    keys=st.just(SHARED["keys"]),
    postgres=st.just(SHARED["postgres"]),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options)
def test_all_that_can_be_chosen_is_taken_by_kubernetes_and_by_outgate(
    chart: Any, tmp_path: Path, values: dict[str, Any]
) -> None:
    manifests = rendered(chart, values)
    kind = "StatefulSet" if values.get("persistence", {}).get("enabled") else "Deployment"
    scaled = values.get("autoscaling", {}).get("enabled", True)
    assert ("replicas" not in manifests[kind, "outgate"]["spec"]) is scaled
    if scaled:
        assert manifests["HorizontalPodAutoscaler", "outgate"]["spec"]["scaleTargetRef"]["kind"] == kind
    spec = pod(manifests)
    volumes = {volume["name"] for volume in spec["volumes"]} | ({"state"} if kind == "StatefulSet" else set())
    for container in (*spec["initContainers"], *spec["containers"]):
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    file = tmp_path / "outgate.yaml"
    file.write_text(manifests["ConfigMap", "outgate"]["data"]["outgate.yaml"])
    told = Settings.load(file)
    assert told.client_networks
    assert spec["terminationGracePeriodSeconds"] >= told.workers.drain + 20


def test_pods_may_do_nothing_that_they_need_not(chart: Any) -> None:
    """The restricted Pod Security Standard, and no token."""
    manifests = rendered(chart, SHARED)
    spec = pod(manifests)
    assert spec["automountServiceAccountToken"] is False
    assert manifests["ServiceAccount", "outgate"]["automountServiceAccountToken"] is False
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True and security["runAsUser"] == 10001
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    kinds = [next(key for key in volume if key != "name") for volume in spec["volumes"]]
    assert set(kinds) == {"projected", "configMap", "emptyDir"}
    assert "USER 10001" in (CHART.parents[1] / "Dockerfile").read_text()


def test_probes_ask_what_outgate_answers(chart: Any) -> None:
    (container,) = pod(rendered(chart))["containers"]
    told = yaml.safe_load(rendered(chart)["ConfigMap", "outgate"]["data"]["outgate.yaml"])
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert told["listen"] == f"0.0.0.0:{ports['proxy']}" and told["metrics"] == f"0.0.0.0:{ports['metrics']}"
    paths = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: (get["path"], get["port"]) for name, get in paths.items()} == {
        "startup": ("/readyz", "metrics"),
        "readiness": ("/readyz", "metrics"),
        "liveness": ("/healthz", "metrics"),
    }


def test_the_network_lets_through_what_is_needed_alone(chart: Any) -> None:
    policy = rendered(chart, {**SHARED, "proxyProtocol": ["10.9.0.5/32"]})["NetworkPolicy", "outgate"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (ingress,) = policy["ingress"]  # metrics are for nobody who is not named
    assert ingress["ports"] == [{"port": "proxy", "protocol": "TCP"}]
    assert ingress["from"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": "10.9.0.5/32"}}]
    opened = {tuple(port["port"] for port in rule["ports"]): rule["to"] for rule in policy["egress"]}
    assert set(opened) == {(53, 53), (443,), (6379,), (5432,)}
    assert opened[6379,] == opened[5432,] == TO
    assert all(rule["to"] for rule in policy["egress"])  # an empty list would be everywhere
    inside = {cidr for peer in opened[443,] for cidr in peer["ipBlock"]["except"]}
    assert {"10.0.0.0/8", "169.254.0.0/16", "fc00::/7"} <= inside


def test_pods_are_added_by_a_metric_that_there_is(chart: Any) -> None:
    values = {"autoscaling": {"queueDepth": {"enabled": True}}}
    metrics = rendered(chart, values)["HorizontalPodAutoscaler", "outgate"]["spec"]["metrics"]
    assert [metric["type"] for metric in metrics] == ["Pods", "Resource"]
    name = metrics[0]["pods"]["metric"]["name"]
    assert f"# TYPE {name} gauge" in Metrics().scrape("")[0].decode()
    assert name in (CHART / "README.md").read_text()
    assert [
        one["type"] for one in rendered(chart)["HorizontalPodAutoscaler", "outgate"]["spec"]["metrics"]
    ] == ["Resource"]


def test_prometheus_finds_the_metrics_service_alone(chart: Any) -> None:
    manifests = rendered(chart, {"serviceMonitor": {"enabled": True, "labels": {"release": "monitoring"}}})
    monitor = manifests["ServiceMonitor", "outgate"]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    found = [
        name
        for (kind, name), one in manifests.items()
        if kind == "Service" and wanted <= one["metadata"]["labels"].items()
    ]
    assert found == ["outgate-metrics"]
    assert (
        monitor["spec"]["endpoints"][0]["port"] == manifests["Service", found[0]]["spec"]["ports"][0]["name"]
    )
    assert monitor["metadata"]["labels"]["release"] == "monitoring"
    (public,) = manifests["Service", "outgate"]["spec"]["ports"]
    assert public["targetPort"] == "proxy"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"clients": []}, "clients"),
        ({"clients": ["everybody"]}, "clients"),
        ({"ca": {"existingSecret": ""}}, "existingSecret"),
        ({"settings": {"listen": "0.0.0.0:1"}}, "listen"),
        ({"settings": {"vault": {"url": "valkey://x"}}}, "url"),  # a password, in what Helm stores
        ({"settings": {"state_dir": "/tmp"}}, "state_dir"),
        ({"image": {"tags": "x"}}, "tags"),
        ({"valkey": SHARED["valkey"]}, "need the same keys"),
        ({**SHARED, "valkey": {"existingSecret": "v"}}, "say where it is"),
        ({"postgres": {"address": "db:5432"}}, "belong together"),
        ({"policies": {"files": {"a.yaml": POLICY}}}, "policy.yaml is not among"),
        ({"networkPolicy": {"egress": [{"ports": [{"port": 22}]}]}}, "to"),  # to everywhere
        ({"networkPolicy": {"from": [{}]}}, "from"),
        ({"files": [{"secret": "a", "key": "b", "path": "../ca/root.pem"}]}, "path"),
        ({"autoscaling": {"min": 5, "max": 2}}, "min is more than max"),
        ({"workers": 0}, "workers"),
    ],
)
def test_values_that_are_unsafe_or_mistaken_are_refused_and_why(chart: Any, values: Any, told: str) -> None:
    with pytest.raises(helm.HelmError, match=re.escape(told)):
        rendered(chart, values)


def test_what_the_pods_first_step_leaves_is_what_outgate_takes(chart: Any, tmp_path: Path) -> None:
    """Secrets as a volume holds them, links and all; then keys, settings and CA as Outgate reads them."""
    manifests = rendered(chart, SHARED)
    data = manifests["ConfigMap", "outgate"]["data"]
    assert data["prepare.py"].rstrip() == (CHART / "files" / "prepare.py").read_text().rstrip()
    run, state, secrets = tmp_path / "run", tmp_path / "lib" / "state", tmp_path / "secrets"
    ca.create(tmp_path / "made" / "ca", Catalogue.load().constraint_names())
    url, key = "valkeys://outgate:made-up@valkey.corp.example:6379", bytes(range(32))
    contents = {
        "ca/root.pem": (tmp_path / "made/ca/root.pem").read_bytes(),
        "ca/mitmproxy-ca.pem": (tmp_path / "made/ca/mitmproxy-ca.pem").read_bytes(),
        "fingerprint.key": key,
        "vault.key": b"0" * 64 + b"\n",
        "signing.key": b"1" * 64 + b"\n",
        "valkey.url": url.encode(),
        "postgres.password": b"made-up\n",
        "postgres-roots.pem": (tmp_path / "made/ca/root.pem").read_bytes(),
    }
    (projected,) = (
        volume["projected"] for volume in pod(manifests)["volumes"] if volume["name"] == "secrets"
    )
    items = [item for source in projected["sources"] for item in source["secret"]["items"]]
    assert {item["path"] for item in items} == set(contents)
    version = secrets / "..2026_01_01"
    for path, content in contents.items():
        file = version / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o440)
    (secrets / "..data").symlink_to(version.name)
    for name in {path.partition("/")[0] for path in contents}:
        (secrets / name).symlink_to(f"..data/{name}")

    file = tmp_path / "settings.yaml"
    file.write_text(
        data["outgate.yaml"].replace("/run/outgate", str(run)).replace("/var/lib/outgate/state", str(state))
    )
    command = [
        sys.executable,
        "-I",
        str(CHART / "files" / "prepare.py"),
        str(secrets),
        str(file),
        str(run),
        str(state),
    ]
    for _ in range(2):  # a pod's first step may be run again
        subprocess.run(command, check=True, timeout=60)

    told = Settings.load(run / "outgate.yaml")
    assert ca.check(told.ca_dir).days_left > 0
    assert told.vault.url == url and not (run / "valkey.url").exists()
    assert "made-up" not in json.dumps(list(manifests.values()))
    assert fingerprint_key(told.state_dir) == key
    assert told.vault.key.file and secrets_of_file(told.vault.key.file)
    assert signer_of(told).public_keys
    (sink,) = told.audit.sinks
    assert sink.type == "postgres" and sink.password is not None and sink.password.read() == "made-up"
    assert all(
        path.stat().st_mode & 0o077 == 0
        for path in (*run.rglob("*"), *state.rglob("*"), run / "outgate.yaml")
    )


def test_the_policies_of_the_readme_are_ones(chart: Any, tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(# my-values\.yaml.*?)```", (CHART / "README.md").read_text(), re.DOTALL)
    manifests = rendered(chart, yaml.safe_load(text))
    for name, policy in manifests["ConfigMap", "outgate-policies"]["data"].items():
        file = tmp_path / name
        file.write_text(policy)
        done = subprocess.run(
            [sys.executable, "-m", "outgate", "policy", "check", "--no-model", file],
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    told = yaml.safe_load(manifests["ConfigMap", "outgate"]["data"]["outgate.yaml"])
    assert told["policies"] == ["/etc/outgate/policies/policy.yaml"]
