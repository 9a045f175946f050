"""A plan while it is made."""

from __future__ import annotations

from garrison.cluster.core.manager.certainty import doubts_about
from garrison.cluster.core.manager.conditions import Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.draft import Draft
from garrison.cluster.core.manager.jobs import Job, JobKind, Progress, Records, Step, StepKind
from garrison.cluster.core.manager.picture import NodeState
from garrison.cluster.core.manager.situation import Situation
from tests.unit.cluster.core.manager.cluster_model import NOW_MS, ClusterModel

FIRST, SECOND = f"{0:040x}", f"{1:040x}"
STEP = Step(kind=StepKind.REPLICATE, arguments={"node": f"{3:040x}", "primary": FIRST})


def draft(*jobs: Job, silent: str = "") -> Draft:
    model = ClusterModel.of(3, 1, spares=1)
    picture = model.picture()
    nodes = [
        node.model_copy(update={"state": NodeState.SILENT}) if node.id == silent else node
        for node in picture.nodes
    ]
    picture = picture.model_copy(update={"nodes": tuple(nodes)})
    desired = DesiredState(spares=model.spare_addresses)
    situation = Situation(desired, picture, Records(jobs=jobs, next_job=7), Observations(), NOW_MS)
    return Draft(situation, doubts_about(situation))


def add(made: Draft, shard: str, title: str = "do it") -> bool:
    return made.add(JobKind.SPREAD, title, "why", [STEP], subject=shard, shards=[shard])


def job(state: Progress, **words: object) -> Job:
    fields = {"id": "job-3", "kind": "spread", "title": "old", "reason": "", "steps": [STEP], "made_ms": 1}
    return Job.model_validate(fields | {"state": state, "subject": FIRST} | words)


def test_two_jobs_never_touch_one_shard() -> None:
    made = draft()
    assert add(made, FIRST)
    assert not add(made, FIRST, "do more")
    assert add(made, SECOND)
    assert [each.id for each in made.jobs] == ["job-7", "job-8"]
    assert made.explanations == ["To do more waits: job-7 (do it)."]
    assert made.jobs[0].harm == 5


def test_open_job_keeps_its_shards() -> None:
    made = draft(job(Progress.RUNNING))
    assert not add(made, FIRST)
    assert add(made, SECOND)


def test_shard_of_a_silent_replica_is_left_alone() -> None:
    made = draft(silent=f"{3:040x}")
    assert not add(made, FIRST)
    assert "10.0.0.4:7003 is silent" in made.explanations[0]


def test_failed_job_is_tried_again_later() -> None:
    assert not add(draft(job(Progress.FAILED, ended_ms=NOW_MS - 599_000, why="no answer")), FIRST)
    assert add(draft(job(Progress.FAILED, ended_ms=NOW_MS - 600_000)), FIRST)
    assert not add(draft(job(Progress.STOPPED, ended_ms=NOW_MS - 1000)), FIRST)
    assert add(draft(job(Progress.DONE, ended_ms=NOW_MS - 1000)), FIRST)


def test_spare_of_an_open_job_is_not_free() -> None:
    (spare,) = draft().free
    meet = Step(kind=StepKind.MEET, arguments={"address": spare.address})
    assert draft(job(Progress.RUNNING, steps=[meet])).free == []


def test_nodes_of_which_the_same_is_true_share_a_sentence() -> None:
    made = draft()
    made.explain_of("a:1", "is crowded.")
    assert made.explanations == ["a:1 is crowded."]
    made.explain("Else all is well.")
    for address in ("b:1", "c:1", "b:1"):
        made.explain_of(address, "is crowded.")
    assert made.explanations == ["Each of a:1, b:1 and c:1 is crowded.", "Else all is well."]
    for index in range(10):
        made.explain_of(f"d:{index}", "is crowded.")
    assert made.explanations[0].endswith("d:4 and 5 more is crowded.")
