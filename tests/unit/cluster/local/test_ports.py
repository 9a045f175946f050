"""Ports are taken where a server could listen, and whoever is in the way is named."""

import os
import socket
from collections.abc import Iterator

import pytest

from garrison.cluster.errors import UsageProblem
from garrison.cluster.local.ports import (
    HOST,
    PORT_MAX,
    PortInUseError,
    demand_free,
    free_ports,
    is_free,
    port_range,
)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server((HOST, free_ports(1)[0])) as server:
        yield server.getsockname()[1]


def test_port_in_time_wait_is_free() -> None:
    (port,) = free_ports(1)
    with socket.create_server((HOST, port)) as server:
        client = socket.create_connection((HOST, port))
        connection, _ = server.accept()
        connection.close()  # Who closes first waits, here on the server's port.
        client.close()
    assert is_free(port)


def test_port_in_use_is_named_with_its_process(taken: int) -> None:
    with pytest.raises(PortInUseError) as refused:
        demand_free([taken], with_bus=False, advice=lambda: "choose others")
    assert f"port {taken} is in use by " in str(refused.value)
    assert f"(pid {os.getpid()})" in str(refused.value)
    assert str(refused.value).endswith("; choose others")


def test_bus_port_in_use_is_named_as_such() -> None:
    (port,) = free_ports(1)
    with socket.create_server((HOST, port + 10_000)):
        demand_free([port], with_bus=False, advice=lambda: pytest.fail("needed by nobody"))
        with pytest.raises(PortInUseError, match=rf"port {port + 10_000} \(the bus\) is in use"):
            demand_free([port], with_bus=True, advice=str)


@pytest.mark.parametrize(
    ("first", "with_bus", "highest"), [(0, False, 65_530), (65_531, False, 65_530), (55_531, True, 55_530)]
)
def test_ports_that_do_not_exist_are_refused(first: int, with_bus: bool, highest: int) -> None:
    with pytest.raises(UsageProblem, match=f"--port {first}: .*choose one from 1 to {highest}"):
        port_range(first, 6, with_bus=with_bus)
    assert port_range(highest, 6, with_bus=with_bus)[-1] == PORT_MAX - 10_000 * with_bus
