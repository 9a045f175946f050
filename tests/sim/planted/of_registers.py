"""Faults in what nodes promise to managers: leases, records, connections that were superseded."""

from __future__ import annotations

from typing import Final

from .fault import Change, Directed, Fault, Seeds

REGISTER: Final = "node/core/manager_records.py"
FIELD: Final = "tests/unit/node/core/test_manager_records_field.py"
UNIT: Final = "tests/unit/node/core/test_manager_records.py"
ONE_LEADER: Final = "two managers never hold the leases of majorities at once"

REGISTERS: Final = (
    Fault(
        "manager-answered-before-the-sync",
        "An answer to a manager leaves although the register is not on the disk yet.",
        "a promise is on the disk before the answer that depends on it leaves",
        (
            Change(
                "node/core/records_queue.py",
                "        if self._writing is None and self._text is None:\n",
                "        if self._waiting or self._text is not None:\n",
            ),
        ),
        Directed("tests/unit/node/core/test_records_queue.py"),
        quick=True,
    ),
    Fault(
        "manager-lease-right-after-a-promotion",
        "A replica that has become a primary grants leases at once.",
        ONE_LEADER,
        (
            Change(
                REGISTER,
                "wait_ms = context.settings.cluster_manager_lease_ms_max + context.promised_ms()",
                "wait_ms = 0",
            ),
        ),
        Directed(FIELD),
    ),
    Fault(
        "superseded-manager-stays-connected",
        "The connections of an older manager epoch are not closed.",
        "nothing of a superseded manager is carried out at the nodes that granted the newer lease",
        (Change(REGISTER, "        self._context.effects.closes += clients\n", ""),),
        Seeds("cluster", "managers"),
    ),
    Fault(
        "manager-lease-forgotten-at-restart",
        "A node that starts again takes the lease that it had granted to have ended.",
        ONE_LEADER,
        (
            Change(
                REGISTER,
                "self._ends_ms = self._context.now_ms + found.ttl_ms if found.holder else NEVER_MS",
                "self._ends_ms = NEVER_MS",
            ),
        ),
        Directed(FIELD),
    ),
    Fault(
        "manager-lease-from-a-replaced-primary",
        "A primary without its write lease grants managers theirs.",
        ONE_LEADER,
        (Change(REGISTER, "is_seen and self._write_lease.is_held()", "is_seen"),),
        Directed(FIELD),
    ),
    Fault(
        "manager-epoch-is-not-saved",
        "A newer epoch is answered and not written.",
        "an epoch never goes back, over all lives of a node",
        (
            Change(
                REGISTER,
                "        self._ends_ms = self._context.now_ms + ttl_ms\n        self._is_changed = True\n",
                "        self._ends_ms = self._context.now_ms + ttl_ms\n",
            ),
        ),
        Directed(FIELD),
    ),
    Fault(
        "wait-of-a-promoted-replica-ends-with-a-restart",
        "A replica that was promoted and starts again soon takes itself for a primary of long standing.",
        ONE_LEADER,
        (
            Change(
                REGISTER,
                "if self._was_voter and found.counted_epoch != context.me.config_epoch:",
                "if self._was_voter and found.counted_epoch == -2:",
            ),
        ),
        Directed(FIELD),
    ),
    Fault(
        "promoted-replica-votes-on-records",
        "A replica that was promoted lets its records count although it may lack newer ones.",
        "what a majority has stored is found by any majority",
        (
            Change(
                REGISTER,
                "        self._is_behind = True\n        self._count(None)\n",
                "        self._count(None)\n",
            ),
        ),
        Directed(FIELD),
    ),
    Fault(
        "damaged-register-grants-at-once",
        "A node whose register is damaged grants a lease as if it had promised nothing.",
        ONE_LEADER,
        (
            Change(
                REGISTER,
                "context.now_ms + longest_ms if self._is_behind else NEVER_MS",
                "NEVER_MS",
            ),
        ),
        Directed(FIELD),
    ),
    Fault(
        "records-of-an-older-epoch-are-stored",
        "A manager that was superseded may store.",
        "what a majority has stored is found by any majority",
        (Change(REGISTER, "        if epoch < self._epoch:\n", "        if epoch < 0:\n"),),
        Directed(UNIT),
    ),
)
"""Answers, leases and records."""
