"""What one node says about itself, read with distrust: figures, rates of change, and what cannot be true.

BACKGROUND  A node may lie: by a fault, by a clock that jumped, by a restart that set its counters to 0, or as
            it is not what it says. The manager plans by these figures, so a figure that cannot be true is
            left out and named, and never becomes a reason to move data.
INVARIANTS  A rate is made of two samples of one run (`run_id`) in which the counter did not fall; otherwise
            it is None. No figure is negative, and none is above the bound that stands here by its name.
BEHAVIOUR   Pure functions: replies in, a :class:`Sample` out; two samples in, a :class:`NodeLoad` out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from garrison.cluster.core.manager.picture import NodeLoad, SlotLoad, SlowCommand
from garrison.cluster.core.server_fields import server_version

BYTES_MAX = 1 << 50
KEYS_MAX = 1 << 48
OPS_PER_S_MAX = 1e9
CORES_MAX = 1024.0
LAG_BYTES_MAX = 1 << 50
COUNTER_MAX = 1 << 63
SLOW_WORDS_MAX = 32
SLOW_WORD_CHARACTERS_MAX = 128
PERCENTILE_MIDDLE = 0.50
PERCENTILE_HIGH = 0.99

COUNTERS = (
    "total_commands_processed",
    "total_net_input_bytes",
    "total_net_output_bytes",
    "keyspace_hits",
    "keyspace_misses",
    "evicted_keys",
    "expired_keys",
)
"""The fields of INFO that only rise while a node runs."""

OWN_COMMANDS = frozenset({"info", "ping", "psync", "sync", "replconf", "hello", "auth", "role", "dbsize"})
OWN_GROUPS = ("cluster|", "latency|", "slowlog|", "config|", "client|", "command|")
"""What a manager itself, or a replica, sends is not counted among the latencies that callers see."""

Buckets = Mapping[float, int]
"""Upper bound in microseconds -> calls up to it, rising."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One node at one moment. `problems` names the figures that were refused."""

    at_s: float
    fields: Mapping[str, str]
    cluster_fields: Mapping[str, str] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    cpu_s: float | None = None
    buckets: Mapping[str, Buckets] = field(default_factory=dict)
    keys: int | None = None
    """Of all databases; 0 when INFO names none."""
    problems: tuple[str, ...] = ()

    @property
    def run_id(self) -> str:
        return self.fields.get("run_id", "")

    @property
    def role(self) -> str:
        return "primary" if self.fields.get("role") == "master" else "replica"

    @property
    def version(self) -> str:
        return server_version(self.fields)

    @property
    def server(self) -> str:
        """Whose program it is: `garrison`, `valkey`, `redis`; empty when INFO does not say."""
        fields = self.fields
        known = "valkey" if "valkey_version" in fields else "redis" if "redis_version" in fields else ""
        return fields.get("server_name") or known

    def number(self, name: str, most: int = BYTES_MAX) -> int | None:
        """A whole figure of INFO; None when it is missing or cannot be true."""
        return _whole(self.fields.get(name), most)

    @property
    def is_loading(self) -> bool:
        return self.fields.get("loading") == "1" or self.fields.get("master_sync_in_progress") == "1"

    @property
    def has_lost_data(self) -> bool:
        return self.cluster_fields.get("cluster_data", "").startswith("lost")

    @property
    def link_up(self) -> bool | None:
        return None if self.role == "primary" else self.fields.get("master_link_status") == "up"

    @property
    def last_save_age_s(self) -> int | None:
        saved, now = self.number("rdb_last_save_time"), self.number("server_time_usec", COUNTER_MAX)
        if saved is None or now is None or saved * 1_000_000 > now:
            return None
        return now // 1_000_000 - saved


def read_sample(
    at_s: float, info: Mapping[str, str], cluster_info: Mapping[str, str], histogram: Any = None
) -> Sample:
    """Read the replies of INFO, CLUSTER INFO and LATENCY HISTOGRAM (None where a server lacks it)."""
    problems: list[str] = []
    counters: dict[str, int] = {}
    for name in COUNTERS:
        value = _whole(info.get(name), COUNTER_MAX)
        if value is not None:
            counters[name] = value
        elif name in info:
            problems.append(f"{name} is {info[name][:40]!r}")
    sizes = ("used_memory", "used_memory_rss", "maxmemory")
    wrong = (name for name in sizes if name in info and _whole(info[name], BYTES_MAX) is None)
    problems.extend(f"{name} is {info[name][:40]!r}" for name in wrong)
    cpu_s = _cpu_s(info)
    buckets = _read_histogram(histogram)
    return Sample(at_s, info, cluster_info, counters, cpu_s, buckets, _keys(info), tuple(problems))


