"""The client: :func:`connect` and the :class:`Client` it makes.

::

    client = await connect("redis://127.0.0.1:7000")
    await client.set("greeting", "hello")
    await client.get("greeting")                          # b'hello'
    await client.mget("a", "b", "c")                      # one request a slot, all at once
    await client.call("OBJECT", "ENCODING", "greeting")   # any command, by name
    await client.close()

One client serves any number of tasks. It keeps one connection to each node it needs; what the tasks
send to a node in one turn of the event loop leaves in one write.
"""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Unpack, overload

from garrison.client.apart import ApartPool
from garrison.client.cluster_router import ClusterRouter
from garrison.client.commands.base import Convert, Merge, Reply, T
from garrison.client.commands.blocking import BlockingCommands
from garrison.client.commands.functions import FunctionCommands
from garrison.client.commands.scans import ScanCommands
from garrison.client.commands.server import ServerCommands
from garrison.client.commands.typed import TypedCommands
from garrison.client.connection import Connection
from garrison.client.core.commands import Command, Retry, find_command
from garrison.client.core.habits import right_method, right_spelling
from garrison.client.core.resp import Arg, Key, encode_args, encode_command, to_bytes
from garrison.client.core.slots import key_slot
from garrison.client.core.topology import Address, Topology
from garrison.client.core.url import DEFAULT_PORT, Target, parse_address, parse_url
from garrison.client.errors import ClientError, ReplyError, UsageError, WatchError
from garrison.client.execution import ANY_SLOT, Call, Executor
from garrison.client.nodes import AddressMap, NodePool
from garrison.client.pipeline import Pipeline, call_of_part, split_if, split_name
from garrison.client.pubsub import Kind, Overflow, Subscription
from garrison.client.router import Router
from garrison.client.script import Script
from garrison.client.script_call import ScriptCall
from garrison.client.sentinel_link import settings_for_sentinels
from garrison.client.sentinel_router import SentinelRouter
from garrison.client.settings import Options, Settings, make_settings
from garrison.client.waiting import Waiting

__all__ = ["Client", "connect"]


