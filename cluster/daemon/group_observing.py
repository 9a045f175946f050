"""Observe servers outside a cluster: those that Sentinels watch, or one server with its replicas.

BACKGROUND  :mod:`garrison.cluster.daemon.observing` follows the tables of a cluster's nodes. Here the members
            come from a Sentinel (SENTINEL MASTERS, REPLICAS, SENTINELS), or from INFO of a primary.
INVARIANTS  A round asks each member once and ends after `ROUND_TIMEOUT_S`; whoever has not answered by then
            is noted as silent and holds nobody up. Who was silent before has only `SILENT_TIMEOUT_S`, so that
            a dead host does not hide for seconds who takes its place.
BEHAVIOUR   When the Sentinel that was asked is gone, the others that it named are asked. When nobody answers
            any more, the last members are shown as silent.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from garrison.client import ReplyError
from garrison.cluster.core.manager.drawing import with_answer, without_answer
from garrison.cluster.core.manager.group_drawing import Member, draw_group
from garrison.cluster.core.manager.node_figures import (
    OffsetHistory,
    Sample,
    load_between,
    read_sample,
    read_slow_log,
    replica_offset,
)
from garrison.cluster.core.manager.picture import Picture, SentinelPicture
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError, UnreachableError
from garrison.cluster.manager.admin_client import Access, AdminClient, accepted, read_fields

ROUND_TIMEOUT_S = 2.0
SILENT_TIMEOUT_S = 0.5
MEMBERS_MAX = 256
SLOW_ASKED_MAX = 32

GroupKind = Literal["sentinel", "single"]


class GroupObserver:
    """Makes a picture when it is asked to. Close it, or use it in ``async with``."""

    def __init__(
        self,
        kind: GroupKind,
        entry: Address,
        access: Access,
        sentinel_access: Access | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`sentinel_access` is how to log in to Sentinels, where that differs."""
        self._kind = kind
        self._entries = [entry]
        self._admin = AdminClient(entry, replace(access, timeout_s=ROUND_TIMEOUT_S))
        self._sentinel = AdminClient(entry, replace(sentinel_access or access, timeout_s=ROUND_TIMEOUT_S))
        self._clock = clock
        self._members: dict[str, Member] = {}
        self._samples: dict[str, Sample] = {}
        self._offsets: dict[str, OffsetHistory] = {}
        self._sentinels: tuple[SentinelPicture, ...] = ()
        self._name = ""

    async def close(self) -> None:
        await self._admin.close()
        await self._sentinel.close()

    async def picture(self) -> Picture:
        """Ask everybody once. Raises UnreachableError where nobody has ever said who belongs to it."""
        problems = []
        if self._kind == "sentinel":
            try:
                await self._ask_sentinels()
            except UnreachableError as error:
                if not self._members:
                    raise
                problems.append(f"no Sentinel answers: {error}")
                self._sentinels = tuple(
                    each.model_copy(update={"reachable": False}) for each in self._sentinels
                )
        elif not self._members:
            self._know([Member(str(self._entries[0]))])
        await asyncio.gather(*(self._ask(address) for address in list(self._members)))
        if self._kind == "single":
            found = self._replicas_and_primary()
            if found:
                self._know([*self._members.values(), *found])
                await asyncio.gather(*(self._ask(member.address) for member in found))
            if not self._samples:
                first = self._members[str(self._entries[0])]
                raise UnreachableError(first.heard.error or f"{first.address} does not answer")
        problems += [
            f"{address} reports what cannot be true, which is passed over: {'; '.join(sample.problems)}"
            for address, sample in self._samples.items()
            if sample.problems
        ]
        return draw_group(
            self._kind,
            self._name,
            list(self._members.values()),
            self.now_ms(),
            sentinels=self._sentinels,
            problems=problems,
        )

    def _know(self, members: Sequence[Member]) -> None:
        """These are all members now; what was heard of them before stays."""
        known = self._members
        self._members = {
            member.address: replace(
                member, heard=known[member.address].heard if member.address in known else member.heard
            )
            for member in members[:MEMBERS_MAX]
        }

    def sample(self, address: str) -> Sample | None:
        """The last answer of a server to INFO."""
        return self._samples.get(address)

    # ---- Sentinels

    async def _ask_sentinels(self) -> None:
        errors = []
        for address in list(self._entries):
            try:
                async with asyncio.timeout(ROUND_TIMEOUT_S):
                    await self._ask_sentinel(address)
                return
            except (ManagerError, TimeoutError, OSError) as error:
                errors.append(str(error) or f"{address} does not answer in time")
        raise UnreachableError(errors[0])

    async def _ask_sentinel(self, address: Address) -> None:
        """Read whom it watches, with which replicas and other Sentinels."""
        primaries = [_fields(each) for each in await self._sentinel_call(address, "MASTERS")]
        members: dict[str, Member] = {}
        others: dict[str, SentinelPicture] = {}
        for primary in primaries:
            name, of = primary["name"], _address(primary)
            members[str(of)] = Member(str(of), "primary", "", _flags(primary))
            # SLAVES rather than REPLICAS, which Redis before 5 does not know.
            for row in map(_fields, await self._sentinel_call(address, "SLAVES", name)):
                member = _address(row)
                members.setdefault(str(member), Member(str(member), "replica", str(of), _flags(row)))
            for row in map(_fields, await self._sentinel_call(address, "SENTINELS", name)):
                self._note_sentinel(others, row, name)
        now_ms = self.now_ms()
        myself = SentinelPicture(
            id=str(address),
            address=str(address),
            watches=tuple(each["name"] for each in primaries),
            as_of_ms=now_ms,
        )
        self._name = ", ".join(each["name"] for each in primaries)
        self._sentinels = (myself, *others.values())
        self._know(list(members.values()))
        named = [_parsed(each.address) for each in others.values()]
        self._entries = list(dict.fromkeys([address, *self._entries, *named]))[:MEMBERS_MAX]

    def _note_sentinel(self, others: dict[str, SentinelPicture], row: Mapping[str, str], name: str) -> None:
        address = str(_address(row))
        before = others.get(address)
        silent_ms = int(row["last-ok-ping-reply"]) if row.get("last-ok-ping-reply", "").isdecimal() else 0
        others[address] = SentinelPicture(
            id=row.get("runid", address),
            address=address,
            reachable=not {"s_down", "disconnected"} & _flags(row),
            watches=(*(before.watches if before else ()), name),
            as_of_ms=self.now_ms() - silent_ms,
        )

    async def _sentinel_call(self, address: Address, *words: str) -> Any:
        return await self._sentinel.call(address, "SENTINEL", *words)

    # ---- servers

    async def _ask(self, address: str) -> None:
        """Ask one server for its figures; what it says, or its silence, is noted."""
        member = self._members[address]
        commands = [("INFO",), ("LATENCY", "HISTOGRAM"), ("SLOWLOG", "GET", SLOW_ASKED_MAX)]
        asked_ms, began = self.now_ms(), time.perf_counter()
        timeout_s = ROUND_TIMEOUT_S if member.heard.silent_since_ms is None else SILENT_TIMEOUT_S
        try:
            async with asyncio.timeout(timeout_s):
                info, histogram, slow = await self._admin.call_many(_parsed(address), commands)
            fields = read_fields(accepted(info, _parsed(address), commands[0]))
        except (ManagerError, TimeoutError, OSError) as error:
            text = str(error) or f"{address} does not answer in time"
            self._members[address] = replace(member, heard=without_answer(member.heard, asked_ms, text))
            return
        took_ms = round((time.perf_counter() - began) * 1000, 3)
        sample = read_sample(time.monotonic(), fields, {}, histogram)
        heard = with_answer(member.heard, asked_ms, took_ms)
        load = load_between(self._samples.get(address), sample, self._lag(address, member, sample))
        slow_commands = () if isinstance(slow, ReplyError) else tuple(read_slow_log(address, slow))
        self._samples[address] = sample
        heard = replace(heard, sample=sample, load=load, slow_commands=slow_commands)
        self._members[address] = replace(member, heard=heard)

    def _lag(self, address: str, member: Member, sample: Sample) -> tuple[int | None, int | None]:
        if sample.role == "primary":
            offset = sample.number("master_repl_offset", 1 << 62)
            if offset is not None:
                self._offsets.setdefault(address, OffsetHistory()).add(sample.at_s, offset)
            return None, None
        primary = self._offsets.get(member.said_primary or _primary_of(sample))
        return primary.lag(replica_offset(sample)) if primary else (None, None)

    def _replicas_and_primary(self) -> list[Member]:
        """The servers that members name and that are not members yet."""
        found: dict[str, Member] = {}
        for address, sample in self._samples.items():
            if sample.role == "replica":
                found[_primary_of(sample)] = Member(_primary_of(sample))
            for name, value in sample.fields.items():
                if name.startswith("slave") and name[5:].isdecimal():
                    row = dict(pair.partition("=")[::2] for pair in value.split(","))
                    if row.get("ip") and row.get("port", "").isdecimal():
                        replica = str(Address(row["ip"], int(row["port"])))
                        found[replica] = Member(replica, "replica", address)
        return [member for address, member in found.items() if address and address not in self._members]

    def now_ms(self) -> int:
        """The Unix time."""
        return int(self._clock() * 1000)


def _primary_of(sample: Sample) -> str:
    host, port = sample.fields.get("master_host", ""), sample.fields.get("master_port", "")
    return str(Address(host, int(port))) if host and port.isdecimal() else ""


def _fields(row: Any) -> dict[str, str]:
    """A map in RESP3, a flat list of names and values in RESP2."""
    pairs = row.items() if isinstance(row, dict) else zip(row[::2], row[1::2], strict=True)
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _flags(row: Mapping[str, str]) -> frozenset[str]:
    return frozenset(row.get("flags", "").split(","))


def _address(row: Mapping[str, str]) -> Address:
    return Address(row["ip"], int(row["port"]))


def _parsed(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port))
