"""Where a manager may act, and where it only watches."""

from __future__ import annotations

import pytest

from garrison.cluster.core.manager.only_watching import SENTINELS, SINGLE, why_only_watching
from garrison.cluster.core.manager.picture import NodePicture, Picture

from .core_bench import Bench


def cluster_of(*servers: str) -> Picture:
    nodes = [
        NodePicture(id=str(at), address=f"h:{at}", role="primary", slot_count=1, server=server)
        for at, server in enumerate(servers)
    ]
    replica = NodePicture(id="r", address="h:99", role="replica", primary_id="0", server="redis")
    return Picture(at_ms=1, nodes=(*nodes, replica))


def test_other_deployments_are_watched_wherever_records_are() -> None:
    for keeping in ("cluster", "file"):
        assert why_only_watching(Picture(at_ms=1, kind="sentinel"), keeping) == SENTINELS
        assert why_only_watching(Picture(at_ms=1, kind="single"), keeping) == SINGLE


@pytest.mark.parametrize(
    ("servers", "count"),
    [
        (("redis",) * 3, 3),
        (("garrison", "redis", "valkey"), 2),
        (("garrison", "redis"), 1),
        (("garrison", "garrison", "redis"), 0),
        (("garrison",) * 3, 0),
        (("", "", ""), 0),
        ((), 0),
    ],
)
def test_records_need_a_majority_of_garrison_primaries(servers: tuple[str, ...], count: int) -> None:
    why = why_only_watching(cluster_of(*servers), "cluster")
    assert why.startswith(f"{count} of {len(servers)} primaries are plain Redis or Valkey nodes") == bool(
        count
    )
    assert ("--records FILE" in why) == bool(count)
    assert why_only_watching(cluster_of(*servers), "file") == ""


def test_core_asks_plain_nodes_for_no_lease() -> None:
    bench = Bench()
    nodes = [node.model_copy(update={"server": "redis"}) for node in bench.picture().nodes]
    bench.run(20_000, nodes=tuple(nodes))
    assert not bench.core.leads
    assert bench.core.epoch == 0
    assert "--records FILE" in bench.core.why_idle
    bench.run(20_000)
    assert bench.core.leads, "nodes that keep records have taken their place"
    bench.run(2_000, nodes=tuple(nodes))
    assert "--records FILE" in bench.core.why_idle
