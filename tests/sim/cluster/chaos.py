"""One seed, one run: a cluster under a random series of failures, then healed, then converged."""

from __future__ import annotations

from .checks import BrokenInvariantError
from .node import SimNode
from .simulation import Simulation

PATIENCE_MS = 15_000
"""So long after everything has healed a node may wait for somebody who has its data."""
SHAPES = ((3, 4), (3, 6), (3, 9), (4, 8), (5, 10), (5, 7))
TIMEOUTS_MS = (500, 1000, 2000, 5000)


class Chaos:
    """Draws what goes wrong from the simulation's own random numbers."""

    def __init__(self, seed: int) -> None:
        self._overruled = seed % 5 == 4
        self._mended, self._mended_ms = False, 0
        shape_and_time = Simulation(seed, nodes=0).rng
        self.primaries, nodes = SHAPES[shape_and_time.randrange(len(SHAPES))]
        self.timeout_ms = TIMEOUTS_MS[shape_and_time.randrange(len(TIMEOUTS_MS))]
        self.sim = Simulation(seed, nodes=nodes, timeout_ms=self.timeout_ms)
        self.rng = self.sim.rng
        self.sim.checks.lease_is_checked = not self._overruled
        self._actions = [
            *(self._crash, self._crash, self._crash_at_sync, self._pause, self._pause, self._isolate),
            *(self._split, self._one_way, self._slow, self._lossy, self._manual, self._move_slots),
            *(self._bump, self._wall, self._heal, self._replicate, self._flap, self._crash_many),
            *(self._drop_flows, self._slow_disk, self._bad_disk, self._restart_at_once),
        ]
        if seed % 3 == 0:
            self._actions = [
                self._flap,
                self._flap,
                self._crash_many,
                self._pause,
                self._heal,
                self._slow,
                self._manual,
            ]
        if self._overruled:
            self._actions += [self._overrule, self._overrule]

    def run(self, duration_ms: int = 30_000) -> None:
        """Form, break, heal; raises BrokenInvariantError."""
        sim = self.sim
        sim.form(self.primaries)
        end_ms = sim.now_ms + duration_ms
        while sim.now_ms < end_ms:
            action = self._actions[self.rng.randrange(len(self._actions))]
            action()
            sim.run(self.rng.randrange(10, 2 * self.timeout_ms + 500))
        self.heal()
        limit_ms = 60_000 + 12 * self.timeout_ms
        if not sim.run_until(self._has_converged, limit_ms, 200):
            raise BrokenInvariantError(
                f"seed {sim.seed}: no convergence {limit_ms} ms after healing: {sim.checks.converged()}"
            )
        self._compare_copies()

    def _has_converged(self) -> bool:
        """Whether all is well; an administrator gives up data that no node has any more."""
        for node in self.sim.nodes.values():
            if node.up and node.core.context.data.is_lost and self.sim.now_ms - self._mended_ms > PATIENCE_MS:
                node.command("SERVE-EMPTY")
        return not self.sim.checks.converged()

    def _compare_copies(self) -> None:
        """When nobody writes any more, every replica has what its primary has."""
        sim = self.sim
        sim.quiet = True
        if not sim.run_until(lambda: not sim.checks.copies_differ(), 15_000, 200):
            raise BrokenInvariantError(f"seed {sim.seed}: {sim.checks.copies_differ()}")

    def heal(self) -> None:
        """Everything works again from here on."""
        sim = self.sim
        self._mended, self._mended_ms = True, sim.now_ms
        sim.trace("*", "everything heals")
        sim.network.heal()
        sim.network.delay_ms_max.clear()
        sim.network.loss = 0.0
        for node in sim.nodes.values():
            node.crash_at_next_sync = node.disk.slow = node.disk.failing = False
            if not node.up:
                node.start()
            elif node.paused:
                node.resume()

    # What can go wrong.

    def _any(self) -> SimNode:
        nodes = list(self.sim.nodes.values())
        return nodes[self.rng.randrange(len(nodes))]

    def _running(self) -> SimNode | None:
        nodes = [node for node in self.sim.nodes.values() if node.up and not node.paused]
        return nodes[self.rng.randrange(len(nodes))] if nodes else None

    def _crash(self) -> None:
        node = self._any()
        if node.up:
            node.crash()
            self.sim.restart_later(node)

    def _crash_at_sync(self) -> None:
        self._any().crash_at_next_sync = True

    def _pause(self) -> None:
        node = self._any()
        if not node.up or node.paused:
            return
        length_ms = self.rng.randrange(50, 3 * self.timeout_ms)
        self.sim.trace(node.name, f"is stopped for {length_ms} ms")
        node.pause()
        life = node.life
        self.sim.schedule(length_ms, lambda: node.resume() if node.life == life and node.paused else None)

    def _cut(self, source: str, target: str) -> None:
        self.sim.network.cut.add((source, target))

    def _isolate(self) -> None:
        one = self._any().name
        self.sim.trace(one, "is cut off")
        for other in self.sim.nodes:
            if other != one:
                self._cut(one, other)
                self._cut(other, one)
        self._heal_later()

    def _flap(self) -> None:
        """One primary loses single links for about as long as others need to suspect it."""
        primaries = [n for n in self.sim.nodes.values() if n.up and n.core.context.me.votes()]
        if not primaries:
            return
        one = primaries[self.rng.randrange(len(primaries))].name
        self.sim.trace(one, "has flapping links")
        for other in self.sim.nodes:
            if other != one and self.rng.random() < 0.8:
                self._cut_for_a_while(one, other)

    def _cut_for_a_while(self, one: str, other: str) -> None:
        start_ms = self.rng.randrange(self.timeout_ms)
        length_ms = self.rng.randrange(self.timeout_ms // 2, 2 * self.timeout_ms)

        def cut() -> None:
            if self._mended:
                return
            self._cut(one, other)
            self._cut(other, one)

        def heal() -> None:
            self.sim.network.heal(one, other)
            self.sim.network.heal(other, one)

        self.sim.schedule(start_ms, cut)
        self.sim.schedule(start_ms + length_ms, heal)

    def _crash_many(self) -> None:
        for node in list(self.sim.nodes.values()):
            if node.up and self.rng.random() < 0.3:
                node.crash()
                self.sim.restart_later(node)

    def _split(self) -> None:
        names = list(self.sim.nodes)
        side = {name for name in names if self.rng.random() < 0.5}
        self.sim.trace("*", f"the network splits: {''.join(sorted(side))} and the others")
        for one in names:
            for other in names:
                if (one in side) != (other in side):
                    self._cut(one, other)
        self._heal_later()

    def _one_way(self) -> None:
        one, other = self._any().name, self._any().name
        if one != other:
            self.sim.trace(one, f"no longer gets through to {other}")
            self._cut(one, other)
            self._heal_later()

    def _heal_later(self) -> None:
        def heal() -> None:
            self.sim.trace("*", "the network heals")
            self.sim.network.heal()

        self.sim.schedule(self.rng.randrange(100, 5 * self.timeout_ms), heal)

    def _heal(self) -> None:
        self.sim.network.heal()
        self.sim.network.delay_ms_max.clear()
        self.sim.network.loss = 0.0

    def _slow(self) -> None:
        one = self._any().name
        for other in self.sim.nodes:
            self.sim.network.delay_ms_max[one, other] = self.rng.randrange(2, self.timeout_ms)

    def _lossy(self) -> None:
        self.sim.network.loss = self.rng.random() * 0.3

    def _manual(self) -> None:
        node = self._running()
        if node is not None and node.core.is_replica:
            self.sim.trace(node.name, "is told CLUSTER FAILOVER")
            node.command("FAILOVER")

    def _overrule(self) -> None:
        node = self._running()
        if node is not None and node.core.is_replica:
            option = ("FORCE", "TAKEOVER")[self.rng.randrange(2)]
            self.sim.trace(node.name, f"is told CLUSTER FAILOVER {option}")
            node.command("FAILOVER", option)

    def _drop_flows(self) -> None:
        one = self._any().name
        self.sim.trace(one, "loses all its flows; new connections work")
        self.sim.network.drop_flows(one)

    def _slow_disk(self) -> None:
        node = self._any()
        node.disk.slow = not node.disk.slow

    def _bad_disk(self) -> None:
        node = self._any()
        node.disk.failing = True
        self.sim.schedule(10 * self.timeout_ms, lambda: setattr(node.disk, "failing", False))
        self.sim.schedule(12 * self.timeout_ms, lambda: None if node.up else node.start())

    def _restart_at_once(self) -> None:
        """A supervisor restarts the process before anybody has missed it."""
        node = self._any()
        if node.up:
            node.crash()
            self.sim.schedule(self.rng.randrange(1, 200), lambda: None if node.up else node.start())

    def _bump(self) -> None:
        node = self._running()
        if node is not None and self._overruled:
            node.command("BUMPEPOCH")

    def _replicate(self) -> None:
        """A replica is told to follow another primary, as far as it knows one."""
        node = self._running()
        if node is None or not node.core.is_replica:
            return
        table = node.core.context.table
        mine = table.me.primary
        if mine is None or len(mine.replicas) < 2:
            return
        voters = table.voters()
        if voters:
            node.command("REPLICATE", voters[self.rng.randrange(len(voters))].node_id)

    def _move_slots(self) -> None:
        """Some slots of one primary are given to another, the way a tool does it."""
        source, target = self._running(), self._running()
        if source is None or target is None or source is target:
            return
        mine = source.core.context.me
        if not mine.votes() or not target.core.context.me.votes() or len(self.sim.checks.elected) == 0:
            return
        first = mine.slots.bit_length() - 1
        for slot in range(first, max(first - 3, 0), -1):
            if not mine.slots >> slot & 1 or mine.slots.bit_count() < 10:
                return
            # A refused step ends the move, or a slot could be taken from its owner for one who has lost it.
            steps = (
                (target, "IMPORTING", source),
                (source, "MIGRATING", target),
                (target, "NODE", target),
                (source, "NODE", target),
            )
            for told, verb, other in steps:
                if told.command("SETSLOT", slot, verb, other.core.node_id) != "OK":
                    return

    def _wall(self) -> None:
        node = self._running()
        if node is not None:
            node.core.set_wall(
                1_700_000_000_000 + self.sim.now_ms + self.rng.randrange(-60_000, 60_000), node.now_ms()
            )
