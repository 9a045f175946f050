"""CLUSTER MANAGER at one node: leases, records, connections. Several nodes: test_manager_records_field."""

from __future__ import annotations

import pytest

from garrison.base.reply import OK
from garrison.node.core.effects import Effects

from .conftest import Solo
from .manager_field import LEASE_MS_MAX, TIMEOUT_MS, Machine, is_error

WAIT_MS = LEASE_MS_MAX + TIMEOUT_MS


@pytest.fixture
def machine() -> Machine:
    """A primary of long standing at time 100,000."""
    found = Machine(1, 0, is_primary=True)
    found.ask(100_000, "READ")
    return found


def state(reply: dict[str, object]) -> tuple[object, ...]:
    return tuple(reply[name] for name in ("granted", "epoch", "holder", "left-ms"))


def test_lease_is_granted_renewed_and_ends(machine: Machine) -> None:
    assert state(machine.ask(100_000, "LEASE", "m1", 1, 3000)) == (1, 1, "m1", 3000)
    assert state(machine.ask(102_000, "LEASE", "m1", 1, 3000)) == (1, 1, "m1", 3000)
    assert state(machine.ask(104_999, "LEASE", "m2", 2, 3000)) == (0, 1, "m1", 1)
    assert state(machine.ask(105_000, "LEASE", "m2", 1, 3000)) == (0, 1, "", 0), "an epoch is for one manager"
    assert state(machine.ask(105_000, "LEASE", "m1", 1, 3000)) == (1, 1, "m1", 3000), "not superseded"
    assert state(machine.ask(108_000, "LEASE", "m2", 2, 3000)) == (1, 2, "m2", 3000)
    assert state(machine.ask(108_000, "LEASE", "m1", 1, 3000)) == (0, 2, "m2", 3000)


def test_holder_may_take_a_newer_epoch(machine: Machine) -> None:
    machine.ask(100_000, "LEASE", "m1", 1, 3000)
    assert state(machine.ask(100_000, "LEASE", "m1", 9, 3000)) == (1, 9, "m1", 3000)
    assert state(machine.ask(100_000, "LEASE", "m1", 8, 3000)) == (0, 9, "m1", 3000)


def test_term_is_bounded(machine: Machine) -> None:
    assert state(machine.ask(100_000, "LEASE", "m1", 1, 1 << 40)) == (1, 1, "m1", LEASE_MS_MAX)


def test_release_ends_the_lease_and_keeps_the_epoch(machine: Machine) -> None:
    machine.ask(100_000, "LEASE", "m1", 5, 3000)
    assert is_error(machine.ask(100_000, "RELEASE", "m1", 4), "STALEMANAGER epoch 4 is older than 5")
    assert is_error(
        machine.ask(100_000, "RELEASE", "m2", 5), "MANAGERHELD the lease of epoch 5 is held by m1"
    )
    assert machine.ask(100_000, "RELEASE", "m1", 5) == OK
    assert state(machine.ask(100_000, "LEASE", "m1", 5, 3000)) == (0, 5, "", 0)
    assert is_error(machine.ask(100_000, "STORE", "m1", 5, 1, b"x"), "MANAGERHELD")
    machine.start(100_001)
    assert state(machine.ask(100_001, "LEASE", "m2", 5, 3000)) == (0, 5, "", 0)
    assert state(machine.ask(100_001, "LEASE", "m2", 6, 3000)) == (1, 6, "m2", 3000)


def test_node_that_restarts_counts_the_whole_term_again(machine: Machine) -> None:
    machine.ask(100_000, "LEASE", "m1", 1, 3000)
    machine.start(102_900)
    assert state(machine.ask(105_899, "LEASE", "m2", 2, 3000)) == (0, 1, "m1", 1)
    assert state(machine.ask(105_900, "LEASE", "m2", 2, 3000)) == (1, 2, "m2", 3000)


def test_promoted_replica_grants_nothing_for_the_longest_lease() -> None:
    machine = Machine(1, 0, is_primary=False)
    assert state(machine.ask(100_000, "LEASE", "m1", 1, 3000)) == (0, 1, "m1", 3000), (
        "noted, and does not count"
    )
    machine.promote(101_000, 9)
    assert state(machine.ask(101_000, "LEASE", "m1", 1, 3000)) == (0, 1, "m1", 3000)
    assert state(machine.ask(101_000 + WAIT_MS - 1, "LEASE", "m2", 2, 3000)) == (0, 2, "m2", 3000)
    assert state(machine.ask(101_000 + WAIT_MS, "LEASE", "m2", 2, 3000)) == (1, 2, "m2", 3000)


