"""Callers with the real client: each owns some keys, counts what was acknowledged, and in the end reads it
back.

A key has one caller, who has at most one operation on it under way. So what the key must be in the end is
known: the last acknowledged operation's work, or that of one which was sent after it and not acknowledged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from garrison.client import Client, ClientError, ReplyError

PAUSE_S = 0.005
ERROR_PAUSE_S = 0.05
CONFIRM_ONE_IN = 4


@dataclass(slots=True)
class Record:
    """One key: operations are numbered; a SET stores its number, a DEL stores nothing."""

    key: bytes
    number: int = 0
    """Of the last operation that was sent."""
    acknowledged: int = 0
    acknowledged_is_there: bool = False
    confirmed: int = 0
    confirmed_is_there: bool = False
    sent: dict[int, bool] = field(default_factory=dict)
    """Operations after the last acknowledged one: number -> whether the key is there behind it."""

    def begin(self, is_there: bool) -> int:
        self.number += 1
        self.sent[self.number] = is_there
        return self.number

    def succeeded(self, number: int, confirmed: bool) -> None:
        is_there = self.sent[number]
        self.acknowledged, self.acknowledged_is_there = number, is_there
        if confirmed:
            self.confirmed, self.confirmed_is_there = number, is_there

    def verdict(self, value: bytes | None, *, confirmed_only: bool) -> str:
        """What is wrong with a value; empty if nothing is."""
        least = self.confirmed if confirmed_only else self.acknowledged
        is_there = self.confirmed_is_there if confirmed_only else self.acknowledged_is_there
        if value is not None:
            found = int(value)
            if found >= least or not least:
                return "" if self.sent.get(found, False) else f"{self.key!r} has {found}, which nobody stored"
            return f"{self.key!r} went back to {found} behind {least}"
        if not least or not is_there or any(not there for n, there in self.sent.items() if n > least):
            return ""
        return f"{self.key!r} is gone; it was {least}"


class Caller:
    """One task. `operations` counts what was acknowledged."""

    def __init__(self, client: Client[bytes], records: list[Record], rng: Random) -> None:
        self._client = client
        self._records = records
        self._rng = rng
        self.operations = 0
        self.errors: list[str] = []

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            record = self._records[self._rng.randrange(len(self._records))]
            try:
                await self._work(record)
                self.operations += 1
                await asyncio.sleep(PAUSE_S)
            except (ClientError, ReplyError) as error:
                self.errors.append(str(error))
                await asyncio.sleep(ERROR_PAUSE_S)

    async def _work(self, record: Record) -> None:
        choice = self._rng.randrange(8)
        if choice == 0:
            number = record.begin(False)
            await self._client.call("DEL", record.key)
            record.succeeded(number, False)
        elif choice < 3:
            await self._transaction(record)
        elif choice < 5:
            await self._confirmed(record)
        else:
            number = record.begin(True)
            await self._client.call("SET", record.key, number)
            record.succeeded(number, False)

    async def _transaction(self, record: Record) -> None:
        number = record.begin(True)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.call("SET", record.key, number)
        pipeline.call("GET", record.key)
        replies = await pipeline.execute()
        assert replies[1] == b"%d" % number, f"{record.key!r}: {replies} in the transaction of {number}"
        record.succeeded(number, False)

    async def _confirmed(self, record: Record) -> None:
        """A write, and WAIT on the connection that carried it."""
        number = record.begin(True)
        async with self._client.dedicated(key=record.key) as connection:
            await connection.call("SET", record.key, number)
            replicas = await connection.call("WAIT", 1, 500)
        record.succeeded(number, int(replicas) >= 1)
