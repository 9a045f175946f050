"""Clients: each rule finds what it is for, and is silent just below its limit."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.cluster.core.doctor.readings import Fields
from tests.unit.cluster.core.doctor.cases import (
    CLIENT,
    MB,
    SENTINEL_CLIENT,
    Case,
    assert_case,
    name_of,
    of_node,
)


def clients(count: int, **more: Any) -> list[Fields]:
    return [SENTINEL_CLIENT, CLIENT, *(CLIENT | more for _ in range(count))]


UNNAMED = {"name": "", "lib-name": ""}
CASES = [
    Case("near-maxclients", of_node(info={"connected_clients": "8100"}), of_node(), "8100 of 10000"),
    Case(
        "near-maxclients",
        of_node(info={"connected_clients": "9600"}),
        of_node(info={"connected_clients": "7900"}),
        severity="error",
    ),
    Case("rejected-connections", of_node(info={"rejected_connections": "5"}), of_node(), "5 connections"),
    Case(
        "idle-clients",
        of_node(clients=clients(1000, idle="4000")),
        of_node(clients=clients(1000, idle="4000"), config={"timeout": "600"}),
        "1000 clients",
    ),
    Case(
        "unnamed-clients",
        of_node(clients=clients(30, **UNNAMED)),
        of_node(clients=[*clients(9, **UNNAMED), *clients(30)]),
        "30 of 31",
    ),
    Case("blocked-clients", of_node(info={"blocked_clients": "1500"}), of_node(), "1500 clients wait"),
    Case(
        "buffer-near-limit",
        of_node(clients=clients(1, flags="P", omem=str(6 * MB))),
        of_node(clients=clients(1, flags="P", omem=str(3 * MB))),
        "of the 8.0 MB after which it is dropped",
    ),
    Case(
        "buffer-near-limit",
        of_node(clients=clients(1, omem=str(40 * MB))),
        of_node(clients=clients(1, flags="S", omem=str(30 * MB))),
        "without any limit",
    ),
    Case(
        "dropped-for-buffers",
        of_node(info={"client_output_buffer_limit_disconnections": "2"}),
        of_node(),
        "2 clients",
    ),
    Case("monitored", of_node(clients=clients(1, flags="O")), of_node(), "1 client in MONITOR"),
    Case(
        "reconnects",
        of_node(info={"total_connections_received": "1000000", "total_commands_processed": "2000000"}),
        of_node(info={"total_connections_received": "1000000", "total_commands_processed": "9000000"}),
        "2.0 commands each",
    ),
    Case(
        "old-protocol",
        of_node(clients=clients(20, resp="2")),
        of_node(clients=[*clients(20, resp="2"), *clients(30)]),
        "20 of 21",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_client_rules(case: Case) -> None:
    assert_case(case)
