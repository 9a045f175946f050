"""The managers' records, kept by a majority of the shards.

BACKGROUND. The desired state, the jobs and the audit log are one document of bounded size. Each primary (and,
as a witness for a failover, each replica) has a copy: bytes with the lease's epoch under which they were
written and a version. A node refuses to store under an epoch older than the newest it knows. That is a
register in the way of single-decree Paxos: the lease is its first phase, storing its second.

INVARIANTS.
1. What counts as stored is stored by most shards (`Voters`). So whoever reads most primaries after winning
   the lease finds it: the largest (written epoch, version) that it reads is at least as new as all that ever
   counted.
2. The winner stores what it has read again, under its own epoch and a new version, before it acts. An older
   manager's late message can then no longer count: most nodes know the newer epoch.
3. One version is under way at a time, and nothing depends on a version before most shards have it.
4. Content that cannot be read is as good as no answer, unless a copy that can be read is as new: it never
   counts as empty, nor as old. Without a majority that can be read the manager does not act; a person may
   `adopt` the newest that can, or `start_anew`.
5. Version 0 (nothing stored) is an answer. A node that may lack what counts (a new primary, a damaged file)
   says so: with it, all primaries have to have answered.

BEHAVIOUR. Each third of the lease, nodes that are behind get the current version again, and one node is read,
in turn, to find copies that were lost or damaged. A node that says `MANAGERFULL` lowers the limit: old things
are dropped and stored anew.
"""

from dataclasses import dataclass
from enum import Enum

from garrison.cluster.core.manager.effects import ReadRecords, StoredRecords, StoreRecords
from garrison.cluster.core.manager.jobs import Records
from garrison.cluster.core.manager.manager_settings import FILE_NODE, ManagerSettings
from garrison.cluster.core.manager.records_content import (
    DamagedRecordsError,
    RecordsTooLargeError,
    decoded,
    is_sound,
    trimmed,
)
from garrison.cluster.core.manager.voters import Voters

BYTES_MAX_LEAST = 4_096
"""A node that has room for less is not heard."""


class Keeping(Enum):
    """Where the keeper stands."""

    FOLLOWING = "following"
    """It reads what the leader has stored, to show it."""
    READING = "reading"
    STORING = "storing"
    """A version is under way."""
    SETTLED = "settled"
    """Most shards have the current version."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What a node has."""

    written_epoch: int
    version: int

    @property
    def order(self) -> tuple[int, int]:
        return self.written_epoch, self.version


