"""The manager's lease: which one of several managers acts.

BACKGROUND. Managers need no system of their own: the cluster's nodes grant the lease. A node grants it to one
manager at a time, under an epoch that only grows and that it syncs to disk, until the time to live has passed
since the request came (`docs/manager-reference.md`). Connections of a manager carry its epoch, and a node
refuses an epoch older than the newest it knows. So the lease keeps managers from working against each other,
and the epoch keeps one that does not yet know better from doing harm.

INVARIANTS.
1. Held only while most primaries with slots have granted it under the own epoch (`Voters`); any two
   majorities share a shard, and a shard grants it to one at a time, whichever node is its primary
   (`garrison.node.core.manager_records`).
2. The holder counts from when it *asked*, a node from when the request came, which is later: on clocks that
   run alike the holder gives up first, also when the node granted less than was asked for.
   `clock_drift_percent_max` of it is given up for clocks that do not.
   The clock is one that runs on while the machine sleeps; each input looks at it before anything else.
3. A newer epoch, heard from anybody, ends it at once. A lost lease is never taken up again: the next one has
   a new epoch.
4. The set of voters changes under a manager's hands. A step that brings slots to a node begins only when that
   node too knows of the lease and has stored the records (`manager_core`), and steps begin only when both are
   held by most of the voters of a picture made after the last step. Then a majority of the old set still
   meets each majority of the new one: of a majority at most the emptied source leaves, and the target comes
   in. A new voter does not count at once: the next one is made only when the lease does not need it.
5. Who has won waits, before it acts, until every older lease that it has heard of has run out
   (`act_after_ms`), and a whole lease if some primary has not answered: nodes that were asked by nobody since
   may still take the steps of the manager before.

BEHAVIOUR. One that follows does not knock: it reads (`heard`), and asks only when most primaries answer and
no other manager holds most of them; after a random delay, so that two seldom meet. It then asks every node
for the lease with the newest epoch known plus one. Without a majority after a third of the lease it gives
back what it got and waits longer. Two that asked with one epoch share the nodes; a node that granted it to
the other, who gave it back, never grants it to the holder, who therefore asks anew with a newer one. The
holder renews each third of the shortest lease granted. At most one request is under way to a node.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from garrison.cluster.core.manager.effects import AskLease, LeaseAnswer, ReleaseLease
from garrison.cluster.core.manager.manager_settings import LEASE_MS_MIN, ManagerSettings
from garrison.cluster.core.manager.voters import Voters

OTHERS_LEFT_LEASES_MAX = 10
"""A node that says another's lease holds longer than so many of ours is not waited for."""


class Rng(Protocol):
    """What is used of `random.Random`."""

    def uniform(self, a: float, b: float, /) -> float: ...


class LeaseState(Enum):
    """Where a manager stands."""

    FOLLOWING = "following"
    ASKING = "asking"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Holder:
    """What a node has said of the lease that it has granted."""

    id: str
    epoch: int
    until_ms: int
    heard_ms: int


