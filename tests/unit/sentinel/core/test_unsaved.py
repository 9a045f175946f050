"""A configuration that cannot be saved: nothing is promised or ordered meanwhile, nor made up for later."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.base.reply import OK, Error
from garrison.sentinel.core import explain
from garrison.sentinel.core.commands import unsaved
from garrison.sentinel.core.effects import Effects, Event, Level, RunScript, Send, UnsentError
from garrison.sentinel.core.instances import Address, Reconfiguration, State
from garrison.sentinel.core.sentinel import SAVE_RETRY_MS
from tests.unit.sentinel.core.sentinel_driver import (
    PEERS,
    PRIMARY,
    REPLICAS,
    STEP_MS,
    Driver,
    info_of_replica,
    run_id,
)

FIRST, SECOND = REPLICAS
QUESTION = b"SENTINEL is-master-down-by-addr"
FULL = "No space left on device"
PROMISES = {b"PUBLISH", b"MULTI", b"SLAVEOF", b"EXEC", b"FAILOVER"}


class FullDisk(Driver):
    """A driver as a shell is: while `is_full`, nothing is saved."""

    is_full = False
    saves_tried = 0

    def carry_out(self) -> None:
        effects = self.core.take()
        while effects:
            effects = self._saved_or_split(effects)
            self.effects.append(effects)
            self.events += effects.events
            self.replies |= dict(effects.replies)
            for effect in effects.wire:
                self._put(effect)
            effects = self.core.take()

    def _saved_or_split(self, effects: Effects) -> Effects:
        if effects.persist is None:
            promises = [action for action in effects.wire if isinstance(action, Send) and action.promises]
            assert not (promises and self.core.context.is_unsaved), "the core knows that it cannot save"
            return effects
        self.saves_tried += 1
        if not self.is_full:
            self.disk = effects.persist
            self.core.saved(self.now_ms)
            return effects
        refusal = None if self.core.context.is_unsaved else unsaved(FULL)
        self.core.save_failed(FULL, self.now_ms)
        now, void = effects.without_promises(refusal)
        self.core.unsent(void, FULL, self.now_ms)
        now.events = effects.events  # told at once here, so that a test sees them
        return now

    def promised(self) -> list[tuple[bytes, ...]]:
        return [
            argv
            for _, argv in self.sent
            if argv[0] in PROMISES or b" ".join(argv[:2]).lower() == QUESTION.lower()
        ]


def formed(**monitor: Any) -> FullDisk:
    """Two peers that vote for whoever asks."""
    driver = FullDisk(**monitor)
    driver.hello(2)
    driver.hello(3)
    driver.answers[QUESTION] = lambda place, argv: [1, argv[5], int(argv[4]) if argv[5] != b"*" else 0]
    driver.run(1_000)
    driver.sent.clear()
    driver.names()
    return driver


def test_effects_are_split_into_asking_promising_and_waiting() -> None:
    ping, order = Send(1, (b"PING",), 1, promises=False), Send(1, (b"SLAVEOF",), 2)
    event, script = Event(Level.WARNING, "+sdown", "x"), RunScript("a", ())
    record = Effects(("x",), [ping, order], [event], [(7, OK)], [script], {"loglevel": "debug"})
    now, void = record.without_promises("no")
    assert now == Effects(wire=[ping], replies=[(7, "no")])
    assert void == [order]
    assert record == Effects(events=[event], scripts=[script], configured={"loglevel": "debug"})
    record = Effects(replies=[(7, OK)])
    assert record.without_promises()[0].replies == [(7, OK)]


def test_others_are_watched_and_nothing_is_promised() -> None:
    driver = formed()
    driver.is_full = True
    assert driver.sentinel("FLUSHCONFIG") == unsaved(FULL)
    driver.sent.clear()
    driver.saves_tried = 0
    driver.run(30_000)
    assert driver.promised() == []
    assert {argv[0] for _, argv in driver.sent} == {b"PING", b"INFO", b"CLIENT", b"SUBSCRIBE"}
    assert not driver.primary.is_down, "their silence would be our own"
    assert len(driver.sent) < 700, "five are asked four times a second, and no more for what cannot be sent"
    assert driver.saves_tried <= 30_000 // SAVE_RETRY_MS + 1
    driver.is_full = False
    driver.run(3_000)
    assert {argv[0] for argv in driver.promised()} == {b"PUBLISH"}
    assert any("The configuration is saved again, after 30" in event.text for event in driver.events)


def test_no_failover_begins_until_it_can_save() -> None:
    driver = formed()
    driver.is_full = True
    driver.sentinel("FLUSHCONFIG")
    driver.kill(PRIMARY)
    driver.run(10_000)
    assert driver.primary.is_down
    assert "+try-failover" not in driver.names()
    reason = explain.reason(driver.core.context, driver.primary)
    assert reason == f"not failing over because this Sentinel cannot save its configuration: {FULL}"
    driver.is_full = False
    driver.run(1_000)
    assert "+try-failover" in driver.names()


def test_an_election_whose_vote_cannot_be_saved_is_given_up() -> None:
    driver = formed()
    driver.is_full = True
    assert driver.sentinel("FAILOVER", "g") == unsaved(FULL)
    driver.run(3_000)
    driver.is_full = False
    driver.run(15_000)
    assert "-failover-abort-not-elected" in driver.names()
    assert {argv[0] for argv in driver.promised()} == {b"PUBLISH"}, "nobody is asked or told any more"


def test_an_order_that_was_not_sent_ends_the_attempt() -> None:
    """Something else had to be saved in the step that decided it."""
    driver = formed()
    driver.kill(PRIMARY)
    asked = driver.answers[QUESTION]

    def full_now(place: tuple[str, int], argv: tuple[bytes, ...]) -> object:
        if argv[5] != b"*":
            driver.is_full = True
            driver.core.context.save()
        return asked(place, argv)

    driver.answers[QUESTION] = full_now
    driver.run(3_000)
    names = driver.names()
    assert "+failover-state-wait-promotion" in names
    assert "-failover-abort-slave-timeout" in names
    assert "not sent: No space left on device" in driver.primary.attempt.ended
    driver.answers[QUESTION] = lambda place, argv: [0, b"*", 0]
    driver.is_full = False
    driver.run(5_000)
    assert not driver.sent_to(FIRST, b"SLAVEOF")
    assert driver.primary.replicas[Address(*FIRST)].ignored_orders == 0


def test_replica_order_refused_for_space_is_sent_later() -> None:
    driver = formed()
    driver.sentinel("FAILOVER", "g")
    driver.run(200)
    assert driver.primary.attempt.state is State.WAIT_PROMOTION
    driver.is_full = True
    driver.info[FIRST] = b"role:master\r\nrun_id:" + run_id(60).encode()
    driver.run(1_000)
    assert driver.state is State.RECONFIGURE
    second = driver.primary.replicas[Address(*SECOND)]
    assert second.reconfiguration is Reconfiguration.NONE
    assert not driver.sent_to(SECOND, b"SLAVEOF")
    driver.info[SECOND] = info_of_replica(61, master_host=FIRST[0])
    driver.is_full = False
    driver.run(1_000)
    assert driver.sent_to(SECOND, b"SLAVEOF") == [(b"SLAVEOF", FIRST[0].encode(), b"6379")]
    assert driver.primary.address == Address(*FIRST)


def test_vote_is_sent_only_once_on_disk_and_asked_again() -> None:
    driver = formed()
    driver.is_full = True
    question = ("IS-MASTER-DOWN-BY-ADDR", PRIMARY[0], str(PRIMARY[1]))
    assert driver.sentinel(*question, "5", run_id(2)) == unsaved(FULL)
    assert driver.sentinel(*question, "5", run_id(3)) == unsaved(FULL)
    driver.is_full = False
    driver.run(200)
    assert driver.sentinel(*question, "5", run_id(3)) == [0, run_id(2), 5], "given once, and kept"


@pytest.mark.parametrize(
    "words", ["MASTERS", "MASTER g", "GET-MASTER-ADDR-BY-NAME g", "RESET g", "SET g quorum 3", "REMOVE g"]
)
def test_commands_are_refused_and_change_nothing(words: str) -> None:
    driver = formed()
    driver.is_full = True
    driver.sentinel("FLUSHCONFIG")
    assert driver.sentinel(*words.split()) == unsaved(FULL)
    assert driver.primary.monitor.quorum == 2


@pytest.mark.parametrize("words", ["MYID", "STATUS", "CKQUORUM g", "HELP"])
def test_what_promises_nothing_is_answered(words: str) -> None:
    driver = formed()
    driver.is_full = True
    driver.sentinel("FLUSHCONFIG")
    driver.run(STEP_MS)
    assert not isinstance(driver.sentinel(*words.split()), Error)


def test_a_hello_is_heard_all_the_same() -> None:
    driver = formed()
    driver.is_full = True
    driver.sentinel("FLUSHCONFIG")
    driver.hello(2, epoch=7, names=FIRST, config_epoch=7)
    assert driver.primary.address == Address(*FIRST)
    assert PEERS[0] in driver.up


def test_a_command_that_was_not_sent_is_answered_by_an_error() -> None:
    driver = formed()
    said: list[object] = []
    context, node = driver.core.context, driver.primary
    context.send(node.link.command, node, (b"PING",), lambda _, reply: said.append(reply), promises=False)
    context.send(node.link.command, node, (b"FAILOVER",), lambda _, reply: said.append(reply))
    sends = [effect for effect in driver.core.take().wire if isinstance(effect, Send)]
    assert [send.promises for send in sends] == [False, True]
    driver.core.unsent(sends[1:], "why", driver.now_ms)
    assert isinstance(said[0], UnsentError)
    assert str(said[0]) == "not sent: why"
    driver.core.answered(sends[0].link_id, sends[0].token, b"PONG", driver.now_ms)
    assert said[1:] == [b"PONG"]
    driver.core.unsent(sends, "of a connection that is gone", driver.now_ms)
