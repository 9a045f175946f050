"""A plan while it is made: jobs that do not touch each other's shards, spares that are taken, and words.

INVARIANTS  No two jobs touch one shard, neither two of a plan nor one of a plan and one that is open already.
            A spare is taken once. What cannot be planned is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from garrison.cluster.core.manager.certainty import Doubts
from garrison.cluster.core.manager.harm import cost_of
from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Step, StepKind
from garrison.cluster.core.manager.situation import Shard, Situation, Spare
from garrison.cluster.core.manager.steps import command_for
from garrison.cluster.core.words import listed

NAMED_MAX = 8
"""How many nodes a sentence names."""
RETRY_AFTER_MS = 600_000
"""How long a job that failed, or that a person stopped, is not planned again."""


@dataclass
class Draft:
    """What the planners add to."""

    situation: Situation
    doubts: Doubts
    jobs: list[Job] = field(default_factory=list)
    said: dict[str, list[str]] = field(default_factory=dict)
    """Sentence, or the rest of one -> the nodes that it is about; none where it says that itself."""
    taken: dict[str, str] = field(default_factory=dict)
    """Shard -> which job or doubt has it."""
    free: list[Spare] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.free = list(self.situation.spares)
        for job in self.situation.open_jobs:
            touched = list(self.situation.shards_of_job(job))
            if any(step.kind is StepKind.BACKUP for step in job.steps):
                touched += self.situation.shards
            for shard_id in touched:
                self.taken[shard_id] = f"{job.id} ({job.title})"
            used = {step.arguments.get(word) for step in job.steps for word in ("address", "node")}
            self.free = [spare for spare in self.free if not {spare.name, spare.address} & used]
        for node_id, why in self.doubts.nodes.items():
            node = self.situation.nodes[node_id]
            self.taken[node.primary_id or node.id if node.role == "replica" else node.id] = why

    def explain(self, text: str) -> None:
        """Say something once."""
        self.said.setdefault(text, [])

    def explain_of(self, address: str, text: str) -> None:
        """Say something of a node: `text` goes on after its name. Nodes of which the same is true share a
        sentence.
        """
        named = self.said.setdefault(text, [])
        if address not in named:
            named.append(address)

    @property
    def explanations(self) -> list[str]:
        """The sentences, in the order in which they were first said."""
        return [_sentence(named, text) for text, named in self.said.items()]

    def taker(self, shard_ids: Iterable[str]) -> str:
        """Who or what has one of these shards; empty when all are free."""
        return next((self.taken[shard_id] for shard_id in shard_ids if shard_id in self.taken), "")

    def is_free(self, shard: Shard) -> bool:
        return shard.id not in self.taken

    @property
    def moves_slots(self) -> bool:
        """Whether some job of the plan, or an open one, moves slots."""
        jobs = (*self.jobs, *self.situation.open_jobs)
        return any(step.kind is StepKind.MOVE_SLOTS for job in jobs for step in job.steps)

    def take(self, spare: Spare) -> None:
        self.free.remove(spare)

    def add(
        self,
        kind: JobKind,
        title: str,
        reason: str,
        steps: Iterable[Step],
        *,
        subject: str,
        shards: Iterable[str],
    ) -> bool:
        """Add a job, unless one of its shards is taken or the same has just failed; say so then."""
        touched = tuple(dict.fromkeys(shards))
        wait = self.taker(touched) or self._failed_lately(kind, subject)
        if wait:
            self.explain(f"To {title} waits: {wait}.")
            return False
        listed = tuple(steps)
        job = Job(
            id=f"job-{self.situation.records.next_job + len(self.jobs)}",
            kind=kind,
            title=title,
            reason=reason,
            subject=subject,
            steps=listed,
            harm=cost_of(listed, self.situation.desired.harm),
            made_ms=self.situation.now_ms,
            command=command_for(listed, self.situation),
        )
        self.jobs.append(job)
        self.taken.update(dict.fromkeys(touched, f"{job.id} ({title})"))
        return True

    def _failed_lately(self, kind: JobKind, subject: str) -> str:
        for job in self.situation.records.jobs:
            if (job.kind, job.subject) != (kind, subject) or job.ended_ms is None:
                continue
            if job.state not in (Progress.FAILED, Progress.STOPPED):
                continue
            left_ms = job.ended_ms + RETRY_AFTER_MS - self.situation.now_ms
            if left_ms > 0:
                how = "failed" if job.state is Progress.FAILED else "was stopped"
                why = f" ({job.why})" if job.why else ""
                return f"{job.id} {how}{why}; it is planned again in {left_ms / 1000:.0f} s"
        return ""


def _sentence(named: Sequence[str], text: str) -> str:
    if len(named) < 2:
        return " ".join((*named, text))
    if len(named) > NAMED_MAX:
        return f"Each of {listed(named, NAMED_MAX)} {text}"
    return f"Each of {', '.join(named[:-1])} and {named[-1]} {text}"