class Lease:
    """One manager's side of the lease."""

    def __init__(self, settings: ManagerSettings, rng: Rng, now_ms: int) -> None:
        self._settings = settings
        self._rng = rng
        self._now_ms = now_ms
        self._voters = Voters()
        self.state = LeaseState.FOLLOWING
        self.epoch = 0
        self.newest_epoch = 0
        self._won_ms = 0
        self._others_until_ms = 0
        self.why_lost = ""
        self._bid_at_ms: int | None = None
        self._not_before_ms = now_ms
        self._asked_ms = now_ms
        self._round_ms = now_ms
        """When the next round of requests is due, while asking or holding."""
        self._lasts_ms = settings.lease_ms
        """The shortest lease that a node has granted under this epoch."""
        self._under_way: dict[str, tuple[int, int]] = {}
        self._granted_until_ms: dict[str, int] = {}
        self._holders: dict[str, Holder] = {}
        self._asks: list[AskLease | ReleaseLease] = []

    # Inputs.

    def seen(self, voters: Voters) -> None:
        """The cluster's voters, of a new picture."""
        new = set(voters.node_ids) - set(self._voters.node_ids)
        self._voters = voters
        if self.state is not LeaseState.FOLLOWING:
            for node_id in sorted(new):
                self._ask(node_id)

    def tick(self, now_ms: int) -> None:
        """Let time pass: the first thing at every input."""
        self._now_ms = now_ms
        if self.state is LeaseState.HELD:
            if now_ms >= self.expires_ms:
                self.lose("most primaries did not renew the lease in time")
            elif now_ms >= self._round_ms:
                self._ask_everybody()
        elif self.state is LeaseState.ASKING:
            if now_ms >= self._round_ms:
                self.lose("most primaries did not grant the lease")
        elif self._bid_at_ms is not None and now_ms >= self._bid_at_ms:
            self._bid_at_ms = None
            if self._is_free():
                self._bid()

    def answered(self, node_id: str, answer: LeaseAnswer | None) -> None:
        """A node has answered our last request to it, or did not in time."""
        epoch, asked_ms = self._under_way.pop(node_id, (0, 0))
        if epoch != self.epoch and self.state is not LeaseState.FOLLOWING:
            self._ask(node_id)
        if answer is None:
            return
        if answer.granted and answer.holder == self._settings.id and answer.epoch == epoch == self.epoch:
            if self.state is not LeaseState.FOLLOWING:
                self._count_grant(node_id, asked_ms, answer.left_ms)
                self._holders.pop(node_id, None)
                self._perhaps_won()
            else:
                self._asks.append(ReleaseLease(node_id, epoch))
            return
        self.heard(node_id, answer.epoch, answer.holder, answer.left_ms)
        if self.held and answer.epoch == epoch == self.epoch and not answer.holder:
            self.lose(f"{node_id} gave the epoch {epoch} to another before; a newer one is needed")
            self._not_before_ms = self._now_ms

    def heard(self, node_id: str, epoch: int, holder: str, left_ms: int) -> None:
        """A node has said who holds the lease there."""
        until_ms = self._now_ms + min(left_ms, OTHERS_LEFT_LEASES_MAX * self._settings.lease_ms)
        self._holders[node_id] = Holder(holder if left_ms > 0 else "", epoch, until_ms, self._now_ms)
        self.newest_epoch = max(self.newest_epoch, epoch)
        if epoch > self.epoch and self.state is not LeaseState.FOLLOWING:
            self.lose(f"the epoch {epoch} of {holder or 'another manager'} is newer than our {self.epoch}")
        if self.state is LeaseState.FOLLOWING and self._bid_at_ms is None and self._is_free():
            wait_ms = self._rng.uniform(0, self._third_ms)
            self._bid_at_ms = max(self._not_before_ms, self._now_ms) + round(wait_ms)

    def lose(self, why: str) -> None:
        """Give it up: at once, and for good."""
        if self.state is LeaseState.FOLLOWING:
            return
        self.state = LeaseState.FOLLOWING
        self.why_lost = why
        for ask in self._asks:
            if isinstance(ask, AskLease):
                del self._under_way[ask.node_id]
        self._asks = [ReleaseLease(node_id, self.epoch) for node_id in sorted(self._granted_until_ms)]
        self._granted_until_ms.clear()
        self._bid_at_ms = None
        wait_ms = self._rng.uniform(self._third_ms, self._settings.lease_ms)
        self._not_before_ms = self._now_ms + round(wait_ms)

    # Outputs.

    def take(self) -> list[AskLease | ReleaseLease]:
        """The messages to be sent."""
        asks, self._asks = self._asks, []
        return asks

    @property
    def held(self) -> bool:
        return self.state is LeaseState.HELD

    @property
    def expires_ms(self) -> int:
        """When the own lease ends, unless it is renewed."""
        return self._voters.primaries_agree_until(self._counts_until_ms)

    @property
    def act_after_ms(self) -> int:
        """Before this nothing is begun under a lease just won."""
        unheard = any(not self._has_said(shard.primary_id) for shard in self._voters.shards)
        return max(self._others_until_ms, self._won_ms + self._settings.lease_ms if unheard else 0)

    def is_known_at(self, node_id: str) -> bool:
        """Whether this node has granted the lease, or, where that does not count, has noted it."""
        return self.held and max(self._counts_until_ms(node_id), self._noted_until_ms(node_id)) > self._now_ms

    @property
    def allows_one_more(self) -> bool:
        """Whether a primary more, whose grant does not count yet, would leave the lease held."""
        return self._voters.with_one_more(lambda node_id: self._counts_until_ms(node_id) > self._now_ms)

    def allows_hand_over(self, primary_id: str) -> bool:
        """Whether the lease stays held while this primary's successor grants nothing."""
        return self._voters.without(primary_id, lambda node_id: self._counts_until_ms(node_id) > self._now_ms)

    @property
    def holder(self) -> str:
        """Who holds the lease at most primaries, as far as is known; empty for nobody."""
        if self.held:
            return self._settings.id
        return next((id for id in sorted({h.id for h in self._holders.values()}) if self._leads(id)), "")

    @property
    def next_deadline_ms(self) -> int | None:
        """When `tick` is due; None while nothing is waited for."""
        if self.state is LeaseState.HELD:
            return min(self._round_ms, self.expires_ms)
        return self._round_ms if self.state is LeaseState.ASKING else self._bid_at_ms

    # Inner parts.

    @property
    def _third_ms(self) -> int:
        return max(1, self._settings.lease_ms // 3)

    def _counts_until_ms(self, node_id: str) -> int:
        """How long a node's grant counts; 0 for one that has not granted."""
        return self._granted_until_ms.get(node_id, 0)

    def _count_grant(self, node_id: str, asked_ms: int, left_ms: int) -> None:
        """It counts from when it was asked for, as long as the node says, less what clocks may differ.

        A node grants no more than its cluster-manager-lease-ms-max, however much was asked for.
        """
        lasts_ms = min(left_ms, self._settings.lease_ms)
        share = 1 - self._settings.clock_drift_percent_max / 100
        self._granted_until_ms[node_id] = asked_ms + int(lasts_ms * share)
        if lasts_ms < self._lasts_ms * share:
            self._lasts_ms = max(lasts_ms, LEASE_MS_MIN)
            self._round_ms = min(self._round_ms, asked_ms + self._lasts_ms // 3)

    def _noted_until_ms(self, node_id: str) -> int:
        holder = self._holders.get(node_id)
        mine = holder is not None and (holder.id, holder.epoch) == (self._settings.id, self.epoch)
        return holder.until_ms if holder is not None and mine else 0

    def _leads(self, id: str) -> bool:
        def has(node_id: str) -> bool:
            holder = self._holders.get(node_id)
            return holder is not None and holder.id == id and holder.until_ms > self._now_ms

        return id not in ("", self._settings.id) and self._voters.primaries_agree(has)

    def _is_free(self) -> bool:
        """Whether most primaries answer, and no other manager holds most of them."""

        def answers(node_id: str) -> bool:
            holder = self._holders.get(node_id)
            return holder is not None and holder.heard_ms > self._now_ms - self._settings.lease_ms

        return self._voters.primaries_agree(answers) and not self.holder

    def _bid(self) -> None:
        self.state, self._asked_ms = LeaseState.ASKING, self._now_ms
        self.newest_epoch += 1
        self.epoch = self.newest_epoch
        self._lasts_ms = self._settings.lease_ms
        self._granted_until_ms.clear()
        self._ask_everybody()

    def _ask_everybody(self) -> None:
        self._round_ms = self._now_ms + self._lasts_ms // 3
        for node_id in self._voters.node_ids:
            self._ask(node_id)

    def _ask(self, node_id: str) -> None:
        if node_id not in self._under_way:
            self._under_way[node_id] = (self.epoch, self._now_ms)
            self._asks.append(AskLease(node_id, self.epoch, self._settings.lease_ms))

    def _perhaps_won(self) -> None:
        if self.state is not LeaseState.ASKING or self.expires_ms <= self._now_ms:
            return
        self.state = LeaseState.HELD
        others = [h.until_ms for h in self._holders.values() if h.id not in ("", self._settings.id)]
        self._won_ms, self._others_until_ms = self._now_ms, max([self._now_ms, *others])

    def _has_said(self, node_id: str) -> bool:
        """Whether it has granted this lease, or refused it: then we know how long another holds it there."""
        holder = self._holders.get(node_id)
        refused = holder is not None and holder.heard_ms >= self._asked_ms
        return node_id in self._granted_until_ms or refused


class LeaseOfOne(Lease):
    """The lease of a manager that works alone, with its records in a file: always held."""

    def __init__(self, settings: ManagerSettings, rng: Rng, now_ms: int) -> None:
        super().__init__(settings, rng, now_ms)
        self.state = LeaseState.HELD
        self.epoch = self.newest_epoch = 1

    def seen(self, voters: Voters) -> None:
        """Nobody is asked."""

    def tick(self, now_ms: int) -> None:
        """It never ends."""
        self._now_ms = now_ms

    def lose(self, why: str) -> None:
        """It cannot be lost."""

    def is_known_at(self, node_id: str) -> bool:
        return True

    @property
    def allows_one_more(self) -> bool:
        return True

    def allows_hand_over(self, primary_id: str) -> bool:
        return True

    @property
    def expires_ms(self) -> int:
        return self._now_ms + self._settings.lease_ms

    @property
    def next_deadline_ms(self) -> int | None:
        return None
