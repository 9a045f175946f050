"""Machines with manager registers, and managers who ask them, without a bus: time, disks and roles are drawn.

A shard has two machines; one of them is its primary. A failover takes the write lease from the primary, and
makes the other one a primary with a larger configuration epoch; the former may believe in its role longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from garrison.base.reply import Error
from garrison.node.core import flags as fl
from garrison.node.core.context import Context
from garrison.node.core.manager_records import ManagerRecords
from garrison.node.core.nodes import Node
from garrison.node.core.settings import ClusterSettings

SHARDS: Final = 3
MAJORITY: Final = SHARDS // 2 + 1
TIMEOUT_MS: Final = 1000
LEASE_MS_MAX: Final = 10_000
SETTINGS: Final = ClusterSettings(
    port=7000, cluster_node_timeout=TIMEOUT_MS, cluster_manager_lease_ms_max=LEASE_MS_MAX
)
NEVER_MS: Final = -(1 << 40)


class WriteLease:
    """Whether this machine is seen as a primary by the majority."""

    def __init__(self) -> None:
        self.held = False

    def is_held(self) -> bool:
        return self.held


class Machine:
    """One node's register over all its lives; `saved` is what its disk has, synced."""

    def __init__(self, number: int, shard: int, *, is_primary: bool, now_ms: int = 0) -> None:
        self.node_id = f"{number:040x}"
        self.shard = shard
        self.is_primary = is_primary
        self.config_epoch = shard + 1 if is_primary else 0
        self.saved: str | None = None
        self.lease = WriteLease()
        self.lease.held = is_primary
        self.unwritten: str | None = None
        self.closed: list[int] = []
        self.start(now_ms)

    def start(self, now_ms: int) -> None:
        """Begin a life; what was not synced is forgotten."""
        me = Node(self.node_id)
        self.context = Context(SETTINGS, Random(1), me, now_ms, now_ms)
        for other in range(SHARDS):
            if other != self.shard:
                node = Node(f"{0xF000 + other:040x}")
                node.flags, node.slots = fl.PRIMARY, 1 << other
                self.context.table.add(node)
        self.register = ManagerRecords(self.context, self.lease, "the-file")  # type: ignore[arg-type]
        self.unwritten = None
        self._show_role()
        self.register.start(self.saved)

    def _show_role(self) -> None:
        me = self.context.me
        me.flags = fl.MYSELF | (fl.PRIMARY if self.is_primary else fl.REPLICA)
        me.slots = 1 << self.shard if self.is_primary else 0
        me.config_epoch = self.config_epoch

    def promote(self, now_ms: int, config_epoch: int) -> None:
        self.is_primary, self.config_epoch, self.lease.held = True, config_epoch, True
        self._changed(now_ms)

    def demote(self, now_ms: int) -> None:
        self.is_primary, self.config_epoch, self.lease.held = False, 0, False
        self._changed(now_ms)

    def _changed(self, now_ms: int) -> None:
        self.context.pass_time(now_ms)
        self._show_role()
        self.register.look()
        self.write(self.register.news(), "ok")

    def write(self, text: str | None, fate: str) -> bool:
        """Whether the disk has all that there is to have."""
        text = text or self.unwritten
        if text is not None and fate == "error":
            self.unwritten = text
            return False
        if text is not None:
            self.saved, self.unwritten = text, None
        return True

    def ask(self, now_ms: int, *words: object, client: int = 0, fate: str = "ok") -> Any:
        """The reply to CLUSTER MANAGER; None where no answer leaves."""
        self.context.pass_time(now_ms)
        argv = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        value = self.register.command(argv, client)
        if fate == "crash":
            self.start(now_ms)
            return None
        is_written = self.write(self.register.news(), fate)
        self.closed += self.context.effects.closes
        self.context.effects.closes = []
        return value if is_written else None

    def stored(self) -> tuple[int, int]:
        """What this machine has, read past every rule."""
        return self.register._written_epoch, self.register._version


@dataclass
class Manager:
    """A manager as docs/manager-reference.md wants it: it counts from its question, renews what lasts."""

    name: str
    epoch: int = 0
    seen: int = 0
    """The newest epoch that any node has named."""
    led: int = 0
    """The newest epoch under which it has led."""
    grants: dict[int, int] = field(default_factory=dict)
    """Shard -> until when its grant of `epoch` lasts."""

    def leads(self, now_ms: int) -> bool:
        return sum(now_ms < until_ms for until_ms in self.grants.values()) >= MAJORITY

    def asked(self, machine: Machine, now_ms: int, ttl_ms: int, fate: str) -> None:
        """One LEASE to one machine."""
        reply = machine.ask(now_ms, "LEASE", self.name, self.epoch, ttl_ms, fate=fate)
        if reply is None:
            return
        self.seen = max(self.seen, reply["epoch"])
        if reply["granted"]:
            self.grants[machine.shard] = now_ms + min(ttl_ms, LEASE_MS_MAX)
            if self.leads(now_ms):
                self.led = self.epoch

    def stands_anew(self) -> None:
        self.seen = self.epoch = max(self.epoch, self.seen) + 1
        self.grants = {}


def is_error(reply: object, code: str) -> bool:
    return isinstance(reply, Error) and reply.startswith(code)