def test_restart_does_not_shorten_that_wait() -> None:
    machine = Machine(1, 0, is_primary=False)
    machine.ask(100_000, "LEASE", "m1", 1, 3000)
    machine.promote(101_000, 9)
    machine.start(105_000)
    assert machine.ask(105_000 + WAIT_MS - 1, "LEASE", "m2", 2, 3000)["granted"] == 0
    machine.ask(105_000 + WAIT_MS, "READ")
    machine.start(200_000)
    assert machine.ask(200_000 + LEASE_MS_MAX, "LEASE", "m2", 2, 3000)["granted"] == 1


def test_primary_without_its_write_lease_grants_nothing(machine: Machine) -> None:
    machine.lease.held = False
    assert state(machine.ask(100_000, "LEASE", "m1", 1, 3000)) == (0, 1, "m1", 3000)
    machine.lease.held = True
    assert state(machine.ask(100_000, "LEASE", "m1", 1, 3000)) == (1, 1, "m1", 3000)


def test_records_are_stored_in_their_order(machine: Machine) -> None:
    machine.ask(100_000, "LEASE", "m1", 5, 3000)
    assert machine.ask(100_000, "STORE", "m1", 5, 7, b"\xff one") == OK
    assert machine.ask(100_000, "STORE", "m1", 5, 7, b"\xff one") == OK
    not_newer = "ERR version 7 of epoch 5 is not newer than what is stored: version 7 of epoch 5"
    assert is_error(machine.ask(100_000, "STORE", "m1", 5, 7, b"two"), not_newer)
    assert is_error(
        machine.ask(100_000, "STORE", "m1", 5, 6, b"two"), "ERR version 6 of epoch 5 is not newer"
    )
    assert is_error(machine.ask(100_000, "STORE", "m2", 5, 8, b"two"), "MANAGERHELD")
    assert is_error(machine.ask(100_000, "STORE", "m1", 4, 8, b"two"), "STALEMANAGER")
    machine.start(100_001)
    machine.ask(103_001, "LEASE", "m2", 6, 3000)
    found = machine.ask(103_001, "READ")
    assert (found["written-epoch"], found["version"], found["content"]) == (5, 7, b"\xff one")
    assert machine.ask(103_001, "STORE", "m2", 6, 3, b"two") == OK, (
        "a newer epoch goes before a larger version"
    )
    assert machine.ask(103_001, "READ")["content"] == b"two"


def test_records_that_are_too_large_are_refused(machine: Machine) -> None:
    machine.ask(100_000, "LEASE", "m1", 5, 3000)
    most = machine.context.settings.cluster_manager_records_bytes_max
    assert machine.ask(100_000, "STORE", "m1", 5, 1, bytes(most)) == OK
    reply = machine.ask(100_000, "STORE", "m1", 5, 2, bytes(most + 1))
    assert is_error(reply, f"MANAGERFULL the records have {most + 1} bytes, but at most {most} may be stored")
    assert machine.ask(100_000, "READ")["version"] == 1


def test_promoted_replica_votes_when_a_leader_has_stored_at_it() -> None:
    machine = Machine(1, 0, is_primary=False)
    machine.ask(100_000, "LEASE", "m1", 5, 3000)
    assert machine.ask(100_000, "STORE", "m1", 5, 1, b"x") == OK
    machine.promote(101_000, 9)
    assert machine.ask(101_000 + WAIT_MS, "READ")["votes"] == 0
    machine.ask(101_000 + WAIT_MS, "LEASE", "m1", 6, 3000)
    assert machine.ask(101_000 + WAIT_MS, "STORE", "m1", 6, 2, b"y") == OK
    assert machine.ask(101_000 + WAIT_MS, "READ")["votes"] == 1