def load_between(before: Sample | None, now: Sample, lag: tuple[int | None, int | None]) -> NodeLoad:
    """The figures of `now`, and the rates since `before`. `lag` is (bytes, ms) behind the primary."""
    same_run = before is not None and before.run_id == now.run_id and now.at_s > before.at_s
    span_s = now.at_s - before.at_s if before is not None and same_run else 0.0

    def rate(name: str, most: float = float(BYTES_MAX)) -> float | None:
        if before is None or not span_s or name not in before.counters or name not in now.counters:
            return None
        rise = now.counters[name] - before.counters[name]
        per_s = rise / span_s
        return round(per_s, 3) if 0 <= per_s <= most else None

    hits, misses = rate("keyspace_hits"), rate("keyspace_misses")
    looked_up = (hits or 0.0) + (misses or 0.0)
    cpu = None
    if before is not None and span_s and before.cpu_s is not None and now.cpu_s is not None:
        share = (now.cpu_s - before.cpu_s) / span_s
        cpu = round(share, 4) if 0 <= share <= CORES_MAX else None
    middle, high = _percentiles(before if same_run else None, now)
    return NodeLoad(
        ops_per_s=rate("total_commands_processed", OPS_PER_S_MAX),
        cpu_fraction=cpu,
        hit_rate=None if hits is None or misses is None or not looked_up else round(hits / looked_up, 4),
        input_bytes_per_s=rate("total_net_input_bytes"),
        output_bytes_per_s=rate("total_net_output_bytes"),
        p50_us=middle,
        p99_us=high,
        clients=now.number("connected_clients", KEYS_MAX),
        clients_blocked=now.number("blocked_clients", KEYS_MAX),
        memory_bytes=now.number("used_memory"),
        memory_max_bytes=now.number("maxmemory") or None,
        memory_rss_bytes=now.number("used_memory_rss"),
        evicted_per_s=rate("evicted_keys"),
        expired_per_s=rate("expired_keys"),
        lag_bytes=lag[0],
        lag_ms=lag[1],
    )


class OffsetHistory:
    """When a primary had which replication offset: turns a distance in bytes into one in time."""

    SAMPLES_MAX = 120

    def __init__(self) -> None:
        self._samples: list[tuple[float, int]] = []

    def add(self, at_s: float, offset: int) -> None:
        if self._samples and offset < self._samples[-1][1]:
            self._samples.clear()  # Another history: a failover or a restart.
        self._samples.append((at_s, offset))
        del self._samples[: -self.SAMPLES_MAX]

    def lag(self, offset: int | None) -> tuple[int | None, int | None]:
        """(bytes, ms) that a replica at `offset` is behind; None for what is not known."""
        if offset is None or not self._samples:
            return None, None
        at_s, newest = self._samples[-1]
        behind = max(0, newest - offset)
        if behind > LAG_BYTES_MAX:
            return None, None
        if not behind:
            return 0, 0
        since = next((at for at, seen in reversed(self._samples) if seen <= offset), None)
        return behind, None if since is None else round((at_s - since) * 1000)


def replica_offset(sample: Sample) -> int | None:
    """How far a replica has read its primary's stream."""
    offset = sample.number("slave_repl_offset", COUNTER_MAX)
    return offset if offset is not None else sample.number("master_repl_offset", COUNTER_MAX)


def read_slot_stats(reply: Any) -> dict[int, dict[str, int]]:
    """Read CLUSTER SLOT-STATS: slot -> figure -> value. What cannot be read is left out."""
    found: dict[int, dict[str, int]] = {}
    for row in reply if isinstance(reply, list) else ():
        if not (isinstance(row, list) and len(row) == 2 and isinstance(row[0], int) and 0 <= row[0] < 16384):
            continue
        words = row[1] if isinstance(row[1], list) else []
        pairs = zip(words[::2], words[1::2], strict=False)
        found[row[0]] = {
            name.decode("latin-1"): value
            for name, value in pairs
            if isinstance(name, bytes) and isinstance(value, int) and 0 <= value <= COUNTER_MAX
        }
    return found


def slot_loads(
    before: Mapping[int, Mapping[str, int]], now: Mapping[int, Mapping[str, int]], span_s: float
) -> list[SlotLoad]:
    """The slots of one node with what they cost since `before`; without a sample before, their keys alone.

    The costliest first.
    """
    loads = []
    for slot, figures in now.items():
        earlier = before.get(slot) if span_s > 0 else None
        cpu_us = _rate("cpu-usec", figures, earlier, span_s)
        loads.append(
            SlotLoad(
                slot=slot,
                keys=figures.get("key-count"),
                cpu_fraction=None if cpu_us is None or cpu_us > CORES_MAX * 1e6 else round(cpu_us / 1e6, 6),
                input_bytes_per_s=_rate("network-bytes-in", figures, earlier, span_s),
                output_bytes_per_s=_rate("network-bytes-out", figures, earlier, span_s),
            )
        )
    return sorted(loads, key=slot_cost, reverse=True)


