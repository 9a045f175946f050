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
                "self._granted_ms[node_id] = asked_ms",
                "self._granted_ms[node_id] = self._now_ms",
            ),
        ),
        Directed(f"{UNIT}/test_lease.py::test_lease_counts_from_when_it_was_asked_for"),
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
        Seeds("manager"),
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
        Seeds("manager"),
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
        Seeds("manager"),
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
)
