"""Whether this node may take writes again: the question to its Sentinels, and what their answers mean.

BACKGROUND. A primary that was down or asleep may have a successor. The data plane holds its writes; here it
is decided what becomes of them. Every Sentinel that is known is asked at once and again and again: whom it
names as the primary, under which configuration epoch, and what it thinks of that primary (SENTINEL GET-
MASTER-ADDR-BY-NAME and MASTER).

INVARIANTS. Writes are let go only when, under every name, a majority of the Sentinels known names this node
and neither takes it to be down nor doubts its data, and no answer speaks of a failover under way or of
another primary under an epoch that is not older. A Garrison Sentinel doubts the data of a primary that may
be a new process until its replicas have said whether they follow it: this node may have lost what it had,
and a write that it took now would be lost with the failover that follows. Only answers count whose question
was asked since the hold began, and lately: what was said before a sleep is void. Another primary is
followed only when a majority names the same one. The data plane may begin another hold while the answers to
the one before are judged. So it numbers them, from 1 at the start: ReleaseHold and FollowInHold carry that of
the answers behind them, and end no later one.

Who is meant by an address is found out by asking there: the run id is this node's own or it is not. An
address where nobody answers is this node's only if it announces that address itself; else it may be where
it was before (a container that moved), and then the Sentinels do not know it by its present one: it waits
until they name a successor.

BEHAVIOUR. Where a majority does not know the name, nobody watches this node under it any more, and it is
forgotten. While no majority can be had the hold goes on, with a warning every `WARN_PERIOD_MS` that names
each Sentinel and what it said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from garrison.node.border import FollowInHold, ReleaseHold
from garrison.node.core.sentinel_peers import Address

ASK_PERIOD_MS: Final = 250
"""Between two questions to one Sentinel."""
ANSWER_AGE_MS_MAX: Final = 2000
"""How long an answer counts."""
WARN_PERIOD_MS: Final = 10_000
WARN_DELAY_MS: Final = 1000
"""From the beginning of a hold to the first warning."""
BY_HAND: Final = 'CONFIG SET sentinel-peers "" takes writes without their word'
VETO: Final = frozenset({"o_down", "failover_in_progress", "failover_expected"})
"""Of the flags of SENTINEL MASTER. The last is that of a Garrison Sentinel that has voted for the leader of a
failover and does not know of its end: without it, two that have not would outvote the leader."""
DOUBTS: Final = frozenset({"data_in_doubt", "s_down"})
"""Flags of an answer that names this node and yet does not speak for it. The first is that of a Garrison
Sentinel whose replicas have not spoken yet (`sentinel/core/lost_data.py`)."""


class Who(Enum):
    """Whose address it is."""

    MYSELF = "this node"
    OTHER = "another node"
    NOBODY = "nobody answers there"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one Sentinel said: the primary that it names; or that it does not know the name; or nothing."""

    named: Address | None = None
    config_epoch: int = 0
    flags: frozenset[str] = frozenset()
    knows_name: bool = True
    error: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a Sentinel; then call `answered` with this `round`, whatever comes of it."""

    round: int
    name: str
    peer: Address


@dataclass(frozen=True, slots=True)
class Identify:
    """Ask for the run id at an address; then call `identified` with this `round`, answer or not."""

    round: int
    address: Address


@dataclass(frozen=True, slots=True)
class ForgetName:
    """No Sentinel watches this node under that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Show:
    """The fields for INFO."""

    text: str


@dataclass(frozen=True, slots=True)
class Say:
    """A line for the log."""

    level: str
    text: str


Effect = Ask | Identify | ReleaseHold | FollowInHold | ForgetName | Show | Say


@dataclass(slots=True)
class _Question:
    """The question to one Sentinel: when it was asked, whether it is open, and the last answer."""

    asked_ms: int
    is_open: bool = True
    answer: Answer | None = None
    answer_asked_ms: int = 0


