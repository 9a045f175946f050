"""Which node is the primary: whom to ask, whom to believe, what to check. A state machine without sockets.

BACKGROUND
    Sentinels agree on a failover by majority, but learn its outcome one after the other: the leader at
    once, the others from its hello, which may take two seconds. A Sentinel that was cut off tells the
    old primary until it is reached again. Each claim carries its *configuration epoch*, which a majority
    has granted to one leader only: of two claims the one with the higher epoch is the newer.

INVARIANTS
    * A node becomes :attr:`Discovery.primary` only after it has said itself, since the last loss of its
      connection and since the last news, that it is a primary.
    * A claim with a lower epoch never wins over one with a higher, as long as the higher one is neither
      *denied* by the node that it names, nor *abandoned*. Even then a majority of the known
      Sentinels must make the older claim.
    * As soon as a newer claim names another node, the old primary is no longer the primary: what is
      written to it would be lost.

BEHAVIOUR
    * A round asks all known Sentinels at once. It is decided when all have answered or failed,
      ``patience_s`` after the first answer, or as soon as an answer is newer than what is believed.
    * What a Sentinel said last counts for ``memory_s`` after it stopped answering. So the only Sentinel
      that knew of a failover is not forgotten because it died next.
    * Among claims of one epoch (there should be one only) the most frequent is checked first.
    * *Denied*: the node answers, but not that it is a primary. *Abandoned*: for ``doubt_s`` no majority
      has taken the claim up, and nobody was reached at the address; it stays so until a majority does.
      So a Sentinel that invents an epoch delays the client, and does not stop it. One that names another
      real primary under the highest epoch cannot be recognised: Sentinels are trusted in that.
    * Other Sentinels are learned from each answer and asked at once. One known under two addresses
      is recognised by its id and has one vote. A learned one that has moved is replaced; one that is
      gone, and that nobody names any more, is forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from garrison.client.core.sentinel_replies import Other, Reason, Refusal, Report, Role
from garrison.client.core.topology import Address

__all__ = ["Ask", "Check", "Discovery", "Effect"]


class Ask(NamedTuple):
    """Ask this Sentinel; :meth:`Discovery.received` takes what comes of it."""

    sentinel: Address


class Check(NamedTuple):
    """Ask this node for its role; :meth:`Discovery.checked` takes what comes of it."""

    node: Address


Effect = Ask | Check

_NO_PRIMARY = (Role.REPLICA, Role.UNREADABLE)


class _Sentinel:
    """One Sentinel and what it said last."""

    def __init__(self, address: Address, *, is_seed: bool, id: str = "") -> None:
        self.address = address
        self.is_seed = is_seed
        self.id = id
        self.is_asked = False
        self.report: Report | None = None
        self.claimed_since = 0.0
        """Since when it has reported this primary and epoch."""
        self.refusal: Refusal | None = None
        """Why its last answer was of no use; its former one is kept in ``report``."""
        self.refused_since = 0.0

    @property
    def key(self) -> str:
        """Whose vote it is."""
        return self.id or str(self.address)

    def claim(self, now: float, memory_s: float) -> Report | None:
        """Its latest answer, unless that is too old."""
        if self.refusal is not None and now - self.refused_since > memory_s:
            return None
        return self.report

    def says(self) -> str:
        """For the user: what it said."""
        if self.refusal is not None:
            return self.refusal.text
        if self.report is None:
            return "has not answered yet"
        state = "" if self.report.flags in ("", "master") else f", {self.report.flags}"
        return f"the primary is {self.report.primary} (epoch {self.report.epoch}{state})"


class _Candidate(NamedTuple):
    """One address that is claimed to be the primary's."""

    address: Address
    epoch: int
    votes: int
    """How many of the Sentinels that answer now claim this, with whatever epoch."""
    since: float
    """Since when the one of them that claims it longest, in this epoch, has done so."""


