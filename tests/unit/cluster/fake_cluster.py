"""A naive cluster in memory that speaks what the manager says, and can stop listening after any command.

It is the model against which the order of the steps is tested: after *every* command it can be asked
whether each key is still reached from each node by following redirects, as a client does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from garrison.client import ReplyError, key_slot
from garrison.cluster.core.cluster_state import ClusterState
from garrison.cluster.core.ranges import to_ranges
from garrison.cluster.core.topology import Address, Node, View
from garrison.cluster.manager.admin_client import Access, Command, accepted

REDIRECTS_MAX = 5


class KilledError(Exception):
    """The manager was killed here."""


@dataclass
class FakeNode:
    id: str
    address: Address
    owners: dict[int, str]
    epoch: int
    keys: dict[bytes, str] = field(default_factory=dict)
    migrating: dict[int, str] = field(default_factory=dict)
    importing: dict[int, str] = field(default_factory=dict)

    def keys_in(self, slot: int) -> list[bytes]:
        return sorted(key for key in self.keys if key_slot(key) == slot)


@dataclass
class FakeCluster:
    """Also stands in for the admin client: it has ``call_many``, ``demand_many`` and ``cluster_state``."""

    nodes: dict[str, FakeNode]
    access: Access = field(default_factory=Access)
    commands_left: int | None = None
    """After so many further commands the manager is killed; None is never."""
    executed: int = 0
    writes: int = 0
    watch: bool = False
    """Demand after every command that every key is reached from every node."""
    refusals: list[str] = field(default_factory=list)
    """Error replies that the next MIGRATEs get; the empty text lets one through."""
    expected: Mapping[bytes, str] = field(default_factory=dict)
    quick_gossip: bool = False
    """Everybody hears of every change at once, and whoever has lost its last slot is a replica."""

    @classmethod
    def of(cls, owned: Mapping[str, Iterable[int]], keys: Mapping[bytes, str]) -> "FakeCluster":
        owners = {slot: name * 40 for name, slots in owned.items() for slot in slots}
        nodes = {}
        for rank, name in enumerate(owned, 1):
            address = Address("10.0.0.1", 7000 + rank)
            nodes[name * 40] = FakeNode(name * 40, address, dict(owners), rank)
        for key, value in keys.items():
            nodes[owners[key_slot(key)]].keys[key] = value
        return cls(nodes, expected=dict(keys))

    @property
    def addresses(self) -> dict[str, Address]:
        return {node.id: node.address for node in self.nodes.values()}

    async def demand_many(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        replies = await self.call_many(address, commands)
        for reply, command in zip(replies, commands, strict=True):
            accepted(reply, address, command)
        return replies

    async def demand_together(
        self, address: Address, commands: Sequence[Command], then: Sequence[Command] = ()
    ) -> list[Any]:
        """Harsher than a transaction: the manager may be killed in the middle."""
        return await self.demand_many(address, [*commands, *then])

    async def call_many(self, address: Address, commands: Sequence[Command], lane: int = 0) -> list[Any]:
        self.writes += 1
        node = next(node for node in self.nodes.values() if node.address == address)
        return [self._execute(node, [str(w) if isinstance(w, int) else w for w in each]) for each in commands]

    async def view(self, address: Address) -> View:
        node = next(node for node in self.nodes.values() if node.address == address)
        return View({node.id: self._line(node, node)}, node.id)

    async def cluster_state(self) -> ClusterState:
        """Everybody has heard of everything, as after some seconds of gossip."""
        self.gossip()
        views = {}
        for node in self.nodes.values():
            table = {other.id: self._line(node, other) for other in self.nodes.values()}
            views[node.id] = View(table, node.id)
        return ClusterState(views)

    def _line(self, viewer: FakeNode, other: FakeNode) -> Node:
        mine = viewer is other
        return Node(
            id=other.id,
            address=other.address,
            epoch=other.epoch,
            ranges=to_ranges(slot for slot, owner in viewer.owners.items() if owner == other.id),
            migrating=dict(other.migrating) if mine else {},
            importing=dict(other.importing) if mine else {},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """An admin client closes its connections here; the model has none."""

    def gossip(self) -> None:
        """Each slot's claimant with the greatest epoch wins everywhere; a loser drops what it holds of it."""
        claims: dict[int, FakeNode] = {}
        for node in sorted(self.nodes.values(), key=lambda node: node.epoch):
            claims.update({slot: node for slot, owner in node.owners.items() if owner == node.id})
        for node in self.nodes.values():
            for slot, winner in claims.items():
                if node.owners.get(slot) == node.id and winner is not node:
                    node.migrating.pop(slot, None)
                    for key in node.keys_in(slot):
                        del node.keys[key]
                node.owners[slot] = winner.id

    def _execute(self, node: FakeNode, words: Sequence[Any]) -> Any:
        if self.commands_left is not None:
            if self.commands_left == 0:
                raise KilledError
            self.commands_left -= 1
        self.executed += 1
        reply = self._answer(node, words)
        if self.watch:
            self.demand_reachable()
        return reply

    def _answer(self, node: FakeNode, words: Sequence[Any]) -> Any:
        match [words[0], *words[1:]]:
            case ["CLUSTER", "COUNTKEYSINSLOT", slot]:
                return len(node.keys_in(int(slot)))
            case ["CLUSTER", "GETKEYSINSLOT", slot, limit]:
                return node.keys_in(int(slot))[: int(limit)]
            case ["CLUSTER", "SETSLOT", slot, state, *peer]:
                return self._set_slot(node, int(slot), state, *peer)
            case ["CLUSTER", "DELSLOTS", slot]:
                owner = node.owners.pop(int(slot), None)
                return b"OK" if owner else ReplyError(f"ERR Slot {slot} is already unassigned")
            case ["CLUSTER", "ADDSLOTS", *slots]:
                busy = [slot for slot in slots if int(slot) in node.owners]
                if busy:
                    return ReplyError(f"ERR Slot {busy[0]} is already busy")
                node.owners.update({int(slot): node.id for slot in slots})
                return b"OK"
            case ["CLUSTER", "BUMPEPOCH"]:
                node.epoch = self._next_epoch()
                return b"BUMPED"
            case ["MIGRATE", host, port, "", "0", _, *rest]:
                target = next(n for n in self.nodes.values() if n.address == Address(host, int(port)))
                place = rest.index("KEYS")
                return self._migrate(node, target, rest[place + 1 :], replace="REPLACE" in rest[:place])
            case ["ASKING"]:
                return b"OK"
            case ["DUMP", key]:
                return node.keys[key].encode() if key in node.keys else None
        raise AssertionError(f"the model does not know {words}")

    def _set_slot(self, node: FakeNode, slot: int, state: str, peer: str = "") -> Any:
        mine = node.owners.get(slot) == node.id
        if self.quick_gossip:
            self.gossip()
            if node.id not in node.owners.values():
                return ReplyError("ERR You can use SETSLOT only with masters.")
        if state == "STABLE":
            node.migrating.pop(slot, None)
            node.importing.pop(slot, None)
        elif state == "MIGRATING":
            if not mine:
                return ReplyError(f"ERR I'm not the owner of hash slot {slot}")
            if node.migrating.get(slot, peer) != peer:
                return ReplyError(f"ERR Slot {slot} is already migrating to {node.migrating[slot]}")
            node.migrating[slot] = peer
        elif state == "IMPORTING":
            if mine:
                return ReplyError(f"ERR I'm already the owner of hash slot {slot}")
            node.importing[slot] = peer
        else:
            if mine and peer != node.id and node.keys_in(slot):
                return ReplyError(f"ERR Can't assign hashslot {slot} while I still hold keys")
            if not mine and peer == node.id and slot in node.importing:
                node.epoch = self._next_epoch()
            node.importing.pop(slot, None)
            node.migrating.pop(slot, None)
            node.owners[slot] = peer
        return b"OK"

    def _next_epoch(self) -> int:
        return max(node.epoch for node in self.nodes.values()) + 1

    def _migrate(self, source: FakeNode, target: FakeNode, keys: Sequence[bytes], *, replace: bool) -> Any:
        assert len({key_slot(key) for key in keys}) == 1, "a MIGRATE must stay in one slot"
        slot = key_slot(keys[0])
        assert slot in source.migrating or slot in source.importing, "would be answered with MOVED"
        assert target.owners.get(slot) == target.id or slot in target.importing
        refusal = self.refusals.pop(0) if self.refusals else ""
        if refusal.startswith("IOERR"):
            # The worst case: the target has taken the keys, and the acknowledgement got lost.
            target.keys.update({key: source.keys[key] for key in keys if key in source.keys})
        if refusal:
            return ReplyError(refusal)
        for key in keys:
            if key in target.keys and not replace:
                return ReplyError(
                    "ERR Target instance replied with error: BUSYKEY Target key name already exists."
                )
            if key in source.keys:
                target.keys[key] = source.keys.pop(key)
        return b"OK"

    def demand_reachable(self) -> None:
        for key, value in self.expected.items():
            for start in self.nodes.values():
                assert self.look_up(key, start) == value, f"{key!r} is not found from {start.id[0]}"

    def look_up(self, key: bytes, start: FakeNode) -> str | None:
        """GET as a client does it: MOVED and ASK are followed, from any node."""
        slot = key_slot(key)
        node, asking = start, False
        for _ in range(REDIRECTS_MAX):
            owner = node.owners.get(slot)
            if owner == node.id:
                if key not in node.keys and slot in node.migrating:
                    node, asking = self.nodes[node.migrating[slot]], True
                    continue
                return node.keys.get(key)
            if asking and slot in node.importing:
                return node.keys.get(key)
            assert owner is not None, f"slot {slot} is not served"
            node, asking = self.nodes[owner], False
        raise AssertionError(f"{key!r} leads in circles")
