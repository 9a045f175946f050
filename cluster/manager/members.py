"""Let a node join a cluster, or leave it."""

import asyncio
from collections.abc import Callable

from garrison.client import ReplyError
from garrison.cluster.core.survey import Survey
from garrison.cluster.core.topology import Address, Node
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.fleet import Fleet
from garrison.cluster.manager.form import POLL_INTERVAL_S, meet, probe, wait_joined

LINK_TIMEOUT_S = 60.0
Note = Callable[[str], None]


async def add_node(fleet: Fleet, survey: Survey, new: Address, primary: Node | None, note: Note) -> str:
    """Let the empty node at ``new`` join; with ``primary``, as its replica. Return the new node's id."""
    view = (await probe(fleet, [new]))[new]
    sponsor = next(node for node in survey.primaries if node.id in survey.views)
    if primary is None:
        await _copy_functions(fleet, sponsor.address, new)
    await fleet.demand_many(sponsor.address, [meet(view, new)])
    note(f"{sponsor.label} has met {new}; waiting until every node knows it")
    ids = frozenset(survey.views) | {view.my_id}
    await wait_joined(fleet, [survey.nodes[node_id].address for node_id in survey.views] + [new], ids)
    if primary is not None:
        await fleet.call(new, "CLUSTER", "REPLICATE", primary.id)
        note(f"{new} replicates {primary.label}; waiting for the link")
        await _wait_linked(fleet, new)
    return view.my_id


def choose_primary(survey: Survey, new: Address) -> Node:
    """The primary that needs a replica at ``new`` the most: fewest replicas, then another host."""
    serving = [node for node in survey.primaries if survey.slots_of.get(node.id)]
    if not serving:
        raise ManagerError("no primary owns slots, so there is nothing to replicate")

    def need(node: Node) -> tuple[int, bool, Address]:
        return (len(survey.replicas_of(node.id)), node.address.host == new.host, node.address)

    return min(serving, key=need)


async def _copy_functions(fleet: Fleet, source: Address, target: Address) -> None:
    """A new primary must know the functions of the others. A node that has none to give is no matter."""
    dump = (await fleet.call_many(source, [("FUNCTION", "DUMP")]))[0]
    if isinstance(dump, bytes):
        await fleet.call(target, "FUNCTION", "RESTORE", dump)


async def _wait_linked(fleet: Fleet, replica: Address) -> None:
    for _ in range(int(LINK_TIMEOUT_S / POLL_INTERVAL_S)):
        role = await fleet.call(replica, "ROLE")
        if role[0] == b"slave" and role[3] == b"connected":
            return
        await asyncio.sleep(POLL_INTERVAL_S)
    raise ManagerError(
        f"{replica} joined, but its link to the primary is not up after {LINK_TIMEOUT_S:.0f} s; see its log"
    )


async def remove_node(fleet: Fleet, survey: Survey, node: Node, note: Note) -> None:
    """Take a node without slots out of the cluster: its replicas go elsewhere, everybody forgets it."""
    owned = survey.slots_of.get(node.id)
    if owned:
        raise ManagerError(
            f"{node.label} owns {len(owned)} slots; add --drain to move them to the others first, "
            "or reshard them yourself"
        )
    others = [survey.nodes[node_id] for node_id in survey.views if node_id != node.id]
    for replica in survey.replicas_of(node.id):
        if replica.id in survey.views:
            heir = choose_primary(survey, replica.address)
            note(f"{replica.label} now replicates {heir.label}")
            await fleet.call(replica.address, "CLUSTER", "REPLICATE", heir.id)
    # All at once: whoever still knows the node would bring it back when the bar of 60 s ends.
    forget = ("CLUSTER", "FORGET", node.id)
    replies = await asyncio.gather(*(fleet.call_many(other.address, [forget]) for other in others))
    for other, (reply,) in zip(others, replies, strict=True):
        if isinstance(reply, ReplyError) and "Unknown node" not in reply.message:
            raise ManagerError(
                f"{other.label} does not forget it: {reply.message}; run the same command again"
            )
    if node.id in survey.views:
        await fleet.call(node.address, "CLUSTER", "RESET", "SOFT")
