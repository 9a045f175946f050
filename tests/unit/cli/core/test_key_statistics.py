"""Statistics of keys: the biggest of each type, sums, and the hottest."""

from __future__ import annotations

from random import Random

from garrison.cli.core.key_statistics import HOT_KEYS_MAX, HotKeys, KeyStatistics


def test_biggest_keys_and_sums_are_those_of_a_naive_count() -> None:
    random = Random(1)
    keys = [
        (b"k%d" % number, random.choice(("list", "hash")), random.randint(0, 99)) for number in range(200)
    ]
    statistics = KeyStatistics(by_memory=False)
    for key in keys:
        statistics.add(*key)
    summary = statistics.summary()
    for type, unit in (("list", "items"), ("hash", "fields")):
        sizes = [size for _, of, size in keys if of == type]
        assert f"has {max(sizes)} {unit}" in summary
        assert f"with {sum(sizes)} {unit} ({100 * len(sizes) / 200:.2f}% of keys" in summary


def test_empty_server_has_a_summary() -> None:
    assert KeyStatistics(by_memory=True).summary().startswith("0 keys")
    assert HotKeys().summary().startswith("0 keys")


def test_name_of_a_key_cannot_break_the_output() -> None:
    line = KeyStatistics(by_memory=True).add(b"a\n\x1b[2J", "string", 1)
    assert line == "Biggest string found so far 'a\\n\\x1b[2J' with 1 bytes"


def test_hottest_keys_are_kept_and_sorted() -> None:
    random = Random(2)
    counters = [random.randint(0, 255) for _ in range(300)]
    hot = HotKeys()
    for number, counter in enumerate(counters):
        hot.add(b"k%d" % number, counter)
    shown = [int(line.split()[1]) for line in hot.summary().splitlines() if line.startswith("counter")]
    assert shown == sorted(counters, reverse=True)[:HOT_KEYS_MAX]
