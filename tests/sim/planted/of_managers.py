"""Faults of cluster managers."""

from __future__ import annotations

from typing import Final

from .fault import Change, Directed, Fault, Seeds

CORE: Final = "cluster/core/manager"
UNIT: Final = "tests/unit/cluster/core/manager"

MANAGERS: Final = (
    Fault(
        "manager-begins-before-it-is-stored",
        "A step begins when its version of the records is sent, not when most shards have it.",
        "nothing is begun before a majority has stored it",
        (
            Change(
                f"{CORE}/records_keeper.py",
                "elif self.state is Keeping.STORING and self._voters.agree(self.has_current):",
                "elif self.state is Keeping.STORING:",
            ),
            Change(
                f"{CORE}/records_keeper.py",
                "return self.state is Keeping.SETTLED and self._voters.agree(self.has_current)",
                "return self.state is Keeping.SETTLED",
            ),
        ),
        Seeds("manager"),
        quick=True,
    ),
    Fault(
        "manager-counts-its-lease-from-the-answer",
        "A slow answer makes the holder believe in its lease for longer than the nodes do.",
        "the holder gives up before the nodes do",
        (
            Change(
                f"{CORE}/lease.py",
                "self._granted_until_ms[node_id] = asked_ms + int(lasts_ms * share)",
                "self._granted_until_ms[node_id] = self._now_ms + int(lasts_ms * share)",
            ),
        ),
        Directed(f"{UNIT}/test_lease.py::test_lease_counts_from_when_it_was_asked_for"),
    ),
    Fault(
        "manager-counts-what-it-has-asked-for",
        "A manager counts on the lease that it asked for, where nodes grant a shorter one.",
        "the holder gives up before the nodes do",
        (
            Change(
                f"{CORE}/lease.py",
                "lasts_ms = min(left_ms, self._settings.lease_ms)",
                "lasts_ms = self._settings.lease_ms",
            ),
        ),
        Directed(f"{UNIT}/test_lease.py::test_node_that_grants_less_is_believed"),
    ),
    Fault(
        "manager-forgets-what-it-has-spent",
        "The harm of a step is not written into the records.",
        "harm stays within its budget in any hour",
        (
            Change(
                f"{CORE}/harm_budget.py",
                'return records.model_copy(update={"harm_spent": (*kept, (unix_ms, cost))})',
                'return records.model_copy(update={"harm_spent": kept})',
            ),
        ),
        Seeds("manager"),
    ),
    Fault(
        "manager-does-not-read-a-majority",
        "The winner of the lease goes on with the first copy of the records that it reads.",
        "what a person was told is stored is never lost",
        (
            Change(
                f"{CORE}/records_keeper.py",
                "        if not (waited or everybody):\n            return",
                "        if not self._answered:\n            return",
            ),
            Change(
                f"{CORE}/records_keeper.py",
                "if self._voters.primaries_agree(votes) or (",
                "if self._answered or (",
            ),
        ),
        Directed(f"{UNIT}/test_records_keeper.py::test_newest_copy_is_stored_anew_before_it_counts"),
    ),
    Fault(
        "manager-goes-on-after-its-lease",
        "Steps under way are not cancelled when the lease is lost.",
        "at most one manager acts",
        (
            Change(
                f"{CORE}/manager_core.py",
                "self._effects.cancels += self._runner.lost()",
                "self._runner.lost()",
            ),
        ),
        Directed(f"{UNIT}/test_manager_core.py::test_lost_lease_cancels_everything_at_once"),
    ),
    Fault(
        "manager-answers-before-it-is-stored",
        "A person is answered when the change is made, before anybody has stored it.",
        "what a person was told is stored is never lost",
        (
            Change(
                f"{CORE}/manager_core.py",
                "        self._runner.forget_ended()\n        self._answers = answers",
                "        self._runner.forget_ended()\n        self._effects.answers += answers",
            ),
        ),
        Directed(f"{UNIT}/test_manager_core.py::test_person_is_answered_only_by_a_majority"),
    ),
    Fault(
        "manager-takes-a-replica-that-is-needed",
        "A node that was failed and is back in sync is forgotten by an old plan.",
        "copies are never lowered by a manager",
        (
            Change(
                f"{CORE}/premises.py",
                "    if staying >= wanted:\n        return None",
                "    if staying >= 0 or wanted:\n        return None",
            ),
        ),
        Directed(f"{UNIT}/test_premises.py::test_replica_may_leave_when_enough_stay"),
    ),
    Fault(
        "manager-charges-nothing-when-it-goes-on",
        "A step of another hour is begun again without a look at the budget.",
        "harm stays within its budget in any hour",
        (
            Change(
                f"{CORE}/harm_budget.py",
                "    why = why_too_much(records, harm, cost, unix_ms)\n    return why or with_spent",
                '    why = ""\n    return why or with_spent',
            ),
        ),
        Directed(f"{UNIT}/test_harm_budget.py::test_step_of_another_hour_is_paid_again"),
    ),
    Fault(
        "manager-configures-a-shard-in-parts",
        "A shard is configured before all of its nodes have said their settings.",
        "a job is for all nodes of its shard",
        (
            Change(
                f"{CORE}/plan_roll.py",
                "        if unread:\n            continue\n",
                "",
            ),
        ),
        Seeds("manager"),
    ),
    Fault(
        "manager-plans-by-settings-of-before",
        "Settings count that were read before this manager led, or before its last step.",
        "a job that would change nothing is not begun",
        (
            Change(
                f"{CORE}/settings_read.py",
                "return node.settings_as_of_ms > max(",
                "return node.settings_as_of_ms >= 0 * max(",
            ),
        ),
        Directed(f"{UNIT}/test_manager_core.py::test_settings_read_too_early_are_not_planned_by"),
    ),
    Fault(
        "manager-takes-equal-sizes-for-equal-settings",
        "Two values that are sizes are never told apart.",
        "in the end the nodes have the settings that are desired",
        (
            Change(
                f"{CORE}/plan_roll.py",
                "bool(other.strip()) and sizes[0] == sizes[1]",
                "bool(other.strip()) and sizes[1] is not None",
            ),
        ),
        Seeds("manager"),
    ),
    Fault(
        "manager-upgrades-on-while-a-node-is-away",
        "An upgrade that stopped half-way, with its node down, does not hold the others up.",
        "no more nodes are down by managers than jobs are allowed at once",
        (
            Change(
                f"{CORE}/job_runner.py",
                "                if away:\n",
                "                if away and not away:\n",
            ),
        ),
        Directed(f"{UNIT}/test_job_runner.py::test_upgrade_waits_for_a_node_that_another_has_shut_down"),
    ),
    Fault(
        "manager-restarts-without-a-look-at-the-shard",
        "A restart goes by what its plan has seen.",
        "a planned restart leaves its shard a copy in sync",
        (
            Change(
                f"{CORE}/premises.py",
                "            return _of_a_restart(step, picture)",
                '            return _missing(picture, step.arguments["node"])',
            ),
        ),
        Directed(f"{UNIT}/test_premises.py::test_restart_leaves_its_shard_a_copy_in_sync"),
    ),
    Fault(
        "manager-restarts-whichever-process-it-finds",
        "A step that another manager has carried out shuts the new process down too.",
        "no step is carried out twice where that does harm",
        (
            Change(
                "cluster/daemon/step_settings.py",
                "if found == run_id and not is_asked:",
                "if found is not None and not is_asked:",
            ),
            Change(
                "tests/sim/manager/steps.py",
                'if node.run_id == words["run_id"] and not self._is_asked_to_go:',
                "if not self._is_asked_to_go:",
            ),
        ),
        Seeds("manager"),
    ),
    Fault(
        "manager-takes-a-failed-step-for-done",
        "The records say that a step is done which has failed.",
        "what the records call done was carried out",
        (
            Change(
                f"{CORE}/job_runner.py",
                'if outcome.result == "done":',
                'if outcome.result in ("done", "failed"):',
            ),
        ),
        Seeds("manager"),
    ),
    Fault(
        "manager-moves-slots-during-a-backup",
        "A person's move and a backup run side by side.",
        "a backup holds what was acknowledged before it began",
        (
            Change(
                f"{CORE}/job_runner.py",
                "if _has_both(job, other, StepKind.BACKUP, StepKind.MOVE_SLOTS):",
                "if _has_both(job, other, StepKind.BACKUP, StepKind.BACKUP):",
            ),
        ),
        Directed(f"{UNIT}/test_job_runner.py::test_backup_and_moves_do_not_run_together"),
    ),
    Fault(
        "manager-hands-over-to-a-replica-behind",
        "Neither a restart nor a hand-over waits until the replica is in sync.",
        "a planned restart leaves its shard a copy with all data",
        (
            Change(
                f"{CORE}/premises.py",
                "    return None if node.link_up else Doubt(",
                "    return None if node else Doubt(",
            ),
            Change(
                "tests/sim/manager/steps.py",
                "if node.primary != former.id or not node.in_sync(self._model.now_ms):",
                "if node.primary != former.id:",
            ),
            Change(
                "tests/sim/manager/steps.py",
                'return 1.0 if node.role == "primary" or node.in_sync(self._model.now_ms) else 0.5',
                "return 1.0",
            ),
        ),
        Seeds("manager"),
    ),
)
