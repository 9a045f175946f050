"""The picture of servers outside a cluster."""

from garrison.cluster.core.manager.drawing import Heard
from garrison.cluster.core.manager.group_drawing import Member, draw_group
from garrison.cluster.core.manager.node_figures import read_sample
from garrison.cluster.core.manager.picture import NodeState, SentinelPicture

NOW_MS = 1_800_000_000_000


def heard(role: str, **fields: str) -> Heard:
    info = {"redis_version": "7.0.15", "role": role, "master_link_status": "up", **fields}
    return Heard(sample=read_sample(1.0, info, {}), as_of_ms=NOW_MS, answered_in_ms=0.5)


def test_what_a_server_says_of_itself_counts_for_its_role() -> None:
    promoted = Member("b:2", "replica", "a:1", heard=heard("master"))
    demoted = Member("a:1", "primary", heard=heard("slave", master_host="b", master_port="2"))
    picture = draw_group("sentinel", "shop", (promoted, demoted), NOW_MS)
    assert [(node.id, node.role, node.primary_id) for node in picture.nodes] == [
        ("a:1", "replica", "b:2"),
        ("b:2", "primary", None),
    ]
    assert [(shard.id, shard.replica_ids) for shard in picture.shards] == [("b:2", ("a:1",))]


def test_silent_server_is_what_others_say() -> None:
    member = Member("b:2", "replica", "a:1", heard=Heard(silent_since_ms=NOW_MS - 5_000, error="refused"))
    (node,) = draw_group("single", "", (member,), NOW_MS).nodes
    assert (node.role, node.primary_id, node.state, node.why) == (
        "replica",
        "a:1",
        NodeState.SILENT,
        "refused",
    )
    assert node.keys is None
    assert node.link_up is None


def test_majority_is_of_sentinels() -> None:
    sentinels = [SentinelPicture(id=str(at), address=f"s:{at}", reachable=at == 0) for at in range(3)]
    assert not draw_group("sentinel", "", (), NOW_MS, sentinels=sentinels).majority_answers
    assert draw_group("single", "", (), NOW_MS).majority_answers


def test_host_of_an_ipv6_address_has_no_brackets() -> None:
    (node,) = draw_group("single", "", (Member("[::1]:6379", heard=heard("master")),), NOW_MS).nodes
    assert node.host == "::1"
