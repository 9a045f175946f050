"""Metrics of the manager, read by the parser of Prometheus' client."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from garrison.cluster.core.manager.node_figures import read_sample
from garrison.cluster.daemon.manager_metrics import write_metrics
from garrison.cluster.manager.admin_client import read_fields
from tests.unit.cluster.daemon.desks import make_desk
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster


async def test_manager_cluster_and_nodes_are_there() -> None:
    cluster = TinyCluster.of("a", "b", "a>c")
    cluster.node("b").is_up = False
    desk = await make_desk(cluster)
    samples = {
        node.id: read_sample(0.0, read_fields(cluster.info(node)), {}) if node.is_up else None
        for node in cluster.nodes.values()
    }
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(write_metrics(desk, samples)):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    assert found["garrison_manager_leader"] == {("m@127.0.0.1:7380",): 1.0}
    assert found["garrison_manager_jobs"][("running",)] == 0.0
    assert "garrison_manager_lease_epoch" in found
    assert found["garrison_cluster_majority"] == {(): 0.0}
    assert found["redis_up"] == {("10.0.0.1:7001",): 1.0, ("10.0.0.1:7002",): 0.0, ("10.0.0.1:7003",): 1.0}
    assert found["redis_memory_used_bytes"] == {("10.0.0.1:7001",): 1e6, ("10.0.0.1:7003",): 1e6}


async def test_dead_member_does_not_hide_the_new_one_at_its_address() -> None:
    cluster = TinyCluster.of("a", "b", "a>c", "b>d")
    cluster.node("d").is_up = False
    cluster.node("d").address = cluster.node("c").address
    page = write_metrics(await make_desk(cluster), {})
    address = cluster.node("c").address
    assert [line for line in page.splitlines() if f'"{address}"' in line and "redis_up" in line] == [
        f'redis_up{{instance="{address}"}} 1'
    ]
