"""The CLUSTER command family: what an administrator or a client asks of this node.

BACKGROUND. Texts and reply shapes are Redis 7.0's, because tools match on them. A handler takes the
words after the subcommand and returns a reply value, or raises `RefusedError` with the error text.

INVARIANTS. A command changes the table only after all its arguments are checked, and its reply
leaves after what it changed has been saved (the order of the fields of Effects).

BEHAVIOUR. `facts` carries what only the engine knows: `keys_total`, `keys_in_slot` (for SETSLOT),
`keys_stray` (for INFO), and `outside` for a client from outside of the node's networks (see
`cluster_outside_endpoint`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from garrison.base.reply import OK, Error, Simple, Verbatim
from garrison.node.border import DropSlots, Empty
from garrison.node.core import flags as fl
from garrison.node.core import slots as sl
from garrison.node.core.command_slots import SlotCommands
from garrison.node.core.command_values import RefusedError, integer
from garrison.node.core.context import Context
from garrison.node.core.describe import Descriptions
from garrison.node.core.lease import Lease
from garrison.node.core.manager_records import ManagerRecords
from garrison.node.core.manual_failover import ManualFailover
from garrison.node.core.nodes import Node
from garrison.node.core.ownership import Ownership
from garrison.node.core.packets import is_meeting
from garrison.node.core.slot_migration import Answer, SlotMigrations


@dataclass(frozen=True, slots=True)
class Request:
    """One command: its words after the subcommand, as text, and the engine's facts."""

    words: list[str]
    facts: Mapping[str, int] = field(default_factory=dict)
    client: int = 0

    @property
    def outside(self) -> bool:
        return bool(self.facts.get("outside", 0))


