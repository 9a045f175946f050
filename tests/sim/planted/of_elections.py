"""Faults in votes, elections, leases and epochs of a cluster's nodes."""

from __future__ import annotations

from typing import Final

from .fault import Change, Directed, Fault, Seeds

ELECTION: Final = "node/core/election.py"

ELECTIONS: Final = (
    Fault(
        "two-votes-in-one-epoch",
        "A voter gives a second vote in an epoch in which it has voted.",
        "one vote per voter and epoch",
        (
            Change(
                ELECTION,
                "if world.last_vote_epoch == world.current_epoch:",
                "if world.last_vote_epoch > world.current_epoch:",
            ),
            Change(
                ELECTION,
                "world.now_ms - primary.voted_ms < world.vote_window_ms() and primary.voted_for",
                "world.now_ms - primary.voted_ms < 0 and primary.voted_for",
            ),
        ),
        Seeds("cluster"),
    ),
    Fault(
        "fail-by-a-minority",
        "A node is declared failing by one report less than a majority.",
        "FAIL is the verdict of a majority",
        (
            Change(
                "node/core/failure.py",
                "if failures < world.table.majority():",
                "if failures < world.table.majority() - 1:",
            ),
        ),
        Seeds("cluster"),
    ),
    Fault(
        "voter-ignores-its-own-silence",
        "A voter votes although it has heard the primary within the node timeout.",
        "a vote comes after every lease that the voter has granted",
        (
            Change(
                ELECTION,
                "if world.silence_ms(primary) <= world.promised_ms():",
                "if world.silence_ms(primary) < 0:",
            ),
        ),
        Seeds("cluster"),
    ),
    Fault(
        "lease-granted-after-the-vote",
        "A voter answers pings of a primary without a refusal although it voted for its replacement.",
        "no lease from a voter after its vote",
        (
            Change(
                "node/core/heartbeat.py",
                "            or world.now_ms - node.voted_ms < world.vote_window_ms()\n",
                "",
            ),
        ),
        Seeds("cluster"),
    ),
    Fault(
        "outdated-claim-not-answered",
        "A claim that is older than what a node knows gets no UPDATE.",
        "who missed an election hears of it before it may believe its lease",
        (
            Change(
                "node/core/ownership.py",
                "            self._world.send_update(link, node, kept)\n            return\n",
                "            return\n",
            ),
        ),
        Seeds("cluster"),
    ),
    Fault(
        "hand-over-without-the-offset",
        "A manual failover does not wait until the replica has reached the primary's offset.",
        "a planned hand-over loses nothing",
        (
            Change(
                "node/core/manual_failover.py",
                "end is not None and world.data.is_in_sync() and world.facts.offset >= end",
                "end is not None",
            ),
        ),
        Seeds("cluster"),
    ),
    Fault(
        "oldest-data-stands-first",
        "The replica with the least data has the best rank.",
        "data decides an election",
        (
            Change(
                ELECTION,
                "mine = (-world.facts.offset, world.me.node_id)",
                "mine = (world.facts.offset, world.me.node_id)",
            ),
            Change(
                ELECTION, "if (-node.offset, node.node_id) < mine", "if (node.offset, node.node_id) < mine"
            ),
        ),
        Seeds("cluster"),
    ),
    Fault(
        "unsynced-replica-stands",
        "A replica that has not its shard's data stands for election.",
        "9: data of the shard is known, not guessed",
        (
            Change(
                "node/core/data_set.py",
                "if origin is None or origin.shard != self._shard:",
                "if self._order < 0:",
            ),
            Change(
                "node/core/data_set.py",
                "if origin.as_primary:",
                "if origin is not None and origin.as_primary:",
            ),
        ),
        Seeds("cluster"),
    ),
    Fault(
        "last-vote-forgotten-at-restart",
        "A voter that starts again does not read its last vote from nodes.conf.",
        "one vote per voter and epoch, over all its lives",
        (
            Change(
                "node/core/nodes_file.py",
                "world.last_vote_epoch, world.last_vote_for = saved.last_vote_epoch, saved.last_vote_for",
                'world.last_vote_epoch, world.last_vote_for = 0, ""',
            ),
        ),
        Seeds("cluster"),
    ),
    Fault(
        "voter-ignores-the-owners-epoch",
        "A voter votes for a candidate whose claim is older than the owner that the voter knows.",
        "slots change hands to a larger epoch only",
        (Change(ELECTION, "            if kept & claimed:\n", "            if kept & claimed & 0:\n"),),
        Seeds("cluster"),
    ),
    Fault(
        "epoch-collision-ignored",
        "Two primaries keep the same configuration epoch.",
        "one primary per configuration epoch",
        (
            Change(
                "node/core/ownership.py",
                "if sender.config_epoch != me.config_epoch or sender.node_id <= me.node_id:",
                "if sender.node_id:",
            ),
        ),
        Seeds("cluster"),
    ),
)
