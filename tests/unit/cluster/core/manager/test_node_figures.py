"""What nodes say is read with distrust."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.cluster.core.manager.node_figures import (
    OffsetHistory,
    load_between,
    read_sample,
    read_slot_stats,
    read_slow_log,
    slot_loads,
)

INFO = {
    "redis_version": "7.2.0",
    "run_id": "r",
    "role": "master",
    "used_memory": "100",
    "used_cpu_sys": "1.0",
    "used_cpu_user": "1.0",
    "total_commands_processed": "100",
    "keyspace_hits": "10",
    "keyspace_misses": "0",
    "db0": "keys=7,expires=0",
}


def test_rates_are_differences_of_one_run() -> None:
    before = read_sample(10.0, INFO, {})
    now = read_sample(
        12.0,
        INFO
        | {
            "total_commands_processed": "300",
            "used_cpu_user": "2.0",
            "keyspace_hits": "13",
            "keyspace_misses": "1",
        },
        {},
    )
    load = load_between(before, now, (None, None))
    assert (load.ops_per_s, load.cpu_fraction, load.hit_rate) == (100.0, 0.5, 0.75)
    assert now.keys == 7


def test_restart_gives_no_rate() -> None:
    before = read_sample(10.0, INFO, {})
    restarted = read_sample(12.0, INFO | {"run_id": "s", "total_commands_processed": "900"}, {})
    fallen = read_sample(12.0, INFO | {"total_commands_processed": "9"}, {})
    assert load_between(before, restarted, (None, None)).ops_per_s is None
    assert load_between(before, fallen, (None, None)).ops_per_s is None
    assert load_between(None, before, (None, None)).ops_per_s is None


@pytest.mark.parametrize("lie", ["-5", "1e30", "9" * 400, "", "nan", "१२"])
def test_impossible_figures_are_left_out_and_named(lie: str) -> None:
    sample = read_sample(1.0, INFO | {"used_memory": lie, "total_commands_processed": lie}, {})
    load = load_between(read_sample(0.0, INFO, {}), sample, (None, None))
    assert (load.memory_bytes, load.ops_per_s) == (None, None)
    assert len(sample.problems) == 2


@given(st.dictionaries(st.sampled_from([*INFO, "maxmemory", "connected_clients"]), st.text(max_size=30)))
def test_no_lie_is_fatal_or_negative(lies: dict[str, str]) -> None:
    before, now = read_sample(0.0, INFO, {}), read_sample(1.0, INFO | lies, {})
    load = load_between(before, now, (None, None))
    assert all(value is None or value >= 0 for value in load.model_dump().values())


def test_percentiles_are_those_of_the_time_between() -> None:
    name, own = b"get", b"cluster|nodes"
    before = read_sample(0.0, INFO, {}, [name, [b"calls", 10, b"histogram_usec", [1024, 10]]])
    now = read_sample(
        1.0,
        INFO,
        {},
        [
            name,
            [b"calls", 110, b"histogram_usec", [2, 90, 4, 100, 1024, 110]],
            own,
            [b"calls", 9, b"histogram_usec", [99999, 9]],
        ],
    )
    load = load_between(before, now, (None, None))
    assert load.p50_us is not None
    assert 1 <= load.p50_us <= 2
    assert load.p99_us == 3.8


def test_lag_is_bytes_and_time() -> None:
    history = OffsetHistory()
    for at, offset in ((0.0, 0), (1.0, 100), (2.0, 200)):
        history.add(at, offset)
    assert history.lag(200) == (0, 0)
    assert history.lag(100) == (100, 1000)
    assert history.lag(None) == (None, None)
    history.add(3.0, 5)
    assert history.lag(5) == (0, 0)


def test_slot_stats_become_rates() -> None:
    reply = [[5, [b"key-count", 3, b"cpu-usec", 2_000_000]], [70_000, []], "lie", [6, None]]
    now = read_slot_stats(reply)
    assert now[5] == {"key-count": 3, "cpu-usec": 2_000_000}
    loads = slot_loads({5: {"cpu-usec": 1_000_000}}, {5: now[5]}, 2.0)
    assert (loads[0].cpu_fraction, loads[0].keys) == (0.5, 3)
    assert slot_loads({}, {5: now[5]}, 2.0)[0].cpu_fraction is None


def test_slow_log_is_shortened() -> None:
    entries = read_slow_log("n", [[1, 100, 5000, [b"SET", b"\xff" * 1000], b"1.2.3.4:5", b""], [1], "lie"])
    assert len(entries) == 1
    assert (entries[0].at_ms, entries[0].duration_us, entries[0].client) == (100_000, 5000, "1.2.3.4:5")
    assert len(entries[0].words[1]) == 128
