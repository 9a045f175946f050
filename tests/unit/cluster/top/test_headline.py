"""The lines above the table."""

from garrison.cluster.core.manager.picture import ManagerPicture, Picture
from garrison.cluster.top.headline import age_words, sums_line, title_line
from tests.unit.cluster.top.scenes import cluster, failover


def test_title_names_deployment_leader_and_mode() -> None:
    picture = cluster().model_copy(update={"mode": "dry-run", "read_only": True})
    assert title_line(picture) == "garrison top | shop | cluster | leader 10.0.9.1:7900 | dry-run | read-only"


def test_title_says_that_nobody_leads_and_who_paused() -> None:
    picture = Picture(at_ms=0, managers=(ManagerPicture(id="m"),), mode="paused", paused_by="ann")
    assert title_line(picture) == "garrison top | cluster | no manager leads | paused by ann"


def test_age() -> None:
    picture = Picture(at_ms=10_000)
    assert [age_words(picture, now) for now in (9_000, 10_999, 13_400)] == ["now", "now", "3 s ago"]


def test_sums_are_of_primaries_and_weigh_hits_by_throughput() -> None:
    line = sums_line(failover(), 120)
    assert "6 nodes (5 ok, 1 failed)" in line
    assert "10923/16384 slots" in line
    assert "6333 ops/s" in line
    assert "91% hits" in line


def test_sums_that_do_not_fit_are_left_out_whole() -> None:
    line = sums_line(cluster(), 40)
    assert line == "6 nodes (6 ok)  16384/16384 slots"


def test_unknown_sums_are_not_zero() -> None:
    assert sums_line(Picture(at_ms=0, kind="single"), 120) == "no nodes  - ops/s  - memory  - hits  - keys"
