"""The lease: who acts, and until when."""

import random

from garrison.cluster.core.manager.effects import AskLease, LeaseAnswer, ReleaseLease
from garrison.cluster.core.manager.lease import Lease, LeaseOfOne, LeaseState
from garrison.cluster.core.manager.manager_settings import LEASE_MS_MIN, ManagerSettings
from garrison.cluster.core.manager.voters import Shard, Voters

VOTERS = Voters((Shard("a"), Shard("b"), Shard("c")), ("a", "b", "c", "replica"))
SETTINGS = ManagerSettings(id="me", lease_ms=9_000)
LASTS_MS = 8_100
"""The lease less ten percent for clocks that differ."""


def following(now_ms: int = 0) -> Lease:
    lease = Lease(SETTINGS, random.Random(1), now_ms)
    lease.seen(VOTERS)
    return lease


def granted(epoch: int, holder: str = "me") -> LeaseAnswer:
    return LeaseAnswer(True, epoch, holder, 9_000)


def bidding(epoch: int = 5) -> Lease:
    """It has asked at 4000 with an epoch more than the newest."""
    lease = following()
    lease.tick(1_000)
    for node in ("a", "b"):
        lease.heard(node, epoch - 1, "", 0)
    lease.tick(4_000)
    assert lease.state is LeaseState.ASKING
    return lease


def holding() -> Lease:
    lease = bidding()
    lease.take()
    for node in ("a", "b", "c"):
        lease.answered(node, granted(5))
    assert lease.held
    return lease


def test_nobody_is_asked_before_most_primaries_answer() -> None:
    lease = following()
    lease.heard("a", 4, "", 0)
    lease.heard("replica", 4, "", 0)
    assert lease.next_deadline_ms is None
    lease.heard("b", 4, "", 0)
    assert lease.next_deadline_ms is not None


def test_a_live_holder_is_not_disturbed() -> None:
    lease = following()
    for node in ("a", "b", "c"):
        lease.heard(node, 4, "other", 9_000)
    assert lease.holder == "other"
    lease.tick(5_000)
    assert lease.take() == []


def test_bid_asks_every_node_with_a_newer_epoch() -> None:
    asks = bidding(5).take()
    assert asks == [AskLease(node, 5, 9_000) for node in ("a", "b", "c", "replica")]


def test_lease_counts_from_when_it_was_asked_for() -> None:
    lease = bidding()
    lease.take()
    lease.tick(6_500)
    lease.answered("a", granted(5))
    lease.answered("b", granted(5))
    assert lease.held
    assert lease.expires_ms == 4_000 + LASTS_MS


def test_node_that_grants_less_is_believed() -> None:
    """Else this manager would act while the nodes have the lease for another."""
    lease = bidding()
    lease.take()
    for node in ("a", "b"):
        lease.answered(node, LeaseAnswer(True, 5, "me", 3_000))
    assert lease.held
    assert lease.expires_ms == 4_000 + 2_700
    assert lease.next_deadline_ms == 4_000 + 1_000
    lease.tick(5_000)
    assert {ask.node_id for ask in lease.take()} == {"a", "b"}
    lease.tick(6_700)
    assert not lease.held


def test_node_that_grants_nothing_is_not_hurried() -> None:
    lease = bidding()
    lease.take()
    lease.answered("a", LeaseAnswer(True, 5, "me", 0))
    assert lease.next_deadline_ms == 4_000 + LEASE_MS_MIN // 3
    assert not lease.held


def test_grants_of_replicas_do_not_count() -> None:
    lease = bidding()
    lease.take()
    lease.answered("a", granted(5))
    lease.answered("replica", granted(5))
    assert not lease.held


def test_lease_is_lost_when_a_sleep_was_too_long() -> None:
    lease = holding()
    lease.tick(4_000 + LASTS_MS)
    assert not lease.held
    assert ReleaseLease("a", 5) in lease.take()
    lease.answered("a", granted(5))
    assert not lease.held, "a lost lease is not taken up again"


def test_a_newer_epoch_from_anybody_ends_it_at_once() -> None:
    lease = holding()
    lease.heard("replica", 6, "other", 9_000)
    assert not lease.held
    assert "newer" in lease.why_lost


def test_renewal_is_asked_each_third_and_lengthens() -> None:
    lease = holding()
    lease.take()
    lease.tick(7_000)
    assert AskLease("a", 5, 9_000) in lease.take()
    for node in ("a", "b"):
        lease.answered(node, granted(5))
    assert lease.expires_ms == 7_000 + LASTS_MS


def test_one_request_at_a_time_to_each_node() -> None:
    lease = holding()
    lease.take()
    lease.tick(7_000)
    lease.take()
    lease.tick(10_000)
    assert lease.take() == [], "nobody has answered yet"


def test_bid_without_a_majority_is_given_back() -> None:
    lease = bidding()
    lease.take()
    lease.answered("a", granted(5))
    lease.tick(7_000)
    assert lease.state is LeaseState.FOLLOWING
    assert lease.take() == [ReleaseLease("a", 5)]


def test_winner_waits_for_older_leases_to_run_out() -> None:
    lease = bidding()
    lease.take()
    lease.answered("c", LeaseAnswer(False, 3, "old", 7_500))
    lease.answered("a", granted(5))
    lease.answered("b", granted(5))
    assert lease.held
    assert lease.act_after_ms == 4_000 + 7_500


def test_epoch_that_a_node_gave_to_another_is_left() -> None:
    lease = holding()
    lease.take()
    lease.tick(7_000)
    lease.answered("replica", LeaseAnswer(False, 5, "other", 3_000))
    assert lease.held, "the other will give it back"
    lease.tick(10_000)
    lease.take()
    lease.answered("replica", LeaseAnswer(False, 5, "", 0))
    assert not lease.held
    for node in ("a", "b"):
        lease.heard(node, 5, "", 0)
    lease.tick(13_500)
    assert AskLease("replica", 6, 9_000) in lease.take()


def test_winner_waits_a_lease_for_a_silent_primary() -> None:
    lease = bidding()
    lease.take()
    lease.answered("c", None)
    lease.answered("a", granted(5))
    lease.answered("b", granted(5))
    assert lease.act_after_ms == 4_000 + 9_000


def test_noted_lease_is_known_at_a_node_that_does_not_vote() -> None:
    lease = holding()
    assert not lease.is_known_at("replica")
    lease.answered("replica", LeaseAnswer(False, 5, "me", 9_000))
    assert lease.is_known_at("replica")


def test_lost_lease_drops_requests_that_were_not_sent() -> None:
    lease = holding()
    lease.take()
    lease.tick(7_000)
    lease.lose("a test")
    assert all(isinstance(ask, ReleaseLease) for ask in lease.take())
    for node in ("a", "b", "c"):
        lease.heard(node, 5, "", 0)
    lease.tick(30_000)
    for node in ("a", "b", "c"):
        lease.heard(node, 5, "", 0)
    lease.tick(33_500)
    assert AskLease("a", 6, 9_000) in lease.take()


def test_manager_alone_always_holds_it() -> None:
    lease = LeaseOfOne(SETTINGS, random.Random(1), 0)
    lease.tick(10**9)
    lease.lose("nothing")
    assert lease.held
    assert lease.is_known_at("anything")
