"""Faults in what nodes do with their data: hand-overs, restarts, moves of slots, what is on disk."""

from __future__ import annotations

from typing import Final

from .fault import Change, Directed, Fault

DATA_SET: Final = "node/core/data_set.py"
MARKS: Final = "node/core/slot_migration.py"
DIRECTED: Final = "tests/sim/cluster/test_directed.py"
SHELL: Final = "tests/unit/node/shell"

DATA: Final = (
    Fault(
        "hand-over-to-whoever-asks",
        "CLUSTER FAILOVER is obeyed by a replica that has not its primary's data.",
        "2: a hand-over needs the data of this primary",
        (
            Change(
                "node/core/manual_failover.py",
                "end is not None and context.data.is_in_sync() and context.facts.offset >= end",
                "end is not None",
            ),
            Change(
                DATA_SET,
                '            return "this replica has no whole copy of its shard\'s data"\n',
                '            return ""\n',
            ),
        ),
        Directed(f"{DIRECTED}::test_replica_without_its_primarys_data_hands_nothing_over"),
        quick=True,
    ),
    Fault(
        "owner-serves-without-its-data",
        "An owner of slots that starts without its data serves them empty.",
        "3: a node that lost its data is not an owner",
        (Change("node/core/cluster_core.py", "context.data.is_lost = True", "context.data.serve()"),),
        Directed(f"{DIRECTED}::test_owner_that_starts_without_its_data_serves_nobody"),
        quick=True,
    ),
    Fault(
        "mark-does-not-wait-for-replicas",
        "SETSLOT MIGRATING takes effect before the replicas know of it.",
        "5: marks reach the replicas before they take effect",
        (
            Change(
                MARKS,
                'if missing and change.action != "NODE":',
                'if missing and change.action == "":',
            ),
        ),
        Directed(f"{DIRECTED}::test_mark_of_a_move_waits_for_the_replica"),
        quick=True,
    ),
    Fault(
        "marks-die-with-their-primary",
        "A replica does not take over the marks of its primary.",
        "5: marks survive a promotion",
        (
            Change(
                "node/core/packets.py",
                "            self._migrations.take(sender, extensions.marks)\n",
                "            self._context.marks_taken = extensions.marks.version\n",
            ),
        ),
        Directed(f"{DIRECTED}::test_mark_of_a_move_waits_for_the_replica"),
        quick=True,
    ),
    Fault(
        "stale-import-is-ended",
        "The target of a move takes the slot although its source has been replaced.",
        "5: an import whose source has changed is stale",
        (Change(MARKS, "node is me and slot in table.stale_imports:", "node is me and slot < 0:"),),
        Directed(f"{DIRECTED}::test_import_whose_source_has_changed_is_stale"),
        quick=True,
    ),
    Fault(
        "slot-promised-twice",
        "SETSLOT MIGRATING names another target while the slot is on its way.",
        "13: STABLE first",
        (
            Change(
                MARKS,
                "if target is not None and target is not node:",
                "if target is not None and target is me:",
            ),
        ),
        Directed(f"{DIRECTED}::test_slot_on_its_way_is_not_promised_to_a_second_target"),
        quick=True,
    ),
    Fault(
        "unsynced-file-kept-as-previous",
        "nodes.conf.previous may be a file that was never synced.",
        "14: a power cut leaves one synced generation",
        (
            Change(
                "node/shell/saver.py",
                "keep, self._is_synced = self._is_synced, sync",
                "keep, self._is_synced = True, sync",
            ),
        ),
        Directed(f"{SHELL}/test_saver.py::test_only_a_synced_file_is_kept_as_the_previous_one"),
        quick=True,
    ),
    Fault(
        "release-without-its-round",
        "What ends a hold of writes does not say which one.",
        "14: the release of an earlier hold frees no later one",
        (
            Change(
                "node/core/sentinel_hold.py",
                "self._effects.append(ReleaseHold(self._round))",
                "self._effects.append(ReleaseHold(0))",
            ),
        ),
        Directed("tests/unit/node/core/test_sentinel_hold.py::test_what_ends_a_hold_says_which"),
    ),
    Fault(
        "old-role-in-the-configuration",
        "The control plane does not note a role change before it answers the next command.",
        "15: CONFIG REWRITE writes the role that the engine has",
        (
            Change(
                "node/shell/control.py",
                'self._config.values["replicaof"] = "" if primary is None else f"{primary[0]} {primary[1]}"',
                "pass",
            ),
        ),
        Directed(f"{SHELL}/test_control.py::test_replication_is_known_to_config_rewrite"),
        quick=True,
    ),
    Fault(
        "claims-of-others-are-synced",
        "What others claim costs a sync of the disk.",
        "18: what a promise depends on is synced, the rest is not",
        (
            Change(
                "node/core/ownership.py",
                "        context.changed()\n        if from_mine and mine",
                "        context.changed(sync=True)\n        if from_mine and mine",
            ),
        ),
        Directed(f"{DIRECTED}::test_claim_of_another_costs_no_sync"),
        quick=True,
    ),
    Fault(
        "empty-file-is-a-new-node",
        "A nodes.conf of 0 bytes beside a former one starts a new identity.",
        "19: a lost identity is not replaced silently",
        (
            Change(
                "node/shell/cluster_shell.py",
                "if not text and os.path.exists(previous) and os.path.getsize(previous):",
                "if text == previous:",
            ),
        ),
        Directed(f"{SHELL}/test_cluster_shell.py::test_empty_file_beside_a_previous_one_stops_the_start"),
        quick=True,
    ),
    Fault(
        "reset-keeps-the-shard",
        "CLUSTER RESET SOFT at a replica keeps the shard of its former primary.",
        "19: who leaves a shard has another shard id",
        (
            Change(
                "node/core/cluster_commands.py",
                "            context.data.leave_shard()\n            me.shard_id = context.new_id()\n",
                "            context.data.leave_shard()\n",
            ),
        ),
        Directed(f"{DIRECTED}::test_replica_that_is_reset_leaves_its_shard"),
        quick=True,
    ),
    Fault(
        "unsynced-replica-in-the-slot-map",
        "CLUSTER SLOTS lists a replica that has never been in sync.",
        "19: clients are not sent to a replica without data",
        (
            Change(
                "node/core/describe.py",
                "if not replica.is_failing() and self._offset(replica) > 0",
                "if not replica.is_failing()",
            ),
        ),
        Directed(f"{DIRECTED}::test_replica_that_never_synced_is_not_in_the_slot_map"),
        quick=True,
    ),
)