class Client(
    TypedCommands[T],
    ScanCommands[T],
    BlockingCommands[T],
    ServerCommands[T],
    FunctionCommands[T],
    Generic[T],
):
    """A connected client. Make one with :func:`connect`; close it, or use it in ``async with``."""

    def __init__(
        self,
        settings: Settings,
        seeds: Sequence[Address],
        *,
        ssl: ssl_module.SSLContext | None = None,
        address_map: AddressMap | None = None,
        rng: Random | None = None,
        primary_name: str | None = None,
        sentinel_ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        self.settings = settings
        self._rng = rng = rng if rng is not None else Random()
        self._pool = pool = NodePool(settings, ssl, address_map)
        self._router: Router
        if primary_name is None:
            self._router = ClusterRouter(pool, seeds, settings, rng)
        else:
            sentinels = NodePool(settings_for_sentinels(settings), sentinel_ssl, address_map)
            self._router = SentinelRouter(pool, sentinels, primary_name, seeds, settings, rng)
        self._executor = Executor(self._router, settings, rng)
        self._apart = ApartPool(settings)
        self._waits = Waiting(self._router, self._executor, self._apart, settings)
        # The hot path without a method call in between.
        self._keyed = self._executor.keyed  # type: ignore[method-assign]

    async def start(self) -> None:
        """Connect; :func:`connect` has done this."""
        try:
            await self._router.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close all connections. Calls under way fail; closing twice is allowed.

        What calls that were cancelled while they waited have left is brought in order first.
        """
        try:
            await self._waits.close()
        finally:
            self._router.close()
            self._apart.close()
            self._pool.close()

    async def aclose(self) -> None:
        """:meth:`close`, by the name that ``contextlib.aclosing`` and redis-py know."""
        await self.close()

    async def __aenter__(self) -> Client[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Answer methods that redis-py has under another name; type checkers are told nothing of this."""
            advice = right_method(name)
            hint = f": {advice}" if advice else ""
            raise AttributeError(f"a client has no {name!r}{hint}", name=name, obj=self)

    # ---- what it is connected to ---------------------------------------------------------------

    @property
    def is_cluster(self) -> bool:
        """Whether the server is part of a cluster."""
        return self._router.clustered

    @property
    def topology(self) -> Topology | None:
        """The slot map that a node sent last; None when not a cluster."""
        return self._router.topology

    def primaries(self) -> list[Address]:
        """The addresses of all nodes that serve slots."""
        return [node.address for node in self._router.primaries()]

    def node_of(self, key: Arg) -> Address:
        """The address of the node that serves ``key``, by the present map."""
        return self._router.node_for(key_slot(to_bytes(key))).address

    async def refresh_topology(self) -> None:
        """Ask the cluster for its slot map now; never needed, as redirects and failures ask too."""
        await self._router.refresh()

    # ---- calls ---------------------------------------------------------------------------------

    async def call(self, *command: Arg, key: Arg | None = None) -> Any:
        """Carry out any command by name: ``call("OBJECT", "ENCODING", "k")``, or the name as one word.

        It goes to the node of its key, which is found by the client's table; for a command that is
        not in it the server is asked (COMMAND GETKEYS), unless ``key`` says it. Replies come as the
        server sends them.
        """
        command = split_name(command)
        row = find_command(command)
        if row is None:
            return await self._call_unknown(command, key)
        args = command[row.word_count :]
        row.check_shared(clustered=self._router.clustered)
        keys = [to_bytes(key)] if key is not None else row.keys(args)
        slot = key_slot(keys[0]) if keys else ANY_SLOT
        if row.blocks(args):
            return await self._waits.run(row, args, slot)
        packed = row.prefix(len(args)) + encode_args(args)
        return await self._executor.run(Call(row.name, row.retry_of(args), slot, packed))

    async def call_node(self, node: Address | tuple[str, int] | str, *command: Arg) -> Any:
        """Send a command to one node, ``"host:port"`` or (host, port); no redirect, no retry."""
        address = parse_address(node) if isinstance(node, str) else Address(*node)
        found, row = self._router.find(address), find_command(command)
        if row is not None and row.blocks(command[row.word_count :]):
            return await self._waits.on_node(found, row, command[row.word_count :])
        connection = await found.connection()
        return await connection.call(*command)

    async def execute_command(self, *command: Arg) -> Any:
        """redis-py's name of :meth:`call`."""
        return await self.call(*command)

    async def _call_unknown(self, command: Sequence[Arg], key: Arg | None) -> Any:
        slot = key_slot(to_bytes(key)) if key is not None else await self._ask_for_slot(command)
        name = to_bytes(command[0])
        packed = encode_command(name, *command[1:])
        return await self._executor.run(Call(name.upper(), Retry.ONCE, slot, packed))

    async def _ask_for_slot(self, command: Sequence[Arg]) -> int:
        if not self._router.clustered:
            return 0
        question = encode_command("COMMAND", "GETKEYS", *command)
        try:
            keys = await self._executor.run(Call(b"COMMAND GETKEYS", Retry.READ, ANY_SLOT, question))
        except ReplyError as error:
            raise UsageError(
                f"cannot tell which node {to_bytes(command[0]).decode()} belongs to ({error}): "
                "give its key (key=...), or choose a node with call_node(address, ...)"
            ) from error
        return key_slot(to_bytes(keys[0]))

    @asynccontextmanager
    async def dedicated(self, key: Arg | None = None) -> AsyncIterator[Connection]:
        """A connection of your own to the node of ``key`` (or any node), closed at the end of the block.

        For what belongs to one connection: WATCH with MULTI and EXEC, MONITOR, CLIENT TRACKING. It is
        the lower level: error replies are raised as they come, redirects too.
        """
        await self._router.settled()
        node = self._router.any_node() if key is None else self._router.node_for(key_slot(to_bytes(key)))
        connection = await node.connection_apart()
        try:
            yield connection
        finally:
            connection.shut()

    # ---- how typed methods are carried out; _keyed is the executor's ----------------------------

    async def _routed(self, command: Command, args: Sequence[Arg], convert: Convert | None = None) -> Any:
        keys = command.keys(args)
        slot = key_slot(keys[0]) if keys else ANY_SLOT
        packed = command.prefix(len(args)) + encode_args(args)
        reply = await self._executor.run(Call(command.name, command.retry, slot, packed))
        return reply if convert is None else convert(reply)

    async def _scripted(self, call: ScriptCall) -> Any:
        return await self._executor.run(call)

    async def _waiting(self, command: Command, args: Sequence[Arg], convert: Convert | None = None) -> Any:
        reply = await self._waits.run(command, args, key_slot(command.keys(args)[0]))
        return reply if convert is None else convert(reply)

    def _split(self, command: Command, args: Sequence[Arg], step: int, merge: Merge) -> Reply[Any]:
        parts = split_if(self._router.clustered, args, step)
        return self._run_parts([call_of_part(command, part) for part in parts], parts, merge)

    async def _run_parts(self, calls: list[Call], parts: Any, merge: Merge) -> Any:
        replies = await self._executor.batch(calls)
        for reply in replies:
            if isinstance(reply, ClientError):
                raise reply
        return merge(parts, replies)

    def register_script(self, script: Arg, *, read_only: bool = False, repeatable: bool = False) -> Script[T]:
        """A script to be called by name; see :mod:`garrison.client.script`. Nothing is sent yet.

        ``read_only`` lets the server refuse writes, and the call be repeated like a GET when its connection
        breaks. ``repeatable`` says that a second execution with the same arguments leaves the same data, so
        that it is repeated like a SET. Without either, a call that may have been executed is not repeated.
        """
        return Script(self, script, read_only=read_only, repeatable=repeatable)

    async def _in_slot(self, slot: int, *words: Arg) -> Any:
        packed = encode_command("CLUSTER", *words)
        return await self._executor.run(Call(b"CLUSTER", Retry.READ, slot, packed))

    def pipeline(self, *, transaction: bool = False) -> Pipeline[T]:
        """Queue commands and send them together; see :mod:`garrison.client.pipeline`."""
        clustered = self._router.clustered
        return Pipeline(
            self._executor, self._router, self._apart, clustered=clustered, transaction=transaction
        )

    async def transaction(
        self,
        function: Callable[[Pipeline[T]], Any],
        *watches: Key,
        value_from_callable: bool = False,
        watch_delay: float | None = None,
    ) -> Any:
        """Watch keys, let ``function`` read and queue, and run what it queued; again if a key was changed.

        ``function`` takes the pipeline, reads by awaiting its methods, calls ``multi()`` and queues; it may
        be ``async`` or not. Returns the replies, or, with ``value_from_callable``, what it returned.
        Between two attempts ``watch_delay`` seconds pass. It is repeated without end: bound it with
        ``asyncio.timeout`` where keys are changed all the time.
        """
        moves = 0
        while True:
            async with self.pipeline(transaction=True) as pipe:
                try:
                    if watches:
                        await pipe.watch(*watches)
                    value = function(pipe)
                    if isawaitable(value):
                        value = await value
                    replies = await pipe.execute()
                    return value if value_from_callable else replies
                except WatchError as error:
                    pipe.discard()
                    # Its cause is a slot or node that is on the move, which takes a moment.
                    moves = moves + 1 if error.__cause__ is not None else 0
            if moves:
                await self._executor.pause(moves)
            if watch_delay is not None:
                await asyncio.sleep(watch_delay)

    # ---- publish and subscribe -----------------------------------------------------------------

    async def publish(self, channel: Arg, message: Arg) -> int:
        """Publish to a channel; in a cluster the count is that of subscribers on one node only."""
        return int(await self.call("PUBLISH", channel, message))

    async def spublish(self, channel: Arg, message: Arg) -> int:
        """Publish to a sharded channel; how many subscribers its node has."""
        return int(await self.call("SPUBLISH", channel, message))

    def subscribe(self, *channels: Arg, overflow: Overflow = "error") -> Subscription[T]:
        """Messages published to channels; see :mod:`garrison.client.pubsub`."""
        return self._subscription("SUBSCRIBE", channels, overflow)

    def psubscribe(self, *patterns: Arg, overflow: Overflow = "error") -> Subscription[T]:
        """Messages published to the channels that match patterns such as ``news.*``."""
        return self._subscription("PSUBSCRIBE", patterns, overflow)

    def ssubscribe(self, *channels: Arg, overflow: Overflow = "error") -> Subscription[T]:
        """Messages published to sharded channels, which live on the node of their slot."""
        return self._subscription("SSUBSCRIBE", channels, overflow)

    def _subscription(self, kind: Kind, channels: Sequence[Arg], overflow: Overflow) -> Subscription[T]:
        return Subscription(self._pool, self._router, self._rng, kind, channels, overflow)


@overload
async def connect(
    url: str | Sequence[str],
    *,
    decode: Literal[True],
    ssl: ssl_module.SSLContext | None = None,
    address_map: AddressMap | None = None,
    **options: Unpack[Options],
) -> Client[str]: ...


@overload
async def connect(
    url: str | Sequence[str],
    *,
    decode: Literal[False] = False,
    ssl: ssl_module.SSLContext | None = None,
    address_map: AddressMap | None = None,
    **options: Unpack[Options],
) -> Client[bytes]: ...


@overload
async def connect(
    url: str | Sequence[str],
    *,
    decode: bool,
    ssl: ssl_module.SSLContext | None = None,
    address_map: AddressMap | None = None,
    **options: Unpack[Options],
) -> Client[str] | Client[bytes]: ...


async def connect(
    url: str | Sequence[str] = (),
    *,
    decode: bool = False,
    ssl: ssl_module.SSLContext | None = None,
    address_map: AddressMap | None = None,
    **options: Any,
) -> Any:
    """Connect to a server or a cluster, which of the two it is, the server tells; or to what Sentinels watch.

    ``url`` is ``redis://[user:password@]host:port[,host:port...][/database]``, or ``rediss://...``
    for TLS (with ``ssl`` or the system's default context), or ``unix:///path``, or a list of such. With
    ``sentinel://[user:password@]host:port[,host:port...]/NAME[?db=N]`` (``sentinels://...`` for TLS)
    the hosts are Sentinels, which are asked for the primary that they know as NAME. What else may stand
    in a URL is listed in :mod:`garrison.client.core.url`.

    With ``decode=True`` replies are str, else bytes. ``address_map`` translates the addresses that
    the cluster, or the Sentinels, tell into those that reach it from here (port mappings, NAT). All
    further ``options`` are the fields of :class:`garrison.client.settings.Settings`.

    Raises :class:`ConnectionFailedError` when no address answers, or no primary is found within
    ``call_timeout_s``; :class:`AuthenticationError`; :class:`UsageError`.
    """
    _refuse_habits(url, options)
    targets = [parse_url(one) for one in ([url] if isinstance(url, str) else url)]
    if not targets:
        raise UsageError("no URL: give at least one, such as redis://127.0.0.1:6379")
    first = targets[0]
    if any(target.primary_name != first.primary_name for target in targets):
        raise UsageError(
            "the URLs lead to different things: give those of one cluster, or of one primary's name"
        )
    settings = make_settings(_options_of(first, {"decode": decode, **options}))
    if ssl is None and first.tls:
        ssl = ssl_module.create_default_context()
    client: Client[Any] = Client(
        settings,
        [address for target in targets for address in target.addresses],
        ssl=ssl,
        address_map=address_map,
        primary_name=first.primary_name,
        sentinel_ssl=_ssl_for_sentinels(settings.sentinel_tls, ssl),
    )
    await client.start()
    if client.is_cluster and settings.database:
        await client.close()
        raise UsageError(f"a cluster has only database 0, not {settings.database}: leave it out of the URL")
    return client


def _refuse_habits(url: object, options: Mapping[str, object]) -> None:
    """Answer options of redis-py with the right spelling, the user's own host and port in it."""
    if "host" in options or "port" in options:
        host, port = options.get("host", "127.0.0.1"), options.get("port", DEFAULT_PORT)
        raise UsageError(f"host= and port= are not options: write connect('redis://{host}:{port}')")
    if url is None or isinstance(url, bytes):
        raise UsageError(f"the URL must be text such as 'redis://127.0.0.1:6379', not {url!r}")
    for name in options:
        advice = right_spelling(name)
        if advice is not None:
            raise UsageError(f"{name}= is not an option: {advice}")


def _options_of(target: Target, options: dict[str, Any]) -> dict[str, Any]:
    """What the URL says, overridden by what the caller says."""
    given = {"username": target.username, "password": target.password, "database": target.database}
    return {**{name: value for name, value in given.items() if value}, **target.options, **options}


def _ssl_for_sentinels(
    wanted: bool | None, ssl: ssl_module.SSLContext | None
) -> ssl_module.SSLContext | None:
    """What to speak TLS to Sentinels with: what the nodes get, unless the user wants it otherwise."""
    if wanted is False:
        return None
    return ssl_module.create_default_context() if wanted and ssl is None else ssl
