"""Where lease and records are kept: at the primaries (CLUSTER MANAGER ...), or in a file of this machine.

BACKGROUND  The core asks and counts; this shell carries each question to one node and brings exactly one
            answer back, in the order of the questions to that node.
INVARIANTS  Each question gets its answer: None, or an error, when the node was not reached in time. Questions
            to one node are never overtaken by later ones. A file is synced before `OK`, and locked, so
            that no second manager works by it.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from garrison.base import disk
from garrison.client import ReplyError
from garrison.cluster.core.manager.effects import (
    AskLease,
    LeaseAnswer,
    ReadRecords,
    ReleaseLease,
    StoredRecords,
    StoreRecords,
)
from garrison.cluster.core.printable import printable
from garrison.cluster.core.topology import Address
from garrison.cluster.errors import ManagerError
from garrison.cluster.manager.admin_client import AdminClient

ASK_TIMEOUT_S = 2.0
KEEPING_LANE = 2
QUESTIONS_MAX = 64
"""That wait at one node; further ones are answered as unanswered at once."""
FILE_BYTES_MAX = 4 << 20
FILE_FORMAT = "garrison-manager-file"
logger = logging.getLogger("garrison.manager")

Ask = AskLease | ReleaseLease | ReadRecords | StoreRecords
Answer = LeaseAnswer | StoredRecords | str | None
"""To AskLease, ReadRecords (None: no answer) and StoreRecords (empty: stored)."""
Answered = Callable[[Ask, Answer], None]


class Keeper(Protocol):
    """Carries questions about lease and records, and calls `answered` once for each."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the lease is not granted, where that is an error; one sentence each."""

    def ask(self, ask: Ask) -> None: ...
    async def close(self) -> None: ...


class ClusterKeeper:
    """Lease and records at the nodes of the cluster itself."""

    def __init__(
        self,
        admin: AdminClient,
        manager_id: str,
        address_of: Callable[[str], Address | None],
        answered: Answered,
    ) -> None:
        self._admin = admin
        self._manager_id = manager_id
        self._address_of = address_of
        self._answered = answered
        self._queues: dict[str, asyncio.Queue[Ask]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._refusals: dict[str, str] = {}
        """What nodes answered to the last request for the lease, where that was an error."""

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._refusals.values()))

    def ask(self, ask: Ask) -> None:
        queue = self._queues.get(ask.node_id)
        if queue is None:
            queue = self._queues[ask.node_id] = asyncio.Queue(QUESTIONS_MAX)
            self._tasks[ask.node_id] = asyncio.create_task(self._work(queue))
        try:
            queue.put_nowait(ask)
        except asyncio.QueueFull:
            late = unanswered(ask, "ERR too many questions wait at this node")
            asyncio.get_running_loop().call_soon(self._answered, ask, late)

    async def _work(self, queue: asyncio.Queue[Ask]) -> None:
        while True:
            ask = await queue.get()
            try:
                answer = await self._carry(ask)
            except (ManagerError, TimeoutError, ValueError, OSError) as error:
                answer = unanswered(ask, str(error) or "ERR no answer in time")
            self._answered(ask, answer)
            queue.task_done()

    async def _carry(self, ask: Ask) -> Answer:
        address = self._address_of(ask.node_id)
        if address is None:
            return unanswered(ask, "ERR the node is not known")
        async with asyncio.timeout(ASK_TIMEOUT_S):
            replies = await self._admin.call_many(address, [command_of(ask, self._manager_id)], KEEPING_LANE)
        if isinstance(ask, AskLease):
            self._note_refusal(ask.node_id, address, replies[0])
        return read_answer(ask, replies[0])

    def _note_refusal(self, node_id: str, address: Address, reply: Any) -> None:
        if not isinstance(reply, ReplyError):
            self._refusals.pop(node_id, None)
            return
        text = printable(f"{address} refuses the lease: {reply}")
        if self._refusals.get(node_id) != text:
            self._refusals[node_id] = text
            logger.warning("%s", text)

    async def drain(self, timeout_s: float) -> None:
        """Wait until all questions were carried, as after the release of the lease."""
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(queue.join() for queue in self._queues.values()))
        except TimeoutError:
            pass

    async def close(self) -> None:
        await self.drain(ASK_TIMEOUT_S)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._admin.close()


