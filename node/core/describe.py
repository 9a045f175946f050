"""What CLUSTER NODES, SLOTS, SHARDS, LINKS and INFO answer, in the exact form that clients parse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from garrison.node.core import bus_codec as bus
from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.bus_counters import BusCounters
from garrison.node.core.context import Context
from garrison.node.core.lease import Lease
from garrison.node.core.nodes import Node
from garrison.node.core.serving import Serving


class Descriptions:
    """The read-only answers about the cluster."""

    def __init__(self, context: Context, serving: Serving, lease: Lease, counters: BusCounters) -> None:
        self._context = context
        self._serving = serving
        self._lease = lease
        self._counters = counters

    # CLUSTER NODES and its relatives.

    def nodes_text(self) -> str:
        return "".join(self.node_line(node) + "\n" for node in self._context.table)

    def node_line(self, node: Node) -> str:
        """One line of CLUSTER NODES, without its end."""
        context = self._context
        me = node is context.me
        address = f"{node.ip}:{node.port}@{node.bus_port}" + (f",{node.hostname}" if node.hostname else "")
        primary = node.primary.node_id if node.primary is not None else "-"
        pong_ms = node.pong_received_ms
        if me:
            pong_ms = context.now_ms if len(context.table) > 1 else 0
        link = "connected" if me or (node.outbound is not None and node.outbound.up) else "disconnected"
        speaker = node.primary if node.primary is not None else node
        fields = [
            node.node_id, address, fl.to_text(node.flags), primary, str(context.wall(node.ping_sent_ms)),
            str(context.wall(pong_ms)), str(speaker.config_epoch), link,
        ]  # fmt: skip
        if node.slots:
            fields.append(sl.describe(node.slots))
        if me:
            table = context.table
            if node.is_primary():  # A replica keeps its primary's marks, and shows none.
                moves = [(slot, f"[{slot}->-{target.node_id}]") for slot, target in table.migrating.items()]
                moves += [(slot, f"[{slot}-<-{source.node_id}]") for slot, source in table.importing.items()]
                fields += [text for _, text in sorted(moves)]
        return " ".join(fields)

    def replicas(self, primary: Node) -> list[str]:
        return [self.node_line(node) for node in primary.replicas]

    # CLUSTER SLOTS.

    def slots(self, *, outside: bool = False) -> list[Any]:
        """[first, last, primary, replica...] for each range, ascending."""
        found: list[tuple[int, list[Any]]] = []
        for node in self._context.table:
            if not node.slots:
                continue
            members = [self._slots_member(node, outside)]
            members += [
                self._slots_member(replica, outside)
                for replica in node.replicas
                if not replica.is_failing() and self._offset(replica) > 0
            ]
            found += [(first, [first, last, *members]) for first, last in sl.ranges(node.slots)]
        return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]

    def _slots_member(self, node: Node, outside: bool) -> list[Any]:
        preferred = self._context.settings.cluster_preferred_endpoint_type
        metadata: dict[str, str] = {}
        if preferred != "ip":
            metadata["ip"] = node.ip
        if preferred != "hostname" and node.hostname:
            metadata["hostname"] = node.hostname
        return [self._endpoint(node, outside), node.port, node.node_id, metadata]

    def _endpoint(self, node: Node, outside: bool) -> str | None:
        settings = self._context.settings
        if outside and settings.cluster_outside_endpoint:
            endpoint = settings.cluster_outside_endpoint
            return None if endpoint == "unknown" else endpoint
        if settings.cluster_preferred_endpoint_type == "unknown-endpoint":
            return None
        return self._serving.host(node)

    # CLUSTER SHARDS.

    def shards(self, *, outside: bool = False) -> list[dict[str, Any]]:
        shards = []
        for primary in self._context.table.primaries():
            members = [primary, *primary.replicas]
            shards.append(
                {
                    "slots": [bound for pair in sl.ranges(primary.slots) for bound in pair],
                    "nodes": [self._shard_member(node, outside) for node in members],
                }
            )
        return shards

    def _shard_member(self, node: Node, outside: bool) -> dict[str, Any]:
        offset = self._offset(node)
        member: dict[str, Any] = {
            "id": node.node_id,
            "port": node.port,
            "ip": node.ip,
            # Unlike SLOTS, the peers' SHARDS says an unknown endpoint by an empty text.
            "endpoint": self._endpoint(node, outside) or "",
        }
        if node.hostname:
            member["hostname"] = node.hostname
        member["role"] = "replica" if node.is_replica() else "master"
        member["replication-offset"] = offset
        loading = (node.is_replica() and offset == 0) or self._has_lost_data(node)
        member["health"] = "fail" if node.is_failing() else "loading" if loading else "online"
        return member

    def _offset(self, node: Node) -> int:
        """The replication offset of a node; 0 for a replica that has never been in sync."""
        return self._context.facts.offset if node is self._context.me else node.offset

    def _has_lost_data(self, node: Node) -> bool:
        lost = self._context.data.is_lost if node is self._context.me else bool(node.data_lost_ms)
        return lost and bool(node.slots)

    # CLUSTER LINKS.

    def links(self) -> list[dict[str, Any]]:
        """Buffers are the shell's; until it reports them here they read 0."""
        found = []
        for node in self._context.table:
            for direction, link in (("to", node.outbound), ("from", node.inbound)):
                if link is not None:
                    found.append(
                        {
                            "direction": direction,
                            "node": node.node_id,
                            "create-time": self._context.wall(link.created_ms),
                            "events": "r" if link.up else "rw",
                            "send-buffer-allocated": 0,
                            "send-buffer-used": 0,
                        }
                    )
        return found

    # CLUSTER INFO.

    def info_text(self, facts: Mapping[str, int]) -> str:
        context = self._context
        table, me = context.table, context.me
        assigned = pfail = fail = 0
        for node in table:
            if node.slots:
                count = sl.count(node.slots)
                assigned += count
                fail += count if node.is_failing() else 0
                pfail += count if node.flags & fl.PFAIL else 0
        speaker = me.primary if me.primary is not None else me
        lines: list[tuple[str, object]] = [
            ("cluster_state", "ok" if context.state_ok else "fail"),
            ("cluster_slots_assigned", assigned),
            ("cluster_slots_ok", assigned - pfail - fail),
            ("cluster_slots_pfail", pfail),
            ("cluster_slots_fail", fail),
            ("cluster_known_nodes", len(table)),
            ("cluster_size", len(table.voters())),
            ("cluster_current_epoch", context.current_epoch),
            ("cluster_my_epoch", speaker.config_epoch),
        ]
        for direction, counts in (("sent", context.sent), ("received", context.received)):
            lines += [
                (f"cluster_stats_messages_{bus.TYPE_NAMES[kind]}_{direction}", n)
                for kind, n in enumerate(counts)
                if n
            ]
            lines.append((f"cluster_stats_messages_{direction}", sum(counts)))
        lines.append(("total_cluster_links_buffer_limit_exceeded", self._counters.links_overflowed))
        lines.append(("cluster_write_lease", self._lease.state()))
        lines.append(("cluster_data", self._data_state()))
        lines.append(("cluster_keys_stray", facts.get("keys_stray", 0)))
        lines += self._counters.info_fields().items()
        lines += [(f"cluster_bus_refused_{reason}", n) for reason, n in sorted(context.refused.items())]
        return "".join(f"{name}:{value}\r\n" for name, value in lines)

    def _data_state(self) -> str:
        """The word for the data here: whether it may stand for its shard, and if not, what is waited for."""
        data, me = self._context.data, self._context.me
        if data.is_unproven and me.slots:
            return "unproven, its replicas are asked whether they have more"
        if data.is_lost and me.slots:
            return f"lost, {data.waits_for()}"
        if me.is_replica():
            return "in-sync" if data.is_in_sync() else "behind" if not data.unfit() else "missing"
        return "own"
