"""The Sentinels of this node, outside of the cores: the file, the questions, the hold in the engine.

What is decided lies in :mod:`garrison.node.core.sentinel_hold` and `sentinel_peers`. Here each question has a
connection and a timeout of its own, so that a Sentinel that hangs delays nobody.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any, Final

from garrison.base import disk
from garrison.base.clock import boot_ms
from garrison.base.log import Log
from garrison.node.border import FollowInHold, HoldReleased, InfoFields, ReleaseHold, Slept, WatchSleep
from garrison.node.config import Config, ConfigError
from garrison.node.core.sentinel_hold import (
    Answer,
    Ask,
    Effect,
    ForgetName,
    Hold,
    Identify,
    Say,
    Show,
    Who,
)
from garrison.node.core.sentinel_peers import (
    CHANNEL,
    Address,
    Peers,
    PeersFileError,
    parse_configured,
    parse_hello,
)
from garrison.node.shell.bridge import Bridge
from garrison.node.shell.hand_over import Heir

FILE: Final = "sentinel-peers.conf"
"""In the folder `dir`."""
ERROR_BYTES_MAX: Final = 200
"""Of what another side says, this much is shown."""
FIRST_ROUND: Final = 1
"""The number of the hold in which a data plane starts."""
SETTINGS: Final = frozenset(
    {
        "sentinel-peers",
        "sentinel-peers-learn",
        "sentinel-peers-count-max",
        "sentinel-peers-forget-after-s",
        "sentinel-sleep-ms-max",
        "dir",
    }
)


def known_sentinels(config: Config) -> Peers:
    """The Sentinels of a node that is about to start. Raises ConfigError for a damaged file."""
    peers = Peers(
        config.integer("sentinel-peers-count-max"), config.integer("sentinel-peers-forget-after-s") * 1000
    )
    peers.configured = parse_configured(config.text("sentinel-peers"))
    try:
        with open(FILE, encoding="utf-8", errors="surrogateescape") as file:
            peers.read_text(file.read(), FILE, boot_ms())
    except FileNotFoundError:
        pass
    except PeersFileError as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"{FILE}: cannot be read: {error.strerror}") from None
    return peers


class Sentinels:
    """Create it before the data plane runs, `start` it after."""

    def __init__(
        self,
        config: Config,
        log: Log,
        bridge: Bridge,
        loop: asyncio.AbstractEventLoop,
        peers: Peers,
        run_id: str,
    ) -> None:
        self._config = config
        self._log = log
        self._bridge = bridge
        self._loop = loop
        self._peers = peers
        self._run_id = run_id
        self._hold = Hold()
        self.hold_text = ""
        """What is waited for while writes are held; empty otherwise."""
        self._watch_ms = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        bridge.on(Slept, lambda event: self._begin(event.round))
        bridge.on(HoldReleased, self._released)

    @property
    def starts_held(self) -> bool:
        """Whether the node must ask before it takes its first write."""
        return bool(self._peers.watchers()) and not self._config.text("replicaof")

    def start(self) -> None:
        """The data plane runs; it holds writes if `starts_held`."""
        self._watch()
        if self.starts_held:
            self._begin(FIRST_ROUND)

    def close(self) -> None:
        """The node ends."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()

    # -- learning -----------------------------------------------------------------------------------------

    def published(self, channel: bytes, message: bytes) -> None:
        """A client of this node has published on the channel of the Sentinels."""
        if channel != CHANNEL or not self._config.flag("sentinel-peers-learn"):
            return
        hello = parse_hello(message)
        if hello is not None and self._peers.hello(hello, boot_ms()):
            self._log.notice(f"Sentinel {hello.host}:{hello.port} watches this node as '{hello.name}'")
            self._changed()

    def configure(self, changes: dict[str, str]) -> None:
        """CONFIG SET: these directives have new values already."""
        if "sentinel-peers" in changes:
            self._peers.configured = parse_configured(changes["sentinel-peers"])
            if not self._peers.configured:
                self._peers.forget_received()
        for name, factor in (("count-max", 1), ("forget-after-s", 1000)):
            text = changes.get(f"sentinel-peers-{name}")
            if text is not None:
                field = "count_max" if name == "count-max" else "forget_after_ms"
                setattr(self._peers, field, int(text) * factor)
        if changes.keys() & SETTINGS:
            self._changed(
                int(changes.get("sentinel-sleep-ms-max", self._config.text("sentinel-sleep-ms-max")))
            )

    def _changed(self, sleep_ms_max: int | None = None) -> None:
        self._save()
        self._watch(sleep_ms_max)
        self._hold.watchers_changed(self._peers.watchers(), boot_ms())
        self._carry_out()

    def _save(self) -> None:
        """Write the file, unless no Sentinel has ever been seen."""
        if not self._peers.has_received() and not os.path.exists(FILE):
            return
        try:
            disk.replace(FILE, self._peers.to_text())
        except OSError as error:
            self._log.warning(f"{FILE} cannot be written ({error.strerror}): a restart knows other Sentinels")

    def _watch(self, sleep_ms_max: int | None = None) -> None:
        """Tell the data plane what a sleep is, while there is somebody to be asked after one."""
        limit_ms = self._config.integer("sentinel-sleep-ms-max") if sleep_ms_max is None else sleep_ms_max
        watch_ms = limit_ms if self._peers.watchers() else 0
        if watch_ms != self._watch_ms:
            self._watch_ms = watch_ms
            self._bridge.post(WatchSleep(watch_ms))

    # -- the hold -----------------------------------------------------------------------------------------

    def _begin(self, round_number: int) -> None:
        self._hold.begin(round_number, self._peers.watchers(), self._announced(), boot_ms())
        self._carry_out()

    def _released(self, _event: HoldReleased) -> None:
        self._hold.released()
        self._carry_out()

    def _announced(self) -> set[Address]:
        host = self._config.text("replica-announce-ip")
        port = self._config.integer("replica-announce-port") or self._config.integer("port")
        return {(host, port)} if host else set()

    def _tick(self) -> None:
        self._timer = None
        self._hold.tick(boot_ms())
        self._carry_out()

    def _carry_out(self) -> None:
        for effect in self._hold.take():
            self._do(effect)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_ms = boot_ms()
        due_ms = self._hold.next_deadline_ms(now_ms)
        if due_ms is not None:
            self._timer = self._loop.call_later(max(1, due_ms - now_ms) / 1000, self._tick)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Ask):
            self._spawn(self._ask(effect))
        elif isinstance(effect, Identify):
            self._spawn(self._identify(effect))
        elif isinstance(effect, ReleaseHold | FollowInHold):
            self._bridge.post(effect)
        elif isinstance(effect, ForgetName):
            self._peers.forget(effect.name)
            self._changed()
        elif isinstance(effect, Show):
            self.hold_text = "" if effect.text == "no" else effect.text
            self._bridge.post(InfoFields({"sentinel_hold": effect.text}))
        elif isinstance(effect, Say):
            self._log.write(effect.level, effect.text)

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- asking -------------------------------------------------------------------------------------------

    def heirs(self) -> list[Heir]:
        """The Sentinels that can be asked to let a replica take this primary's place."""
        user = self._config.text("sentinel-peers-user")
        password = self._config.text("sentinel-peers-password")
        return [
            Heir(host, port, user, password, ("SENTINEL", "FAILOVER", name, "COORDINATED"))
            for name, peers in self._peers.watchers().items()
            for host, port in peers
        ]

    async def _ask(self, ask: Ask) -> None:
        user, password = (
            self._config.text("sentinel-peers-user"),
            self._config.text("sentinel-peers-password"),
        )
        commands = [("SENTINEL", "GET-MASTER-ADDR-BY-NAME", ask.name), ("SENTINEL", "MASTER", ask.name)]
        try:
            replies = await self._call(ask.peer, user, password, commands)
            answer = read_answer(*replies)
        except _UnansweredError as error:
            answer = Answer(error=str(error))
        self._hold.answered(ask.round, ask.name, ask.peer, answer, boot_ms())
        self._carry_out()

    async def _identify(self, identify: Identify) -> None:
        """Whether this node's own run id is found at an address, by this node's own password."""
        try:
            (reply,) = await self._call(
                identify.address, "", self._config.text("requirepass"), [("INFO", "server")]
            )
            who = read_identity(reply, self._run_id)
        except _RefusedError:
            who = Who.OTHER
        except _UnansweredError:
            who = Who.NOBODY
        self._hold.identified(identify.round, identify.address, who, boot_ms())
        self._carry_out()

    async def _call(
        self, address: Address, user: str, password: str, commands: Sequence[tuple[str, ...]]
    ) -> list[Any]:
        """The replies of one connection of its own. Raises _UnansweredError."""
        # A node that knows no Sentinel never needs the client.
        from garrison.client.connection import open_connection
        from garrison.client.errors import AuthenticationError, ClientError

        timeout_s = self._config.integer("sentinel-ask-timeout-ms") / 1000
        connection = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = await open_connection(
                    *address, username=user or None, password=password or None, timeout=timeout_s
                )
                return list(await connection.call_many(commands))
        except AuthenticationError as error:
            raise _RefusedError(_short(error)) from None
        except TimeoutError:
            raise _UnansweredError(f"nothing within {timeout_s:g} s") from None
        except (ClientError, OSError) as error:
            raise _UnansweredError(_short(error)) from None
        finally:
            if connection is not None:
                connection.shut()