def slot_cost(load: SlotLoad) -> tuple[float, int]:
    """Slots are ordered by this."""
    return load.cpu_fraction or 0.0, load.keys or 0


def _rate(name: str, now: Mapping[str, int], before: Mapping[str, int] | None, span_s: float) -> float | None:
    """How much a counter has risen a second; None when one of them is missing, or it has fallen."""
    if before is None:
        return None
    figure, earlier = now.get(name), before.get(name)
    if figure is None or earlier is None or figure < earlier:
        return None
    return (figure - earlier) / span_s


def read_slow_log(node_id: str, reply: Any) -> list[SlowCommand]:
    """Read SLOWLOG GET. Entries that cannot be read are left out."""
    entries = []
    for row in reply if isinstance(reply, list) else ():
        if not (isinstance(row, list) and len(row) >= 4 and isinstance(row[3], list)):
            continue
        if not (
            isinstance(row[1], int) and isinstance(row[2], int) and 0 <= row[1] < 1 << 40 and row[2] >= 0
        ):
            continue
        words = [_text(word)[:SLOW_WORD_CHARACTERS_MAX] for word in row[3][:SLOW_WORDS_MAX]]
        client = _text(row[4]) if len(row) > 4 else ""
        entries.append(
            SlowCommand(
                node_id=node_id, at_ms=row[1] * 1000, duration_us=row[2], words=tuple(words), client=client
            )
        )
    return entries


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _whole(text: str | None, most: int) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 20:
        return None
    value = int(text)
    return value if value <= most else None


def _keys(info: Mapping[str, str]) -> int | None:
    total = 0
    for name in [name for name in info if name.startswith("db")]:
        value = info[name]
        if name[2:].isdecimal() and value.startswith("keys="):
            count = value[5:].partition(",")[0]
            if not count.isdecimal() or int(count) > KEYS_MAX:
                return None
            total += int(count)
    return total if "redis_version" in info else None


def _cpu_s(info: Mapping[str, str]) -> float | None:
    try:
        spent = float(info["used_cpu_sys"]) + float(info["used_cpu_user"])
    except (KeyError, ValueError):
        return None
    return spent if 0 <= spent < 1e12 else None


def _read_histogram(reply: Any) -> dict[str, dict[float, int]]:
    found: dict[str, dict[float, int]] = {}
    rows: Sequence[Any] = reply if isinstance(reply, list) else ()
    for name, body in zip(rows[::2], rows[1::2], strict=False):
        if not (isinstance(name, bytes) and isinstance(body, list) and len(body) == 4):
            continue
        word = name.decode("latin-1")
        if word in OWN_COMMANDS or word.startswith(OWN_GROUPS) or not isinstance(body[3], list):
            continue
        pairs = zip(body[3][::2], body[3][1::2], strict=False)
        found[word] = {
            float(bound): calls
            for bound, calls in pairs
            if isinstance(bound, int) and isinstance(calls, int) and bound >= 0 and calls >= 0
        }
    return found


def _percentiles(before: Sample | None, now: Sample) -> tuple[float | None, float | None]:
    """Of all commands together, between the samples; (None, None) without calls."""
    counts: dict[float, int] = {}
    for name, buckets in now.buckets.items():
        earlier = before.buckets.get(name, {}) if before is not None else {}
        if buckets != earlier:
            for bound, calls in _apart(buckets, earlier):
                counts[bound] = counts.get(bound, 0) + calls
    whole = sum(counts.values())
    if before is None or not whole:
        return None, None
    return _percentile(counts, whole * PERCENTILE_MIDDLE), _percentile(counts, whole * PERCENTILE_HIGH)


def _apart(buckets: Buckets, earlier: Buckets) -> list[tuple[float, int]]:
    """(bound, calls in this bucket alone) since `earlier`; both count up from the smallest bound."""
    found, below_now, below_then = [], 0, 0
    for bound in sorted(buckets):
        fresh_now = buckets[bound] - below_now
        below_now = buckets[bound]
        then = earlier.get(bound)
        fresh_then = 0 if then is None else then - below_then
        below_then = below_then if then is None else then
        if fresh_now > fresh_then:
            found.append((bound, fresh_now - fresh_then))
    return found


def _percentile(counts: Mapping[float, int], rank: float) -> float:
    """The value of that rank, evenly spread between the bounds of its bucket (each twice the one before)."""
    passed = 0
    for bound in sorted(counts):
        if passed + counts[bound] >= rank:
            share = (rank - passed) / counts[bound]
            return round(bound / 2 + share * bound / 2, 1)
        passed += counts[bound]
    return max(counts)
