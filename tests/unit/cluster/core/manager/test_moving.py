"""Moves within limits, copies and budget."""

from __future__ import annotations

from garrison.cluster.core.manager.certainty import Doubts
from garrison.cluster.core.manager.conditions import Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.jobs import Records
from garrison.cluster.core.manager.moving import Room, bounded, describe, dissolve, has_copies_for
from garrison.cluster.core.manager.situation import Situation
from garrison.cluster.core.reshard_plan import Move, slot_count
from tests.unit.cluster.core.manager.cluster_model import NOW_MS, ClusterModel

A, B, C = (f"{index:040x}" for index in range(3))


def drafted(model: ClusterModel, words: dict[str, object] | None = None) -> Draft:
    desired = DesiredState.model_validate(words or {})
    situation = Situation(desired, model.picture(), Records(), Observations(), NOW_MS)
    return Draft(situation, Doubts((), {}, ()))


def cut(draft: Draft, *moves: Move) -> list[Move]:
    return bounded(moves, draft, Room(draft.situation))


def test_receiver_is_filled_to_nine_tenths_of_a_limit() -> None:
    model = ClusterModel.of(3, 0)
    model.cpu_of = {1: 0.1, 2: 0.1, 3: 0.1, 6000: 0.5}
    draft = drafted(model)
    (move,) = cut(draft, Move(A, B, (1, 2, 3)))
    assert move.slots == (1, 2)
    assert "takes 2 of 3 slots" in draft.explanations[0]


def test_budget_cuts_moves() -> None:
    draft = drafted(ClusterModel.of(3, 0), {"harm": {"points_per_hour_max": 2, "slots_moved_100": 1}})
    moves = cut(draft, Move(A, B, tuple(range(150))), Move(A, C, tuple(range(150, 300))))
    assert [len(move.slots) for move in moves] == [150, 50]


def test_copies_of_the_receiver_must_suffice() -> None:
    model = ClusterModel.of(3, 1)
    del model.nodes[f"{4:040x}"]
    assert cut(drafted(model), Move(A, B, (1,))) == []
    assert cut(drafted(model, {"replicas_per_shard": 0}), Move(A, B, (1,))) == [Move(A, B, (1,))]
    shards = drafted(model).situation.shards
    assert has_copies_for(shards[B], shards[A], drafted(model).situation)


def test_dissolved_shard_gives_all_or_nothing() -> None:
    model = ClusterModel.of(3, 0)
    draft = drafted(model)
    moves, is_whole = dissolve(draft.situation.shards[A], draft)
    assert is_whole
    assert slot_count(moves) == 5461
    assert describe(moves) == "5461 slots from 1 shard to 2"
    tight = drafted(model, {"limits": {"slots_max": 8000}})
    assert dissolve(tight.situation.shards[A], tight) == ([], False)


def test_points_kept_for_other_steps_are_not_spent() -> None:
    draft = drafted(ClusterModel.of(3, 0))
    moves, is_whole = dissolve(draft.situation.shards[A], draft, points_kept=90)
    assert not is_whole
    assert slot_count(moves) == 1000