def test_newer_epoch_closes_the_connections_of_older_ones(machine: Machine) -> None:
    machine.ask(100_000, "LEASE", "m1", 1, 3000)
    assert machine.ask(100_000, "AS", "m1", 1, client=11) == OK
    assert machine.ask(100_000, "AS", "m1", 1, client=12) == OK
    assert is_error(machine.ask(100_000, "AS", "m2", 1, client=13), "MANAGERHELD")
    assert machine.ask(102_000, "LEASE", "m1", 1, 3000, client=11)["granted"] == 1
    assert machine.closed == []
    assert machine.ask(102_000, "LEASE", "m1", 2, 3000, client=11)["granted"] == 1
    assert machine.closed == [12], "whoever brings the news is answered"
    assert machine.register.is_closed(12)
    assert not machine.register.is_closed(11)
    assert is_error(machine.ask(102_000, "AS", "m1", 1, client=13), "STALEMANAGER epoch 1 is older than 2")


@pytest.mark.parametrize("words", [("AS", "m2", 2), ("STORE", "m2", 2, 1, b"x")])
def test_newer_epoch_is_believed_where_the_lease_is_free(machine: Machine, words: tuple[object, ...]) -> None:
    machine.ask(100_000, "LEASE", "m1", 1, 3000)
    machine.ask(100_000, "AS", "m1", 1, client=11)
    assert is_error(machine.ask(102_999, *words, client=12), "MANAGERHELD the lease of epoch 1 is held by m1")
    assert machine.ask(103_000, *words, client=12) == OK
    assert machine.closed == [11]
    assert state(machine.ask(103_000, "LEASE", "m3", 3, 3000)) == (0, 2, "m2", LEASE_MS_MAX)


def test_lease_that_ends_closes_its_connections(machine: Machine) -> None:
    machine.ask(100_000, "LEASE", "m1", 1, 3000)
    machine.ask(100_000, "AS", "m1", 1, client=11)
    assert machine.register.next_deadline() == 103_000
    machine.context.pass_time(103_000)
    assert machine.register.is_closed(11)
    assert machine.context.effects.closes == [11]
    assert machine.register.next_deadline() is None
    assert is_error(
        machine.ask(103_000, "AS", "m1", 1, client=12), "ERR the lease of epoch 1 has ended at this node"
    )
    assert machine.ask(103_000, "LEASE", "m1", 1, 3000)["granted"] == 1
    assert machine.ask(103_000, "AS", "m1", 1, client=12) == OK


def test_release_closes_the_other_connections(machine: Machine) -> None:
    machine.ask(100_000, "LEASE", "m1", 1, 3000)
    for client in (11, 12):
        machine.ask(100_000, "AS", "m1", 1, client=client)
    assert machine.ask(100_000, "RELEASE", "m1", 1, client=11) == OK
    assert machine.closed == [12]


def test_number_of_marked_connections_is_bounded(machine: Machine) -> None:
    most = machine.context.settings.cluster_manager_connections_max
    machine.ask(100_000, "LEASE", "m1", 1, 3000)
    for client in range(1, most + 2):
        assert machine.ask(100_000, "AS", "m1", 1, client=client) == OK
    assert machine.closed == [1]


def test_damaged_file_is_named_and_grants_nothing() -> None:
    machine = Machine(1, 0, is_primary=True)
    machine.ask(100_000, "LEASE", "m1", 5, 3000)
    machine.ask(100_000, "STORE", "m1", 5, 1, b"x")
    assert machine.saved is not None
    machine.saved = machine.saved[:-1] + "y"
    machine.start(101_000)
    assert "the-file: its checksum is" in machine.context.effects.logs[0][1]
    lost = "ERR the records of this node are lost: the-file was damaged"
    assert is_error(machine.ask(101_000, "READ"), lost)
    assert machine.ask(101_000, "LEASE", "m2", 6, LEASE_MS_MAX)["granted"] == 0
    assert is_error(machine.ask(101_000, "STORE", "m2", 6, 2, b"y"), "ERR the-file was damaged")
    machine.start(102_000)
    assert is_error(machine.ask(102_000, "READ"), lost)
    machine.ask(102_000 + WAIT_MS, "LEASE", "m2", 6, 3000)
    assert machine.ask(102_000 + WAIT_MS, "STORE", "m2", 6, 2, b"y") == OK
    assert machine.ask(102_000 + WAIT_MS, "READ")["content"] == b"y"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("LEASE", "m1", 0, 1), "ERR the epoch has to be a number from 1 to 9223372036854775807"),
        (("LEASE", "m1", 1 << 63, 1), "ERR the epoch has to be a number"),
        (("LEASE", "m1", 1, "x"), "ERR the ttl-ms has to be a number"),
        (("LEASE", "", 1, 1), "ERR the name of a manager has 1 to 128 printable bytes without spaces"),
        (("LEASE", "a b", 1, 1), "ERR the name of a manager"),
        (("LEASE", b"\x00", 1, 1), "ERR the name of a manager"),
        (("LEASE", "m" * 129, 1, 1), "ERR the name of a manager"),
        (("LEASE", "m1", 1), "ERR unknown subcommand or wrong number of arguments for 'MANAGER LEASE'"),
        (("LEAVE",), "ERR unknown subcommand or wrong number of arguments for 'MANAGER LEAVE'"),
        (("STORE", "m1", 1, -1, "x"), "ERR the version has to be a number"),
    ],
)
def test_words_that_are_not_understood(machine: Machine, words: tuple[object, ...], error: str) -> None:
    assert is_error(machine.ask(100_000, *words), error)
    assert machine.ask(100_000, "READ")["epoch"] == 0


