"""Faults of the data plane. Each needs its own build of the engine, so only `make planted` tries them."""

from __future__ import annotations

from typing import Final

from .fault import Change, Fault, Rust

CORE: Final = "node/engine/core/src"

ENGINE: Final = (
    Fault(
        "exec-changes-a-key-on-its-way",
        "EXEC is not held while a key that its queue would change is on its way to another node.",
        "1: whoever would change a key on its way is held",
        (
            Change(
                f"{CORE}/migration/hold.rs",
                "|| self.executes_key_on_its_way(session, entry))",
                "|| (entry.full_name.is_empty() && self.executes_key_on_its_way(session, entry)))",
            ),
        ),
        Rust("migration::tests::exec_that_would_change_a_key_on_its_way_is_held"),
    ),
    Fault(
        "key-leaves-although-it-changed",
        "The end of a migration deletes a key that has changed since it left.",
        "1: only what has not changed since it left is deleted",
        (
            Change(
                f"{CORE}/migration/settle.rs",
                "departure.is_some_and(|departure| departure.state == DepartureState::Copied)",
                "departure.is_none() || departure.is_some()",
            ),
        ),
        Rust("migration::tests::key_that_changed_since_it_left_stays"),
    ),
    Fault(
        "key-leaves-before-the-targets-replicas",
        "A key is given up when the target has it, whether its replicas have it or not.",
        "4: a moved key has two homes",
        (
            Change(
                f"{CORE}/migration/settle.rs",
                "match copies.unwrap_or(0) >= self.copies_wanted {",
                "match copies.unwrap_or(0) < usize::MAX {",
            ),
        ),
        Rust("migration::tests::key_stays_until_the_target_s_replicas_have_it"),
    ),
    Fault(
        "exec-is-not-checked-again",
        "EXEC with a control command in its queue goes on without the checks.",
        "7: a check is repeated after every wait",
        (
            Change(
                f"{CORE}/dispatch/execute.rs",
                "is_some_and(|transaction| transaction.is_under_way())",
                "is_some()",
            ),
        ),
        Rust("migration::tests::exec_behind_a_control_command_is_checked_again"),
    ),
    Fault(
        "demoted-node-ends-its-migrations",
        "A MIGRATE that ends after its node was demoted deletes the key on the replica.",
        "8: a demoted node deletes nothing",
        (
            Change(
                f"{CORE}/migration/settle.rs",
                "            self.end_migration(ticket, Err(DEMOTED));\n",
                "            let _ = (ticket, DEMOTED);\n",
            ),
        ),
        Rust("migration::tests::demoted_node_deletes_nothing"),
    ),
    Fault(
        "one-key-named-twice-is-two",
        "A command that names one key twice is refused during a move as if it named two.",
        "12: one key is one key, however often it is named",
        (
            Change(
                f"{CORE}/dispatch/routing.rs",
                "slot_of(number, key);\n",
                "slot_of(number, key);\n                let again = found.is_some();\n",
            ),
            Change(
                f"{CORE}/dispatch/routing.rs",
                "target.has_several_keys |= target.first != key;",
                "target.has_several_keys |= again;",
            ),
        ),
        Rust("migration::tests::one_key_named_twice_is_one_key"),
    ),
    Fault(
        "failed-sync-is-believed-the-second-time",
        "After a failed sync the next one counts, before what may be lost was written again.",
        "a failed sync is never believed",
        (
            Change(
                f"{CORE}/persistence/log.rs",
                "            || log.repair.is_some()\n",
                "",
            ),
        ),
        Rust("persistence::tests::confirmed_writes_survive_a_disk_that_fails_and_works_again"),
    ),
    Fault(
        "rewrite-settles-before-the-former-file-is-complete",
        "The manifest names the new base while the log still writes to a file of before it.",
        "at each moment the manifest names all that was acknowledged",
        (
            Change(
                f"{CORE}/persistence/rewrite.rs",
                "log.rewrite.as_ref().filter(|_| log.cut.is_none())",
                "log.rewrite.as_ref()",
            ),
        ),
        Rust("persistence::tests::confirmed_writes_survive_every_loss_of_power"),
    ),
    Fault(
        "reply-leaves-before-the-sync",
        "With appendfsync always the reply to a write does not wait for the disk.",
        "always loses nothing that was acknowledged",
        (
            Change(
                f"{CORE}/engine/hold.rs",
                "let released = self.persistence.log.released();",
                "let released = self.persistence.log.written.offset;",
            ),
        ),
        Rust("persistence::tests::confirmed_writes_survive_every_loss_of_power"),
    ),
    Fault(
        "writes-go-on-without-a-log",
        "After a failed sync whose bytes are not in memory writes are taken before a new log is whole.",
        "a killed process finds what was acknowledged",
        (
            Change(
                f"{CORE}/persistence/log.rs",
                "!log.needs_sync && !log.is_lost {\n            self.log_works_again();",
                "!log.needs_sync {\n            self.log_works_again();",
            ),
        ),
        Rust("persistence::tests::log_that_cannot_be_written_again_refuses_writes_until_a_new_one_is_whole"),
    ),
)
