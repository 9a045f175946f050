"""One meaning, whatever the server calls it."""

import pytest

from garrison.cluster.core.server_fields import server_mode, server_version


@pytest.mark.parametrize(
    ("info", "mode", "version"),
    [
        ({}, "", ""),
        ({"redis_version": "7.0.15", "redis_mode": "sentinel"}, "sentinel", "7.0.15"),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2", "server_mode": "cluster"}, "cluster", "9.1.2"),
        (
            {"redis_version": "7.2.0", "garrison_version": "0.1.0", "redis_mode": "cluster"},
            "cluster",
            "0.1.0",
        ),
    ],
)
def test_mode_and_version_are_of_the_server_itself(info: dict[str, str], mode: str, version: str) -> None:
    assert (server_mode(info), server_version(info)) == (mode, version)
