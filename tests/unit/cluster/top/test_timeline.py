"""Jobs, events, and everything about one node."""

from datetime import UTC

from garrison.cluster.core.manager.jobs import Progress
from garrison.cluster.core.manager.picture import NodePicture, Picture
from garrison.cluster.top.timeline import detail_lines, job_line, panel_lines
from tests.unit.cluster.top.scenes import NOW_MS, cluster, failover, node_id, running_job


def test_open_jobs_come_first_and_the_newest_event_next() -> None:
    ended = running_job().model_copy(update={"state": Progress.DONE, "id": "job-1"})
    lines = panel_lines(failover(), (ended, running_job()), 3, UTC)
    assert [line.split(" ")[0] for line in lines] == ["job-17", "07:59:59", "07:59:30"]


def test_panel_is_never_higher_than_it_may_be() -> None:
    assert len(panel_lines(cluster(), (running_job(),) * 9, 4, UTC)) == 4


def test_quiet_panel_says_so() -> None:
    assert panel_lines(Picture(at_ms=0), (), 4) == ["no jobs, and nothing has happened"]


def test_job_says_how_far_it_is_and_why_it_waits() -> None:
    assert job_line(running_job()) == (
        "job-17 [########..] 75% running, 12 s left: replace the replica 10.0.0.4:7000"
    )
    waiting = running_job().model_copy(
        update={"state": Progress.WAITING, "waits_for": "consent", "seconds_left": None}
    )
    assert "75% waiting, waits for consent: replace" in job_line(waiting)


def test_detail_of_a_primary_has_replicas_and_slow_commands() -> None:
    picture = cluster()
    text = "\n".join(detail_lines(picture, picture.nodes[0], NOW_MS, UTC))
    assert "10.0.0.4:7000: ok, lag 60ms" in text
    assert "23ms KEYS *  (10.0.8.1:51234)" in text
    assert "answered 1 s ago in 0.8 ms" in text


def test_detail_of_a_replica_has_its_primary_and_events() -> None:
    picture = cluster()
    replica = picture.node(node_id(3))
    assert replica is not None
    lines = detail_lines(picture, replica, NOW_MS, UTC)
    assert "  of 10.0.0.1:7000: link up, 512B and 60ms behind" in lines
    assert "Slow commands: none known" in lines
    assert lines[-1] == "  07:59:30   node-up: 10.0.0.4:7000 answers again"


def test_detail_of_an_unknown_node_invents_nothing() -> None:
    node = NodePicture(id="x", address="a:1", role="replica", primary_id="y")
    text = "\n".join(detail_lines(Picture(at_ms=0, nodes=(node,)), node, NOW_MS, UTC))
    assert "answered never" in text
    assert "of y: link unknown" in text
    assert " 0 ops" not in text