class _UnansweredError(Exception):
    """Why there is no answer."""


class _RefusedError(_UnansweredError):
    """The other side does not know our password."""


def _short(error: object) -> str:
    return " ".join(str(error).split())[:ERROR_BYTES_MAX]


def read_answer(address: object, primary: object) -> Answer:
    """What the replies to GET-MASTER-ADDR-BY-NAME and MASTER mean."""
    if isinstance(address, Exception):
        return Answer(error=_short(address))
    if address is None:
        return Answer(knows_name=False)
    if not isinstance(address, list) or len(address) != 2:
        return Answer(error="its answer is not an address")
    fields = _fields(primary)
    try:
        named = (_text(address[0]), int(address[1]))
        epoch = int(fields.get("config-epoch", "0"))
    except ValueError:
        return Answer(error="its answer is not an address")
    return Answer(named, epoch, frozenset(fields.get("flags", "").split(",")))


def read_identity(reply: object, run_id: str) -> Who:
    """Whose INFO this is."""
    if isinstance(reply, Exception):
        wants_password = str(reply).startswith(("NOAUTH", "WRONGPASS", "NOPERM"))
        return Who.OTHER if wants_password else Who.NOBODY
    return Who.MYSELF if f"run_id:{run_id}" in _text(reply).split() else Who.OTHER


def _fields(reply: object) -> dict[str, str]:
    if isinstance(reply, dict):
        return {_text(key): _text(value) for key, value in reply.items()}
    if isinstance(reply, list):
        words = [_text(word) for word in reply]
        return dict(zip(words[::2], words[1::2], strict=False))
    return {}


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