class RecordsKeeper:
    """One manager's side of the records."""

    def __init__(self, settings: ManagerSettings, now_ms: int) -> None:
        self._settings = settings
        self._bytes_max = settings.records_bytes_max
        self._now_ms = now_ms
        self._voters = Voters()
        self.state = Keeping.FOLLOWING
        self.blocked = ""
        """Why the records cannot be read or stored; empty while they can."""
        self.records = Records()
        """The newest that counts, or, while following, the newest seen."""
        self.notes: list[str] = []
        """What people should be told; whoever reads it empties it."""
        self._shown = (0, 0)
        self._epoch = 0
        self._round_ms = now_ms
        self._patience_ms = now_ms
        self._best: StoredRecords | None = None
        self._version_seen = 0
        self._damaged: dict[str, str] = {}
        self._answered: set[str] = set()
        self._behind: set[str] = set()
        self._next: Records | None = None
        self._current = Copy(0, 0)
        self._content = b""
        self._copies: dict[str, Copy] = {}
        self._reads: dict[str, Copy | None] = {}
        """Who is being asked, and what it was known to have then."""
        self._stale_reads: set[str] = set()
        self._stores: dict[str, Copy] = {}
        self._turn = 0
        self._asks: list[ReadRecords | StoreRecords] = []

    # Inputs.

    def seen(self, voters: Voters) -> None:
        """The cluster's voters, of a new picture."""
        new = set(voters.node_ids) - set(self._voters.node_ids)
        self._voters = voters
        if self.state in (Keeping.STORING, Keeping.SETTLED):
            for node_id in sorted(new):
                self._store(node_id)
        self._look()

    def won(self, epoch: int) -> None:
        """The lease is ours: read, then store anew."""
        self.state, self._epoch = Keeping.READING, epoch
        self._best, self._next, self._copies, self._version_seen = None, None, {}, 0
        self._damaged, self._answered, self._behind = {}, set(), set()
        # What was asked before the lease was won may be older than what was stored since.
        self._stale_reads = set(self._reads)
        self._patience_ms = self._round_ms = self._now_ms + self._third_ms
        self._read_everybody()

    def lost(self) -> None:
        """The lease is lost; what is under way may count or not."""
        counted = self.state is Keeping.SETTLED
        self.state, self.blocked, self._next = Keeping.FOLLOWING, "", None
        self._shown = self._current.order if counted else (self._current.written_epoch, 0)
        for ask in self._asks:
            if isinstance(ask, StoreRecords):
                self._stores.pop(ask.node_id, None)
            else:
                self._reads.pop(ask.node_id, None)
        self._asks = []

    def tick(self, now_ms: int) -> None:
        """Let time pass."""
        self._now_ms = now_ms
        if now_ms < self._round_ms:
            return
        self._round_ms = now_ms + self._third_ms
        if self.state is Keeping.FOLLOWING:
            for shard in self._voters.shards:
                self._read(shard.primary_id)
        elif self.state is Keeping.READING:
            for node_id in self._voters.node_ids:
                if node_id not in self._answered or node_id in self._damaged:
                    self._read(node_id)
        else:
            for node_id in self._voters.node_ids:
                self._store(node_id)
            if self._voters.node_ids:
                self._turn += 1
                self._read(self._voters.node_ids[self._turn % len(self._voters.node_ids)])
        self._look()

    def read(self, node_id: str, answer: StoredRecords | None) -> None:
        """A node has said what it has."""
        known = self._reads.pop(node_id, None)
        if node_id in self._stale_reads:
            self._stale_reads.discard(node_id)
            if self.state is Keeping.READING:
                self._read(node_id)
            return
        if answer is None:
            return
        if self.state is Keeping.FOLLOWING:
            self._show(answer)
        elif self.state is Keeping.READING:
            self._take_up(node_id, answer)
        elif known == self._current:
            self._compare(node_id, answer)
        self._look()

    def stored(self, node_id: str, error: str) -> None:
        """A node has stored what it was sent, or says why not."""
        sent = self._stores.pop(node_id, None)
        if sent is None or self.state not in (Keeping.STORING, Keeping.SETTLED):
            return
        if not error:
            self._copies[node_id] = sent
        elif error.startswith("MANAGERFULL") and sent == self._current:
            self._shrink(node_id)
        if sent != self._current:
            self._store(node_id)
        self._look()

    def change(self, records: Records) -> None:
        """Store these; only when settled. RecordsTooLargeError, and no change, if they do not fit."""
        assert self.state is Keeping.SETTLED, f"a change while {self.state.value}"
        self._begin(records)

    def adopt(self) -> None:
        """Go on with the newest that could be read. ValueError unless the records cannot be read."""
        if not self.can_adopt:
            raise ValueError("nothing is to be adopted: the records are not damaged")
        if self._best is None:
            raise ValueError("no copy of the records can be read: start anew with 'recover --empty'")
        self._restore(self._best)

    def start_anew(self) -> None:
        """Go on with empty records. ValueError unless the records cannot be read."""
        if not self.can_adopt:
            raise ValueError("records that can be read are not thrown away")
        self._restore(None)

    # Outputs.

    def take(self) -> list[ReadRecords | StoreRecords]:
        """The messages to be sent."""
        asks, self._asks = self._asks, []
        return asks

    @property
    def settled(self) -> bool:
        """Most of today's shards have the current version."""
        return self.state is Keeping.SETTLED and self._voters.agree(self.has_current)

    @property
    def version(self) -> int:
        """That of the current records."""
        return self._current.version

    @property
    def can_adopt(self) -> bool:
        return self.state is Keeping.READING and bool(self._damaged) and self._now_ms >= self._patience_ms

    @property
    def next_deadline_ms(self) -> int:
        return self._round_ms

    def has_current(self, node_id: str) -> bool:
        """Whether this node has the current version."""
        return self._copies.get(node_id) == self._current

    # Inner parts.

    @property
    def _third_ms(self) -> int:
        return max(1, self._settings.lease_ms // 3)

    def _read_everybody(self) -> None:
        for node_id in self._voters.node_ids:
            self._read(node_id)

    def _read(self, node_id: str) -> None:
        if node_id not in self._reads:
            self._reads[node_id] = self._copies.get(node_id)
            self._asks.append(ReadRecords(node_id))

    def _store(self, node_id: str) -> None:
        if node_id not in self._stores and not self.has_current(node_id):
            self._stores[node_id] = self._current
            sent = self._current
            self._asks.append(StoreRecords(node_id, sent.written_epoch, sent.version, self._content))

    def _show(self, answer: StoredRecords) -> None:
        order = answer.written_epoch, answer.version
        if order <= self._shown:
            return
        try:
            self.records = decoded(answer.content) if answer.version else Records()
        except DamagedRecordsError:
            return
        self._shown = order

    def _take_up(self, node_id: str, answer: StoredRecords) -> None:
        self._answered.add(node_id)
        (self._behind.discard if answer.votes else self._behind.add)(node_id)
        known_damage = self._damaged.pop(node_id, "")
        self._version_seen = max(self._version_seen, answer.version)
        order = answer.written_epoch, answer.version
        best = self._best
        if answer.version and (best is None or order > (best.written_epoch, best.version)):
            try:
                decoded(answer.content)
            except DamagedRecordsError as error:
                self._damaged[node_id] = str(error)
                if str(error) != known_damage and node_id != FILE_NODE:
                    self.notes.append(f"the records at {node_id} cannot be read and are passed over: {error}")
                return
            self._best = answer
        elif (
            best is not None
            and order == (best.written_epoch, best.version)
            and answer.content != best.content
            and is_sound(answer.content)
        ):
            self._damaged[node_id] = "they differ from another copy of the same version"

    def _compare(self, node_id: str, answer: StoredRecords) -> None:
        """Repair a copy that was lost or damaged since it was stored."""
        if node_id in self._stores or not self.has_current(node_id):
            return
        if Copy(answer.written_epoch, answer.version) != self._current:
            self.notes.append(f"{node_id} has lost the records that it had stored; they are stored anew")
            del self._copies[node_id]
            self._store(node_id)
        elif answer.content != self._content and self.state is Keeping.SETTLED:
            # A node may refuse a version that it has; the next version repairs a copy damaged in place.
            self.notes.append(f"the records at {node_id} are damaged; they are stored anew")
            self._begin(self.records)

    def _look(self) -> None:
        """Go on if most have answered."""
        if self.state is Keeping.READING:
            self._perhaps_read()
        elif self.state is Keeping.STORING and self._voters.agree(self.has_current):
            assert self._next is not None
            self.state, self.records, self._next, self.blocked = Keeping.SETTLED, self._next, None, ""

    def _perhaps_read(self) -> None:
        def readable(node_id: str) -> bool:
            return node_id in self._answered and node_id not in self._damaged

        waited = self._now_ms >= self._patience_ms
        everybody = all(node_id in self._answered for node_id in self._voters.node_ids)
        if not (waited or everybody):
            return

        def votes(node_id: str) -> bool:
            return readable(node_id) and node_id not in self._behind

        shards = self._voters.shards
        if self._voters.primaries_agree(votes) or (
            shards and all(readable(shard.primary_id) for shard in shards)
        ):
            self._restore(self._best)
        elif FILE_NODE in self._voters.node_ids:
            self._block_on_file()
        elif self._damaged:
            self.blocked = (
                f"the records cannot be read at {', '.join(sorted(self._damaged))} "
                f"({next(iter(self._damaged.values()))}), so that no majority of primaries has them; "
                "'garrison manager recover' goes on with the newest that can be read"
            )
        else:
            self.blocked = "no majority of primaries says what it has stored"

    def _block_on_file(self) -> None:
        """Say what is wrong with the file; it is read again and again, and not written."""
        name, why = self._settings.records_file or "the file of records", self._damaged.get(FILE_NODE)
        blocked = f"cannot read the records in {name}"
        if why:
            blocked = (
                f"the records in {name} are damaged ({why}) and are not overwritten: put a good copy in its "
                f"place ({name}.previous is the one before), or name another file with --records"
            )
        if blocked != self.blocked:
            self.blocked = blocked
            self.notes.append(f"does not act: {blocked}")

    def _restore(self, best: StoredRecords | None) -> None:
        self._current = Copy(self._epoch, self._version_seen)
        try:
            self._begin(decoded(best.content) if best else Records())
        except RecordsTooLargeError as error:
            self.blocked = str(error)

    def _begin(self, records: Records) -> None:
        records, content = trimmed(records, self._settings, self._bytes_max)
        self.state, self._next, self._content = Keeping.STORING, records, content
        self._current = Copy(self._epoch, self._current.version + 1)
        for node_id in self._voters.node_ids:
            self._store(node_id)

    def _shrink(self, node_id: str) -> None:
        """A node has less room than we thought: drop old things, or do without it."""
        smaller = max(BYTES_MAX_LEAST, len(self._content) * 3 // 4)
        if smaller >= len(self._content):
            return
        try:
            records, content = trimmed(self._next or self.records, self._settings, smaller)
        except RecordsTooLargeError as error:
            note = f"{node_id} has no room for the records: {error}"
            if note not in self.notes:
                self.notes.append(note)
            if self.state is Keeping.STORING:
                self.blocked = note
            return
        self._bytes_max = smaller
        self.state, self._next, self._content = Keeping.STORING, records, content
        self._current = Copy(self._epoch, self._current.version + 1)
        for each in self._voters.node_ids:
            self._store(each)
