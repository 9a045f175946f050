"""CLUSTER NODES is read as a real Redis prints it."""

import pytest

from garrison.cluster.core.cluster_state import cluster_state_of
from garrison.cluster.core.ranges import format_ranges, merge_ranges, parse_ranges, to_ranges, to_slots
from garrison.cluster.core.topology import Address, parse_nodes

A, B, C = "a" * 40, "b" * 40, "c" * 40
TEXT = f"""\
{A} 10.0.0.1:7000@17000,host-a.example master - 0 1795313906173 2 connected 5461-5470 5480
{B} 10.0.0.2:7001@17001,,shard-id=0123 slave {A} 0 1795313906173 2 disconnected
{C} 10.0.0.3:7002@17002 myself,master - 0 0 1 connected 0-5460 [5->-{A}] [6-<-{A}]
"""


def test_reads_addresses_flags_slots_and_open_slots() -> None:
    view = parse_nodes(TEXT, Address("10.0.0.3", 7002))
    first, second, third = view.nodes[A], view.nodes[B], view.myself
    assert first.address == Address("10.0.0.1", 7000)
    assert (first.hostname, first.bus_port, first.epoch) == ("host-a.example", 17000, 2)
    assert first.slots == frozenset(range(5461, 5471)) | {5480}
    assert (second.primary_id, second.is_primary, second.connected, second.hostname) == (A, False, False, "")
    assert (third.migrating, third.importing) == ({5: A}, {6: A})
    assert view.owners[5480] == A
    assert view.owners[0] == C


def test_lone_node_learns_its_address_from_the_one_reached() -> None:
    view = parse_nodes(f"{A} :7000@17000 myself,master - 0 0 0 connected\n", Address("::1", 7000))
    assert view.myself.address == Address("::1", 7000)
    assert str(view.myself.address) == "[::1]:7000"


def test_lines_that_differ_only_in_times_are_one_object() -> None:
    at = Address("10.0.0.3", 7002)
    now = parse_nodes(TEXT, at)
    later = parse_nodes(TEXT.replace(" 1795313906173 ", " 1795313999999 "), at)
    assert all(later.nodes[node_id] is node for node_id, node in now.nodes.items())
    moved = parse_nodes(TEXT.replace("5461-5470", "5461-5469"), at)
    assert [node_id for node_id in moved.nodes if moved.nodes[node_id] is not now.nodes[node_id]] == [A]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{A} 10.0.0.1:7000@17000 master - 0 0 1 connected\n", "no line marked 'myself'"),
        (f"{A} nonsense myself,master - 0 0 1 connected\n", "line 1"),
        (f"{A} 10.0.0.1:1@2 myself,master - 0 0 1 connected [5-x-{B}]\n", "neither a migrating"),
        (f"{A} 10.0.0.1:1@2 myself\n", "line 1"),
        (f"{A} 10.0.0.1:1@2,\x1b[2J myself,master - 0 0 1 connected\n", "cannot be shown"),
    ],
)
def test_damaged_tables_are_refused_with_place_and_cause(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_nodes(text, Address("h", 1))


def test_ranges_are_written_and_read_back() -> None:
    assert to_ranges([3, 1, 2, 9]) == ((1, 3), (9, 9))
    assert to_slots(parse_ranges("0-2,9")) == [0, 1, 2, 9]
    assert format_ranges(((0, 2), (9, 9))) == "0-2,9"
    assert format_ranges(((0, 2), (9, 9)), limit=1) == "0-2 and 1 more ranges"


@pytest.mark.parametrize("text", ["", "5-", "-5", "9-3", "0-16384", "x"])
def test_a_bad_range_says_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"range"):
        parse_ranges(text)


def test_find_takes_address_id_and_start_of_id() -> None:
    state = cluster_state_of([parse_nodes(TEXT, Address("10.0.0.3", 7002))])
    assert state.find("10.0.0.1:7000").id == A
    assert state.find(B).id == B
    assert state.find("cccc").id == C
    assert state.find("host-a.example:7000").id == A
    with pytest.raises(LookupError, match=r"not a node of this cluster.*10\.0\.0\.1:7000"):
        state.find("10.0.0.9:7000")


@pytest.mark.parametrize(
    "ranges", [[], [(5, 9), (0, 4)], [(0, 9), (3, 5), (9, 12)], [(7, 7), (5, 5)], [(2, 2), (2, 2)]]
)
def test_merged_ranges_hold_the_same_slots(ranges: list[tuple[int, int]]) -> None:
    assert merge_ranges(ranges) == to_ranges(to_slots(ranges))
