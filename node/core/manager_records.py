"""The manager register: which manager's lease this node has granted, and the records that managers keep here.

BACKGROUND. Managers need no further system to agree who acts. Each asks all nodes for a lease, under an
epoch that is larger than all it has seen; whoever is granted it by a majority of the voting primaries leads,
until a moment that it counts from when it asked. Records that a majority has stored are found by whoever
leads next. So a node keeps a *register*: the newest manager epoch that it knows, its holder, when that lease
ends on the boot clock, and the records with the epoch and version under which they were written. Replicas
keep one too, as a replica may be a primary soon; what they answer does not count, and says so (`granted` 0,
`votes` 0).

INVARIANTS, and why two managers never hold the leases of majorities at once. Let L be the longest lease.
- A node grants an epoch to one manager only, and a larger one to another manager only when the lease that it
  has granted has ended or was given back. The epoch never falls, and is on the disk, synced, before the
  answer leaves (see `records_queue`). A node that starts again counts the whole last term from its start.
- A *shard* grants like one node, whichever node is its primary. A primary grants only while it holds its
  write lease, so while nobody can have been elected in its place. The one that takes its place grants nothing
  for L and a node timeout: until then whatever its predecessor has granted has ended. (The timeout is for a
  TAKEOVER, which waits for no write lease, and for clusters that have none.) That holds for the epoch that it
  knows too: a manager whom the primaries have replaced since may have told it.
- A node with slots for the first time waits likewise, and one whose file is gone or damaged waits L: it has
  forgotten what it promised. Only a node that knows no other one does not: no majority is without it.
- That the wait is over is on the disk, with the configuration epoch of that time: a restart soon after a
  failover does not shorten the wait.
- Records are ordered by (epoch, version). Two managers do not store under one epoch, so what a majority has
  stored is the largest that any majority has.
- A promoted replica, or a node whose file was damaged, may lack what a majority has stored. It is *behind*
  until the holder of a lease that counts stores at it: its READ answers `votes` 0, and should be counted only
  where all voters have answered.

FENCING. A connection says by AS for which lease it speaks. When this node learns a newer epoch, all
connections of older ones are closed before the answer to the newer one leaves, and no command that they had
sent is carried out any more: the engine closes them at once (`CloseClients`), and what the control plane has
of them is refused (`is_closed`). So once a manager has its lease from a majority, nothing of an older one is
carried out at the nodes that granted it. When a lease ends at a node without a renewal its connections are
closed too, as a majority may have granted another; so they are by RELEASE and RESET, but for the one that
says it. A manager may renew a lease that has ended here and was not superseded, and say AS again.

BEHAVIOUR. AS and STORE under a newer epoch than is known here are taken at their word where nobody else holds
the lease: that manager has a majority elsewhere. The node then counts the lease as held for L. Not covered is
what an administrator overrules: a merge of two clusters by MEET, RESET of a primary, TAKEOVER in a cluster of
one shard whose primary lives on unseen, taking all slots from so many primaries within L that the others had
no part in the lease. What a connection had begun before it was closed, a MIGRATE under way, goes on. Records
in a damaged file are not invented: READ is an error that names the file, until the holder of a lease of after
the wait stores them anew. RESET forgets the register, as the node may go to another cluster; and a file of
another node's id is not read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from garrison.base.reply import OK, Error
from garrison.node.core.context import Context
from garrison.node.core.lease import Lease
from garrison.node.core.manager_records_file import (
    NUMBER_MAX,
    DamagedRecordsError,
    SavedRecords,
    load,
    write,
)
from garrison.node.core.nodes import NEVER_MS

MANAGER_BYTES_MAX: Final = 128
"""The longest name of a manager."""
CLOSED_MAX: Final = 65_536
"""So many connections are remembered as closed: as many as may be marked at once."""


class _RefusedError(Exception):
    """The text of an error reply, its code first."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A connection that speaks for a lease."""

    manager: str
    epoch: int


