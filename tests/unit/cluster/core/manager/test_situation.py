"""Lookups in a picture beside a wish."""

import pytest

from garrison.cluster.core.manager.conditions import Observations
from garrison.cluster.core.manager.desired import DesiredState, NodeWish
from garrison.cluster.core.manager.jobs import Job, JobKind, Records, Step, StepKind
from garrison.cluster.core.manager.picture import NodePicture, Picture, SparePicture
from garrison.cluster.core.manager.situation import Names, Situation, host_part
from tests.unit.cluster.core.manager.cluster_model import NOW_MS, ClusterModel

FIRST, FOURTH = f"{0:040x}", f"{3:040x}"


def situation(desired: DesiredState, picture: Picture | None = None) -> Situation:
    return Situation(desired, picture or ClusterModel.of(3, 1).picture(), Records(), Observations(), NOW_MS)


@pytest.mark.parametrize(
    ("address", "host"), [("10.0.0.1:7000", "10.0.0.1"), ("[::1]:7000", "::1"), ("db-1:6379", "db-1")]
)
def test_host_of_an_address(address: str, host: str) -> None:
    assert host_part(address) == host


def test_names_are_ids_their_starts_addresses_and_hostnames() -> None:
    nodes = (
        NodePicture(id="abcd1", address="h:1", role="primary", hostname="one"),
        NodePicture(id="abcd2", address="h:2", role="primary"),
    )
    names = Names(Picture(at_ms=1, nodes=nodes))
    for name in ("abcd1", "h:1", "one:1"):
        assert names.one(name) == nodes[0]
    assert names.one("abcd") is None
    assert len(names.matches("abcd")) == 2
    assert names.matches("abc") == []


def test_shards_are_made_of_what_nodes_say() -> None:
    shards = situation(DesiredState()).shards
    assert list(shards) == [f"{index:040x}" for index in range(3)]
    assert [node.id for node in shards[FIRST].replicas] == [FOURTH]
    assert shards[FIRST].copies == 2


def test_wish_places_a_node() -> None:
    wishes = {FIRST[:40]: NodeWish(host="rack", zone="b"), "10.0.0.4:7003": NodeWish(zone="c")}
    found = situation(DesiredState(nodes=wishes))
    assert found.host_of(found.nodes[FIRST]) == "rack"
    assert found.host_of(found.nodes[FOURTH]) == "10.0.0.4"
    assert (found.zone_of(found.nodes[FIRST]), found.zone_of(found.nodes[FOURTH])) == ("b", "c")


def test_spares_that_cannot_be_used_are_left_out() -> None:
    picture = ClusterModel.of(3, 1).picture()
    bad = SparePicture(address="a:1", usable=False, why="it has keys")
    picture = picture.model_copy(update={"spares": (bad,)})
    desired = DesiredState(spares=("a:1", "b:1", "c:1", "10.0.0.1:7000"), nodes={"c:1": NodeWish(drain=True)})
    assert [spare.address for spare in situation(desired, picture).spares] == ["b:1"]


def test_idle_member_is_free_only_where_shards_are_asked_for() -> None:
    idle = NodePicture(id="idle", address="i:1", role="primary")
    picture = ClusterModel.of(3, 1).picture()
    picture = picture.model_copy(update={"nodes": (*picture.nodes, idle)})
    assert situation(DesiredState(), picture).spares == ()
    assert [spare.name for spare in situation(DesiredState(shards=4), picture).spares] == ["idle"]
    assert [spare.name for spare in situation(DesiredState(spares=("i:1",)), picture).spares] == ["idle"]


def test_job_touches_the_shards_of_its_nodes() -> None:
    step = Step(kind=StepKind.REPLICATE, arguments={"node": FOURTH, "primary": f"{1:040x}"})
    job = Job(id="job-1", kind=JobKind.SPREAD, title="", reason="", steps=(step,), made_ms=1)
    assert set(situation(DesiredState()).shards_of_job(job)) == {FIRST, f"{1:040x}"}
