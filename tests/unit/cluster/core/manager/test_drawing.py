"""The picture is drawn from what was heard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.drawing import (
    SLOT_LOADS_MAX,
    Heard,
    Surroundings,
    disputed_slots,
    draw_cluster,
    is_silent,
    with_answer,
    with_table,
    without_answer,
)
from garrison.cluster.core.manager.node_figures import read_sample, slot_loads
from garrison.cluster.core.manager.picture import Picture
from garrison.cluster.core.topology import parse_nodes
from garrison.cluster.manager.admin_client import read_fields
from tests.unit.cluster.daemon.desks import picture_of
from tests.unit.cluster.daemon.tiny_cluster import TinyCluster


def heard_of(cluster: TinyCluster, now_ms: int) -> dict[str, Heard]:
    return {
        node.id: Heard(
            view=parse_nodes(cluster.table(node), node.address),
            view_at_ms=now_ms,
            sample=read_sample(0.0, read_fields(cluster.info(node)), {}),
            as_of_ms=now_ms,
        )
        for node in cluster.nodes.values()
    }


def test_whole_cluster_is_drawn() -> None:
    picture = picture_of(TinyCluster.of("a", "b", "a>c"))
    assert picture.slots_covered == 16384
    assert [(shard.id[0], len(shard.replica_ids)) for shard in picture.shards] == [("a", 1), ("b", 0)]
    assert {node.state.value for node in picture.nodes} == {"ok"}
    assert picture.majority_answers


def test_newest_claim_wins_before_the_loser_hears_of_it() -> None:
    cluster = TinyCluster.of("a", "b", "a>c")
    cluster.node("c").primary_id, cluster.node("c").slots = None, cluster.node("a").slots
    cluster.node("c").epoch = 9
    picture = picture_of(cluster)
    owners = {node.id[0]: node.slot_count for node in picture.nodes}
    assert owners == {"a": 0, "b": 8192, "c": 8192}


def test_one_liar_condemns_nobody() -> None:
    cluster = TinyCluster.of("a", "b", "c")
    cluster.node("a").failed = {"b" * 40}
    node = picture_of(cluster).node("b" * 40)
    assert node is not None
    assert node.state == "suspected"
    cluster.node("c").failed = {"b" * 40}
    picture = picture_of(cluster)
    failed = picture.node("b" * 40)
    assert failed is not None
    assert failed.state == "failed"
    assert picture.slots_covered < 16384


def test_single_missed_answer_is_no_silence() -> None:
    now = 100_000
    heard = heard_of(TinyCluster.of("a", "b"), now)
    heard["b" * 40] = without_answer(heard["b" * 40], now - 100, "no answer")
    states = [draw_cluster(heard, at, Surroundings()).node("b" * 40) for at in (now, now + 5_000)]
    assert [node.state.value for node in states if node] == ["suspected", "silent"]
    heard["b" * 40] = with_answer(heard["b" * 40], now + 5_000, 700.0)
    back = draw_cluster(heard, now + 5_000, Surroundings()).node("b" * 40)
    assert back is not None
    assert back.state == "slow"


def test_manager_that_is_cut_off_shows_what_it_knew() -> None:
    heard = {
        node_id: without_answer(each, 1_000, "no route")
        for node_id, each in heard_of(TinyCluster.of("a", "b", "a>c"), 1_000).items()
    }
    picture = draw_cluster(heard, 60_000, Surroundings())
    assert [node.state for node in picture.nodes] == ["silent"] * 3
    assert picture.slots_covered == 16384
    assert not picture.majority_answers


def test_majority_is_of_owners() -> None:
    cluster = TinyCluster.of("a", "b", "c")
    heard = heard_of(cluster, 1)
    for name in "bc":
        heard[name * 40] = without_answer(heard[name * 40], 1, "gone")
    assert not draw_cluster(heard, 60_000, Surroundings()).majority_answers


def test_wishes_name_zone_and_host() -> None:
    wish = DesiredState.model_validate({"nodes": {"aaaa": {"zone": "z1", "host": "rack"}}, "zones": ["z1"]})
    node = draw_cluster(heard_of(TinyCluster.of("a", "b"), 1), 1, Surroundings(wish)).node("a" * 40)
    assert node is not None
    assert (node.zone, node.host) == ("z1", "rack")


def test_only_new_tables_are_compared() -> None:
    cluster = TinyCluster.of("a", "b")
    heard = heard_of(cluster, 1_000)
    assert disputed_slots(heard, 1_000) == {}
    cluster.node("a").slots = frozenset(range(100))
    heard["a" * 40] = heard_of(cluster, 1_000)["a" * 40]
    assert disputed_slots(heard, 1_000).keys() == set(range(100, 8192))
    assert disputed_slots(heard, 60_000) == {}


def test_slot_handed_over_between_two_replies_is_not_lost() -> None:
    cluster = TinyCluster.of("a", "b")
    heard = dict.fromkeys(cluster.nodes, Heard())

    def hear(name: str, now_ms: int) -> Picture:
        node = cluster.node(name)
        view = parse_nodes(cluster.table(node), node.address)
        heard[node.id] = with_table(heard[node.id], view, now_ms - 1, now_ms)
        return draw_cluster(heard, now_ms, Surroundings())

    hear("a", 10), hear("b", 20)
    cluster.node("a").slots -= {5}
    cluster.node("b").slots |= {5}
    picture = hear("a", 30)
    assert picture.slots_covered == 16384
    assert [node.slots for node in picture.nodes] == ["0-4,6-8191", "5,8192-16383"]
    cluster.node("b").slots -= {5}
    assert hear("b", 40).slots_covered == hear("a", 50).slots_covered == 16383


def test_costliest_slots_of_all_nodes_come_first() -> None:
    heard = heard_of(TinyCluster.of("a", "b"), 1)
    for name, first in (("a", 0), ("b", 8192)):
        now = {first + at: {"cpu-usec": (at % 5 + 1) * (first + 1), "key-count": at} for at in range(600)}
        loads = slot_loads({slot: {"cpu-usec": 0} for slot in now}, now, 1.0)
        heard[name * 40] = replace(heard[name * 40], slot_loads=tuple(loads))
    seen = draw_cluster(heard, 1, Surroundings()).slot_load
    costs = [(load.cpu_fraction or 0.0, load.keys or 0) for load in seen]
    assert costs == sorted(costs, reverse=True)
    assert (len(seen), seen[0].slot) == (SLOT_LOADS_MAX, 8192 + 599)


def test_open_slot_lasts_when_its_mark_stays() -> None:
    cluster = TinyCluster.of("a", "b")
    node = cluster.node("a")

    def hear(heard: Heard, now_ms: int, mark: str) -> Heard:
        view = parse_nodes(cluster.table(node).replace("0-8191", f"0-8191 {mark}"), node.address)
        return with_table(heard, view, now_ms, now_ms)

    def lasts(heard: Heard, now_ms: int) -> list[bool]:
        return [each.lasts for each in draw_cluster({node.id: heard}, now_ms, Surroundings()).open_slots]

    mark = f"[5->-{'b' * 40}]"
    heard = hear(Heard(), 1_000, mark)
    assert lasts(heard, 1_000) == [True]  # Whoever looks once cannot tell, and says it.
    heard = hear(hear(heard, 2_000, ""), 3_000, mark)
    assert lasts(heard, 60_000) == [False]
    assert lasts(hear(heard, 8_000, mark), 8_000) == [True]
    assert lasts(hear(hear(heard, 7_000, ""), 8_000, mark), 8_000) == [False]


@pytest.mark.parametrize(("now_ms", "silent"), [(9_999_000, False), (10_001_000, False), (6_400_000, True)])
def test_node_stays_silent_when_the_clock_is_set_back(now_ms: int, silent: bool) -> None:
    assert is_silent(Heard(silent_since_ms=10_000_000), now_ms) is silent
