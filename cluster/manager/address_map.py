"""Where nodes are reached from here, if that is not the address that they announce to each other.

Nodes in containers announce addresses of their own network, and are reached by published ports of this
machine. Commands to nodes go to the reached address; what nodes say to each other (CLUSTER MEET, MIGRATE)
keeps the announced one.
"""

from collections.abc import Mapping

from garrison.client.core.topology import Address as ClientAddress
from garrison.client.nodes import translator
from garrison.cluster.core.topology import Address


class AddressMap:
    """Announced address to the reached one; ports on both sides or on neither. Raises UsageError."""

    def __init__(self, pairs: Mapping[str, str] | None = None) -> None:
        given = dict(pairs or {})
        self._reached = translator(given)
        self._announced = translator({reached: announced for announced, reached in given.items()})

    def reached(self, address: Address) -> Address:
        """Where to connect to."""
        return Address(*self._reached(ClientAddress(address.host, address.port)))

    def announced(self, address: Address) -> Address:
        """How nodes call the one that is reached at ``address``."""
        return Address(*self._announced(ClientAddress(address.host, address.port)))


NO_MAP = AddressMap()
