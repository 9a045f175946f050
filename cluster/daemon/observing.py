"""Observe a cluster: ask every node again and again, and draw a picture once a second.

BACKGROUND  One node that answers slowly must not make the picture of the others old. So each node has a task
            of its own, and the picture is drawn from what has come, whenever it is time.
INVARIANTS  At most one question of this observer is under way at a node on each connection. A question ends
            after `NODE_TIMEOUT_S` and its connection is given up. The work a second does not grow with the
            number of nodes: beyond `INFO_PER_S_MAX` and `TABLES_PER_S_MAX` each node is asked less often.
BEHAVIOUR   A node is a member while another member's table lists it. While something is suspected, the tables
            of a few nodes are read every `SUSPECTED_INTERVAL_S`, so that a failover is seen at once. A node
            that the others describe differently than its own last table did is asked again at once.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from garrison.client import ReplyError
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.differences import events_between, is_urgent
from garrison.cluster.core.manager.drawing import (
    Heard,
    Surroundings,
    disputed_slots,
    draw_cluster,
    is_silent,
    with_answer,
    with_table,
    without_answer,
)
from garrison.cluster.core.manager.node_figures import (
    OffsetHistory,
    Sample,
    load_between,
    read_sample,
    read_slot_stats,
    read_slow_log,
    replica_offset,
    slot_loads,
)
from garrison.cluster.core.manager.picture import Event, Picture
from garrison.cluster.core.ranges import format_slots
from garrison.cluster.core.topology import Address, Node, View, parse_nodes
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.admin_client import Access, AdminClient, read_fields

NODE_TIMEOUT_S = 1.0
DRAW_INTERVAL_S = 1.0
SUSPECTED_INTERVAL_S = 0.25
SUSPECTED_NODES_MAX = 8
INFO_PER_S_MAX = 25
TABLES_PER_S_MAX = 5
DETAILS_INTERVAL_S = 5.0
"""How often slot figures, slow logs and settings are read, unless there are too many nodes for that."""
DETAILS_PER_S_MAX = 6
SLOTS_ASKED_MAX = 256
SLOW_ASKED_MAX = 32
EVENTS_KEPT_MAX = 500
ASKED_AGAIN_MAX = 16
NODES_MAX = 1_000
"""Further members are not observed, and the picture says so."""
DISAGREEMENT_MS_MIN = 5_000
"""Gossip settles what differs for a shorter time."""
RANGES_SHOWN = 5
REFUSED_RETRY_S = 60.0
"""When a node is asked again for what it has refused before."""

Command = Sequence[str | bytes | int]
SEES = Callable[[Picture, tuple[Event, ...]], None]


@dataclass
class _Watched:
    """One member, and the task that asks it."""

    node: Node
    heard: Heard = field(default_factory=Heard)
    before: Sample | None = None
    offsets: OffsetHistory = field(default_factory=OffsetHistory)
    doubts: frozenset[str] = frozenset()
    """Whom its last table suspects; read once with the table, as the question comes often."""
    slots_before: dict[int, dict[str, int]] = field(default_factory=dict)
    slots_at_s: float = 0.0
    details_due_s: float = 0.0
    settings_due_s: float = 0.0
    settings_asked: tuple[str, ...] = ()
    settings_from_s: float = 0.0
    """Settings count when they were asked for since then: before, something was done to the node."""
    table_due_s: float = 0.0
    refused: dict[str, float] = field(default_factory=dict)
    """Command -> when it may be asked for again."""
    task: asyncio.Task[None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Observer:
    """Keeps :attr:`picture` new. Use :meth:`run` as a task; `seen` is called with each new picture."""

    def __init__(
        self,
        entries: Sequence[Address],
        access: Access,
        seen: SEES,
        *,
        desired: Callable[[], DesiredState] = DesiredState,
        clock: Callable[[], float] = time.time,
        slot_figures: bool = True,
    ) -> None:
        """`slot_figures`: whether CLUSTER SLOT-STATS is asked for, which planners need."""
        self.entries = list(entries)
        self.picture = Picture(at_ms=0, problems=("no node has answered yet",))
        self._admin = AdminClient(self.entries[0], replace(access, timeout_s=NODE_TIMEOUT_S))
        self._seen = seen
        self._desired = desired
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._events: list[Event] = []
        self._problem = "no node has answered yet"
        self._slot_figures = slot_figures
        self._first_drawn = False
        self._disputed_ms: dict[int, int] = {}

    # What others may ask.

    def sample(self, node_id: str) -> Sample | None:
        """The last answer of a node to INFO."""
        watched = self._watched.get(node_id)
        return watched.heard.sample if watched else None

    def note(self, events: Sequence[Event]) -> None:
        """Put events of others (jobs, the lease) into the timeline."""
        self._events.extend(events)
        del self._events[:-EVENTS_KEPT_MAX]

    async def look_again(self, node_ids: Sequence[str]) -> None:
        """Ask these nodes at once, and draw: something was done to them."""
        chosen = [self._watched[node_id] for node_id in node_ids if node_id in self._watched]
        await asyncio.gather(*map(self._ask_everything, chosen))
        self._settle_members()
        self.draw()

    async def _ask_everything(self, watched: _Watched) -> None:
        watched.table_due_s = watched.settings_due_s = 0.0
        watched.settings_from_s = asyncio.get_running_loop().time()
        watched.heard = replace(watched.heard, settings={}, settings_unknown=())
        await self._ask(watched, lane=1)

    # The tasks.

    async def run(self) -> None:
        """Observe until cancelled."""
        suspecting = asyncio.create_task(self._watch_suspects())
        try:
            while True:
                started = asyncio.get_running_loop().time()
                if not self._reachable():
                    await self._find_members()
                self._settle_members()
                self.draw()
                passed = asyncio.get_running_loop().time() - started
                await asyncio.sleep(max(0.05, DRAW_INTERVAL_S - passed))
        finally:
            suspecting.cancel()
            tasks = [each.task for each in self._watched.values() if each.task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(suspecting, *tasks, return_exceptions=True)
            await self._admin.close()

    def draw(self) -> Picture:
        """Make a new picture of what was heard, with the events since the last one, and tell of it."""
        now_ms = self._now_ms()
        heard = {node_id: each.heard for node_id, each in self._watched.items()}
        problems = (self._problem,) if self._problem else ()
        around = Surroundings(
            self._desired(), (), problems, self._lasting(disputed_slots(heard, now_ms), now_ms)
        )
        drawn = draw_cluster(heard, now_ms, around)
        events = events_between(self.picture, drawn) if self._first_drawn else ()
        self._first_drawn = self._first_drawn or bool(drawn.nodes)
        self.note(events)
        self.picture = drawn.model_copy(update={"events": tuple(self._events)})
        self._seen(self.picture, events)
        return self.picture

    def _lasting(self, disputed: Mapping[int, tuple[Address, Address]], now_ms: int) -> tuple[str, ...]:
        """What tables differ about for longer than gossip takes, in one sentence."""
        self._disputed_ms = {slot: self._disputed_ms.get(slot, now_ms) for slot in disputed}
        lasting = [slot for slot, ms in self._disputed_ms.items() if now_ms - ms >= DISAGREEMENT_MS_MIN]
        if not lasting:
            return ()
        first, other = disputed[lasting[0]]
        slots = format_slots(lasting, limit=RANGES_SHOWN)
        return (f"{first} and {other} see different owners of slots {slots}",)

    async def _find_members(self) -> None:
        """Ask entry nodes, and then whoever was a member, for the table, until one answers."""
        addresses = [*self.entries, *(each.node.address for each in self._watched.values())]
        errors = []
        for address in dict.fromkeys(addresses):
            try:
                view = await self._read_view(address)
            except (ManagerError, ValueError, TimeoutError) as error:
                errors.append(str(error) or f"{address} does not answer")
                continue
            self._problem = ""
            self._take_view(view)
            return
        self._problem = f"no node answers: {errors[0] if errors else 'none is known'}"

    async def _watch_suspects(self) -> None:
        while True:
            await asyncio.sleep(SUSPECTED_INTERVAL_S)
            chosen = self._to_ask_quickly()
            if chosen:
                await asyncio.gather(*map(self._ask_table, chosen))
                self._settle_members()
                before = self.picture
                heard = {node_id: each.heard for node_id, each in self._watched.items()}
                drawn = draw_cluster(heard, self._now_ms(), Surroundings(self._desired()))
                if is_urgent(events_between(before, drawn)):
                    self.draw()

    def _to_ask_quickly(self) -> list[_Watched]:
        """A few nodes that answer, replicas of what is suspected first; none while all is well."""
        watched = self._watched
        silent = {node_id for node_id in watched if watched[node_id].heard.silent_since_ms is not None}
        suspected = silent.union(*(each.doubts for each in watched.values())) & watched.keys()
        if not suspected:
            return []
        answering = [each for each in self._watched.values() if each.heard.silent_since_ms is None]
        answering.sort(key=lambda each: each.node.primary_id not in suspected)
        return answering[:SUSPECTED_NODES_MAX]

    async def _poll(self, watched: _Watched) -> None:
        """Ask one node for ever."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self._ask(watched)
            pause = max(0.05, self._interval_s() - (loop.time() - began))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await watched.wake.wait()
            watched.wake.clear()

    def _interval_s(self) -> float:
        return max(DRAW_INTERVAL_S, len(self._watched) / INFO_PER_S_MAX)

    def _details_interval_s(self) -> float:
        return max(DETAILS_INTERVAL_S, len(self._watched) / DETAILS_PER_S_MAX)

    async def _ask(self, watched: _Watched, lane: int = 0) -> None:
        """One question for everything that is due."""
        now = asyncio.get_running_loop().time()
        commands: list[Command] = [("INFO",), ("CLUSTER", "INFO")]
        if now >= watched.refused.get("LATENCY", 0.0):
            commands.append(("LATENCY", "HISTOGRAM"))
        if now >= watched.table_due_s:
            commands.append(("CLUSTER", "NODES"))
            watched.table_due_s = now + max(0.0, len(self._watched) / TABLES_PER_S_MAX - 1.0)
        if now >= watched.details_due_s:
            commands.append(("SLOWLOG", "GET", SLOW_ASKED_MAX))
            if self._slot_figures and watched.node.ranges and now >= watched.refused.get("CLUSTER", 0.0):
                order = "KEY-COUNT" if now < watched.refused.get("CPU-USEC", 0.0) else "CPU-USEC"
                commands.append(("CLUSTER", "SLOT-STATS", "ORDERBY", order, "LIMIT", SLOTS_ASKED_MAX, "DESC"))
            watched.details_due_s = now + self._details_interval_s()
        settings = tuple(self._desired().settings)
        if now >= watched.settings_due_s or settings != watched.settings_asked:
            commands += [("CONFIG", "GET", name) for name in settings]
            watched.settings_asked = settings
            watched.settings_due_s = now + self._details_interval_s()
        asked_ms = self._now_ms()
        replies = await self._call(watched, commands, lane)
        if replies is not None:
            by_command: dict[Command, Any] = {
                tuple(command): reply for command, reply in zip(commands, replies, strict=True)
            }
            self._take(watched, by_command, asked_ms)
            if now >= watched.settings_from_s:
                self._take_settings(watched, by_command, asked_ms)

    async def _ask_table(self, watched: _Watched) -> None:
        asked_ms = self._now_ms()
        replies = await self._call(watched, [("CLUSTER", "NODES")], lane=1)
        if replies is not None:
            self._take_table(watched, replies[0], asked_ms)

    async def _call(self, watched: _Watched, commands: Sequence[Command], lane: int = 0) -> list[Any] | None:
        """The replies, or None when the node does not answer, which is then noted."""
        asked_ms, began = self._now_ms(), time.perf_counter()
        address = watched.node.address
        try:
            async with asyncio.timeout(NODE_TIMEOUT_S * 2):
                replies = await self._admin.call_many(address, commands, lane)
        except (ManagerError, TimeoutError, OSError) as error:
            text = str(error) or f"{address} does not answer within {NODE_TIMEOUT_S * 2:g} s"
            watched.heard = without_answer(watched.heard, asked_ms, text)
            return None
        took_ms = round((time.perf_counter() - began) * 1000, 3)
        watched.heard = with_answer(watched.heard, asked_ms, took_ms)
        return replies

    async def _read_view(self, address: Address) -> View:
        async with asyncio.timeout(NODE_TIMEOUT_S * 2):
            reply = (await self._admin.call_many(address, [("CLUSTER", "NODES")]))[0]
        if isinstance(reply, ReplyError):
            raise UnreachableError(f"{address} refused CLUSTER NODES: {reply}")
        return parse_nodes(reply.decode(), address)

    # What came.

    def _take(self, watched: _Watched, replies: dict[Command, Any], asked_ms: int) -> None:
        now = asyncio.get_running_loop().time()
        histogram = replies.get(("LATENCY", "HISTOGRAM"))
        if isinstance(histogram, ReplyError):
            watched.refused["LATENCY"] = now + REFUSED_RETRY_S
        info, cluster = read_fields(replies[("INFO",)]), read_fields(replies[("CLUSTER", "INFO")])
        sample = read_sample(now, info, cluster, histogram)
        load = load_between(watched.before, sample, self._lag(watched, sample, now))
        watched.before = sample
        watched.heard = replace(watched.heard, sample=sample, load=load)
        for command, reply in replies.items():
            if command[:2] == ("CLUSTER", "NODES"):
                self._take_table(watched, reply, asked_ms)
            elif command[0] == "SLOWLOG":
                slow = tuple(read_slow_log(watched.node.id, reply))
                watched.heard = replace(watched.heard, slow_commands=slow)
            elif command[:2] == ("CLUSTER", "SLOT-STATS"):
                self._take_slots(watched, command, reply, now)
        if sample.role != ("primary" if watched.node.is_primary else "replica"):
            watched.table_due_s = 0.0

    def _take_settings(self, watched: _Watched, replies: dict[Command, Any], asked_ms: int) -> None:
        answers = {
            str(command[2]): reply
            for command, reply in replies.items()
            if command[0] == "CONFIG" and isinstance(reply, list)
        }
        found = {
            name.decode(): value.decode("utf-8", "replace")
            for reply in answers.values()
            for name, value in zip(reply[::2], reply[1::2], strict=False)
        }
        if answers or not self._desired().settings:
            unknown = tuple(name for name, reply in answers.items() if not reply)
            watched.heard = replace(
                watched.heard, settings=found, settings_unknown=unknown, settings_as_of_ms=asked_ms
            )

    def _lag(self, watched: _Watched, sample: Sample, now: float) -> tuple[int | None, int | None]:
        if sample.role == "primary":
            offset = sample.number("master_repl_offset", 1 << 62)
            if offset is not None:
                watched.offsets.add(now, offset)
            return None, None
        primary = self._watched.get(watched.node.primary_id or "")
        return primary.offsets.lag(replica_offset(sample)) if primary else (None, None)

    def _take_slots(self, watched: _Watched, command: Command, reply: Any, now: float) -> None:
        if isinstance(reply, ReplyError):
            what = "CPU-USEC" if command[3] == "CPU-USEC" else "CLUSTER"
            watched.refused[what] = now + REFUSED_RETRY_S
            return
        figures = read_slot_stats(reply)
        loads = slot_loads(watched.slots_before, figures, now - watched.slots_at_s)
        watched.slots_before, watched.slots_at_s = figures, now
        watched.heard = replace(watched.heard, slot_loads=tuple(loads))

    def _take_table(self, watched: _Watched, reply: Any, asked_ms: int) -> None:
        try:
            view = parse_nodes(reply.decode(), watched.node.address)
        except (ValueError, AttributeError) as error:
            watched.heard = without_answer(watched.heard, self._now_ms(), f"unreadable table: {error}")
            return
        if view.my_id != watched.node.id:
            # Another node at this address: the one that was here before does not answer.
            watched.heard = without_answer(
                watched.heard, self._now_ms(), f"another node answers at {watched.node.address}"
            )
            return
        watched.heard = with_table(watched.heard, view, asked_ms, self._now_ms())
        watched.doubts = frozenset(node.id for node in view.nodes.values() if "fail?" in node.flags)
        self._take_view(view)

    def _take_view(self, view: View) -> None:
        """Watch whom it lists; ask again whoever it describes differently than that node described itself."""
        again, now_ms = 0, self._now_ms()
        for node in view.nodes.values():
            if node.in_handshake:
                continue
            watched = self._watched.get(node.id)
            if watched is None:
                if len(self._watched) < NODES_MAX:
                    self._watch(node)
                continue
            if node.id == view.my_id or is_silent(watched.heard, now_ms):
                watched.node = node
            own = watched.heard.view
            if own is not None and node.epoch > own.myself.epoch and _differs(node, own.myself):
                watched.table_due_s = 0.0
                if again < ASKED_AGAIN_MAX:
                    watched.wake.set()
                    again += 1

    def _watch(self, node: Node) -> None:
        watched = _Watched(node)
        self._watched[node.id] = watched
        watched.task = asyncio.create_task(self._poll(watched))

    def _settle_members(self) -> None:
        """Nobody but itself lists it: a node that has left is not asked any more."""
        views = [each.heard.view for each in self._watched.values() if each.heard.view is not None]
        if len(self._watched) < 2 or not views:
            return
        listed = {node_id for view in views for node_id in view.nodes if node_id != view.my_id}
        trusted = {view.my_id for view in views}
        for node_id in [each for each in self._watched if each not in listed and len(trusted - {each})]:
            watched = self._watched.pop(node_id)
            if watched.task:
                watched.task.cancel()

    def _reachable(self) -> bool:
        return any(each.heard.silent_since_ms is None for each in self._watched.values())

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _differs(said: Node, own: Node) -> bool:
    return (said.is_primary, said.primary_id, said.ranges) != (own.is_primary, own.primary_id, own.ranges)
