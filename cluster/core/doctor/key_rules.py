"""Keys: what a sample of them says. They are looked at with ``--deep`` only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from garrison.cluster.core.doctor.readings import NodeReading, SampledKey
from garrison.cluster.core.doctor.rule import Found, Rule, at
from garrison.cluster.core.printable import human

SAMPLE_MIN = 200
"""A smaller sample says nothing about shares."""
BIG_BYTES = 5 * 1024**2
BIG_TOLD_MAX = 3
SMALL_BYTES_MAX = 200
PATTERN_FRACTION = 0.3
LONG_KEY_CHARACTERS = 200
WITHOUT_TTL_FRACTION = 0.1
HOT_FREQUENCY = 200
"""Of the logarithmic counter's 255; with the usual factor some 100,000 touches."""
_VARIABLE = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{16,}|\d+")


def pattern_of(key: str) -> str:
    """The key with what varies as stars.

    >>> pattern_of("user:1042:cart")
    'user:*:cart'
    """
    return _VARIABLE.sub("*", key)


def by_pattern(keys: Sequence[SampledKey]) -> Mapping[str, list[SampledKey]]:
    found: dict[str, list[SampledKey]] = defaultdict(list)
    for each in keys:
        found[pattern_of(each.key)].append(each)
    return found


def _without_ttl(node: NodeReading) -> Iterator[Found]:
    """Keys without an expiry among keys of their own pattern that have one: they were forgotten."""
    keys = node.keys or ()
    if len(keys) < SAMPLE_MIN:
        return
    for pattern, group in by_pattern(keys).items():
        bare = [each for each in group if each.ttl_ms is None]
        if len(group) >= SAMPLE_MIN // 4 and WITHOUT_TTL_FRACTION <= len(bare) / len(group) < 1 / 2:
            yield Found(
                f"{len(bare)} of {len(group)} sampled keys {pattern!r} never expire while the others do",
                "give them a time to live where they are written; SET ... EX does both in one step",
                (at(node, "TTL", bare[0].key), at(node, "OBJECT", "IDLETIME", bare[0].key)),
                {"without_ttl": len(bare), "sampled": len(group)},
            )


def _big_values(node: NodeReading) -> Iterator[Found]:
    big = sorted((k for k in node.keys or () if (k.bytes or 0) >= BIG_BYTES), key=lambda k: -(k.bytes or 0))
    for each in big[:BIG_TOLD_MAX]:
        yield Found(
            f"the {each.type} {each.key!r} takes {human(each.bytes or 0)}",
            "split it over several keys, or keep less in it; free it with UNLINK",
            (at(node, "MEMORY", "USAGE", each.key),),
            {"bytes": each.bytes or 0, "big_in_sample": len(big)},
        )


def _many_small(node: NodeReading) -> Iterator[Found]:
    keys = node.keys or ()
    if len(keys) < SAMPLE_MIN:
        return
    for pattern, group in by_pattern(keys).items():
        small = [
            each
            for each in group
            if each.type == "string" and each.ttl_ms is None and 0 < (each.bytes or 0) <= SMALL_BYTES_MAX
        ]
        if pattern.count("*") and len(small) >= PATTERN_FRACTION * len(keys):
            mean = sum(each.bytes or 0 for each in small) / len(small)
            yield Found(
                f"{len(small)} of {len(keys)} sampled keys are small strings {pattern!r} of "
                f"{mean:.0f} bytes each",
                "keep a hundred of them in one hash each: its fields cost a fraction of a key",
                (at(node, "CONFIG", "GET", "hash-max-listpack-*"),),
                {"small": len(small), "sampled": len(keys), "mean_bytes": mean},
            )


def _long_keys(node: NodeReading) -> Iterator[Found]:
    keys = node.keys or ()
    mean = sum(len(each.key) for each in keys) / max(len(keys), 1)
    if len(keys) >= SAMPLE_MIN and mean > LONG_KEY_CHARACTERS:
        yield Found(
            f"the names of the sampled keys have {mean:.0f} characters in the mean",
            "use short names, or a digest of what is long",
            (at(node, "RANDOMKEY"),),
            {"mean_characters": mean},
        )


def _hot_keys(node: NodeReading) -> Iterator[Found]:
    hot = [each for each in node.keys or () if (each.frequency or 0) >= HOT_FREQUENCY]
    groups = sorted(by_pattern(hot).items(), key=lambda item: -len(item[1]))[:BIG_TOLD_MAX]
    for pattern, group in groups:
        yield Found(
            f"{len(group)} sampled keys {pattern!r} are among the hottest",
            "let clients cache them, read them from replicas, or spread them over several keys",
            (at(node, "OBJECT", "FREQ", group[0].key),),
            {"hot": len(group), "frequency_max": max(each.frequency or 0 for each in group)},
        )


KEY_RULES = (
    Rule(
        "without-ttl",
        "note",
        "keys",
        "of keys of one pattern some never expire while most do",
        "They were written on a path that forgets the expiry, and stay for ever.",
        ("keys",),
        node=_without_ttl,
        deep=True,
    ),
    Rule(
        "big-values",
        "warning",
        "keys",
        "a value above 5 MB",
        "Reading, moving or freeing it takes long, and it cannot be spread over nodes.",
        ("keys",),
        node=_big_values,
        deep=True,
    ),
    Rule(
        "many-small-strings",
        "note",
        "keys",
        "over 30 % of the keys are small strings of one pattern, without expiry",
        "Each key costs tens of bytes beside its value.",
        ("keys",),
        node=_many_small,
        deep=True,
    ),
    Rule(
        "long-keys",
        "note",
        "keys",
        "names have over 200 characters in the mean",
        "They are kept in memory, sent with each command, hashed and compared.",
        ("keys",),
        node=_long_keys,
        deep=True,
    ),
    Rule(
        "hot-keys",
        "note",
        "keys",
        "keys with a very high LFU counter",
        "One key is served by one node, and adding nodes does not help it.",
        ("keys",),
        node=_hot_keys,
        deep=True,
    ),
)
