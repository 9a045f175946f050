"""Connections that speak for a lease, so that a node refuses a manager that has lost it."""

from dataclasses import dataclass, field

from garrison.client import ClientError, Connection, ReplyError
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.admin_client import AdminClient
from garrison.cluster.manager.session import Session

LEASE_ERRORS = ("STALEMANAGER", "MANAGERHELD")


class LeaseLostError(ManagerError):
    """A node knows of a newer lease: this manager must not act."""


@dataclass(frozen=True, slots=True)
class Lease:
    """In whose name connections speak."""

    manager_id: str
    epoch: int


@dataclass
class LeasedClient(AdminClient):
    """An admin client each of whose connections carries the lease. Without a lease a manager works alone."""

    lease: Lease | None = None

    async def open(self, address: Address, timeout_s: float) -> Connection:
        link = await super().open(address, timeout_s)
        if self.lease is None:
            return link
        try:
            await link.call("CLUSTER", "MANAGER", "AS", self.lease.manager_id, self.lease.epoch)
        except ReplyError as error:
            await link.close()
            if str(error).startswith(LEASE_ERRORS):
                raise LeaseLostError(f"{address} refuses this manager: {error}") from error
            raise ManagerError(f"{address} does not take a manager's commands: {error}") from error
        except ClientError as error:
            await link.close()
            raise UnreachableError(f"{address} stopped answering: {error}") from error
        return link


@dataclass
class LeasedSession(Session):
    """A session whose admin clients carry the lease."""

    lease: Lease | None = field(default=None)

    def admin(self, entry: Address) -> LeasedClient:
        return LeasedClient(entry, self.access, lease=self.lease)
