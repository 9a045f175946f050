"""Whom the discovery asks, believes and checks: scenarios, then every order of answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garrison.client.core.sentinel import Ask, Check, Discovery, Effect
from garrison.client.core.sentinel_replies import Other, Reason, Refusal, Report, Role
from garrison.client.core.topology import Address

OLD, NEW, THIRD = (Address("node", port) for port in (1, 2, 3))
A, B, C = SENTINELS = tuple(Address("sentinel", port) for port in (1, 2, 3))
DEAD = Refusal(Reason.UNREACHABLE, "it is dead")
PATIENCE_S, MEMORY_S, DOUBT_S = 0.25, 60.0, 10.0


def discovery(*seeds: Address, sentinels_max: int = 10) -> Discovery:
    return Discovery(
        seeds or SENTINELS,
        patience_s=PATIENCE_S,
        memory_s=MEMORY_S,
        doubt_s=DOUBT_S,
        sentinels_max=sentinels_max,
    )


def says(sentinel: Address, primary: Address, epoch: int, others: tuple[Other, ...] = ()) -> Report:
    return Report(f"id-{sentinel.port}", primary, epoch, "master", others)


def other(sentinel: Address, *, at: Address | None = None) -> Other:
    return Other(f"id-{sentinel.port}", at or sentinel)


def known(epoch: int = 1) -> Discovery:
    """All three Sentinels have named OLD, and it is the primary."""
    found = discovery()
    found.begin(0.0)
    for sentinel in SENTINELS:
        found.received(sentinel, says(sentinel, OLD, epoch), 0.0)
    found.checked(OLD, Role.PRIMARY, "", 0.0)
    assert found.primary == OLD
    return found


def test_sentinels_are_asked_at_once_and_role_is_verified() -> None:
    found = discovery()
    assert found.begin(0.0) == [Ask(A), Ask(B), Ask(C)]
    assert found.received(A, says(A, OLD, 1), 0.0) == []
    assert found.received(B, says(B, OLD, 1), 0.0) == []
    assert found.received(C, says(C, OLD, 1), 0.0) == [Check(OLD)]
    assert found.primary is None
    assert found.is_busy(0.0)
    assert found.checked(OLD, Role.PRIMARY, "", 0.0) == []
    assert found.primary == OLD
    assert not found.is_busy(0.0)


def test_those_that_do_not_answer_are_waited_for_briefly() -> None:
    found = discovery()
    found.begin(0.0)
    assert found.next_deadline(0.0) is None
    assert found.received(B, says(B, OLD, 1), 5.0) == []
    assert found.next_deadline(5.0) == 5.0 + PATIENCE_S
    assert found.tick(5.0 + PATIENCE_S) == [Check(OLD)]


def test_stale_sentinel_loses_even_if_its_node_claims_primary() -> None:
    found = discovery()
    found.begin(0.0)
    found.received(A, says(A, OLD, 1), 0.0)
    found.received(B, says(B, OLD, 1), 0.0)
    assert found.received(C, says(C, NEW, 2), 0.0) == [Check(NEW)]
    assert found.checked(NEW, Role.UNREACHABLE, "no answer", 0.0) == []
    assert found.primary is None
    assert not found.is_busy(0.0)


def test_a_newer_claim_ends_the_old_primary_at_once() -> None:
    found = known()
    assert found.news(B) == [Ask(B)]
    assert found.received(B, says(B, NEW, 2), 1.0) == [Check(NEW)]
    primary = found.primary
    assert primary is None
    found.checked(NEW, Role.PRIMARY, "", 1.0)
    assert (found.primary, found.epoch) == (NEW, 2)


def test_the_same_news_from_others_change_nothing() -> None:
    found = known()
    found.news(B)
    found.received(B, says(B, NEW, 2), 1.0)
    found.checked(NEW, Role.PRIMARY, "", 1.0)
    for sentinel in (A, C):
        found.news(sentinel)
        assert found.received(sentinel, says(sentinel, NEW, 2), 1.1) == [Check(NEW)]
        assert found.primary == NEW
        assert found.checked(NEW, Role.PRIMARY, "", 1.1) == []


def test_a_lost_connection_makes_the_role_be_checked_again() -> None:
    found = known()
    found.lost(OLD)
    assert found.primary is None
    assert found.tick(1.0) == [Check(OLD)]


def test_a_primary_that_says_it_is_a_replica_is_none() -> None:
    found = known()
    found.begin(1.0)
    for sentinel in SENTINELS:
        found.received(sentinel, says(sentinel, OLD, 1), 1.0)
    found.checked(OLD, Role.REPLICA, "it says that it is a replica", 1.0)
    assert found.primary is None
    assert "it says that it is a replica" in found.describe()


def test_a_denied_claim_of_a_minority_gives_way_to_the_majority() -> None:
    found = discovery()
    found.begin(0.0)
    found.received(A, says(A, NEW, 9), 0.0)
    found.received(B, says(B, OLD, 1), 0.0)
    assert found.received(C, says(C, OLD, 1), 0.0) == [Check(NEW)]
    assert found.checked(NEW, Role.REPLICA, "", 0.0) == [Check(OLD)]
    found.checked(OLD, Role.PRIMARY, "", 0.0)
    assert found.primary == OLD


def test_a_denied_claim_does_not_give_way_to_a_minority() -> None:
    found = discovery()
    found.begin(0.0)
    found.received(A, says(A, NEW, 9), 0.0)
    found.received(B, says(B, OLD, 1), 0.0)
    found.received(C, DEAD, 0.0)
    assert found.checked(NEW, Role.REPLICA, "", 0.0) == []
    assert found.primary is None


def ask_all(found: Discovery, now: float) -> list[Effect]:
    """A round in which A alone names NEW, where nobody is."""
    found.begin(now)
    found.received(A, says(A, NEW, 9), now)
    found.received(B, says(B, OLD, 1), now)
    return found.received(C, says(C, OLD, 1), now)


def test_unreachable_minority_claim_is_abandoned_for_good() -> None:
    found = discovery()
    assert ask_all(found, 0.0) == [Check(NEW)]
    assert found.checked(NEW, Role.UNREACHABLE, "", 0.0) == []
    assert ask_all(found, DOUBT_S + 1) == [Check(NEW)]
    assert found.checked(NEW, Role.UNREACHABLE, "", DOUBT_S + 1) == [Check(OLD)]
    found.checked(OLD, Role.PRIMARY, "", DOUBT_S + 1)
    assert found.primary == OLD
    found.news(A)
    found.received(A, says(A, NEW, 9), DOUBT_S + 2)
    assert found.primary == OLD
    found.received(B, says(B, NEW, 9), DOUBT_S + 3)
    assert found.primary is None


def test_what_a_dead_sentinel_knew_is_not_forgotten_at_once() -> None:
    found = known()
    found.news(A)
    found.received(A, says(A, NEW, 2), 1.0)
    found.checked(NEW, Role.UNREACHABLE, "", 1.0)
    for now, expected in ((2.0, Check(NEW)), (3.0 + MEMORY_S, Check(OLD))):
        found.begin(now)
        effects = found.received(A, DEAD, now)
        effects += found.received(B, says(B, OLD, 1), now)
        effects += found.received(C, says(C, OLD, 1), now)
        assert effects == [expected]
        found.checked(expected.node, Role.UNREACHABLE, "", now)


def test_recreated_sentinels_are_believed_despite_low_epoch() -> None:
    found = known(epoch=7)
    found.begin(1.0)
    found.received(A, says(A, NEW, 0), 1.0)
    found.received(B, says(B, NEW, 0), 1.0)
    assert found.received(C, says(C, NEW, 0), 1.0) == [Check(NEW)]
    found.checked(NEW, Role.PRIMARY, "", 1.0)
    assert (found.primary, found.epoch) == (NEW, 0)


def test_most_frequent_claim_of_an_epoch_is_checked_first() -> None:
    found = discovery()
    found.begin(0.0)
    found.received(A, says(A, THIRD, 0), 0.0)
    found.received(B, says(B, OLD, 0), 0.0)
    assert found.received(C, says(C, OLD, 0), 0.0) == [Check(OLD)]
    assert found.checked(OLD, Role.UNREACHABLE, "", 0.0) == [Check(THIRD)]
    found.checked(THIRD, Role.PRIMARY, "", 0.0)
    assert found.primary == THIRD


# ---- the Sentinels themselves ------------------------------------------------------------------


def test_others_are_learned_and_asked_before_it_is_decided() -> None:
    found = discovery(A)
    assert found.begin(0.0) == [Ask(A)]
    others = (other(B), other(C))
    assert found.received(A, says(A, OLD, 1, others), 0.0) == [Ask(B), Ask(C)]
    assert found.received(B, says(B, NEW, 2, (other(A), other(C))), 0.0) == []
    assert found.received(C, says(C, NEW, 2, (other(A), other(B))), 0.0) == [Check(NEW)]
    assert found.sentinels == [A, B, C]


def test_one_sentinel_under_two_addresses_is_one() -> None:
    inside = Address("10.0.0.1", 1)
    found = discovery(A, B)
    found.begin(0.0)
    assert found.received(B, says(B, OLD, 1, (other(A, at=inside),)), 0.0) == [Ask(inside)]
    found.received(A, says(A, OLD, 1), 0.0)
    assert found.sentinels == [A, B]
    found.received(B, says(B, OLD, 1, (other(A, at=inside),)), 0.0)
    assert found.sentinels == [A, B]


def test_a_learned_sentinel_that_moved_is_followed() -> None:
    moved = Address("10.0.0.3", 3)
    found = discovery(A)
    found.begin(0.0)
    found.received(A, says(A, OLD, 1, (other(C),)), 0.0)
    found.received(C, says(C, OLD, 1), 0.0)
    found.received(C, DEAD, 1.0)
    assert Ask(moved) in found.received(A, says(A, OLD, 1, (other(C, at=moved),)), 1.0)
    assert found.sentinels == [A, moved]


def test_gone_sentinel_is_forgotten_unless_it_is_a_seed() -> None:
    found = discovery(A, B)
    found.begin(0.0)
    found.received(A, says(A, OLD, 1, (other(C),)), 0.0)
    for now in (0.0, MEMORY_S + 1):
        for sentinel in (B, C):
            found.received(sentinel, DEAD, now)
        found.received(A, says(A, OLD, 1), now)
    found.begin(MEMORY_S + 1)
    assert found.sentinels == [A, B]


def test_no_more_sentinels_are_learned_than_allowed() -> None:
    found = discovery(A, sentinels_max=2)
    found.begin(0.0)
    assert found.received(A, says(A, OLD, 1, (other(B), other(C))), 0.0) == [Ask(B)]


def test_reasons_are_told_when_nobody_names_a_primary() -> None:
    found = discovery(A, B)
    found.begin(0.0)
    found.received(A, DEAD, 0.0)
    assert found.refusals() == set()
    found.received(B, Refusal(Reason.UNKNOWN_NAME, "it monitors: x"), 0.0)
    assert found.refusals() == {Reason.UNREACHABLE, Reason.UNKNOWN_NAME}
    assert found.describe() == "Sentinel sentinel:1: it is dead; Sentinel sentinel:2: it monitors: x"
    assert not found.is_busy(0.0)


# ---- every order -------------------------------------------------------------------------------

claims = st.tuples(st.sampled_from([OLD, NEW, THIRD]), st.integers(0, 3))
answers = st.one_of(claims, st.none())


class Context:
    """Delivers answers and checks in an order that is drawn, and watches the invariants."""

    def __init__(self, said: dict[Address, tuple[Address, int] | None], roles: dict[Address, Role]) -> None:
        self.said = said
        self.roles = roles
        self.found = discovery(*said)
        self.pending: list[Effect] = []
        self.checked: set[Address] = set()
        self.now = 0.0

    def take(self, effects: list[Effect]) -> None:
        self.pending += effects
        checks = [effect for effect in self.pending if isinstance(effect, Check)]
        assert len(checks) == len(set(checks)), "one check of a node at a time"

    def deliver(self, at: int) -> None:
        effect = self.pending.pop(at % len(self.pending))
        self.now += 0.001
        if isinstance(effect, Check):
            role = self.roles[effect.node]
            self.take(self.found.checked(effect.node, role, role.value, self.now))
            if role is Role.PRIMARY:
                self.checked.add(effect.node)
        else:
            claim = self.said[effect.sentinel]
            answer = DEAD if claim is None else says(effect.sentinel, *claim)
            self.take(self.found.received(effect.sentinel, answer, self.now))
        if self.found.primary is not None:
            assert self.found.primary in self.checked, "believed without its own word"


@given(
    said=st.lists(answers, min_size=1, max_size=5),
    roles=st.tuples(*[st.sampled_from(Role)] * 3),
    order=st.lists(st.integers(0, 100), max_size=40),
)
def test_in_every_order_the_newest_claim_wins_or_nobody(
    said: list[tuple[Address, int] | None], roles: tuple[Role, ...], order: list[int]
) -> None:
    context = Context(
        {Address("sentinel", at): claim for at, claim in enumerate(said)},
        dict(zip((OLD, NEW, THIRD), roles, strict=True)),
    )
    context.take(context.found.begin(0.0))
    choices = iter([*order, *[0] * 100])
    while context.pending:
        context.deliver(next(choices))
    assert not context.found.is_busy(context.now), "a round ends"
    made = [claim for claim in said if claim is not None]
    newest = max((epoch for _, epoch in made), default=-1)
    at_the_top = {address for address, epoch in made if epoch == newest}
    if any(context.roles[address] is Role.PRIMARY for address in at_the_top):
        assert context.found.primary in at_the_top
    elif context.found.primary is not None:
        votes = sum(address == context.found.primary for address, _ in made)
        assert votes > len(said) // 2, "an older claim needs a majority"
        denials = (Role.REPLICA, Role.UNREADABLE)
        assert all(context.roles[address] in denials for address in at_the_top), "and a denial"


@given(st.permutations(SENTINELS), st.lists(st.integers(0, 100), max_size=30), st.booleans())
def test_after_a_failover_the_order_of_the_news_does_not_matter(
    order: list[Address], deliveries: list[int], old_still_claims: bool
) -> None:
    context = Context(dict.fromkeys(SENTINELS, (OLD, 1)), {OLD: Role.PRIMARY, NEW: Role.PRIMARY})
    context.take(context.found.begin(0.0))
    while context.pending:
        context.deliver(0)
    assert context.found.primary == OLD
    context.roles[OLD] = Role.PRIMARY if old_still_claims else Role.UNREACHABLE
    for at, sentinel in enumerate(order):
        context.said[sentinel] = (NEW, 2)
        context.take(context.found.news(sentinel))
        for choice in deliveries[at::3]:
            if context.pending:
                context.deliver(choice)
        if at == 0:
            while context.pending:
                context.deliver(0)
        assert context.found.primary != OLD or any(isinstance(one, Ask) for one in context.pending)
    while context.pending:
        context.deliver(0)
    assert context.found.primary == NEW
