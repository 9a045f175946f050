"""Form a new cluster from empty nodes, and wait until it serves.

Nodes are first checked all at once, so that a refusal names every problem and leaves nothing half done. Then
each gets an epoch of its own (no collisions to settle) and its slots, the first one meets the others, gossip
does the rest, and the replicas are attached. *Formed* means: every node knows all others, all agree about the
slots, every node reports the cluster state ok, and every replica's link is up.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.creation import CreationPlan
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.core.topology import Address, View
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import Access, AdminClient

JOIN_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.05
ANSWER_INTERVAL_S = 0.25
PROBLEMS_SHOWN = 10
Note = Callable[[str], None]


async def form(
    plan: CreationPlan, access: Access, note: Note, timeout_s: float = JOIN_TIMEOUT_S
) -> ClusterState:
    """Form the planned cluster; return the state of the healthy cluster."""
    async with AdminClient(plan.addresses[0], access) as admin:
        views = await probe(admin, plan.addresses)
        ids = {address: view.my_id for address, view in views.items()}
        await _assign(admin, plan)
        note(f"{len(plan.addresses)} nodes have their epochs and slots; joining them")
        first = plan.addresses[0]
        await admin.demand_many(
            first, [meet(views[address], address) for address in plan.addresses if address != first]
        )
        await wait_joined(admin, plan.addresses, frozenset(ids.values()), timeout_s)
        await _attach_replicas(admin, plan, ids)
        note("all nodes know each other; waiting for the replicas' links")
        return await wait_formed(admin, plan, timeout_s)


async def wait_for_answers(nodes: Sequence[Address], access: Access, timeout_s: float) -> None:
    """Wait until every node answers PING; names may not resolve yet, as when containers start together."""
    deadline = time.monotonic() + timeout_s
    for node in nodes:
        while True:
            try:
                async with AdminClient(node, access) as admin:
                    await admin.call(node, "PING")
                break
            except ManagerError as error:
                if time.monotonic() >= deadline:
                    raise ManagerError(f"{node} did not answer within {timeout_s:g} s: {error}") from error
            await asyncio.sleep(ANSWER_INTERVAL_S)


async def are_formed(nodes: Sequence[Address], access: Access) -> bool:
    """Whether the nodes belong to one cluster that owns all slots."""
    async with AdminClient(nodes[0], access) as admin:
        views = [await admin.view(node) for node in nodes]
        ids = {view.my_id for view in views}
        return len(views[0].owners) == SLOT_COUNT and all(ids <= view.joined_ids for view in views)


async def probe(admin: AdminClient, addresses: Sequence[Address]) -> Mapping[Address, View]:
    """Demand that every node answers, is in cluster mode, alone and empty."""
    views: dict[Address, View] = {}
    problems: list[str] = []

    async def ask(address: Address) -> None:
        try:
            views[address] = await admin.view(address)
            problem = _not_fresh(views[address], address, await admin.call(address, "DBSIZE"))
            if problem:
                problems.append(problem)
        except ManagerError as error:
            problems.append(str(error))

    await asyncio.gather(*map(ask, addresses))
    twice = {view.my_id for view in views.values()}
    if len(twice) < len(views):
        problems.append("two of the addresses lead to one node; name each node once")
    if problems:
        raise ManagerError("\n".join(sorted(problems)[:PROBLEMS_SHOWN]))
    return views


def _not_fresh(view: View, address: Address, keys: int) -> str:
    if len(view.nodes) > 1:
        return (
            f"{address} knows {len(view.nodes) - 1} other nodes already: take it out of their cluster with "
            "'garrison cluster del-node' (CLUSTER RESET it if they are gone), or leave it out"
        )
    if view.myself.ranges:
        return f"{address} owns slots already: CLUSTER RESET it, or leave it out"
    if keys:
        return f"{address} holds {keys} keys: FLUSHALL it if they may go, or leave it out"
    return ""


async def _assign(admin: AdminClient, plan: CreationPlan) -> None:
    slots = {shard.primary: shard.slots for shard in plan.shards}
    jobs = []
    for epoch, address in enumerate(plan.addresses, 1):
        commands: list[Sequence[str | int]] = [("CLUSTER", "SET-CONFIG-EPOCH", epoch)]
        if address in slots:
            commands.append(("CLUSTER", "ADDSLOTSRANGE", *slots[address]))
        jobs.append(admin.demand_many(address, commands))
    await asyncio.gather(*jobs)


def meet(view: View, address: Address) -> Sequence[str | int]:
    """The command that introduces the node which was reached at ``address`` and gave ``view``."""
    bus_port = view.myself.bus_port
    return ("CLUSTER", "MEET", address.host, address.port, *([bus_port] if bus_port else []))


async def wait_joined(
    admin: AdminClient, addresses: Sequence[Address], ids: frozenset[str], timeout_s: float = JOIN_TIMEOUT_S
) -> None:
    """Wait until each node knows all ``ids`` and has an open link to them."""
    deadline = time.monotonic() + timeout_s
    while True:
        views = await asyncio.gather(*map(admin.view, addresses))
        late = [view for view in views if not ids <= _linked(view)]
        if not late:
            return
        if time.monotonic() > deadline:
            missing = sorted(ids - _linked(late[0]))
            raise ManagerError(
                f"after {timeout_s:.0f} s {late[0].myself.address} has not joined {len(missing)} of "
                f"{len(ids)} nodes; check that each node reaches the others' bus port (port + 10000)"
            )
        await asyncio.sleep(POLL_INTERVAL_S)


def _linked(view: View) -> frozenset[str]:
    """Whom a node has a link to, itself included."""
    return frozenset(
        node.id
        for node in view.nodes.values()
        if not node.in_handshake and (node.connected or "myself" in node.flags)
    )


async def _attach_replicas(admin: AdminClient, plan: CreationPlan, ids: Mapping[Address, str]) -> None:
    await asyncio.gather(
        *(
            admin.call(replica, "CLUSTER", "REPLICATE", ids[shard.primary])
            for shard in plan.shards
            for replica in shard.replicas
        )
    )


async def wait_formed(admin: AdminClient, plan: CreationPlan, timeout_s: float) -> ClusterState:
    deadline = time.monotonic() + timeout_s
    replicas = sum(len(shard.replicas) for shard in plan.shards)
    while True:
        state = await admin.cluster_state()
        missing = unready(state, len(plan.addresses), replicas)
        if not missing:
            return state
        if time.monotonic() > deadline:
            raise ManagerError(f"after {timeout_s:.0f} s {missing}; 'garrison cluster check' says more")
        await asyncio.sleep(POLL_INTERVAL_S)


def unready(state: ClusterState, node_count: int, replica_count: int) -> str:
    """Say in what respect a cluster is not formed yet; empty when it is."""
    if len(state.views) < node_count:
        return f"only {len(state.views)} of {node_count} nodes answer"
    if len({view.signature for view in state.views.values()}) > 1:
        return "the nodes do not agree about the slots"
    seen = [sum(not node.is_primary for node in view.nodes.values()) for view in state.views.values()]
    if min(seen) < replica_count:
        return "not every node knows all replicas"
    down = [state.nodes[node_id].label for node_id, status in state.statuses.items() if not status.state_ok]
    if down:
        return f"cluster_state is not ok on {down[0]}"
    unlinked = [state.nodes[n].label for n, status in state.statuses.items() if status.link_up is False]
    if unlinked:
        return f"{unlinked[0]} has no link to its primary"
    return ""
