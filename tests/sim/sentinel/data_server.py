"""A model of a data server as a Sentinel sees it: PING, INFO, the hello channel, REPLICAOF, FAILOVER."""

from __future__ import annotations

from collections.abc import Callable

from garrison.sentinel.core.effects import ReplyError

from .network import Connection, Host, Network

REPLICATION_STEP_MS = 50


class DataServer(Host):
    """One primary or replica. `offset` stands for its data."""

    def __init__(self, network: Network, ip: str, port: int, new_id: Callable[[], str]) -> None:
        super().__init__(ip, port)
        self.network = network
        self.new_id = new_id
        self.run_id = new_id()
        self.follows: tuple[str, int] | None = None
        self.link_up = False
        self.link_down_since_ms = network.clock.now_ms
        self.offset = 0
        self.priority = 100
        self.lies = False
        """It says that it is a primary whatever it was told."""
        self.listeners: list[Connection] = []
        self.clients: list[Connection] = []
        self.handing_over = False
        network.clock.after(REPLICATION_STEP_MS, self._replicate)

    @property
    def role(self) -> str:
        return "master" if self.follows is None or self.lies else "slave"

    # Life.

    def kill(self) -> None:
        self.alive = False
        self.listeners.clear()
        self.network.killed(self)

    def start(self, *, empty: bool = False) -> None:
        """Come back, as a primary or replica as configured before (CONFIG REWRITE keeps that)."""
        self.alive, self.paused = True, False
        self.run_id = self.new_id()
        self.link_up = False
        self.handing_over = False
        if empty:
            self.offset = 0

    def _replicate(self) -> None:
        self.network.clock.after(REPLICATION_STEP_MS, self._replicate)
        if not self.alive or self.paused:
            return
        if self.follows is None:
            if not self.handing_over:
                self.offset += 1
            return
        source = self.network.find(*self.follows)
        reachable = (
            isinstance(source, DataServer)
            and source is not self
            and source.alive
            and not source.paused
            and (self, source) not in self.network.cuts
            and (source, self) not in self.network.cuts
            and (source.follows is None or source.link_up)
        )
        if reachable:
            assert isinstance(source, DataServer)
            self.link_up = True
            self.offset = source.offset
        elif self.link_up:
            self.link_up = False
            self.link_down_since_ms = self.network.clock.now_ms

    # Commands.

    def accept(self, connection: Connection) -> None:
        self.clients.append(connection)

    def closed(self, connection: Connection) -> None:
        if connection in self.listeners:
            self.listeners.remove(connection)

    def arrived(self, connection: Connection, data: object) -> None:
        token, argv = data  # type: ignore[misc]
        name = argv[0].upper()
        self.network.send(connection, self, ("reply", token, self._answer(connection, name, argv)))

    def _answer(self, connection: Connection, name: bytes, argv: tuple[bytes, ...]) -> object:
        if name == b"PING":
            return b"PONG"
        if name == b"INFO":
            return self._info().encode()
        if name == b"SUBSCRIBE":
            self.listeners.append(connection)
            return [b"subscribe", argv[1], 1]
        if name == b"PUBLISH":
            for listener in list(self.listeners):
                if listener.open:
                    self.network.send(listener, self, ("message", argv[1], argv[2]))
            return len(self.listeners)
        if name in (b"SLAVEOF", b"REPLICAOF"):
            self._follow(argv[1:])
        if name == b"FAILOVER":
            return self._hand_over(argv)
        return b"OK"

    def _follow(self, words: tuple[bytes, ...]) -> None:
        if [word.upper() for word in words] == [b"NO", b"ONE"]:
            self.follows = None
            return
        wanted = (words[0].decode(), int(words[1]))
        if wanted != self.follows:
            self.follows = wanted
            self.link_up = False
            self.link_down_since_ms = self.network.clock.now_ms

    def _hand_over(self, argv: tuple[bytes, ...]) -> object:
        if self.follows is not None:
            return ReplyError("ERR FAILOVER is not valid when server is a replica.")
        target = self.network.find(argv[2].decode(), int(argv[3]))
        if not isinstance(target, DataServer) or not target.alive or not target.link_up:
            return ReplyError("ERR FAILOVER target HOST and PORT is not a replica.")
        self.handing_over = True

        def finish() -> None:
            self.handing_over = False
            if self.alive and self.follows is None and target.alive and target.offset >= self.offset:
                target.follows = None
                self.follows = (target.ip, target.port)

        self.network.clock.after(3 * REPLICATION_STEP_MS, finish)
        return b"OK"

    def _info(self) -> str:
        lines = [
            f"run_id:{self.run_id}",
            f"role:{self.role}",
            f"db0:keys={1 if self.offset else 0},expires=0",
        ]
        if self.offset == 0:
            lines.pop()
        if self.role == "slave":
            assert self.follows is not None
            lines += [
                f"master_host:{self.follows[0]}",
                f"master_port:{self.follows[1]}",
                f"master_link_status:{'up' if self.link_up else 'down'}",
                f"slave_repl_offset:{self.offset}",
                f"slave_priority:{self.priority}",
            ]
            if not self.link_up:
                down_ms = self.network.clock.now_ms - self.link_down_since_ms
                lines.append(f"master_link_down_since_seconds:{down_ms // 1000}")
        else:
            lines.append(f"master_repl_offset:{self.offset}")
            mine = (self.ip, self.port)
            replicas = [
                h for h in self.network.hosts if isinstance(h, DataServer) and h.follows == mine and h.link_up
            ]
            lines += [f"slave{n}:ip={r.ip},port={r.port},state=online" for n, r in enumerate(replicas)]
        return "\r\n".join(lines)
