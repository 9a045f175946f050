"""The border between the control plane (Python) and the data plane (Rust): events up, requests down.

One dataclass each, with the name and the fields that its variant has in Rust (`Event` in
``node/engine/core/src/effects.rs``, `Request` in ``node/engine/net/src/mailbox.rs``). The binding builds and
reads these objects itself, in ``node/engine/py/src/``; words come from the enumerations here, and a word,
field or class that the other side does not know raises ValueError. `tests/unit/node/test_border.py` compares
both sides.

Both kinds cross in batches and in the order in which they happened or were posted. All times are
milliseconds of CLOCK_BOOTTIME, the clock that runs on while the process or machine sleeps.
"""

from garrison.node.border.events import (
    Applied,
    ClientInfo,
    Command,
    Event,
    HoldReleased,
    Loaded,
    Log,
    LogLevel,
    Persisted,
    Published,
    Ran,
    Replication,
    ReplicationStatus,
    Slept,
    Stopped,
)
from garrison.node.border.plane import Plane
from garrison.node.border.requests import (
    Apply,
    ClusterState,
    DropSlots,
    Empty,
    Endpoint,
    ExtendLease,
    Follow,
    FollowInHold,
    InfoFields,
    InstallSlots,
    Pause,
    PauseMode,
    Persist,
    Promote,
    Publish,
    ReleaseHold,
    Reply,
    Request,
    Run,
    Serve,
    SlotTable,
    Unpause,
    WatchSleep,
)

__all__ = [
    "Applied",
    "Apply",
    "ClientInfo",
    "ClusterState",
    "Command",
    "DropSlots",
    "Empty",
    "Endpoint",
    "Event",
    "ExtendLease",
    "Follow",
    "FollowInHold",
    "HoldReleased",
    "InfoFields",
    "InstallSlots",
    "Loaded",
    "Log",
    "LogLevel",
    "Pause",
    "PauseMode",
    "Persist",
    "Persisted",
    "Plane",
    "Promote",
    "Publish",
    "Published",
    "Ran",
    "ReleaseHold",
    "Replication",
    "ReplicationStatus",
    "Reply",
    "Request",
    "Run",
    "Serve",
    "Slept",
    "SlotTable",
    "Stopped",
    "Unpause",
    "WatchSleep",
]
