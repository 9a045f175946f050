"""The listener of a Sentinel: its clients, their rights, and what is published to them.

It answers what concerns connections and users itself (`commands`), and hands SENTINEL, ROLE and PUBLISH
to the core through `ask_core`. A message is encoded once for each protocol, whatever the number of
subscribers."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import stat
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from garrison.base import glob
from garrison.base.listen import listen
from garrison.base.log import Log
from garrison.base.reply import encode
from garrison.sentinel.config.config import Config
from garrison.sentinel.server.acl import Users
from garrison.sentinel.server.clients import Client

IDLE_CHECK_S = 1.0

PROTECTED = (
    "DENIED This Sentinel runs in protected mode: no password is set for its default user, so it serves "
    "clients of this machine only. Set requirepass, or 'protected-mode no' if the network is trusted."
)
CROSS_PROTOCOL = frozenset({b"post", b"host:"})
"""First words of a browser that somebody has talked into speaking to us."""


@dataclass(slots=True)
class Counters:
    """What INFO stats shows."""

    connections: int = 0
    rejected: int = 0
    commands: int = 0
    errors: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    denied_auth: int = 0
    denied_command: int = 0
    denied_channel: int = 0


class Server:
    """All clients. `ask_core` must answer through `Client.reply`, now or later; see `commands.execute`."""

    def __init__(
        self, config: Config, users: Users, log: Log, loop: asyncio.AbstractEventLoop, maxclients: int
    ) -> None:
        self.config = config
        self.users = users
        self.log = log
        self.loop = loop
        self.maxclients = maxclients
        self.counters = Counters()
        self.clients: dict[int, Client] = {}
        self.subscribers: dict[bytes, dict[int, Client]] = {}
        self.pattern_subscribers: dict[bytes, dict[int, Client]] = {}
        self.matchers: dict[bytes, Callable[[str], bool]] = {}
        self.paused_until_s = 0.0
        self.acl_log: deque[dict[str, object]] = deque()
        self.run: Callable[[Client, list[bytes]], None] = lambda client, argv: None
        """Executes a request; set by whoever assembles the parts."""
        self._ids = itertools.count(1)
        self._servers: list[asyncio.AbstractServer] = []
        self._sockets: list[socket.socket] = []
        self._timer: asyncio.TimerHandle | None = None
        self._unixsocket = ""

    # -- life ----------------------------------------------------------------------------------------------

    def bind(self) -> None:
        """Take the ports. Raises OSError that names what cannot be listened on."""
        port = self.config.integer("port")
        if port:
            self._sockets = listen(self.config.text("bind"), port, self.config.integer("tcp-backlog"))
            if not self._sockets:
                raise OSError(0, f"none of the addresses of 'bind {self.config.text('bind')}' exists here")

    async def start(self) -> None:
        backlog = self.config.integer("tcp-backlog")
        for listener in self._sockets:
            self._servers.append(
                await self.loop.create_server(lambda: Client(self), sock=listener, backlog=backlog)
            )
        path = self.config.text("unixsocket")
        if path:
            _remove_socket(path)
            self._servers.append(
                await self.loop.create_unix_server(lambda: Client(self), path, backlog=backlog)
            )
            mode = self.config.integer("unixsocketperm")
            if mode:
                os.chmod(path, mode)
            self._unixsocket = path
        self._timer = self.loop.call_later(IDLE_CHECK_S, self._look_around)

    async def stop(self) -> None:
        """Stop accepting, flush pending replies, then close all clients."""
        if self._timer is not None:
            self._timer.cancel()
        for server in self._servers:
            server.close()
        for client in list(self.clients.values()):
            client.close()
        await asyncio.sleep(0)
        if self._unixsocket:
            _remove_socket(self._unixsocket)

    def seconds(self) -> float:
        return time.monotonic()

    # -- clients -------------------------------------------------------------------------------------------

    def joined(self, client: Client) -> str:
        """Take a new client in; or why it cannot stay."""
        self.counters.connections += 1
        if len(self.clients) >= self.maxclients:
            self.counters.rejected += 1
            return "ERR max number of clients reached"
        if self.config.flag("protected-mode") and self.users.default.nopass and not _is_local(client):
            self.counters.rejected += 1
            return PROTECTED
        client.id = next(self._ids)
        self.clients[client.id] = client
        return ""

    def left(self, client: Client) -> None:
        if self.clients.pop(client.id, None) is not None:
            for channel in list(client.channels):
                self.unsubscribe(client, channel)
            for pattern in list(client.patterns):
                self.unsubscribe(client, pattern, is_pattern=True)

    def is_authenticated(self, client: Client) -> bool:
        """Whether the client need not log in (any more)."""
        return client.logged_in or (self.users.default.nopass and self.users.default.on)

    def output_bytes_max(self, client: Client) -> int:
        return self._limits(client)[0] or (1 << 62)

    def _limits(self, client: Client) -> tuple[int, int, int]:
        """Hard limit, soft limit and the seconds that the latter may be exceeded, of a client's class."""
        words = self.config.text("client-output-buffer-limit").split()
        at = words.index(client.kind)
        return int(words[at + 1]), int(words[at + 2]), int(words[at + 3])

    def _look_around(self) -> None:
        """Once a second: close clients that have been idle, or have not read, for too long."""
        now_s = self.seconds()
        timeout_s = self.config.integer("timeout")
        for client in list(self.clients.values()):
            if timeout_s and not client.subscriptions and now_s - client.active_s > timeout_s:
                client.close()
                continue
            _, soft, seconds = self._limits(client)
            if not soft or client.waiting_bytes <= soft:
                client.over_soft_since_s = 0.0
            elif not client.over_soft_since_s:
                client.over_soft_since_s = now_s
            elif now_s - client.over_soft_since_s > seconds:
                client.abort()
        self._timer = self.loop.call_later(IDLE_CHECK_S, self._look_around)

    # -- requests ------------------------------------------------------------------------------------------

    def execute(self, client: Client, argv: list[bytes]) -> None:
        """Execute one request. A browser's request ends the connection without a reply."""
        if argv[0].lower() in CROSS_PROTOCOL:
            self.log.warning(
                f"Client {client.address} sends HTTP (POST or Host:): perhaps a browser is abused to reach "
                "us; closed"
            )
            client.abort()
            return
        self.run(client, argv)

    def pause(self, seconds: float) -> None:
        """Let all requests wait; the longest of several pauses holds."""
        self.paused_until_s = max(self.paused_until_s, self.seconds() + seconds)
        self.loop.call_later(seconds + 0.001, self._end_pause_if_due)

    @property
    def is_paused(self) -> bool:
        return self.paused_until_s > 0

    def _end_pause_if_due(self) -> None:
        if self.is_paused and self.seconds() >= self.paused_until_s:
            self.unpause()

    def unpause(self) -> None:
        self.paused_until_s = 0.0
        for client in list(self.clients.values()):
            self.loop.call_soon(client.proceed)

    # -- channels ------------------------------------------------------------------------------------------

    def subscribe(self, client: Client, name: bytes, *, is_pattern: bool = False) -> None:
        everyone = self.pattern_subscribers if is_pattern else self.subscribers
        own = client.patterns if is_pattern else client.channels
        own.add(name)
        everyone.setdefault(name, {})[client.id] = client
        if is_pattern and name not in self.matchers:
            self.matchers[name] = glob.compiled(_text(name))

    def unsubscribe(self, client: Client, name: bytes, *, is_pattern: bool = False) -> None:
        everyone = self.pattern_subscribers if is_pattern else self.subscribers
        (client.patterns if is_pattern else client.channels).discard(name)
        listening = everyone.get(name, {})
        listening.pop(client.id, None)
        if not listening:
            everyone.pop(name, None)
            if is_pattern:
                self.matchers.pop(name, None)

    def publish(self, channel: bytes, message: bytes) -> int:
        """Send a message to all who listen; how many did."""
        listening = self.subscribers.get(channel)
        count = self._send(listening, [b"message", channel, message]) if listening else 0
        text = _text(channel)
        for pattern, matches in self.matchers.items():
            if matches(text):
                count += self._send(
                    self.pattern_subscribers[pattern], [b"pmessage", pattern, channel, message]
                )
        return count

    @staticmethod
    def _send(listening: dict[int, Client], push: list[bytes]) -> int:
        flat = encode(push)
        for client in list(listening.values()):
            client.put(flat if client.protocol == 2 else b">" + flat[1:])
            client.flush()
        return len(listening)

    # -- denials -------------------------------------------------------------------------------------------

    def denied(self, client: Client, reason: str, what: str, username: str = "") -> None:
        """Remember a denial for ACL LOG; the same one again is only counted."""
        keep = self.config.integer("acllog-max-len")
        name = username or client.user.name
        for entry in self.acl_log:
            if (entry["reason"], entry["object"], entry["username"]) == (reason, what, name):
                entry["count"] = int(str(entry["count"])) + 1
                entry["at"], entry["client-info"] = self.seconds(), client.describe()
                self.acl_log.remove(entry)
                self.acl_log.appendleft(entry)
                return
        self.acl_log.appendleft(
            {
                "count": 1,
                "reason": reason,
                "context": "toplevel",
                "object": what,
                "username": name,
                "at": self.seconds(),
                "client-info": client.describe(),
            }
        )
        while len(self.acl_log) > keep:
            self.acl_log.pop()


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _is_local(client: Client) -> bool:
    host = client.address.rpartition(":")[0]
    return host.startswith("127.") or host in ("[::1]",) or host.startswith("[::ffff:127.") or "/" in host


def _remove_socket(path: str) -> None:
    """Remove the Unix socket of an earlier process, but no other file of that name."""
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
    except FileNotFoundError:
        pass
