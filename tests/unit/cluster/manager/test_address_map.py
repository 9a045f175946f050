"""Announced addresses become those that work from here."""

from garrison.base.endpoint import parse_address_map
from garrison.cluster.core.topology import Address
from garrison.cluster.manager.address_map import NO_MAP, AddressMap

ANNOUNCED, REACHED, OTHER = Address("172.20.0.2", 6379), Address("127.0.0.1", 7001), Address("10.0.0.9", 6379)


def test_address_with_its_port_is_translated() -> None:
    pairs = parse_address_map(["172.20.0.2:6379=127.0.0.1:7001, 172.20.0.3:6379=127.0.0.1:7002"])
    mapped = AddressMap(pairs)
    assert mapped.reached(ANNOUNCED) == REACHED
    assert mapped.reached(OTHER) == OTHER


def test_host_without_port_is_translated_at_every_port() -> None:
    mapped = AddressMap(parse_address_map(["db1=127.0.0.1"]))
    assert mapped.reached(Address("db1", 7001)) == REACHED


def test_empty_map_changes_nothing() -> None:
    assert NO_MAP.reached(ANNOUNCED) == ANNOUNCED