class Hold:
    """Feed it `begin`, `answered`, `identified`, `tick`, `ended`; after each, `take` its effects in order."""

    def __init__(self) -> None:
        self.is_on = False
        self._round = 0
        self._watchers: dict[str, tuple[Address, ...]] = {}
        self._announced: frozenset[Address] = frozenset()
        self._questions: dict[tuple[str, Address], _Question] = {}
        self._who: dict[Address, Who] = {}
        self._identifying: dict[Address, int] = {}
        self._warn_ms = 0
        self._shown = ""
        self._effects: list[Effect] = []

    def take(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When `tick` is due; None while nothing is held."""
        if not self.is_on:
            return None
        due = [
            question.asked_ms + ASK_PERIOD_MS for question in self._questions.values() if not question.is_open
        ]
        return max(now_ms, min([*due, self._warn_ms, now_ms + ASK_PERIOD_MS]))

    # -- inputs -------------------------------------------------------------------------------------------

    def begin(
        self,
        round_number: int,
        watchers: Mapping[str, tuple[Address, ...]],
        announced: Iterable[Address],
        now_ms: int,
    ) -> None:
        """The data plane holds writes, again perhaps. Whatever was known before is void."""
        self._round = round_number
        self.is_on = True
        self._watchers = dict(watchers)
        self._announced = frozenset(announced)
        self._questions.clear()
        self._who.clear()
        self._identifying.clear()
        self._warn_ms = now_ms + WARN_DELAY_MS
        count = sum(len(peers) for peers in self._watchers.values())
        self._say(
            "notice", f"Writes are held until {count} Sentinel(s) have said whether this node is the primary"
        )
        self.tick(now_ms)

    def watchers_changed(self, watchers: Mapping[str, tuple[Address, ...]], now_ms: int) -> None:
        """Other Sentinels are known; none any more ends the hold."""
        self._watchers = dict(watchers)
        wanted = {(name, peer) for name, peers in watchers.items() for peer in peers}
        self._questions = {key: value for key, value in self._questions.items() if key in wanted}
        self.tick(now_ms)

    def answered(self, round_number: int, name: str, peer: Address, answer: Answer, now_ms: int) -> None:
        """A Sentinel has answered, or will not."""
        question = self._questions.get((name, peer))
        if round_number != self._round or question is None or not self.is_on:
            return
        question.is_open = False
        question.answer, question.answer_asked_ms = answer, question.asked_ms
        self.tick(now_ms)

    def identified(self, round_number: int, address: Address, who: Who, now_ms: int) -> None:
        """The run id at an address is known now."""
        if round_number != self._round or not self.is_on:
            return
        self._identifying[address] = now_ms + ASK_PERIOD_MS
        self._who[address] = who
        self.tick(now_ms)

    def released(self) -> None:
        """The hold is over, by our word or by somebody's order."""
        if self.is_on:
            self.is_on = False
            self._show("no")

    def tick(self, now_ms: int) -> None:
        """Time has passed, or something is new."""
        if not self.is_on:
            return
        self._judge(now_ms)
        if not self.is_on:
            return
        for name, peers in self._watchers.items():
            for peer in peers:
                self._ask(name, peer, now_ms)
        text = self._describe(now_ms)
        self._show(f"waiting {text}")
        if now_ms >= self._warn_ms:
            self._warn_ms = now_ms + WARN_PERIOD_MS
            self._say(
                "warning",
                f"Writes are held: no majority of the Sentinels says who the primary is: {text}. {BY_HAND}",
            )

    # -- asking -------------------------------------------------------------------------------------------

    def _ask(self, name: str, peer: Address, now_ms: int) -> None:
        question = self._questions.get((name, peer))
        if question is None:
            question = self._questions[name, peer] = _Question(now_ms)
        elif question.is_open or now_ms < question.asked_ms + ASK_PERIOD_MS:
            return
        question.asked_ms, question.is_open = now_ms, True
        self._effects.append(Ask(self._round, name, peer))

    def _is_mine(self, address: Address, now_ms: int) -> Who | None:
        """Who is at an address; None while that is being found out."""
        who = self._who.get(address)
        again_ms = self._identifying.get(address)
        if again_ms is None or (who is Who.NOBODY and again_ms <= now_ms):
            # Not again before the answer: the shell always gives one.
            self._identifying[address] = now_ms + (1 << 40)
            self._effects.append(Identify(self._round, address))
        if who is Who.NOBODY and address in self._announced:
            return Who.MYSELF
        return who

    # -- judging ------------------------------------------------------------------------------------------

    def _judge(self, now_ms: int) -> None:
        verdicts = {name: self._verdict(name, now_ms) for name in self._watchers}
        for name, verdict in verdicts.items():
            if isinstance(verdict, tuple):
                host, port = verdict
                self._say(
                    "warning",
                    f"The Sentinels say that {host}:{port} is the primary of '{name}' now: following it",
                )
                self._effects.append(FollowInHold(*verdict, self._round))
                self.released()
                return
        for name in [name for name, verdict in verdicts.items() if verdict == "unwatched"]:
            self._say("notice", f"The Sentinels do not know '{name}' any more: they are forgotten")
            self._effects.append(ForgetName(name))
            del self._watchers[name]
            del verdicts[name]
        if all(verdict == "mine" for verdict in verdicts.values()):
            self._say(
                "notice", "Writes go on: " + ("the Sentinels say so" if verdicts else "no Sentinel is known")
            )
            self._effects.append(ReleaseHold(self._round))
            self.released()

    def _answers(self, name: str, now_ms: int) -> list[Answer]:
        """The answers of Sentinels that count."""
        found = (self._questions.get((name, peer)) for peer in self._watchers[name])
        return [
            question.answer
            for question in found
            if question is not None
            and question.answer is not None
            and not question.answer.error
            and now_ms - question.answer_asked_ms <= ANSWER_AGE_MS_MAX
        ]

    def _verdict(self, name: str, now_ms: int) -> Address | str:
        """The primary to follow; or "mine", "unwatched", "open"."""
        answers = self._answers(name, now_ms)
        majority = len(self._watchers[name]) // 2 + 1
        if sum(1 for answer in answers if not answer.knows_name) >= majority:
            return "unwatched"
        votes: dict[Address, int] = {}
        mine: list[Answer] = []
        others: list[Answer] = []
        for answer in answers:
            if answer.named is None:
                continue
            votes[answer.named] = votes.get(answer.named, 0) + 1
            who = self._is_mine(answer.named, now_ms)
            (mine if who is Who.MYSELF else others).append(answer)
        for address, count in votes.items():
            if count >= majority and self._is_mine(address, now_ms) is Who.OTHER:
                return address
        epoch = max((answer.config_epoch for answer in mine), default=0)
        vetoed = any(answer.flags & VETO for answer in mine) or any(
            answer.config_epoch >= epoch for answer in others
        )
        in_favour = sum(1 for answer in mine if not answer.flags & DOUBTS)
        return "mine" if in_favour >= majority and not vetoed else "open"

    # -- reporting ------------------------------------------------------------------------------------------

    def _describe(self, now_ms: int) -> str:
        parts = []
        for name, peers in self._watchers.items():
            said = "; ".join(
                f"{host}:{port} {self._said(name, (host, port), now_ms)}" for host, port in peers
            )
            parts.append(f"'{name}' needs {len(peers) // 2 + 1} of {len(peers)}: {said}")
        return ", ".join(parts)

    def _said(self, name: str, peer: Address, now_ms: int) -> str:
        question = self._questions.get((name, peer))
        if question is None or question.answer is None:
            return "has not answered yet"
        answer = question.answer
        if answer.error:
            return f"did not answer ({answer.error})"
        if answer.named is None:
            return "does not know the name"
        host, port = answer.named
        who = self._who.get(answer.named)
        text = (
            f"names {host}:{port} ({who.value if who else 'not identified yet'}, epoch {answer.config_epoch}"
        )
        doubts = sorted(answer.flags & (VETO | DOUBTS))
        return f"{text}{', ' if doubts else ''}{' '.join(doubts)})"

    def _show(self, text: str) -> None:
        # Readers of INFO take a value with commas for a list.
        line = " ".join(text.replace(",", ";").split())
        if line != self._shown:
            self._shown = line
            self._effects.append(Show(line))

    def _say(self, level: str, text: str) -> None:
        self._effects.append(Say(level, text))
