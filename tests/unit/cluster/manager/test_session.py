"""How a user may name a node."""

import pytest

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.topology import Address, Node, View
from garrison.cluster.errors import UsageProblem
from garrison.cluster.manager.address_map import AddressMap
from garrison.cluster.manager.admin_client import Access
from garrison.cluster.manager.session import Session, find_node, find_primary

FIRST = Node("7001" + "a" * 36, Address("172.20.0.2", 7001), frozenset({"master", "myself"}))
SECOND = Node("b" * 40, Address("172.20.0.3", 7002))
REPLICA = Node("c" * 40, Address("127.0.0.1", 7003), frozenset({"slave"}), primary_id=FIRST.id)
STATE = ClusterState({FIRST.id: View({node.id: node for node in (FIRST, SECOND, REPLICA)}, FIRST.id)})
MAPPED = Session(Access(address_map=AddressMap({"172.20.0.2": "127.0.0.1", "172.20.0.3": "127.0.0.1"})))


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("172.20.0.3:7002", SECOND),
        ("127.0.0.1:7002", SECOND),
        ("7002", SECOND),
        ("7001", FIRST),
        ("bbbb", SECOND),
        ("7003", REPLICA),
    ],
)
def test_node_is_found_by_either_address_or_id(name: str, node: Node) -> None:
    assert find_node(MAPPED, STATE, name) is node


def test_address_that_works_from_here_needs_the_map() -> None:
    with pytest.raises(UsageProblem, match="is not a node of this cluster"):
        find_node(Session(), STATE, "127.0.0.1:7002")
    assert find_node(Session(), STATE, "7001") is FIRST  # The start of its id.


def test_replica_where_a_primary_is_wanted_is_refused() -> None:
    with pytest.raises(UsageProblem, match=r"is a replica of 172.20.0.2:7001 .*; name a primary"):
        find_primary(MAPPED, STATE, "7003")
