"""What the words of shared options come to."""

import pytest
import typer

from garrison.cluster.cli_options import parse_address, parse_address_map, parse_weight
from garrison.cluster.core.topology import Address


def test_bare_port_is_of_this_machine() -> None:
    assert parse_address("7000") == Address("127.0.0.1", 7000)
    with pytest.raises(typer.BadParameter, match="write host:port"):
        parse_address("nowhere")


def test_tls_is_not_dropped_in_silence() -> None:
    with pytest.raises(typer.BadParameter, match="without TLS"):
        parse_address("rediss://:secret@example:7000")


@pytest.mark.parametrize("pair", ["x", "a:1=b", "a=b:1", "=b", "a="])
def test_map_without_two_addresses_is_refused(pair: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as 172"):
        parse_address_map([pair])


def test_weight_is_a_number() -> None:
    assert parse_weight("h:1=1.5") == ("h:1", 1.5)
    with pytest.raises(typer.BadParameter, match="is not a weight"):
        parse_weight("h:1=much")
