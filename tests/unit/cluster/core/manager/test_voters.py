"""Who decides among managers."""

from garrison.cluster.core.manager.picture import NodePicture, NodeState, Picture
from garrison.cluster.core.manager.voters import ALONE, Shard, Voters, voters_of

THREE = Voters((Shard("a", ("x",)), Shard("b"), Shard("c")), ("a", "b", "c", "x"))


def node(id: str, slots: int = 0, primary: str | None = None, **more: object) -> NodePicture:
    fields = {"id": id, "address": f"{id}:1", "role": "replica" if primary else "primary"}
    return NodePicture.model_validate(fields | {"slot_count": slots, "primary_id": primary} | more)


def test_voters_are_the_primaries_with_slots() -> None:
    nodes = (
        node("a", 10),
        node("idle"),
        node("x", primary="a", link_up=True),
        node("y", primary="a", link_up=False),
        node("z", primary="a", link_up=True, state=NodeState.SILENT),
    )
    voters = voters_of(Picture(at_ms=1, nodes=nodes))
    assert voters.shards == (Shard("a", ("x",)),)
    assert voters.node_ids == ("a", "idle", "x", "y", "z")


def test_records_count_only_with_a_replica_in_sync() -> None:
    assert not THREE.agree(lambda id: id in {"a", "b"})
    assert THREE.agree(lambda id: id in {"a", "x", "b"})
    assert THREE.primaries_agree(lambda id: id in {"a", "b"})


def test_majority_lasts_as_long_as_its_shortest_member() -> None:
    ends = {"a": 30, "b": 20, "c": 10}
    assert THREE.primaries_agree_until(lambda id: ends.get(id, 0)) == 20
    assert Voters().primaries_agree_until(lambda _: 99) == 0


def test_one_voter_more_is_counted_against() -> None:
    assert not THREE.with_one_more(lambda id: id in {"a", "b"})
    assert THREE.with_one_more(lambda id: id in {"a", "b", "c"})


def test_majority_without_one_of_them() -> None:
    assert not THREE.without("a", lambda id: id in {"a", "b"})
    assert THREE.without("c", lambda id: id in {"a", "b"})
    assert Voters((Shard("a"), Shard("b"))).without("a", lambda id: id == "b")


def test_nobody_agrees_without_a_shard() -> None:
    assert not Voters().agree(lambda _: True)
    assert ALONE.agree(lambda id: id == "file")
