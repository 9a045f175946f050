"""When writes go on, when another primary is followed, and when neither."""

from __future__ import annotations

from garrison.node.border import FollowInHold, ReleaseHold
from garrison.node.core.sentinel_hold import (
    ANSWER_AGE_MS_MAX,
    ASK_PERIOD_MS,
    WARN_DELAY_MS,
    WARN_PERIOD_MS,
    Answer,
    Ask,
    Effect,
    ForgetName,
    Hold,
    Identify,
    Say,
    Show,
    Who,
)
from garrison.node.core.sentinel_peers import Address

ME, OTHER, MOVED = ("10.0.1.1", 6379), ("10.0.1.2", 6379), ("10.0.1.9", 6379)
PEERS: tuple[Address, ...] = (("s1", 1), ("s2", 2), ("s3", 3))
FOUND = {ME: Who.MYSELF, OTHER: Who.OTHER, MOVED: Who.NOBODY}


class Bench:
    """A hold whose questions are answered by `answers` (by Sentinel) and `FOUND`."""

    def __init__(
        self, *, announced: tuple[Address, ...] = (), names: tuple[str, ...] = ("mymaster",)
    ) -> None:
        self.hold = Hold()
        self.now_ms = 1000
        self.answers: dict[Address, Answer] = {}
        self.done: list[Effect] = []
        self.silent: set[str] = set()
        self.asked = 0
        self.hold.begin(1, dict.fromkeys(names, PEERS), announced, self.now_ms)

    def run(self, ms: int = 0) -> None:
        """Answer what is asked, for so long."""
        end_ms = self.now_ms + ms
        while True:
            while effects := self.hold.take():
                for effect in effects:
                    self._do(effect)
            due_ms = self.hold.next_deadline_ms(self.now_ms)
            if due_ms is None or due_ms > end_ms:
                self.now_ms = end_ms
                return
            self.now_ms = max(due_ms, self.now_ms + 1)
            self.hold.tick(self.now_ms)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Ask):
            self.asked += 1
            nothing = Answer(error="nothing within 1 s")
            answer = nothing if effect.name in self.silent else self.answers.get(effect.peer, nothing)
            self.hold.answered(effect.round, effect.name, effect.peer, answer, self.now_ms)
        elif isinstance(effect, Identify):
            self.hold.identified(effect.round, effect.address, FOUND[effect.address], self.now_ms)
        else:
            self.done.append(effect)

    def says(self, *answers: Answer | None) -> None:
        self.answers = {peer: answer for peer, answer in zip(PEERS, answers, strict=True) if answer}

    @property
    def outcome(self) -> list[Effect]:
        return [effect for effect in self.done if isinstance(effect, ReleaseHold | FollowInHold | ForgetName)]

    def warnings(self) -> list[str]:
        return [e.text for e in self.done if isinstance(e, Say) and e.level == "warning"]


def names(address: Address, *flags: str, epoch: int = 1) -> Answer:
    return Answer(address, epoch, frozenset(("master", *flags)))


def test_a_majority_for_this_node_lets_writes_go() -> None:
    bench = Bench()
    bench.says(names(ME), names(ME), None)
    bench.run()
    assert bench.outcome == [ReleaseHold(1)]
    assert not bench.hold.is_on
    assert bench.done[-1] == Show("no")
    assert bench.hold.next_deadline_ms(bench.now_ms) is None


