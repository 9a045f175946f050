"""What is asked about servers rather than about keys: clients, slow commands, memory, channels, slots.

Where the answer is about one server, all primaries are asked and the replies come by ``host:port``. Changing
a cluster, stopping servers and the like is for ``garrison cluster``, or ``call_node``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from garrison.client.commands.arguments import flag, option
from garrison.client.commands.base import T
from garrison.client.commands.cluster_wide import ClusterWideCommands
from garrison.client.commands.replies import as_bytes, as_dict, as_fields, as_text, fields_of
from garrison.client.core.resp import Arg, Key, to_bytes
from garrison.client.core.slots import key_slot

__all__ = ["ServerCommands"]

ByAddress = dict[str, Any]


class ServerCommands(ClusterWideCommands[T]):
    """Commands about servers."""

    async def _of_all(self, *command: Arg) -> bool:
        """Let all primaries carry a command out; True when all have."""
        await self.call_primaries(*command)
        return True

    # ---- saving, configuration, role -----------------------------------------------------------

    async def save(self) -> bool:
        """Save the data of all primaries, which wait for it. Always True."""
        return await self._of_all("SAVE")

    async def bgsave(self, schedule: bool = True) -> bool:
        """Begin to save the data of all primaries, or, with ``schedule``, soon. Always True."""
        return await self._of_all("BGSAVE", *flag(schedule, "SCHEDULE"))

    async def bgrewriteaof(self) -> bool:
        """Begin to rewrite the append-only files of all primaries. Always True."""
        return await self._of_all("BGREWRITEAOF")

    async def lastsave(self) -> dict[str, int]:
        """When each primary last saved its data, as a Unix time."""
        return await self.call_primaries("LASTSAVE")

    async def config_resetstat(self) -> bool:
        """Begin the statistics of all primaries anew. Always True."""
        return await self._of_all("CONFIG", "RESETSTAT")

    async def config_rewrite(self) -> bool:
        """Write the settings of all primaries to their files. Always True."""
        return await self._of_all("CONFIG", "REWRITE")

    async def role(self) -> ByAddress:
        """What ROLE says on each primary: the role, the offset, the replicas."""
        return await self.call_primaries("ROLE")

    async def swapdb(self, first: int, second: int) -> bool:
        """Exchange two databases, where there is no cluster. Always True."""
        return await self._of_all("SWAPDB", first, second)

    # ---- clients -------------------------------------------------------------------------------

    async def client_list(self, _type: str | None = None) -> dict[str, list[dict[str, str]]]:
        """The connections to each primary, with what is known about each."""
        replies = await self.call_primaries("CLIENT", "LIST", *option("TYPE", _type))
        return {address: [_words(line) for line in _lines(reply)] for address, reply in replies.items()}

    async def client_kill_filter(
        self,
        _id: int | None = None,
        _type: str | None = None,
        addr: str | None = None,
        skipme: bool | None = None,
        laddr: str | None = None,
        user: str | None = None,
        maxage: int | None = None,
    ) -> int:
        """Close the connections to all primaries that match; how many there were.

        ``maxage`` chooses those that have been open for so many seconds or more.
        """
        words = (*option("ID", _id), *option("TYPE", _type), *option("ADDR", addr), *option("LADDR", laddr))
        skip = None if skipme is None else "yes" if skipme else "no"
        words += (*option("USER", user), *option("SKIPME", skip), *option("MAXAGE", maxage))
        return sum((await self.call_primaries("CLIENT", "KILL", *words)).values())

    async def client_pause(self, timeout: int, all: bool = True) -> bool:
        """Let all clients, or only those that write, wait for ``timeout`` milliseconds. Always True."""
        return await self._of_all("CLIENT", "PAUSE", timeout, "ALL" if all else "WRITE")

    async def client_unpause(self) -> bool:
        """End :meth:`client_pause`. Always True."""
        return await self._of_all("CLIENT", "UNPAUSE")

    # ---- slow commands, latency, memory --------------------------------------------------------

    async def slowlog_get(self, num: int | None = None) -> dict[str, list[dict[str, Any]]]:
        """The newest ``num`` slow commands of each primary."""
        count = () if num is None else (num,)
        replies = await self.call_primaries("SLOWLOG", "GET", *count)
        return {address: [_slow(entry) for entry in reply] for address, reply in replies.items()}

    async def slowlog_len(self) -> int:
        """How many slow commands all primaries remember."""
        return sum((await self.call_primaries("SLOWLOG", "LEN")).values())

    async def slowlog_reset(self) -> bool:
        """Forget the slow commands of all primaries. Always True."""
        return await self._of_all("SLOWLOG", "RESET")

    async def latency_latest(self) -> dict[str, list[list[Any]]]:
        """The latest event of each kind: its name, when it was, its milliseconds, the longest."""
        return await self.call_primaries("LATENCY", "LATEST")

    async def latency_history(self, event: str) -> dict[str, list[list[int]]]:
        """The events of one kind: when they were, their milliseconds."""
        return await self.call_primaries("LATENCY", "HISTORY", event)

    async def latency_histogram(self, *commands: str) -> ByAddress:
        """How often commands took how long."""
        replies = await self.call_primaries("LATENCY", "HISTOGRAM", *commands)
        return {address: as_fields(reply) for address, reply in replies.items()}

    async def latency_graph(self, event: str) -> dict[str, str]:
        """The events of one kind, drawn in letters."""
        return await self._texts("LATENCY", "GRAPH", event)

    async def latency_doctor(self) -> dict[str, str]:
        """What the server makes of its latencies."""
        return await self._texts("LATENCY", "DOCTOR")

    async def latency_reset(self, *events: str) -> int:
        """Forget the events of these kinds, or of all; how many kinds there were."""
        return sum((await self.call_primaries("LATENCY", "RESET", *events)).values())

    async def memory_stats(self) -> dict[str, dict[str, Any]]:
        """Where the memory of each primary goes."""
        replies = await self.call_primaries("MEMORY", "STATS")
        return {address: as_fields(reply) for address, reply in replies.items()}

    async def memory_doctor(self) -> dict[str, str]:
        """What the server makes of its memory."""
        return await self._texts("MEMORY", "DOCTOR")

    async def memory_malloc_stats(self) -> dict[str, str]:
        """What the allocator says about itself."""
        return await self._texts("MEMORY", "MALLOC-STATS")

    async def memory_purge(self) -> bool:
        """Give unused memory back to the system. Always True."""
        return await self._of_all("MEMORY", "PURGE")

    async def _texts(self, *command: Arg) -> dict[str, str]:
        return {address: as_text(reply) for address, reply in (await self.call_primaries(*command)).items()}

    # ---- channels ------------------------------------------------------------------------------

    async def pubsub_channels(self, pattern: Arg = "*") -> list[T]:
        """The channels with subscribers on any primary that match a pattern."""
        return await self._channels("CHANNELS", pattern)

    async def pubsub_shardchannels(self, pattern: Arg = "*") -> list[T]:
        """The sharded channels with subscribers on any primary that match a pattern."""
        return await self._channels("SHARDCHANNELS", pattern)

    async def pubsub_numsub(self, *channels: Arg) -> dict[T, int]:
        """How many subscribers channels have on all primaries together."""
        return await self._subscribers("NUMSUB", channels)

    async def pubsub_shardnumsub(self, *channels: Arg) -> dict[T, int]:
        """How many subscribers sharded channels have on all primaries together."""
        return await self._subscribers("SHARDNUMSUB", channels)

    async def pubsub_numpat(self) -> int:
        """How many patterns are subscribed to on all primaries together."""
        return sum((await self.call_primaries("PUBSUB", "NUMPAT")).values())

    async def _channels(self, what: str, pattern: Arg) -> list[T]:
        replies = await self.call_primaries("PUBSUB", what, pattern)
        return list(dict.fromkeys(channel for reply in replies.values() for channel in reply))

    async def _subscribers(self, what: str, channels: tuple[Arg, ...]) -> dict[T, int]:
        counts: Counter[T] = Counter()
        for reply in (await self.call_primaries("PUBSUB", what, *channels)).values():
            counts.update(as_dict(reply))
        return dict(counts)

    # ---- commands ------------------------------------------------------------------------------

    async def command(self) -> list[Any]:
        """What a node says about all its commands."""
        rows: list[Any] = await self.call("COMMAND")
        return rows

    async def command_count(self) -> int:
        """How many commands a node knows."""
        return int(await self.call("COMMAND", "COUNT"))

    async def command_info(self, *commands: str) -> list[Any]:
        """What a node says about some commands; None for one that it does not know."""
        rows: list[Any] = await self.call("COMMAND", "INFO", *commands)
        return rows

    async def command_docs(self, *commands: str) -> dict[str, dict[str, Any]]:
        """Summaries, groups and arguments of commands, as a node tells them."""
        reply = as_fields(await self.call("COMMAND", "DOCS", *commands))
        return {name: as_fields(docs) for name, docs in reply.items()}

    async def command_list(
        self, module: str | None = None, category: str | None = None, pattern: str | None = None
    ) -> list[str]:
        """The names of all commands of a node, or of a category, or that match a pattern."""
        for kind, value in (("MODULE", module), ("ACLCAT", category), ("PATTERN", pattern)):
            if value is not None:
                return [as_text(name) for name in await self.call("COMMAND", "LIST", "FILTERBY", kind, value)]
        return [as_text(name) for name in await self.call("COMMAND", "LIST")]

    async def command_getkeys(self, *command: Arg) -> list[T]:
        """The keys of a whole command, as a node finds them."""
        keys: list[T] = await self.call("COMMAND", "GETKEYS", *command)
        return keys

    async def command_getkeysandflags(self, *command: Arg) -> list[list[Any]]:
        """The keys of a whole command, with what it does to each."""
        keys: list[list[Any]] = await self.call("COMMAND", "GETKEYSANDFLAGS", *command)
        return keys

    async def lolwut(self, *version_numbers: int) -> str:
        """A piece of computer art."""
        version: tuple[Arg, ...] = ("VERSION", *version_numbers) if version_numbers else ()
        return as_text(await self.call("LOLWUT", *version))

    # ---- the cluster ---------------------------------------------------------------------------

    async def cluster_info(self) -> dict[str, str]:
        """The state of the cluster, as a node sees it."""
        return fields_of(await self.call("CLUSTER", "INFO"))

    async def cluster_nodes(self) -> str:
        """The nodes of the cluster, one a line, as a node sees them."""
        return as_text(await self.call("CLUSTER", "NODES"))

    async def cluster_slots(self) -> list[Any]:
        """The slots with their nodes, as a node sees them; ``client.topology`` has them in better form."""
        rows: list[Any] = await self.call("CLUSTER", "SLOTS")
        return rows

    async def cluster_shards(self) -> list[dict[str, Any]]:
        """The shards with their slots and nodes, as a node sees them."""
        shards = [as_fields(shard) for shard in await self.call("CLUSTER", "SHARDS")]
        for shard in shards:
            shard["nodes"] = [as_fields(node) for node in shard["nodes"]]
        return shards

    async def cluster_keyslot(self, key: Key) -> int:
        """The slot of a key; computed here, nobody is asked."""
        return key_slot(to_bytes(key))

    async def cluster_countkeysinslot(self, slot: int) -> int:
        """How many keys a slot has, by the node that serves it."""
        return int(await self._in_slot(slot, "COUNTKEYSINSLOT", slot))

    async def cluster_getkeysinslot(self, slot: int, num_keys: int) -> list[T]:
        """At most ``num_keys`` keys of a slot, by the node that serves it."""
        keys: list[T] = await self._in_slot(slot, "GETKEYSINSLOT", slot, num_keys)
        return keys

    async def _in_slot(self, slot: int, *words: Arg) -> Any:
        raise NotImplementedError


def _lines(reply: Any) -> list[str]:
    return as_text(reply).splitlines()


def _words(line: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in line.split(" ") if "=" in word)


def _slow(entry: Any) -> dict[str, Any]:
    number, started, microseconds, words, address, name = entry
    return {
        "id": number,
        "start_time": started,
        "duration": microseconds,
        "command": b" ".join(as_bytes(word) for word in words),
        "client_address": as_text(address),
        "client_name": as_text(name),
    }
