"""What the core is told of replication."""

from __future__ import annotations

from dataclasses import replace

from garrison.node.border import ReplicationStatus
from garrison.node.shell.replication_facts import facts_of

REPLICA = ReplicationStatus(
    is_replica=True,
    offset=5,
    link_up=True,
    last_io_boot_ms=40,
    replicas=0,
    lagging=0,
    order=3,
    data_order=3,
    history="a" * 40,
    previous_history="b" * 40,
    parted_at=4,
    writes_paused=False,
)


def test_replica_in_sync_has_its_link_up() -> None:
    facts = facts_of(REPLICA)
    assert (facts.link_up, facts.link_down_since_ms, facts.offset, facts.data_order) == (True, 0, 5, 3)
    assert (facts.history, facts.previous_history, facts.parted_at) == ("a" * 40, "b" * 40, 4)


def test_replica_without_link_says_since_when() -> None:
    facts = facts_of(replace(REPLICA, link_up=False))
    assert (facts.link_up, facts.link_down_since_ms) == (False, 40)


def test_link_of_a_primary_does_not_count() -> None:
    facts = facts_of(replace(REPLICA, is_replica=False, writes_paused=True))
    assert (facts.link_up, facts.link_down_since_ms, facts.writes_paused) == (False, 0, True)