# In the whole core.


def promised(solo: Solo, *words: object, client: int = 0) -> tuple[bytes, Effects]:
    argv = [b"CLUSTER", b"MANAGER", *(str(word).encode() for word in words)]
    solo.core.command(1, argv, solo.now_ms, client=client)
    effects = solo.core.take()
    return effects.promised[0].reply, effects


def test_node_that_knows_no_other_one_counts_at_once(solo: Solo) -> None:
    assert promised(solo, "LEASE", "m1", 1, 3000)[0].startswith(b"*12\r\n$7\r\ngranted\r\n:0\r\n")
    solo.ask("ADDSLOTSRANGE", 0, 16383)
    reply, effects = promised(solo, "LEASE", "m1", 2, 3000)
    assert reply.startswith(b"*12\r\n$7\r\ngranted\r\n:1\r\n")
    assert effects.replies == []
    assert effects.records is not None
    assert "holder m1" in effects.records
    assert promised(solo, "READ")[1].records is None


def test_commands_of_a_closed_connection_are_refused(solo: Solo) -> None:
    solo.ask("ADDSLOTSRANGE", 0, 16383)
    promised(solo, "LEASE", "m1", 1, 3000)
    promised(solo, "AS", "m1", 1, client=7)
    solo.core.command(2, [b"CLUSTER", b"DELSLOTS", b"1"], solo.now_ms, client=7)
    assert solo.core.take().replies == [(2, b"+OK\r\n")]
    effects = promised(solo, "LEASE", "m1", 2, 3000)[1]
    assert effects.closes == [7]
    solo.core.command(2, [b"CLUSTER", b"ADDSLOTS", b"1"], solo.now_ms, client=7)
    (_, reply), *_ = solo.core.take().replies
    assert reply.startswith(b"-STALEMANAGER the lease that this connection spoke for has ended here")
    assert solo.core.is_closed(7, solo.now_ms)


def test_timer_closes_connections_when_their_lease_ends(solo: Solo) -> None:
    solo.ask("ADDSLOTSRANGE", 0, 16383)
    promised(solo, "LEASE", "m1", 1, 250)
    promised(solo, "AS", "m1", 1, client=7)
    solo.step(200)
    assert solo.core.next_deadline_ms() == solo.now_ms + 50
    assert solo.step(50).closes == [7]


def test_reset_forgets_the_register(solo: Solo) -> None:
    solo.ask("ADDSLOTSRANGE", 0, 16383)
    promised(solo, "LEASE", "m1", 4, 3000)
    promised(solo, "STORE", "m1", 4, 1, "x")
    for client in (7, 8):
        promised(solo, "AS", "m1", 4, client=client)
    solo.core.command(2, [b"CLUSTER", b"RESET"], solo.now_ms, client=7)
    solo.effects = solo.core.take()
    assert solo.effects.closes == [8], "whoever says it is answered"
    assert solo.effects.records is not None
    assert "epoch 0\nholder \n" in solo.effects.records
    assert b"content\r\n$0\r\n" in promised(solo, "READ")[0]


def test_register_of_another_node_is_not_read(solo: Solo) -> None:
    solo.ask("ADDSLOTSRANGE", 0, 16383)
    records = promised(solo, "LEASE", "m1", 4, 3000)[1].records
    other = Solo(seed=2)
    other.core._records.start(records)
    reply, effects = promised(other, "READ")
    assert b"epoch\r\n:0\r\n" in reply
    assert any("is of another node" in line for _, line in effects.logs)