class ManagerRecords:
    """One node's register; `path` is its file's, for messages."""

    def __init__(self, context: Context, lease: Lease, path: str) -> None:
        self._context = context
        self._write_lease = lease
        self._path = path
        self._epoch = 0
        self._holder = ""
        self._ttl_ms = 0
        self._ends_ms = NEVER_MS
        self._counted_epoch: int | None = None
        self._waits_until_ms = NEVER_MS
        self._is_behind = self._is_lost = False
        self._written_epoch = self._version = 0
        self._content = b""
        self._was_voter = self._is_changed = False
        self._marks: dict[int, _Mark] = {}
        self._closed: deque[int] = deque(maxlen=CLOSED_MAX)
        self._handlers: dict[bytes, tuple[int, Callable[[list[bytes], int], object]]] = {
            b"LEASE": (3, self._lease),
            b"RELEASE": (2, self._release),
            b"READ": (0, self._read),
            b"STORE": (4, self._store),
            b"AS": (2, self._as),
        }

    def start(self, saved: str | None) -> None:
        """The file was read (None: there is none); what this node is in its cluster is known."""
        context = self._context
        longest_ms = context.settings.cluster_manager_lease_ms_max
        self._was_voter = context.me.votes()
        try:
            found = load(saved) if saved is not None else None
        except DamagedRecordsError as error:
            found, self._is_lost = None, True
            context.log(
                "warning", f"{self._path}: {error}. Managers are granted nothing for {longest_ms} ms."
            )
        if found is not None and found.node_id != context.me.node_id:
            context.log("notice", f"{self._path} is of another node ({found.node_id}), and is not read.")
            found = None
        if found is None:
            self._is_behind = self._was_voter or self._is_lost
            self._waits_until_ms = context.now_ms + longest_ms if self._is_behind else NEVER_MS
            return
        self._take(found)
        if self._was_voter and found.counted_epoch != context.me.config_epoch:
            self._wait_as_new_primary()

    def _take(self, found: SavedRecords) -> None:
        self._epoch, self._holder, self._ttl_ms = found.epoch, found.holder, found.ttl_ms
        self._ends_ms = self._context.now_ms + found.ttl_ms if found.holder else NEVER_MS
        self._counted_epoch = found.counted_epoch
        self._is_behind, self._is_lost = found.is_behind, found.is_lost
        self._written_epoch, self._version, self._content = found.written_epoch, found.version, found.content

    # What the core asks.

    def look(self) -> None:
        """Time has passed, or what this node is in its cluster may have changed."""
        context = self._context
        me = context.me
        is_voter = me.votes()
        if is_voter != self._was_voter:
            self._was_voter = is_voter
            if not is_voter:
                self._count(None)
            elif len(context.table) == 1:
                self._count(me.config_epoch)
            else:
                self._wait_as_new_primary()
        if is_voter and context.now_ms >= self._waits_until_ms:
            self._count(me.config_epoch)
        if self._marks and not self._is_held():
            self._close_marks(self._epoch, "their lease has ended here")

    def _wait_as_new_primary(self) -> None:
        context = self._context
        wait_ms = context.settings.cluster_manager_lease_ms_max + context.promised_ms()
        self._waits_until_ms = max(self._waits_until_ms, context.now_ms + wait_ms)
        self._is_behind = True
        self._count(None)

    def _count(self, config_epoch: int | None) -> None:
        """Note under which configuration epoch this node's grants count; None: they do not."""
        self._is_changed |= self._counted_epoch != config_epoch
        self._counted_epoch = config_epoch

    def next_deadline(self) -> int | None:
        """When connections have to be closed, if nobody renews their lease."""
        return self._ends_ms if self._marks else None

    def is_closed(self, client: int) -> bool:
        """Whether this client's connection is being closed: nothing of it may be carried out."""
        if self._marks.get(client) is not None:
            self.look()
        return client in self._closed

    def news(self) -> str | None:
        """The text of the file, if it has changed since the last call."""
        if not self._is_changed:
            return None
        self._is_changed = False
        return write(
            SavedRecords(
                self._context.me.node_id, self._epoch, self._holder, self._ttl_ms, self._counted_epoch,
                self._is_behind, self._is_lost, self._written_epoch, self._version, self._content,
            )
        )  # fmt: skip

    def forget(self, client: int) -> None:
        """RESET, said by this client: this node leaves its cluster, and its managers."""
        self._marks.pop(client, None)
        self._close_marks(self._epoch, "this node was reset")
        self._take(SavedRecords(self._context.me.node_id))
        self._waits_until_ms = NEVER_MS
        self._is_changed = True

    # Commands.

    def command(self, words: list[bytes], client: int) -> object:
        """CLUSTER MANAGER: `words` follow it. The reply, which waits for the file."""
        self.look()
        count, handler = self._handlers.get(words[0].upper(), (-1, None))
        try:
            if handler is None or len(words) != count + 1:
                said = _text(words[0])[:24]
                raise _RefusedError(
                    f"ERR unknown subcommand or wrong number of arguments for 'MANAGER {said}'. "
                    "Try CLUSTER HELP."
                )
            return handler(words[1:], client)
        except _RefusedError as refusal:
            return Error(str(refusal))

    def _lease(self, words: list[bytes], client: int) -> object:
        manager, epoch = _manager(words[0]), _number(words[1], "epoch")
        ttl_ms = min(_number(words[2], "ttl-ms"), self._context.settings.cluster_manager_lease_ms_max)
        noted = epoch == self._epoch and manager == self._holder
        if epoch > self._epoch and self._is_free(manager):
            self._learn(manager, epoch, ttl_ms, client)
            noted = True
        elif noted:
            self._renew(ttl_ms)
        return {"granted": int(noted and self._counts()), **self._state()}

    def _renew(self, ttl_ms: int) -> None:
        self._ends_ms = max(self._ends_ms, self._context.now_ms + ttl_ms)
        if ttl_ms > self._ttl_ms:
            self._ttl_ms, self._is_changed = ttl_ms, True

    def _release(self, words: list[bytes], client: int) -> object:
        manager, epoch = _manager(words[0]), _number(words[1], "epoch")
        self._refuse_older(epoch)
        if epoch > self._epoch:
            return OK  # It was not granted here.
        self._refuse_others(manager)
        self._marks.pop(client, None)
        self._close_marks(epoch, "their lease was given back")
        self._holder, self._ends_ms, self._is_changed = "", NEVER_MS, True
        return OK

    def _read(self, words: list[bytes], client: int) -> object:
        if self._is_lost:
            raise _RefusedError(
                f"ERR the records of this node are lost: {self._path} was damaged. A manager with a majority "
                "stores them anew"
            )
        return {
            **self._state(),
            "written-epoch": self._written_epoch,
            "version": self._version,
            "content": self._content,
        }

    def _store(self, words: list[bytes], client: int) -> object:
        manager, epoch = _manager(words[0]), _number(words[1], "epoch")
        version, content = _number(words[2], "version"), words[3]
        self._refuse_older(epoch)
        bytes_max = self._context.settings.cluster_manager_records_bytes_max
        if len(content) > bytes_max:
            raise _RefusedError(
                f"MANAGERFULL the records have {len(content)} bytes, but at most {bytes_max} may be stored "
                "(cluster-manager-records-bytes-max)"
            )
        self._believe(manager, epoch, client)
        if self._is_lost and not (self._is_held() and self._context.now_ms >= self._waits_until_ms):
            raise _RefusedError(
                f"ERR {self._path} was damaged: records can be stored here again, under a lease that is held "
                f"here, in {max(0, self._waits_until_ms - self._context.now_ms)} ms"
            )
        new, old = (epoch, version), (self._written_epoch, self._version)
        if new < old or (new == old and content != self._content):
            raise _RefusedError(
                f"ERR version {version} of epoch {epoch} is not newer than what is stored: "
                f"version {old[1]} of epoch {old[0]}"
            )
        is_behind = self._is_behind and not (self._counts() and self._is_held())
        if new > old or self._is_lost or is_behind != self._is_behind:
            self._written_epoch, self._version, self._content = epoch, version, content
            self._is_lost, self._is_behind, self._is_changed = False, is_behind, True
        return OK

    def _as(self, words: list[bytes], client: int) -> object:
        manager, epoch = _manager(words[0]), _number(words[1], "epoch")
        self._refuse_older(epoch)
        self._believe(manager, epoch, client)
        if not self._is_held():
            raise _RefusedError(
                f"ERR the lease of epoch {epoch} has ended at this node: "
                "renew it by CLUSTER MANAGER LEASE first"
            )
        self._marks.pop(client, None)
        if len(self._marks) >= self._context.settings.cluster_manager_connections_max:
            self._close([next(iter(self._marks))])
        self._marks[client] = _Mark(manager, epoch)
        return OK

    # The register.

    def _state(self) -> dict[str, object]:
        is_held = self._is_held()
        return {
            "epoch": self._epoch,
            "holder": self._holder if is_held else "",
            "left-ms": self._ends_ms - self._context.now_ms if is_held else 0,
            "votes": int(self._counts() and not self._is_behind),
            "voters": len(self._context.table.voters()),
        }

    def _is_held(self) -> bool:
        """Whether this node counts the lease of its register as held."""
        return bool(self._holder) and self._context.now_ms < self._ends_ms

    def _is_free(self, manager: str) -> bool:
        """Whether this manager may have a newer epoch here: no other one holds the lease."""
        return not self._is_held() or self._holder == manager

    def _counts(self) -> bool:
        """Whether a majority may be counted with this node's grant."""
        context = self._context
        is_seen = context.settings.cluster_write_lease or context.state_ok
        return self._counted_epoch is not None and is_seen and self._write_lease.is_held()

    def _learn(self, manager: str, epoch: int, ttl_ms: int, client: int) -> None:
        """A newer epoch: whoever speaks for an older one is not heard any more."""
        self._marks.pop(client, None)
        self._close_marks(epoch - 1, f"{manager} has the lease of epoch {epoch}")
        self._epoch, self._holder, self._ttl_ms = epoch, manager, ttl_ms
        self._ends_ms = self._context.now_ms + ttl_ms
        self._is_changed = True

    def _believe(self, manager: str, epoch: int, client: int) -> None:
        """A manager acts under this epoch: it is known here, or a majority elsewhere has granted it."""
        if epoch > self._epoch and self._is_free(manager):
            self._learn(manager, epoch, self._context.settings.cluster_manager_lease_ms_max, client)
        self._refuse_others(manager)

    def _refuse_older(self, epoch: int) -> None:
        if epoch < self._epoch:
            raise _RefusedError(
                f"STALEMANAGER epoch {epoch} is older than {self._epoch}, the newest known here"
            )

    def _refuse_others(self, manager: str) -> None:
        if manager != self._holder:
            holder = self._holder or "nobody, as it was given back"
            raise _RefusedError(f"MANAGERHELD the lease of epoch {self._epoch} is held by {holder}")

    def _close_marks(self, epoch: int, why: str) -> None:
        """Close the connections that speak for `epoch` or an older one."""
        clients = [client for client, mark in self._marks.items() if mark.epoch <= epoch]
        if clients:
            self._context.log("notice", f"Closing {len(clients)} connections of managers: {why}.")
            self._close(clients)

    def _close(self, clients: list[int]) -> None:
        for client in clients:
            del self._marks[client]
        self._closed.extend(clients)
        self._context.effects.closes += clients


def _text(word: bytes) -> str:
    return word.decode("utf-8", "backslashreplace")


def _manager(word: bytes) -> str:
    """The name of a manager: printable, without spaces."""
    text = _text(word)
    if not 0 < len(word) <= MANAGER_BYTES_MAX or not text.isprintable() or " " in text:
        raise _RefusedError(
            f"ERR the name of a manager has 1 to {MANAGER_BYTES_MAX} printable bytes without spaces"
        )
    return text


def _number(word: bytes, what: str) -> int:
    if not word.isdigit() or not 1 <= int(word[:20]) <= NUMBER_MAX:
        raise _RefusedError(f"ERR the {what} has to be a number from 1 to {NUMBER_MAX}")
    return int(word)