def test_a_minority_is_not_enough_and_is_asked_again() -> None:
    bench = Bench()
    bench.says(names(ME), None, None)
    bench.run(2100)
    assert bench.outcome == []
    assert bench.asked >= 3 * (2000 // ASK_PERIOD_MS)
    bench.says(names(ME), None, names(ME))
    bench.run(ASK_PERIOD_MS)
    assert bench.outcome == [ReleaseHold(1)]


def test_another_primary_is_followed() -> None:
    bench = Bench()
    bench.says(names(OTHER, epoch=2), names(ME), names(OTHER, epoch=2))
    bench.run()
    assert bench.outcome == [FollowInHold(*OTHER, 1)]
    assert not bench.hold.is_on


def test_one_sentinel_with_a_later_failover_overrules_others() -> None:
    bench = Bench()
    bench.says(names(ME), names(ME), names(OTHER, epoch=2))
    bench.run(3000)
    assert bench.outcome == []
    bench.says(names(ME), names(ME), names(OTHER, epoch=0))
    bench.run(ASK_PERIOD_MS)
    assert bench.outcome == [ReleaseHold(1)], "what it says is older"


def test_nothing_goes_on_while_a_failover_may_be_under_way() -> None:
    for doubts in ((), ("o_down",), ("failover_in_progress",), ("failover_expected",)):
        bench = Bench()
        bench.says(names(ME), names(ME), names(ME, *doubts))
        bench.run(1000)
        assert bench.outcome == ([] if doubts else [ReleaseHold(1)])
    bench = Bench()
    bench.says(names(ME), names(ME, "s_down"), names(ME, "s_down"))
    bench.run(1000)
    assert bench.outcome == []
    bench.says(names(ME), names(ME), names(ME, "s_down"))
    bench.run(ASK_PERIOD_MS)
    assert bench.outcome == [ReleaseHold(1)]


def test_data_in_doubt_do_not_count_for_this_node() -> None:
    """It has just started, perhaps without its data: the Sentinels have not heard its replicas yet."""
    bench = Bench()
    doubting = names(ME, "data_in_doubt")
    bench.says(names(ME), doubting, doubting)
    bench.run(WARN_DELAY_MS)
    assert bench.outcome == []
    assert "s2:2 names 10.0.1.1:6379 (this node, epoch 1, data_in_doubt)" in bench.warnings()[-1]
    bench.says(names(ME), names(ME), doubting)
    bench.run(ASK_PERIOD_MS)
    assert bench.outcome == [ReleaseHold(1)], "one that doubts does not veto"


def test_unused_address_may_be_this_nodes_former_one() -> None:
    bench = Bench()
    bench.says(names(MOVED), names(MOVED), names(MOVED))
    bench.run(3000)
    assert bench.outcome == []
    bench.says(names(OTHER, epoch=2), names(OTHER, epoch=2), None)
    bench.run(ASK_PERIOD_MS)
    assert bench.outcome == [FollowInHold(*OTHER, 1)]
    bench = Bench(announced=(MOVED,))
    bench.says(names(MOVED), names(MOVED), None)
    bench.run()
    assert bench.outcome == [ReleaseHold(1)], "this node announces it"


def test_a_name_that_a_majority_does_not_know_is_forgotten() -> None:
    bench = Bench()
    bench.says(Answer(knows_name=False), Answer(knows_name=False), None)
    bench.run()
    assert bench.outcome == [ForgetName("mymaster"), ReleaseHold(1)]
    bench = Bench()
    bench.says(Answer(knows_name=False), names(ME), None)
    bench.run(3000)
    assert bench.outcome == []


def test_every_name_has_to_be_settled() -> None:
    bench = Bench(names=("one", "two"))
    bench.silent = {"two"}
    bench.says(names(ME), names(ME), names(ME))
    bench.run(1000)
    assert bench.outcome == []
    bench.silent = set()
    bench.run(ASK_PERIOD_MS)
    assert bench.outcome == [ReleaseHold(1)]


def test_answers_grow_old_and_those_of_before_a_sleep_are_void() -> None:
    bench = Bench()
    first = [effect for effect in bench.hold.take() if isinstance(effect, Ask)]
    bench.hold.answered(first[0].round, "mymaster", first[0].peer, names(ME), bench.now_ms)
    bench.now_ms += ANSWER_AGE_MS_MAX + 1
    bench.hold.answered(first[1].round, "mymaster", first[1].peer, names(ME), bench.now_ms)
    assert not any(isinstance(effect, ReleaseHold) for effect in bench.hold.take())
    bench.hold.begin(2, {"mymaster": PEERS}, (), bench.now_ms)
    for ask in first:
        bench.hold.answered(ask.round, "mymaster", ask.peer, names(ME), bench.now_ms)
    bench.hold.identified(first[0].round, ME, Who.MYSELF, bench.now_ms)
    assert not any(isinstance(effect, ReleaseHold) for effect in bench.hold.take())
    bench.says(names(ME), names(ME), names(ME))
    bench.hold.begin(3, {"mymaster": PEERS}, (), bench.now_ms)
    bench.run()
    assert bench.outcome == [ReleaseHold(3)]


def test_what_ends_a_hold_says_which() -> None:
    """The data plane may hold writes again before it reads this, and asks about those anew."""
    for answers, outcome in (
        ([names(ME)] * 3, ReleaseHold(1)),
        ([names(OTHER, epoch=2)] * 3, FollowInHold(*OTHER, 1)),
    ):
        bench = Bench()
        bench.says(*answers)
        bench.run()
        bench.hold.begin(2, {"mymaster": PEERS}, (), bench.now_ms)
        assert bench.hold.is_on
        bench.run()
        assert [effect.round for effect in bench.outcome] == [1, 2]  # type: ignore[union-attr]
        assert bench.outcome[0] == outcome


def test_a_warning_names_each_sentinel_and_comes_seldom() -> None:
    bench = Bench()
    bench.says(names(ME), Answer(error="refused, for a reason"), None)
    bench.run(WARN_DELAY_MS + 2 * WARN_PERIOD_MS + 500)
    assert len(bench.warnings()) == 3
    text = bench.warnings()[-1]
    assert "needs 2 of 3" in text
    assert 'CONFIG SET sentinel-peers ""' in text
    for said in ("s1:1 names 10.0.1.1:6379 (this node", "s2:2 did not answer (refused", "s3:3 did not"):
        assert said in text
    shown = [effect.text for effect in bench.done if isinstance(effect, Show)]
    assert shown[-1].startswith("waiting 'mymaster' needs 2 of 3")
    assert "," not in shown[-1]


def test_forgetting_all_sentinels_and_an_order_end_it() -> None:
    bench = Bench()
    bench.run(100)
    bench.hold.watchers_changed({}, bench.now_ms)
    bench.run()
    assert bench.outcome == [ReleaseHold(1)]
    bench = Bench()
    bench.hold.released()
    bench.says(names(OTHER), names(OTHER), names(OTHER))
    bench.run(1000)
    assert bench.outcome == []


def test_sentinel_learned_meanwhile_is_asked_and_counts() -> None:
    bench = Bench()
    bench.says(names(ME), None, None)
    bench.run(100)
    more = (*PEERS, ("s4", 4), ("s5", 5))
    bench.answers |= {("s2", 2): names(ME)}
    bench.hold.watchers_changed({"mymaster": more}, bench.now_ms)
    bench.run(1000)
    assert bench.outcome == []
    bench.answers |= {("s5", 5): names(ME)}
    bench.run(ASK_PERIOD_MS)
    assert bench.outcome == [ReleaseHold(1)]
