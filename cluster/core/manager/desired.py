"""The desired state: what a person wants of a cluster, as one document (YAML or JSON).

A new installation has the mode `dry-run`: the manager plans and explains, and does nothing until somebody
writes `act`. Everything has a default that asks for nothing; an empty document is one that is always met.
Each number has a bound, and each text is one printable line: planners reckon with them, terminals show them.
"""

from datetime import time
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from garrison.cluster.core.manager.jobs import JobKind

TEXT_CHARACTERS_MAX = 512
POINTS_MAX = 1_000_000
SECONDS_MAX = 10 * 366 * 86_400


def _is_line(text: str) -> str:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError(f"has {len(text)} characters; write at most {TEXT_CHARACTERS_MAX}")
    if not text.isprintable():
        raise ValueError("has a line break or a character that cannot be shown; write one line without it")
    return text


Text = Annotated[str, AfterValidator(_is_line)]
Percent = Annotated[float, Field(gt=0, le=100)]
Points = Annotated[int, Field(ge=0, le=POINTS_MAX)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


class Wish(BaseModel):
    """The root of this document's parts: immutable, and an unknown word is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NodeWish(Wish):
    """What is wanted of one node; named by id, by an unambiguous start of one, or by host:port."""

    zone: Text | None = Field(default=None, description="where it stands; else its own availability-zone")
    host: Text | None = Field(
        default=None, description="the machine that it shares with others; else its address"
    )
    weight: float = Field(
        default=1.0, ge=0, le=1_000_000, description="its share of slots, keys or load when it is a primary"
    )
    drain: bool = Field(default=False, description="it shall own no slot and be no replica")


class Limits(Wish):
    """A shard beyond one of these is relieved."""

    memory_percent_max: Percent = Field(default=80.0, description="of maxmemory")
    cpu_percent_max: float = Field(
        default=80.0, gt=0, le=100_000, description="of a core, averaged over `load_window_s`"
    )
    ops_per_s_max: int | None = Field(
        default=None, gt=0, le=1_000_000_000, description="commands a second; without it unlimited"
    )
    slots_max: int | None = Field(default=None, gt=0, le=16384, description="slots; without it unlimited")
    load_window_s: float = Field(
        default=10.0, gt=0, le=600, description="how long it must be beyond the limit"
    )


class Balance(Wish):
    """How slots are spread over primaries by their weights."""

    by: Literal["slots", "keys", "bytes", "load"] = Field(
        default="slots", description="what is spread: slots, keys, bytes or load (processor time)"
    )
    threshold_percent: float = Field(
        default=5.0, ge=0, le=100, description="how far off its share a primary may be"
    )
    enabled: bool = Field(default=True, description="false: slots move only for other reasons")


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"{name[:80]!r} is not a time zone of this machine; write one as Europe/Berlin"
        ) from error
    return name


LocalTime = Annotated[time, WithJsonSchema({"type": "string", "format": "time-local"})]
"""A time of day by the window's own clock. The format `time` of JSON Schema demands an offset."""


class Window(Wish):
    """When jobs may begin. Without any window they may at any time."""

    days: tuple[Weekday, ...] = Field(default=WEEKDAYS, description="on which it begins")
    begins: LocalTime = Field(default=time(0, 0), description="HH:MM")
    ends: LocalTime = Field(default=time(0, 0), description="HH:MM; not after `begins` means on the next day")
    timezone: Annotated[str, AfterValidator(_is_zone)] = Field(
        default="UTC", description="whose clock, as Europe/Berlin"
    )
    jobs: tuple[JobKind, ...] = Field(default=(), description="which jobs; empty for all")


class Harm(Wish):
    """How much disturbance is allowed: points within any hour, and how much each act costs."""

    points_per_hour_max: Points = Field(default=100, description="the budget of any hour")
    hand_over: Points = Field(default=10, description="writes of one shard wait for some tenths of a second")
    full_sync: Points = Field(default=5, description="a replica is filled from its primary")
    slots_moved_100: Points = Field(default=1, description="for each begun hundred slots")
    restart: Points = Field(default=5, description="a node starts again")
    backup: Points = Field(default=2, description="all shards are copied")
    jobs_at_once_max: int = Field(default=1, ge=1, le=64, description="jobs that may run at the same time")


class BackupWish(Wish):
    """A schedule of backups."""

    target: Text = Field(min_length=1, description="folder, or s3://bucket/prefix, as for `garrison backup`")
    every_s: int = Field(default=86_400, ge=60, le=SECONDS_MAX, description="from one backup to the next")
    keep: int = Field(default=7, ge=1, le=100_000, description="how many are kept at the target")
    prove_every_s: int | None = Field(
        default=604_800, ge=60, le=SECONDS_MAX, description="restore and compare; null for never"
    )


class DesiredState(Wish):
    """The whole wish. `garrison.cluster.core.manager.holding` says whether it can hold."""

    format: Literal["garrison-desired-state"] = Field(
        default="garrison-desired-state", description="what kind of document it is"
    )
    name: Text = Field(default="", description="what people call the cluster")
    mode: Literal["dry-run", "act"] = Field(
        default="dry-run", description="whether jobs begin by themselves or by consent only"
    )
    shards: int | None = Field(default=None, ge=1, le=16384, description="without it, as many as there are")
    replicas_per_shard: int | None = Field(
        default=None, ge=0, le=16, description="without it, as many as there are"
    )
    zones: tuple[Text, ...] = Field(default=(), description="all zones; a shard's nodes are spread over them")
    nodes: dict[Text, NodeWish] = {}
    spares: tuple[Text, ...] = Field(
        default=(), description="host:port of idle nodes that the manager may take"
    )
    node_dead_after_s: float = Field(
        default=60.0, gt=0, le=SECONDS_MAX, description="when a failed replica is replaced"
    )
    limits: Limits = Limits()
    balance: Balance = Balance()
    windows: tuple[Window, ...] = ()
    harm: Harm = Harm()
    settings: dict[Text, str] = Field(default={}, description="directives that every node shall have")
    release: str | None = Field(default=None, description="the version that every node shall run")
    backups: tuple[BackupWish, ...] = ()
