"""The size of MIGRATE batches follows the time they take."""

from garrison.cluster.core.batch_size import KEYS_MAX, PAUSE_MS_GOAL, BatchSizer


def settle(ms_per_key: float) -> int:
    sizer = BatchSizer()
    for _ in range(20):
        sizer.moved(sizer.keys, sizer.keys * ms_per_key)
    return sizer.keys


def test_small_keys_make_big_batches_and_big_keys_small_ones() -> None:
    assert settle(0.0001) == KEYS_MAX
    assert settle(0.1) == PAUSE_MS_GOAL / 0.1
    assert settle(500.0) == 1


def test_one_odd_measurement_changes_size_by_at_most_two_times() -> None:
    sizer = BatchSizer(keys=400)
    sizer.moved(400, 10_000)
    assert sizer.keys == 200
    sizer.moved(200, 0.01)
    assert sizer.keys == 400


def test_small_write_does_not_grow_batch_and_failure_halves_it() -> None:
    sizer = BatchSizer(keys=400)
    sizer.moved(3, 0.01)
    assert sizer.keys == 400
    sizer.failed()
    assert sizer.keys == 200
    assert BatchSizer(keys_max=10).keys == 10
