"""What CLUSTER SLOTS and SHARDS name as a node's endpoint, by settings and by where the client came from."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Solo


@pytest.mark.parametrize(
    ("settings", "outside", "endpoint"),
    [
        ({}, 0, b"$8\r\n10.0.0.7"),
        ({}, 1, b"$8\r\n10.0.0.7"),
        ({"cluster_outside_endpoint": "example.org"}, 0, b"$8\r\n10.0.0.7"),
        ({"cluster_outside_endpoint": "example.org"}, 1, b"$11\r\nexample.org"),
        ({"cluster_outside_endpoint": "unknown"}, 1, b"$-1"),
        ({"cluster_preferred_endpoint_type": "unknown-endpoint"}, 0, b"$-1"),
        (
            {"cluster_preferred_endpoint_type": "hostname", "cluster_announce_hostname": "node-1"},
            0,
            b"$6\r\nnode-1",
        ),
    ],
)
def test_the_endpoint_fits_the_client(settings: dict[str, Any], outside: int, endpoint: bytes) -> None:
    solo = Solo(cluster_announce_ip="10.0.0.7", **settings)
    solo.ask("ADDSLOTS", 0)
    one_slot = b"*1\r\n*3\r\n:0\r\n:0\r\n*4\r\n"
    assert solo.raw("SLOTS", outside=outside).startswith(one_slot + endpoint + b"\r\n")
    in_shards = b"$0\r\n" if endpoint == b"$-1" else endpoint
    assert b"endpoint\r\n" + in_shards + b"\r\n" in solo.raw("SHARDS", outside=outside)
