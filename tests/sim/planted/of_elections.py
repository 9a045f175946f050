"""Faults in votes, elections, leases and epochs of a cluster's nodes."""

from __future__ import annotations

from typing import Final

from .fault import Change, Directed, Fault, Seeds

MANUAL_FAILOVER: Final = "node/core/manual_failover.py"
ELECTION: Final = "node/core/election.py"
OWNERSHIP: Final = "node/core/ownership.py"
DIRECTED: Final = "tests/sim/cluster/test_directed.py"
UNIT: Final = "tests/unit/node/core"

ELECTIONS: Final = (
    Fault(
        "two-votes-in-one-epoch",
        "A voter gives a second vote in an epoch in which it has voted.",
        "one vote per voter and epoch",
        (
            Change(
                ELECTION,
                "if context.last_vote_epoch == context.current_epoch:",
                "if context.last_vote_epoch > context.current_epoch:",
            ),
            Change(
                ELECTION,
                "context.now_ms - primary.voted_ms < context.vote_window_ms()",
                "context.now_ms - primary.voted_ms < 0",
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
                "if failures < context.table.majority():",
                "if failures < context.table.majority() - 1:",
            ),
        ),
        Seeds("cluster"),
        quick=True,
    ),
    Fault(
        "voter-ignores-its-own-silence",
        "A voter votes although it has received a frame of the primary within the node timeout.",
        "a vote comes after every lease that the voter has granted",
        (
            Change(
                ELECTION,
                "if context.silence_ms(primary) <= context.promised_ms():",
                "if context.silence_ms(primary) < 0:",
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
                "            or context.now_ms - node.voted_ms < context.vote_window_ms()\n",
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
                OWNERSHIP,
                "            self._context.send_update(link, node, kept)\n            return\n",
                "            return\n",
            ),
        ),
        Directed(f"{UNIT}/test_cluster_core.py::test_an_older_claim_is_answered_with_update_before_the_pong"),
    ),
    Fault(
        "hand-over-without-the-offset",
        "A manual failover does not wait until the replica has reached the primary's offset.",
        "a planned hand-over loses nothing",
        (
            Change(
                "node/core/manual_failover.py",
                "end is not None and context.data.is_in_sync() and context.facts.offset >= end",
                "end is not None",
            ),
        ),
        Directed(f"{DIRECTED}::test_hand_over_waits_for_the_primarys_offset"),
        quick=True,
    ),
    Fault(
        "oldest-data-stands-first",
        "The replica with the least data has the best rank.",
        "data decides an election",
        (
            Change(
                ELECTION,
                "mine = (-context.facts.offset, context.me.node_id)",
                "mine = (context.facts.offset, context.me.node_id)",
            ),
            Change(
                ELECTION, "if (-node.offset, node.node_id) < mine", "if (node.offset, node.node_id) < mine"
            ),
        ),
        Directed(f"{DIRECTED}::test_replica_with_more_data_has_the_better_rank"),
        quick=True,
    ),
    Fault(
        "unsynced-replica-stands",
        "A replica that has not its shard's data stands for election.",
        "9: what a node holds is known, not guessed",
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
        Directed(f"{UNIT}/test_failure.py::test_a_replica_without_data_does_not_stand"),
    ),
    Fault(
        "last-vote-forgotten-at-restart",
        "A voter that starts again does not read its last vote from nodes.conf.",
        "one vote per voter and epoch, over all its lives",
        (
            Change(
                "node/core/nodes_file.py",
                "context.last_vote_epoch = saved.last_vote_epoch",
                "context.last_vote_epoch = 0",
            ),
        ),
        Directed(f"{DIRECTED}::test_voter_that_restarts_remembers_its_vote"),
        quick=True,
    ),
    Fault(
        "voter-ignores-the-owners-epoch",
        "A voter votes for a candidate whose claim is older than the owner that the voter knows.",
        "slots change hands to a larger epoch only",
        (Change(ELECTION, "            if kept & claimed:\n", "            if kept & claimed & 0:\n"),),
        Directed(f"{UNIT}/test_election.py::test_a_claim_with_an_old_epoch_gets_the_news_instead"),
    ),
    Fault(
        "epoch-collision-ignored",
        "Two primaries keep the same configuration epoch.",
        "one primary per configuration epoch",
        (
            Change(
                OWNERSHIP,
                "if sender.config_epoch != me.config_epoch or sender.node_id <= me.node_id:",
                "if sender.node_id:",
            ),
        ),
        Directed("tests/sim/cluster/test_golden.py::test_scenario[epoch_collision]"),
    ),
    Fault(
        "votes-after-the-limit-count",
        "Votes of a manual failover count although its limit has passed.",
        "10: votes count until the deadline of the manual failover",
        (
            Change(
                ELECTION,
                "        if self._forced and not manual_under_way:\n            return\n",
                "",
            ),
        ),
        Directed(f"{DIRECTED}::test_votes_after_the_limit_of_a_manual_failover_are_void"),
        quick=True,
    ),
    Fault(
        "promises-outlive-the-pause",
        "After a manual failover that timed out the primary writes with promises of before its pause.",
        "10: a replica may have won just before the limit, unseen by its primary",
        (Change(MANUAL_FAILOVER, "                self._lease.withdraw()\n", ""),),
        Directed(f"{DIRECTED}::test_primary_replaced_unseen_has_no_lease_after_its_pause"),
        quick=True,
    ),
    Fault(
        "frame-does-not-advance-the-clock",
        "A frame is judged by the clock of the last tick.",
        "11: every input advances the clock first",
        (
            Change(
                "node/core/cluster_core.py",
                '        """One whole frame came by a link."""\n        self._context.pass_time(now_ms)\n',
                '        """One whole frame came by a link."""\n',
            ),
        ),
        Directed(f"{DIRECTED}::test_every_frame_advances_the_clock"),
        quick=True,
    ),
    Fault(
        "stuck-link-is-kept",
        "A link on which nothing comes back is kept while the peer is alive on others.",
        "6: a link is judged by its own oldest ping",
        (
            Change(
                "node/core/heartbeat.py",
                "return context.awake_ms - link.pings[0][1] > context.timeout_ms // 2",
                "return context.awake_ms < 0",
            ),
        ),
        Directed(f"{DIRECTED}::test_primary_whose_flows_are_dropped_gets_its_lease_back"),
        quick=True,
    ),
    Fault(
        "takeover-waits-for-the-former-lease",
        "After TAKEOVER the new primary waits as if nobody had overruled the former one.",
        "17: TAKEOVER overrules the lease",
        (
            Change(
                "node/core/lease.py",
                "if context.now_ms >= (self._ends_ms or 0) and not self._overruled:",
                "if context.now_ms >= (self._ends_ms or 0):",
            ),
        ),
        Directed(f"{DIRECTED}::test_takeover_waits_for_no_lease_of_the_former_primary"),
        quick=True,
    ),
)