class Commands:
    """Answers CLUSTER subcommands."""

    def __init__(
        self,
        context: Context,
        descriptions: Descriptions,
        ownership: Ownership,
        manual: ManualFailover,
        lease: Lease,
        migrations: SlotMigrations,
        records: ManagerRecords,
    ) -> None:
        self._context = context
        self._descriptions = descriptions
        self._ownership = ownership
        self._manual = manual
        self._lease = lease
        self._records = records
        slots = SlotCommands(context, migrations)
        self._set_slot = slots.set_slot
        self._handlers: dict[str, Callable[[Request], Any]] = {
            "ADDSLOTS": lambda r: slots.add(r.words, ranges=False),
            "ADDSLOTSRANGE": lambda r: slots.add(r.words, ranges=True),
            "DELSLOTS": lambda r: slots.delete(r.words, ranges=False),
            "DELSLOTSRANGE": lambda r: slots.delete(r.words, ranges=True),
            "FLUSHSLOTS": lambda r: slots.flush(r.facts),
            "BUMPEPOCH": self._bump_epoch,
            "COUNT-FAILURE-REPORTS": self._count_failure_reports,
            "FAILOVER": self._failover,
            "FORGET": self._forget,
            "INFO": lambda r: Verbatim(descriptions.info_text(r.facts)),
            "LINKS": lambda r: descriptions.links(),
            "MEET": self._meet,
            "MYID": lambda r: context.me.node_id,
            "MYSHARDID": lambda r: context.me.shard_id,
            "NODES": lambda r: Verbatim(descriptions.nodes_text()),
            "REPLICAS": self._replicas,
            "REPLICATE": self._replicate,
            "RESET": self._reset,
            "SAVECONFIG": self._save_config,
            "SERVE-EMPTY": self._serve_empty,
            "SET-CONFIG-EPOCH": self._set_config_epoch,
            "SHARDS": lambda r: descriptions.shards(outside=r.outside),
            "SLAVES": self._replicas,
            "SLOTS": lambda r: descriptions.slots(outside=r.outside),
        }

    @property
    def names(self) -> set[str]:
        """The subcommands that are answered here, in upper case."""
        return self._handlers.keys() | {"SETSLOT"}

    def run(self, argv: list[bytes], facts: Mapping[str, int], client: int, answer: Answer) -> None:
        """Carry out a CLUSTER command; `answer` gets the reply now or later, an error where it is refused.

        The engine has checked its name and the number of words by its table of commands.
        """
        words = [word.decode("utf-8", "surrogateescape") for word in argv]
        name = words[1].upper()
        try:
            if name == "SETSLOT":
                self._set_slot(words[2:], facts, answer)
            else:
                answer(self._handlers[name](Request(words[2:], facts, client)))
        except RefusedError as refusal:
            answer(Error(f"ERR {refusal}"))

    def _node(self, node_id: str, error: str = "Unknown node {}") -> Node:
        node = self._context.table.get(node_id)
        if node is None:
            raise RefusedError(error.format(node_id))
        return node

    def _bump_epoch(self, request: Request) -> object:
        epoch = self._ownership.bump_epoch()
        return Simple(f"STILL {self._context.me.config_epoch}" if epoch is None else f"BUMPED {epoch}")

    def _count_failure_reports(self, request: Request) -> object:
        node = self._node(request.words[0])
        oldest = self._context.now_ms - 2 * self._context.timeout_ms
        return sum(1 for at_ms in node.reports.values() if at_ms >= oldest)

    def _meet(self, request: Request) -> object:
        context, words = self._context, request.words
        if len(words) > 3:
            raise RefusedError(_too_many("MEET"))
        port = _port(words[1], "base")
        bus_port = _port(words[2], "bus") if len(words) > 2 else port + 10_000
        try:
            ip = str(ipaddress.ip_address(words[0]))
        except ValueError:
            ip = ""
        if not ip or not 0 < port < 65536 or not 0 < bus_port < 65536:
            raise RefusedError(f"Invalid node address specified: {words[0]}:{words[1]}")
        if not is_meeting(context, ip, bus_port):
            node = Node(context.new_id(), ip, port, bus_port, flags=fl.HANDSHAKE | fl.MEET | fl.PRIMARY)
            node.created_ms = context.now_ms
            context.table.add(node)
            context.open_link(node)
        return OK

    def _forget(self, request: Request) -> object:
        context = self._context
        if context.is_forgotten(request.words[0]) and context.table.get(request.words[0]) is None:
            return OK  # Another node has passed the FORGET on already.
        node = self._node(request.words[0])
        if node is context.me:
            raise RefusedError("I tried hard but I can't forget myself...")
        if context.me.is_replica() and node is context.me.primary:
            raise RefusedError("Can't forget my master!")
        context.forgotten[node.node_id] = context.now_ms + context.settings.cluster_forget_ms
        context.drop_node(node)
        context.changed()
        return OK

    def _replicate(self, request: Request) -> object:
        context = self._context
        me = context.me
        node = self._node(request.words[0])
        if node is me:
            raise RefusedError("Can't replicate myself")
        if not node.is_primary():
            raise RefusedError("I can only replicate a master, not a replica.")
        if me.is_primary() and (me.slots or request.facts.get("keys_total", 0)):
            raise RefusedError("To set a master the node must be empty and without assigned slots.")
        self._manual.reset()
        if node is not me.primary:
            self._ownership.follow(node)
        return OK

    def _replicas(self, request: Request) -> object:
        node = self._node(request.words[0])
        if not node.is_primary():
            raise RefusedError("The specified node is not a master")
        return self._descriptions.replicas(node)

    def _save_config(self, request: Request) -> object:
        self._context.save(sync=True)
        return OK

    def _serve_empty(self, request: Request) -> object:
        context = self._context
        if not context.data.is_withheld:
            raise RefusedError("This node has not lost the data of its slots, so there is nothing to decide.")
        context.log("warning", "Serving slots without the data that they had (user request).")
        context.data.serve()
        context.route()
        return OK

    def _set_config_epoch(self, request: Request) -> object:
        context = self._context
        epoch = integer(request.words[0])
        if epoch < 0:
            raise RefusedError(f"Invalid config epoch specified: {epoch}")
        if len(context.table) > 1:
            raise RefusedError(
                "The user can assign a config epoch only when the node does not know any other node."
            )
        if context.me.config_epoch:
            raise RefusedError("Node config epoch is already non-zero")
        context.me.config_epoch = epoch
        context.current_epoch = max(context.current_epoch, epoch)
        context.changed(sync=True)
        context.log("notice", f"configEpoch set to {epoch} via CLUSTER SET-CONFIG-EPOCH")
        return OK

    def _failover(self, request: Request) -> object:
        context = self._context
        me, words = context.me, request.words
        option = words[0].upper() if words else ""
        if len(words) > 1:
            raise RefusedError(_too_many("FAILOVER"))
        if option not in ("", "FORCE", "TAKEOVER"):
            raise RefusedError("syntax error")
        if me.is_primary():
            raise RefusedError("You should send CLUSTER FAILOVER to a replica")
        if me.primary is None:
            raise RefusedError("I'm a replica but my master is unknown to me")
        unreachable = me.primary.outbound is None or not me.primary.outbound.up
        if not option and (me.primary.is_failing() or unreachable):
            raise RefusedError("Master is down or failed, please use CLUSTER FAILOVER FORCE")
        unfit = context.data.unfit()
        if option == "FORCE" and unfit:
            raise RefusedError(
                f"Cannot fail over: {unfit}. CLUSTER FAILOVER TAKEOVER overrules this and loses data"
            )
        self._manual.start(option)
        return OK

    def _reset(self, request: Request) -> object:
        context = self._context
        me, words = context.me, request.words
        option = words[0].upper() if words else "SOFT"
        if len(words) > 1:
            raise RefusedError(_too_many("RESET"))
        if option not in ("SOFT", "HARD"):
            raise RefusedError("syntax error")
        if me.is_primary() and request.facts.get("keys_total", 0):
            raise RefusedError("CLUSTER RESET can't be called with master nodes containing keys")
        self._manual.reset()
        was_replica = context.table.set_primary(me)
        if was_replica:
            context.data.leave_shard()
            me.shard_id = context.new_id()
        context.data.serve()
        if was_replica:
            context.act(Empty())
        context.table.clear_marks()
        if me.slots:
            context.act(DropSlots(sl.ranges(me.slots)))
        for node in [node for node in context.table if node is not me]:
            context.drop_node(node)
        me.slots = sl.NO_SLOTS
        self._lease.withdraw()
        self._records.forget(request.client)
        if option == "HARD":
            self._start_anew()
        context.changed(sync=True)
        return OK

    def _start_anew(self) -> None:
        context = self._context
        context.current_epoch = context.last_vote_epoch = context.me.config_epoch = 0
        context.last_vote_for = ""
        context.table.rename(context.me, context.new_id())
        context.me.shard_id = context.new_id()
        context.log("notice", f"Node hard reset, now I'm {context.me.node_id}")


def _too_many(name: str) -> str:
    return f"unknown subcommand or wrong number of arguments for '{name}'. Try CLUSTER HELP."


def _port(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise RefusedError(f"Invalid TCP {what} port specified: {text}") from None
