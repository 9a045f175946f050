"""A model of a data server as a Sentinel sees it: PING, INFO, the hello channel, REPLICAOF, FAILOVER.

`offset` stands for its data, and each write for a key: a primary that takes writes counts it up, a replica
copies it, and a server without data has 0. `history` is their identity, as in PSYNC. What CONFIG REWRITE has
put on disk is what a restart begins with; the data survive it, with their history, unless it starts empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from garrison.sentinel.core.effects import ReplyError

from .network import Connection, Host, Network

Follows = tuple[str, int] | None

REPLICATION_STEP_MS = 50
REPLICATION_TIMEOUT_MS = 5_000
"""After so long without its primary a replica gives its link up; at once if the primary's machine says so."""
LOADING = ReplyError("LOADING the dataset is loaded into memory")


class DataServer(Host):
    """One primary or replica."""

    def __init__(self, network: Network, ip: str, port: int, new_id: Callable[[], str]) -> None:
        super().__init__(ip, port)
        self.network = network
        self.new_id = new_id
        self.run_id = new_id()
        self.born_ms = network.clock.now_ms
        self.history, self.previous = self.run_id, ""
        self.was_in_sync = False
        """With the primary that it follows, since it was told to."""
        self.refused = ""
        """The history of that primary that it does not take."""
        self.follows: Follows = None
        self.on_disk: Follows = None
        """Whom it follows after a restart."""
        self.link_up = False
        self.link_down_since_ms = self.unreached_since_ms = network.clock.now_ms
        self.offset = 0
        self.priority = 100
        self.lies = False
        """It says that it is a primary whatever it was told."""
        self.rewrites = True
        """It has a configuration file that CONFIG REWRITE can write."""
        self.takes_writes = True
        self.refuses_empty = False
        """As a replica it keeps its data rather than take a younger and smaller history, as our nodes do."""
        self.hands_over = True
        """It heeds FAILOVER; else it answers OK and lets the time run out."""
        self.listeners: list[Connection] = []
        self.handing_to: DataServer | None = None
        self._hand_over_until_ms = 0
        self._loading_until_ms = 0
        self._queued: dict[Connection, list[tuple[bytes, ...]]] = {}
        network.clock.after(REPLICATION_STEP_MS, self._replicate)

    @property
    def role(self) -> str:
        return "master" if self.follows is None or self.lies else "slave"

    def configure(self, follows: Follows) -> None:
        """What its configuration file says, before it is first started."""
        self.follows = self.on_disk = follows

    # Life.

    def kill(self) -> None:
        self.alive = False
        self.listeners.clear()
        self._queued.clear()
        self.network.killed(self)

    def start(self, *, empty: bool = False, loading_ms: int = 0) -> None:
        """Come back, as a primary or replica as the disk says."""
        self.alive, self.paused = True, False
        self.run_id = self.new_id()
        self.born_ms = self.network.clock.now_ms
        self.was_in_sync, self.refused = False, ""
        self.follows = self.on_disk
        self.link_up = False
        self.link_down_since_ms = self.network.clock.now_ms
        self.handing_to = None
        self._loading_until_ms = self.network.clock.now_ms + loading_ms
        if empty:
            self.offset = 0
            self.history, self.previous = self.run_id, ""

    # Replication.

    def _replicate(self) -> None:
        self.network.clock.after(REPLICATION_STEP_MS, self._replicate)
        if not self.alive or self.paused or self._is_loading():
            return
        if self.follows is None:
            self._step_as_primary()
        else:
            self._step_as_replica(self.network.find(*self.follows))

    def _is_loading(self) -> bool:
        return self.network.clock.now_ms < self._loading_until_ms

    def _step_as_primary(self) -> None:
        target = self.handing_to
        if target is None:
            self.offset += self.takes_writes
            return
        if self.hands_over and target.alive and target.offset >= self.offset and self._reaches(target):
            target.become_primary()
            self.handing_to = None
            self._follow((target.ip.encode(), str(target.port).encode()))
        elif self.network.clock.now_ms >= self._hand_over_until_ms:
            self.handing_to = None

    def _step_as_replica(self, source: Host | None) -> None:
        now_ms = self.network.clock.now_ms
        if isinstance(source, DataServer) and source.alive and self._reaches(source):
            serves = source.follows is None or source.link_up
            if not serves:
                self._lose_link()
                return
            self.refused = source.history if self._refuses(source) else ""
            if self.refused:
                self._lose_link()
                return
            self.link_up = self.was_in_sync = True
            self.offset, self.history, self.previous = source.offset, source.history, source.previous
            self.unreached_since_ms = now_ms
        elif source is None or not source.alive or now_ms - self.unreached_since_ms > REPLICATION_TIMEOUT_MS:
            self._lose_link()

    def _refuses(self, source: DataServer) -> bool:
        """The rule of the engine: `replication/younger.rs`."""
        if not (self.refuses_empty and self.was_in_sync and self.offset):
            return False
        is_known = source.history in (self.history, self.previous)
        return self.refused == source.history or (not is_known and 2 * source.offset < self.offset)

    def become_primary(self) -> None:
        """It keeps its data, and begins a history of its own where the former one ends."""
        if self.follows is not None:
            self.follows = None
            forked = hashlib.sha1(f"{self.history} {self.ip} {self.offset}".encode()).hexdigest()
            self.history, self.previous = forked, self.history
            self.was_in_sync, self.refused = False, ""

    def _reaches(self, other: DataServer) -> bool:
        cuts = self.network.cuts
        if other is self or other.paused or other._is_loading():
            return False
        return (self, other) not in cuts and (other, self) not in cuts

    def _lose_link(self) -> None:
        if self.link_up:
            self.link_up = False
            self.link_down_since_ms = self.network.clock.now_ms

    # Commands.

    def closed(self, connection: Connection) -> None:
        self._queued.pop(connection, None)
        if connection in self.listeners:
            self.listeners.remove(connection)

    def arrived(self, connection: Connection, data: Any) -> None:
        token, argv = data
        name = argv[0].upper()
        self.network.send(connection, self, ("reply", token, self._answer(connection, name, argv)))

    def _answer(self, connection: Connection, name: bytes, argv: tuple[bytes, ...]) -> object:
        if name == b"PING":
            return LOADING if self._is_loading() else b"PONG"
        if name == b"INFO":
            return self._info().encode()
        if name == b"SUBSCRIBE":
            self.listeners.append(connection)
            return [b"subscribe", argv[1], 1]
        if name == b"PUBLISH":
            return self._publish(argv)
        if self._is_loading():
            return LOADING
        if name == b"MULTI":
            self._queued[connection] = []
            return b"OK"
        if name == b"EXEC":
            return [self._apply(each) for each in self._queued.pop(connection, [])]
        if connection in self._queued:
            self._queued[connection].append(argv)
            return b"QUEUED"
        return self._apply(argv)

    def command(self, *argv: bytes) -> object:
        """A command of somebody on this machine."""
        return self._apply(argv)

    def _publish(self, argv: tuple[bytes, ...]) -> int:
        for listener in list(self.listeners):
            if listener.open:
                self.network.send(listener, self, ("message", argv[1], argv[2]))
        return len(self.listeners)

    def _apply(self, argv: tuple[bytes, ...]) -> object:
        name = argv[0].upper()
        if name in (b"SLAVEOF", b"REPLICAOF"):
            if self.handing_to is not None:
                return ReplyError("ERR REPLICAOF not allowed while failing over.")
            self._follow(argv[1:])
        elif name == b"CONFIG":
            if not self.rewrites:
                return ReplyError("ERR The server is running without a config file")
            self.on_disk = self.follows
        elif name == b"FAILOVER":
            return self._hand_over(argv)
        return b"OK"

    def _follow(self, words: tuple[bytes, ...]) -> None:
        if [word.upper() for word in words] == [b"NO", b"ONE"]:
            self.become_primary()
            return
        wanted = (words[0].decode(), int(words[1]))
        if wanted != self.follows or not self.link_up:
            self.was_in_sync, self.refused = False, ""
        if wanted != self.follows:
            self.follows = wanted
            self._lose_link()
            self.link_down_since_ms = self.unreached_since_ms = self.network.clock.now_ms

    def _hand_over(self, argv: tuple[bytes, ...]) -> object:
        if argv[1].upper() == b"ABORT":
            if self.handing_to is None:
                return ReplyError("ERR No failover in progress.")
            self.handing_to = None
            return b"OK"
        if self.follows is not None:
            return ReplyError("ERR FAILOVER is not valid when server is a replica.")
        if self.handing_to is not None:
            return ReplyError("ERR FAILOVER already in progress.")
        target = self.network.find(argv[2].decode(), int(argv[3]))
        mine = (self.ip, self.port)
        if not isinstance(target, DataServer) or target.follows != mine or not target.link_up:
            return ReplyError("ERR FAILOVER target HOST and PORT is not a replica.")
        self.handing_to = target
        self._hand_over_until_ms = self.network.clock.now_ms + int(argv[5])
        return b"OK"

    # INFO.

    def _info(self) -> str:
        uptime_s = (self.network.clock.now_ms - self.born_ms) // 1000
        lines = [
            f"run_id:{self.run_id}",
            f"uptime_in_seconds:{uptime_s}",
            f"loading:{int(self._is_loading())}",
            f"role:{self.role}",
            f"master_replid:{self.history}",
        ]
        if self.offset and not self._is_loading():
            lines.append(f"db0:keys={self.offset},expires=0")
        if self.role == "slave":
            lines += self._info_of_replica()
        else:
            state = "no-failover" if self.handing_to is None else "waiting-for-sync"
            lines += [f"master_repl_offset:{self.offset}", f"master_failover_state:{state}"]
            mine = (self.ip, self.port)
            replicas = [
                h
                for h in self.network.hosts
                if isinstance(h, DataServer) and h.alive and h.follows == mine and h.link_up
            ]
            lines += [f"slave{n}:ip={r.ip},port={r.port},state=online" for n, r in enumerate(replicas)]
        return "\r\n".join(lines)

    def _info_of_replica(self) -> list[str]:
        assert self.follows is not None
        lines = [
            f"master_host:{self.follows[0]}",
            f"master_port:{self.follows[1]}",
            f"master_link_status:{'up' if self.link_up else 'down'}",
            f"slave_repl_offset:{self.offset}",
            f"slave_priority:{self.priority}",
        ]
        if not self.link_up:
            down_ms = self.network.clock.now_ms - self.link_down_since_ms
            lines.append(f"master_link_down_since_seconds:{down_ms // 1000}")
        if self.refused:
            lines.append(f"master_sync_refused:younger-history,replid={self.refused},offset=1,keys=0")
        return lines
