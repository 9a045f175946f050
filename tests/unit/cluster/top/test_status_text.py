"""One screen of plain text."""

from datetime import UTC
from pathlib import Path

import pytest

from garrison.cluster.core.manager.picture import NodeState, Picture
from garrison.cluster.top.status_text import status_lines
from tests.unit.cluster.top.scenes import cluster, failover, node_id, running_job, sentinel_group


def test_healthy_cluster() -> None:
    lines = status_lines(cluster(), width=80, height=24, zone=UTC)
    assert lines[0] == "cluster shop, led by the manager 10.0.9.1:7900"
    assert lines[3] == "a 10.0.0.1:7000    ok         5461  1000  1000  100M  90% 180us            10"
    assert lines[-1] == "healthy"


def test_failover_says_what_is_wrong_last() -> None:
    lines = status_lines(failover(), (running_job(),), width=100, height=40, zone=UTC)
    assert "wrong: 5461 of 16384 slots are not served" in lines
    assert "wrong: primary 10.0.0.1:7000 has failed: declared by 2 of 3 primaries" in lines
    assert any(line.startswith("job: job-17") for line in lines)
    assert "healthy" not in lines


@pytest.mark.parametrize("height", [12, 24, 60])
def test_screen_is_not_exceeded_and_the_unwell_stay(height: int) -> None:
    picture = cluster(50, 1)
    nodes = tuple(
        node.model_copy(update={"state": NodeState.SILENT}) if node.id == node_id(77) else node
        for node in picture.nodes
    )
    lines = status_lines(picture.model_copy(update={"nodes": nodes}), width=80, height=height, zone=UTC)
    assert len(lines) <= height
    assert any("10.0.0.78:7000" in line and "silent" in line for line in lines)
    assert any(line.endswith("more nodes") for line in lines)


def test_sentinel_group_has_no_slots() -> None:
    lines = status_lines(sentinel_group(), width=120, height=24, zone=UTC)
    assert lines[0] == "primaries under Sentinels shop"
    assert "slots" not in lines[2]


def test_notes_are_not_called_wrong() -> None:
    picture = cluster().model_copy(update={"problems": ("SLOT-STATS is not known",)})
    lines = status_lines(picture, width=80, height=24, zone=UTC)
    assert lines[-2:] == ["note: SLOT-STATS is not known", "healthy"]


def test_documentation_shows_what_is_printed(root: Path) -> None:
    lines = status_lines(failover(), (running_job(),), width=92, height=40, zone=UTC)
    assert "\n".join(lines) in (root / "docs" / "top.md").read_text()


def test_nothing_known_is_wrong() -> None:
    assert status_lines(Picture(at_ms=0), width=80, height=24)[-1] == "wrong: no node is known"
