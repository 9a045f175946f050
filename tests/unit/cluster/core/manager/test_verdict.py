"""What is wrong in a picture."""

import pytest

from garrison.cluster.core.manager.picture import (
    NodeState,
    OpenSlotPicture,
    Picture,
    SentinelPicture,
)
from garrison.cluster.core.manager.verdict import NODES_NAMED_MAX, complaints, complaints_since
from tests.unit.cluster.top.scenes import cluster, failover, node_id, sentinel_group


def with_state(picture: Picture, number: int, **changes: object) -> Picture:
    nodes = tuple(
        node.model_copy(update=changes) if node.id == node_id(number) else node for node in picture.nodes
    )
    return picture.model_copy(update={"nodes": nodes})


@pytest.mark.parametrize("picture", [cluster(), cluster(1, 0), sentinel_group()])
def test_healthy_deployment_has_no_complaint(picture: Picture) -> None:
    assert complaints(picture) == ()


def test_failover_is_told_the_worst_first() -> None:
    assert complaints(failover()) == (
        "5461 of 16384 slots are not served",
        "primary 10.0.0.1:7000 has failed: declared by 2 of 3 primaries",
        "replica 10.0.0.4:7000 has no link to its primary",
        "no replica of 10.0.0.1:7000 could take its place",
    )


@pytest.mark.parametrize("state", [state for state in NodeState if state is not NodeState.OK])
def test_every_state_but_ok_is_a_complaint(state: NodeState) -> None:
    (first, *_) = complaints(with_state(cluster(), 1, state=state))
    assert first.startswith("primary 10.0.0.2:7000 ")


def test_shard_of_which_no_replica_is_fit_is_named() -> None:
    picture = with_state(cluster(2, 2), 2, state=NodeState.SILENT)
    assert not any("take its place" in each for each in complaints(picture))
    picture = with_state(picture, 3, link_up=None)
    assert complaints(picture)[-1] == "no replica of 10.0.0.1:7000 could take its place"


def test_open_slots_are_counted_and_some_named() -> None:
    slots = tuple(OpenSlotPicture(slot=slot) for slot in range(20))
    (said,) = complaints(cluster().model_copy(update={"open_slots": slots}))
    assert said.startswith("20 open slots")
    assert said.endswith("0, 1, 2, 3, 4, 5, 6, 7 ...")
    moving = tuple(slot.model_copy(update={"lasts": False}) for slot in slots)
    assert complaints(cluster().model_copy(update={"open_slots": moving})) == ()


def test_many_alike_are_counted() -> None:
    picture = cluster(50, 1)
    nodes = tuple(node.model_copy(update={"state": NodeState.SILENT}) for node in picture.nodes)
    said = complaints(picture.model_copy(update={"nodes": nodes, "majority_answers": False}))
    assert said[0] == "no majority of the primaries answers"
    assert said[1 + NODES_NAMED_MAX] == "92 further nodes: does not answer"


def test_sentinels_that_do_not_answer_are_named() -> None:
    sentinels = tuple(
        SentinelPicture(id=str(at), address=f"10.0.0.{at}:26379", reachable=at != 2) for at in (1, 2, 3)
    )
    picture = sentinel_group().model_copy(update={"sentinels": sentinels})
    assert complaints(picture) == ("1 of 3 Sentinels do not answer: 10.0.0.2:26379",)


def test_group_without_primary() -> None:
    picture = sentinel_group()
    replicas = tuple(node for node in picture.nodes if node.role == "replica")
    said = complaints(picture.model_copy(update={"nodes": replicas, "shards": ()}))
    assert said == ("there is no primary: writes have nowhere to go",)


def test_nothing_known_is_a_complaint() -> None:
    assert complaints(Picture(at_ms=0)) == ("no node is known",)


def test_complaint_lasts_while_its_words_change() -> None:
    first = with_state(cluster(), 1, state=NodeState.SUSPECTED).model_copy(update={"at_ms": 1_000})
    first = first.model_copy(update={"wrong": complaints_since(first, cluster())})
    assert [(each.severity, each.since_ms) for each in first.wrong] == [("warning", 1_000)]
    later = with_state(cluster(), 1, state=NodeState.FAILED)
    later = later.model_copy(update={"at_ms": 5_000, "slots_covered": 16_000})
    found = complaints_since(later, first)
    assert [each.text for each in found] == list(complaints(later))
    since = {each.about: (each.severity, each.since_ms) for each in found}
    assert since["slots"] == ("error", 5_000)
    assert since[node_id(1)] == ("error", 1_000)
    assert complaints_since(cluster(), later) == ()