class Discovery:
    """The search for one primary, and what is believed at the moment."""

    def __init__(
        self,
        seeds: Sequence[Address],
        *,
        patience_s: float,
        memory_s: float,
        doubt_s: float,
        sentinels_max: int,
    ) -> None:
        self.primary: Address | None = None
        """The primary; None while that is not known for sure."""
        self.epoch = -1
        """The configuration epoch under which the primary was last believed."""
        self._patience_s = patience_s
        self._memory_s = memory_s
        self._doubt_s = doubt_s
        self._sentinels_max = sentinels_max
        self._sentinels = {seed: _Sentinel(seed, is_seed=True) for seed in seeds}
        self._roles: dict[Address, Role] = {}
        self._last_words: dict[Address, str] = {}
        """For the user: the last check of each node that turned out not to be a primary."""
        self._checking: set[Address] = set()
        self._abandoned: set[tuple[Address, int]] = set()
        self._decide_at: float | None = None

    # ---- inputs --------------------------------------------------------------------------------

    def begin(self, now: float) -> list[Effect]:
        """Begin a round: ask everyone, and believe no node's role from before."""
        self._forget_the_gone(now)
        self._roles.clear()
        ranking = self._ranking(now)
        self._abandoned &= {(one.address, one.epoch) for one in ranking}
        for node in self._last_words.keys() - {one.address for one in ranking}:
            del self._last_words[node]
        self._decide_at = None
        return [self._ask(sentinel) for sentinel in self._sentinels.values()]

    def news(self, sentinel: Address) -> list[Effect]:
        """A Sentinel has announced a switch, or may have while we were not listening: ask it."""
        known = self._sentinels.get(sentinel)
        if known is None:
            return []
        self._roles.clear()
        return [self._ask(known)]

    def received(self, sentinel: Address, answer: Report | Refusal, now: float) -> list[Effect]:
        """A Sentinel has answered, or failed to."""
        known = self._sentinels.get(sentinel)
        if known is None:
            return []
        known.is_asked = False
        effects: list[Effect] = []
        if isinstance(answer, Refusal):
            if known.refusal is None:
                known.refused_since = now
            known.refusal = answer
            if answer.reason is Reason.UNKNOWN_NAME:
                known.report = None  # It does not remember: it was ordered to forget.
        else:
            self._take(known, answer, now)
            effects += self._learn(answer.others)
            if self._decide_at is None:
                self._decide_at = now + self._patience_s
        return effects + self.tick(now)

    def checked(self, node: Address, role: Role, text: str, now: float) -> list[Effect]:
        """A node has answered with its role, or has not (``text`` says what happened)."""
        self._checking.discard(node)
        self._roles[node] = role
        self._last_words.pop(node, None)
        if role is not Role.PRIMARY:
            self._last_words[node] = text
        if role is Role.UNREACHABLE:
            self._abandoned |= {
                (one.address, one.epoch)
                for one in self._ranking(now)
                if one.address == node and now - one.since > self._doubt_s
            }
        if role in _NO_PRIMARY and node == self.primary:
            self.primary = None
        return self.tick(now)

    def lost(self, node: Address) -> None:
        """The connection to a node is gone: it may come back as something else."""
        self._roles.pop(node, None)
        if node == self.primary:
            self.primary = None

    def tick(self, now: float) -> list[Effect]:
        """Decide, if it can be decided now."""
        best = self._candidate(now)
        if best is None:
            return []
        is_newer = best.epoch > self.epoch >= 0
        if is_newer and best.address != self.primary:
            self.primary = None
        if not is_newer and self._is_waiting(now):
            return []
        role = self._roles.get(best.address)
        if role is Role.PRIMARY:
            self.primary, self.epoch = best.address, best.epoch
        elif role is None and best.address not in self._checking:
            self._checking.add(best.address)
            return [Check(best.address)]
        return []

    # ---- questions -----------------------------------------------------------------------------

    @property
    def sentinels(self) -> list[Address]:
        """All known Sentinels, those that the user named first."""
        return list(self._sentinels)

    def next_deadline(self, now: float) -> float | None:
        """When to call :meth:`tick`, if nothing comes before."""
        return self._decide_at if self._is_waiting(now) else None

    def is_busy(self, now: float) -> bool:
        """Whether the round is still under way."""
        if self.primary is not None and self.primary in self._roles:
            return False
        return bool(self._checking) or self._is_waiting(now)

    def refusals(self) -> set[Reason]:
        """Why no Sentinel names a primary; empty if one does, or has not answered."""
        if any(sentinel.refusal is None for sentinel in self._sentinels.values()):
            return set()
        return {sentinel.refusal.reason for sentinel in self._sentinels.values() if sentinel.refusal}

    def describe(self) -> str:
        """The answers of all Sentinels and of the nodes that they name."""
        said = [f"Sentinel {sentinel.address}: {sentinel.says()}" for sentinel in self._sentinels.values()]
        said += [f"{node}: {text}" for node, text in self._last_words.items()]
        return "; ".join(said)

    # ---- whom to believe -----------------------------------------------------------------------

    def _candidate(self, now: float) -> _Candidate | None:
        """The claim to believe if its node confirms it; None when there is none at the moment."""
        ranking = self._ranking(now)
        if not ranking:
            return None
        newest = [candidate for candidate in ranking if candidate.epoch == ranking[0].epoch]
        for candidate in newest:
            if (
                not self._is_out(candidate)
                and self._roles.get(candidate.address, Role.PRIMARY) is Role.PRIMARY
            ):
                return candidate
        if not all(self._is_out(candidate) for candidate in newest):
            return None
        for candidate in ranking[len(newest) :]:
            if candidate.votes >= self._majority and not self._is_out(candidate):
                return candidate
        return None

    def _ranking(self, now: float) -> list[_Candidate]:
        """All claims, the newest first, of one epoch the most frequent first."""
        by_address: dict[Address, list[tuple[Report, _Sentinel]]] = {}
        for sentinel in self._sentinels.values():
            claim = sentinel.claim(now, self._memory_s)
            if claim is not None:
                by_address.setdefault(claim.primary, []).append((claim, sentinel))
        candidates = []
        for address, claims in by_address.items():
            epoch = max(claim.epoch for claim, _ in claims)
            votes = len({sentinel.key for _, sentinel in claims if sentinel.refusal is None})
            since = min(sentinel.claimed_since for claim, sentinel in claims if claim.epoch == epoch)
            candidates.append(_Candidate(address, epoch, votes, since))
        return sorted(candidates, key=lambda one: (-one.epoch, -one.votes, one.address))

    def _is_out(self, candidate: _Candidate) -> bool:
        """Whether a claim is denied or abandoned."""
        if candidate.votes < self._majority and (candidate.address, candidate.epoch) in self._abandoned:
            return True
        return self._roles.get(candidate.address) in _NO_PRIMARY

    @property
    def _majority(self) -> int:
        return len({sentinel.key for sentinel in self._sentinels.values()}) // 2 + 1

    def _is_waiting(self, now: float) -> bool:
        if self._decide_at is not None and now >= self._decide_at:
            return False
        return any(sentinel.is_asked for sentinel in self._sentinels.values())

    # ---- the Sentinels themselves --------------------------------------------------------------

    def _ask(self, sentinel: _Sentinel) -> Ask:
        sentinel.is_asked = True
        return Ask(sentinel.address)

    def _take(self, sentinel: _Sentinel, report: Report, now: float) -> None:
        before = sentinel.report
        if before is None or (before.primary, before.epoch) != (report.primary, report.epoch):
            sentinel.claimed_since = now
        sentinel.report, sentinel.refusal = report, None
        sentinel.id = report.id
        for twin in list(self._sentinels.values()):
            if twin.id and twin.id == report.id and twin is not sentinel and not twin.is_seed:
                del self._sentinels[twin.address]  # The same Sentinel, as the others call it.

    def _learn(self, others: Sequence[Other]) -> list[Effect]:
        effects: list[Effect] = []
        for other in others:
            twins = [
                sentinel for sentinel in self._sentinels.values() if other.id and sentinel.id == other.id
            ]
            if other.address in self._sentinels or any(twin.refusal is None for twin in twins):
                continue
            for twin in twins:
                if not twin.is_seed:
                    del self._sentinels[twin.address]  # It has moved.
            if len(self._sentinels) >= self._sentinels_max:
                break
            learned = _Sentinel(other.address, is_seed=False, id=other.id)
            self._sentinels[other.address] = learned
            effects.append(self._ask(learned))
        return effects

    def _forget_the_gone(self, now: float) -> None:
        reports = [sentinel.report for sentinel in self._sentinels.values() if sentinel.refusal is None]
        named = {other.address for report in reports if report is not None for other in report.others}
        for sentinel in list(self._sentinels.values()):
            is_gone = sentinel.refusal is not None and now - sentinel.refused_since > self._memory_s
            if is_gone and not sentinel.is_seed and sentinel.address not in named:
                del self._sentinels[sentinel.address]
