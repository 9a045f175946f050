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
        self._reached = translator(dict(pairs or {}))

    def reached(self, address: Address) -> Address:
        """Where to connect to."""
        return Address(*self._reached(ClientAddress(address.host, address.port)))


NO_MAP = AddressMap()
