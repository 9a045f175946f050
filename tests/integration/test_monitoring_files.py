"""What deploy/ and docs/metrics.md say of metrics is what processes serve, and Compose reads the variant."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from garrison.cluster.daemon.manager_metrics import write_metrics
from tests.conftest import find_free_port
from tests.integration.promtool import Target
from tests.integration.replicating import Field
from tests.integration.sentinels import Bench, until
from tests.unit.cluster.daemon.desks import make_desk
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster

TO_COME = {"garrison_tls_certificate_expiry_timestamp_seconds"}
OF_AN_ELECTION = {"redis_cluster_stats_messages_auth_req_sent"}
"""`test_alerts` holds one."""
OF_PROMETHEUS = {"up"}
NAME = re.compile(r"\b(?:garrison|redis|process)_[a-z0-9_]+")
NOT_SERVED_HERE = {"redis_version", "redis_exporter"}
"""Words of the documents that look like metrics."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def served(field: Field, bench: Bench) -> set[str]:
    """The names of all samples of a cluster's node, a primary with a replica, a Sentinel, and a manager."""
    ports = [find_free_port() for _ in range(4)]
    options = [["--metrics-port", str(port), "--metrics-bind", "127.0.0.1"] for port in ports[:3]]
    cluster = field.start("garrison", "--cluster-enabled", "yes", *options[0])
    primary, replica = field.start("garrison", *options[1]), field.start("garrison", *options[2])
    cluster.call("CONFIG", "SET", "latency-monitor-threshold", "1")
    # A lease that ends takes a second primary.
    other = field.start("garrison", "--cluster-enabled", "yes")
    cluster.call("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
    other.call("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
    cluster.call("CLUSTER", "MEET", "127.0.0.1", other.port)
    replica.follow(primary)
    replica.wait_for(primary)
    primary.call("SET", "a", "1")
    with pytest.raises(Exception, match="WRONGTYPE"):
        primary.call("LPUSH", "a", "1")
    bench.sentinel(
        "garrison",
        f"metrics-port {ports[3]}\nmetrics-bind 127.0.0.1\nsentinel monitor m 127.0.0.1 {primary.port} 1\n",
    ).wait_until_ready()
    lease = "garrison_cluster_lease_left_seconds"
    until("a lease", lambda: Target("garrison-node", ports[0]).value(lease) > 0)
    of_manager = write_metrics(asyncio.run(make_desk(TinyCluster.of("a", "b", "a>c"))), {})
    names = {series.partition("{")[0] for port in ports for series in Target("any", port).scrape()}
    return names | {
        line.split(maxsplit=3)[2] for line in of_manager.splitlines() if line.startswith("# TYPE")
    }


def test_documents_rules_and_dashboard_name_what_is_served(served: set[str], root: Path) -> None:
    documented = set(NAME.findall((root / "docs" / "metrics.md").read_text()))
    ours = {name for name in served if not name.startswith("redis_")} - OF_PROMETHEUS
    assert ours - documented == set(), "not in docs/metrics.md"
    of_exporter_alone = re.compile(
        r"redis_(exporter|target|last_key|cluster_(bus|data|keys_stray|write_lease))\w*"
    )
    unknown = {name for name in documented if not of_exporter_alone.fullmatch(name)}
    nobodys = unknown - served - TO_COME - OF_AN_ELECTION - NOT_SERVED_HERE
    assert nobodys == set(), "in docs/metrics.md, and nobody serves it"

    rules = yaml.safe_load((root / "deploy/prometheus/garrison.rules.yml").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    dashboard = json.loads((root / "deploy/grafana/dashboards/garrison.json").read_text())
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(expressions) > 40
    used = {name for expression in expressions for name in NAME.findall(expression)}
    assert used - served - TO_COME == set()


def test_every_alert_is_documented(root: Path) -> None:
    text = (root / "docs" / "metrics.md").read_text()
    rules = (root / "deploy/prometheus/garrison.rules.yml").read_text()
    assert set(re.findall(r"`(Garrison\w+)`", text)) == set(re.findall(r"alert: (\w+)", rules))


def test_dashboard_panels_do_not_overlap(root: Path) -> None:
    dashboard = json.loads((root / "deploy/grafana/dashboards/garrison.json").read_text())
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for grid in (panel["gridPos"],)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.parametrize(("files", "settings"), [
    (("docker-compose.yml",), {}),
    (("docker-compose.yml", "deploy/compose/managers.yml"), {"GARRISON_MONITORED": "managers"}),
    (("deploy/compose/sentinel.yml",), {"GARRISON_DEPLOY": "..", "GARRISON_MONITORED": "sentinel"}),
])  # fmt: skip
def test_compose_reads_the_variant(root: Path, files: tuple[str, ...], settings: dict[str, str]) -> None:
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed: the variant with Prometheus is not read by it")
    done = subprocess.run(
        [
            "docker-compose",
            *(f"--file={file}" for file in (*files, "deploy/compose/monitoring.yml")),
            "config",
        ],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", **settings},
    )
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert {"prometheus", "grafana"} < set(services)
    mounted = [
        str(volume).partition(":")[0] if isinstance(volume, str) else volume["source"]
        for name in ("prometheus", "grafana")
        for volume in services[name]["volumes"]
    ]
    sources = [Path(source) for source in mounted if "/" in source]
    assert len(sources) == 5
    assert [path for path in sources if not path.exists()] == []
    targets = yaml.safe_load(next(path for path in sources if "targets" in path.name).read_text())
    jobs = {target: group["labels"]["job"] for group in targets for target in group["targets"]}
    scraped = set(jobs)
    assert {job.partition("-")[2] for job in jobs.values()} == {re.split(r"[-:]", one)[0] for one in scraped}
    assert scraped == {target for name, service in services.items() for target in with_metrics(name, service)}


def with_metrics(name: str, service: dict[str, Any]) -> set[str]:
    """Where a service answers with metrics: a node or Sentinel at its port, a manager where it listens."""
    environment, words = service.get("environment", {}), str(service.get("command", "")).split()
    if words[:2] == ["manager", "run"]:
        port = words[words.index("--listen") + 1].rpartition(":")[2]
        assert words[words.index("--allow-host") + 1] == name
        assert service["ports"] == [f"127.0.0.1:{port}:{port}/tcp"]
        return {f"{name}:{port}"}
    port = environment.get("GARRISON_METRICS_PORT")
    return {f"{name}:{port}"} if port else set()