class FileKeeper:
    """Records in a file, for a manager that works alone. ManagerError when another process has the file."""

    problems = ()
    """The lease is its own."""

    def __init__(self, path: Path, answered: Answered) -> None:
        self.path = path
        self._answered = answered
        # Behind a link there is one file, whatever it is called: it has one lock, and the link stays.
        self._file = path.resolve()
        self._lock = _lock(self._file)

    def ask(self, ask: Ask) -> None:
        asyncio.get_running_loop().call_soon(self._answer, ask)

    def _answer(self, ask: Ask) -> None:
        self._answered(ask, self.answer(ask))

    def answer(self, ask: Ask) -> Answer:
        """Carry out one question now."""
        match ask:
            case ReadRecords():
                return self._read()
            case StoreRecords():
                return self._store(ask)
            case AskLease():
                return LeaseAnswer(granted=True, epoch=ask.epoch, holder="", left_ms=ask.ttl_ms)
        return None

    def _read(self) -> StoredRecords | None:
        try:
            with open(self._file, "rb") as file:
                text = file.read(FILE_BYTES_MAX)
        except FileNotFoundError:
            return StoredRecords(0, "", 0, 0, b"")
        except OSError:
            return None
        try:
            found = json.loads(text)
            version, epoch, content = int(found["version"]), int(found["epoch"]), str(found["content"])
            if found["format"] != FILE_FORMAT or version < 1 or epoch < 1:
                raise ValueError("no manager has written this")
            return StoredRecords(epoch, "", version, epoch, content.encode())
        except (ValueError, KeyError, TypeError, RecursionError):
            # Not a file of ours, or damaged: the core says so, and a person decides. It is never version 0,
            # which would mean that there is nothing to be lost.
            return StoredRecords(1, "", 1, 1, text)

    def _store(self, ask: StoreRecords) -> str:
        document = {
            "format": FILE_FORMAT,
            "epoch": ask.epoch,
            "version": ask.version,
            "content": ask.content.decode(),
        }
        try:
            disk.replace(str(self._file), json.dumps(document), keep_previous=True, mode=0o600)
        except OSError as error:
            return f"ERR cannot store the records in {self.path}: {error.strerror or error}"
        return ""

    async def close(self) -> None:
        self._lock.release()


def _lock(path: Path) -> disk.FileLock:
    lock = disk.FileLock(f"{path}.lock")
    try:
        acquired = lock.acquire()
    except OSError as error:
        raise ManagerError(
            f"cannot use {path} for the records: {error.strerror}; name another with --records"
        ) from error
    if not acquired:
        raise ManagerError(
            f"another manager works by {path}: ask it with --manager, stop it, or name another file "
            "with --records"
        )
    return lock


def command_of(ask: Ask, manager_id: str) -> tuple[str | int | bytes, ...]:
    """The command of a question."""
    match ask:
        case AskLease():
            return ("CLUSTER", "MANAGER", "LEASE", manager_id, ask.epoch, ask.ttl_ms)
        case ReleaseLease():
            return ("CLUSTER", "MANAGER", "RELEASE", manager_id, ask.epoch)
        case ReadRecords():
            return ("CLUSTER", "MANAGER", "READ")
    return ("CLUSTER", "MANAGER", "STORE", manager_id, ask.epoch, ask.version, ask.content)


def read_answer(ask: Ask, reply: Any) -> Answer:
    """The answer in a node's reply. ValueError when it cannot be read."""
    if isinstance(reply, ReplyError):
        return unanswered(ask, str(reply))
    match ask:
        case AskLease():
            fields = _fields(reply)
            return LeaseAnswer(
                granted=bool(_number(fields, "granted")),
                epoch=_number(fields, "epoch"),
                holder=_text(fields, "holder"),
                left_ms=_number(fields, "left-ms"),
            )
        case ReadRecords():
            fields = _fields(reply)
            content = fields.get("content") or b""
            return StoredRecords(
                epoch=_number(fields, "epoch"),
                holder=_text(fields, "holder"),
                version=_number(fields, "version"),
                written_epoch=_number(fields, "written-epoch"),
                content=content if isinstance(content, bytes) else str(content).encode(),
                left_ms=_number(fields, "left-ms"),
                votes=bool(fields.get("votes", 1)),
            )
    return ""


def unanswered(ask: Ask, error: str) -> Answer:
    """What stands for an answer that did not come, or was an error."""
    return error if isinstance(ask, StoreRecords) else None


def _fields(reply: Any) -> dict[str, Any]:
    if isinstance(reply, dict):
        pairs = list(reply.items())
    elif isinstance(reply, list) and len(reply) % 2 == 0:
        pairs = list(zip(reply[::2], reply[1::2], strict=True))
    else:
        raise ValueError(f"ERR the reply cannot be read: {reply!r:.80}")
    return {name.decode() if isinstance(name, bytes) else str(name): value for name, value in pairs}


def _number(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name) or 0
    if not isinstance(value, int | bytes | str) or int(value) < 0:
        raise ValueError(f"ERR {name} is not a number of 0 or more: {value!r:.80}")
    return int(value)


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name) or b""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
