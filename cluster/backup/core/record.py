"""What a backup says of itself: the document ``backup.json``, which is written last.

A folder without it is a backup that was never finished, and counts for nothing. Fields are only ever added; a
document of a newer ``format`` is refused.
"""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from garrison.cluster.core.ranges import Range, parse_ranges, to_slots
from garrison.cluster.errors import ManagerError

FORMAT = 1
RECORD_NAME = "backup.json"
ID_TIME = "%Y%m%dT%H%M%SZ"

FileKind = Literal["snapshot", "increment"]


class FileRecord(BaseModel):
    """One file of a backup."""

    name: str = Field(pattern=r"^[\w.-]+$")
    kind: FileKind
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ShardRecord(BaseModel):
    """The data of one primary at one point in time."""

    name: str = Field(pattern=r"^[\w-]+$", description="unique within the backup")
    node_id: str = Field(description="empty for a node that is in no cluster")
    address: str
    slots: str = Field(default="", description="ranges, as 0-99,205; empty for a node that is in no cluster")
    history: str = Field(description="the identity of the replication stream")
    offset: int = Field(description="the position in the stream that the data has reached")
    taken_at: datetime = Field(description="when the data was so")
    database: int = Field(default=0, description="the database that the stream has selected at the offset")
    keys: int | None = Field(
        default=None, description="keys at the offset; none if they could not be counted"
    )
    expiring: int | None = Field(default=None, description="how many of them expire by themselves")
    continues: str | None = Field(default=None, description="the shard of the parent that this continues")
    file: FileRecord

    @property
    def ranges(self) -> tuple[Range, ...]:
        return parse_ranges(self.slots) if self.slots else ()

    @property
    def slot_set(self) -> frozenset[int]:
        return frozenset(to_slots(self.ranges))


class BackupRecord(BaseModel):
    """One finished backup."""

    format: int = FORMAT
    id: str = Field(pattern=r"^[\w-]+$")
    created: datetime
    garrison: str = Field(description="the version that has written it")
    is_cluster: bool
    parent: str | None = Field(
        default=None, description="the backup that this one needs, if it is incremental"
    )
    shards: list[ShardRecord]
    warnings: list[str] = Field(default=[], description="what was not in order while it was taken")

    @property
    def size(self) -> int:
        return sum(shard.file.bytes for shard in self.shards)

    @property
    def reaches(self) -> datetime:
        """The time of the newest data in it."""
        return max((shard.taken_at for shard in self.shards), default=self.created)

    @property
    def keys(self) -> int | None:
        """Keys of all shards; None if those of one are not known."""
        counts = [shard.keys for shard in self.shards]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def shard(self, name: str) -> ShardRecord:
        """The shard of this name. Raises ManagerError."""
        for shard in self.shards:
            if shard.name == name:
                return shard
        raise ManagerError(f"backup {self.id} has no shard {name}, though a later backup continues it")

    def render(self) -> bytes:
        return self.model_dump_json(indent=2).encode() + b"\n"


def new_id(now: datetime, suffix: str) -> str:
    """The name of a new backup: names sort by time."""
    return f"{now.astimezone(UTC).strftime(ID_TIME)}-{suffix}"


def time_of_id(name: str) -> datetime | None:
    """When a backup of this name was begun; None for a name that is none of ours."""
    try:
        return datetime.strptime(name.partition("-")[0], ID_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def parse_record(data: bytes, place: str) -> BackupRecord:
    """Read a document. ManagerError says what is wrong with it, and where."""
    try:
        record = BackupRecord.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the document"
        raise ManagerError(
            f"{place} is damaged: {field}: {first['msg']}; remove that backup, or bring the file back"
        ) from None
    if record.format > FORMAT:
        raise ManagerError(
            f"{place} has format {record.format}, and this Garrison reads {FORMAT}: use a newer Garrison"
        )
    return record
