"""The columns and rows of the table of nodes."""

import pytest

from garrison.cluster.core.manager.picture import NodeLoad, NodePicture, Picture
from garrison.cluster.top.columns import (
    COLUMNS,
    SORT_ORDERS,
    fitting,
    header_text,
    lag_text,
    row_text,
    rows_of,
)
from tests.unit.cluster.top.scenes import cluster, node_id

ALWAYS = {"state", "slots", "ops/s"}


@pytest.mark.parametrize("width", range(40, 200, 7))
def test_columns_fit_and_the_important_ones_stay(width: int) -> None:
    columns, name_width = fitting(width, 21, has_slots=True)
    assert {column.title for column in columns} >= ALWAYS
    assert len(header_text(columns, name_width)) <= width
    for row in rows_of(cluster()):
        assert len(row_text(row, columns, name_width)) <= width


def test_wide_terminal_has_all_columns() -> None:
    assert fitting(160, 21, has_slots=True)[0] == COLUMNS


def test_servers_without_slots_have_no_such_column() -> None:
    assert "slots" not in {column.title for column in fitting(200, 21, has_slots=False)[0]}


def test_clients_are_seen_in_eighty_columns() -> None:
    assert "clients" in {column.title for column in fitting(79, 14, has_slots=True)[0]}


def test_replicas_follow_their_primary() -> None:
    rows = rows_of(cluster(2, 1))
    assert [(row.letter, row.node.id, row.is_indented) for row in rows] == [
        ("a", node_id(0), False),
        ("a", node_id(2), True),
        ("b", node_id(1), False),
        ("b", node_id(3), True),
    ]


def test_numbers_begin_with_the_largest_and_unknown_comes_last() -> None:
    nodes = tuple(
        NodePicture(id=str(ops), address=f"10.0.0.1:{at}", role="primary", load=NodeLoad(ops_per_s=ops))
        for at, ops in enumerate((5.0, None, 7.0))
    )
    picture = Picture(at_ms=0, nodes=nodes)

    def order(*, reverse: bool) -> list[str]:
        return [row.node.id for row in rows_of(picture, "ops/s", reverse=reverse)]

    assert order(reverse=False) == ["7.0", "5.0", "None"]
    assert order(reverse=True) == ["5.0", "7.0", "None"]


@pytest.mark.parametrize("sort", SORT_ORDERS)
def test_every_order_has_all_nodes(sort: str) -> None:
    picture = cluster(3, 2)
    assert {row.node.id for row in rows_of(picture, sort)} == {node.id for node in picture.nodes}


@pytest.mark.parametrize(
    ("wanted", "count"), [("ZONE-1", 2), ("replica", 3), ("10.0.0.1:", 1), ("nobody", 0)]
)
def test_filter_looks_into_words(wanted: str, count: int) -> None:
    assert len(rows_of(cluster(), wanted=wanted)) == count


def test_node_outside_all_shards_is_shown() -> None:
    lonely = NodePicture(id="x", address="10.9.9.9:1", role="replica")
    picture = cluster().model_copy(update={"nodes": (*cluster().nodes, lonely)})
    assert rows_of(picture)[-1].node == lonely


@pytest.mark.parametrize(
    ("link_up", "load", "text"),
    [
        (True, NodeLoad(lag_ms=1_500, lag_bytes=3), "1.5s"),
        (True, NodeLoad(lag_bytes=2_048), "2.00K"),
        (False, NodeLoad(lag_ms=0), "down"),
        (True, NodeLoad(), "-"),
    ],
)
def test_lag(link_up: bool, load: NodeLoad, text: str) -> None:
    assert lag_text(NodePicture(id="r", address="a:1", role="replica", link_up=link_up, load=load)) == text


def test_long_name_keeps_its_end() -> None:
    node = NodePicture(
        id="x", address="a-very-long-host-name.of.some.domain.example.org:7001", role="primary"
    )
    (row,) = rows_of(Picture(at_ms=0, nodes=(node,)))
    assert row_text(row, (), 20).endswith("example.org:7001")
