"""Which desired states cannot hold, and what is said to whoever wrote them."""

from __future__ import annotations

import pytest

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.holding import Refusal, refusals, refusals_in, warnings_in
from tests.unit.cluster.core.manager.cluster_model import ClusterModel

PICTURE = ClusterModel.of(3, 1).picture()


def desired(words: dict[str, object]) -> DesiredState:
    return DesiredState.model_validate(words)


def test_default_holds_everywhere() -> None:
    assert refusals(DesiredState()) == ()
    assert refusals_in(DesiredState(), PICTURE) == ()


@pytest.mark.parametrize(
    ("words", "path", "part"),
    [
        ({"zones": ["a", "a"]}, "zones", "'a' stands there 2 times"),
        ({"zones": ["eu-a"], "nodes": {"n": {"zone": "eu-b"}}}, "nodes.n.zone", "did you mean eu-a?"),
        ({"spares": ["10.0.0.1"]}, "spares.0", "write host:port"),
        ({"spares": ["h:0"]}, "spares.0", "write host:port"),
        ({"spares": ["::1:7000", "[::1]:7000"]}, "spares.0", "::1:7000 is written [::1]:7000"),
        ({"spares": ["h:07000"]}, "spares.0", "is written h:7000"),
        ({"spares": ["h:1", "h:1"]}, "spares.1", "stands there twice"),
        (
            {"shards": 3, "limits": {"slots_max": 5000}},
            "limits.slots_max",
            "3 shards with 5000 slots hold 15000 of 16384: allow 5462 or more",
        ),
        (
            {"mode": "act", "harm": {"points_per_hour_max": 0}},
            "harm.points_per_hour_max",
            "lets no job begin",
        ),
        ({"harm": {"points_per_hour_max": 5}}, "harm.hand_over", "10 points are more than"),
        ({"windows": [{"days": []}]}, "windows.0.days", "never opens"),
        ({"windows": [{"begins": "02:00Z"}]}, "windows.0.begins", "write HH:MM"),
        ({"settings": {"port": "1"}}, "settings.port", "set it in the node's own file"),
        (
            {"settings": {"cluster-enabled": "no"}},
            "settings.cluster-enabled",
            "not a directive that a manager",
        ),
        ({"settings": {"requirepass": "x"}}, "settings.requirepass", "not a directive that a manager"),
        ({"settings": {"maxmemroy": "1gb"}}, "settings.maxmemroy", "did you mean maxmemory?"),
        ({"settings": {"maxmemory": "1" * 5000}}, "settings.maxmemory", "longer than 4096 bytes"),
        ({"settings": {"maxmemory": "banana"}}, "settings.maxmemory", "not taken; it takes a number"),
        ({"settings": {"appendfsync": "never"}}, "settings.appendfsync", "one of everysec, always, no"),
        ({"settings": {"hz": "-1"}}, "settings.hz", "it takes an integer from 0"),
        ({"settings": {"save": "1 1\n2 2"}}, "settings.save", "write it on one line"),
        ({"settings": {"save": "\ud800"}}, "settings.save", "write it on one line"),
        ({"backups": [{"target": "/b"}, {"target": "/b/"}]}, "backups.1.target", "stands there twice"),
        (
            {"backups": [{"target": "/b", "prove_every_s": 60}]},
            "backups.0.prove_every_s",
            "less than every_s",
        ),
        ({"release": " "}, "release", "is not a version"),
    ],
)
def test_state_that_contradicts_itself(words: dict[str, object], path: str, part: str) -> None:
    found = refusals(desired(words))
    assert [refusal.path for refusal in found] == [path]
    assert part in found[0].reason


@pytest.mark.parametrize(
    ("words", "path", "part"),
    [
        (
            {"replicas_per_shard": 2},
            "replicas_per_shard",
            "3 shards with 2 replicas need 9 nodes, and 6 can be",
        ),
        ({"shards": 7}, "shards", "7 need as many nodes, and 6 can be used"),
        ({"shards": 4, "replicas_per_shard": 1}, "replicas_per_shard", "add 2 to `spares`"),
        ({"limits": {"slots_max": 5000}}, "limits.slots_max", "3 shards with 5000 slots hold less than all"),
        ({"nodes": {"10.0.0.9:1": {}}}, "nodes.10.0.0.9:1", "names no node of this deployment"),
        ({"nodes": {"10.0.0.1:7001": {}}}, "nodes.10.0.0.1:7001", "did you mean 10.0.0.2:7001?"),
        ({"nodes": {"0000": {}}}, "nodes.0000", "names 6 nodes; write more of the id"),
        ({"nodes": {f"{0:040x}": {}, "10.0.0.1:7000": {}}}, "nodes.10.0.0.1:7000", "is the same node as"),
    ],
)
def test_state_that_this_deployment_cannot_hold(words: dict[str, object], path: str, part: str) -> None:
    found = [refusal for refusal in refusals_in(desired(words), PICTURE) if part in refusal.reason]
    assert [refusal.path for refusal in found] == [path], refusals_in(desired(words), PICTURE)


def test_weights_of_sum_zero_are_refused() -> None:
    nodes = {f"10.0.0.{index + 1}:{7000 + index}": {"weight": 0} for index in range(3)}
    assert [str(each) for each in refusals_in(desired({"nodes": nodes}), PICTURE)] == [
        "nodes: every primary has weight 0; leave at least one a place for the slots"
    ]


def test_draining_every_node_is_refused() -> None:
    nodes = {node.address: {"drain": True} for node in PICTURE.nodes}
    assert Refusal(
        "nodes", "every node is to be drained; leave at least one to own the slots"
    ) in refusals_in(desired({"nodes": nodes}), PICTURE)


def test_spares_count_as_nodes() -> None:
    words = {"replicas_per_shard": 2, "spares": ["10.1.0.1:1", "10.1.0.2:1", "10.1.0.3:1"]}
    assert refusals_in(desired(words), PICTURE) == ()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ({"replicas_per_shard": 1, "zones": ["a"]}, "A shard has 2 nodes and there are 1 zones"),
        ({"replicas_per_shard": 0}, "Without replicas"),
        ({"shards": 2}, "With fewer than 3 primaries"),
        ({"windows": [{"jobs": ["backup"]}]}, "No window lets these jobs begin: replace-replica,"),
        ({"backups": [{"target": "/b", "prove_every_s": None}]}, "Nothing proves the backups"),
    ],
)
def test_unwise_state_is_warned_about(words: dict[str, object], part: str) -> None:
    assert refusals(desired(words)) == ()
    assert any(part in warning for warning in warnings_in(desired(words), PICTURE))


def test_one_host_for_all_is_warned_about() -> None:
    picture = ClusterModel.of(3, 1, hosts=1).picture()
    assert warnings_in(DesiredState(), picture) == (
        "All nodes are on one host; with it the whole cluster is lost.",
    )
    assert warnings_in(DesiredState(), PICTURE) == ()


def test_spares_that_were_taken_may_stay_listed() -> None:
    """The same file holds before and after its spare was needed."""
    wish = desired({"spares": ["10.0.0.1:7000", "10.0.0.4:7003"], "replicas_per_shard": 1})
    assert refusals_in(wish, PICTURE) == ()
    more = desired({"spares": ["10.0.0.4:7003"], "replicas_per_shard": 2})
    assert "6 can be used" in refusals_in(more, PICTURE)[0].reason
