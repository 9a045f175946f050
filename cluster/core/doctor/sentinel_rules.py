"""Sentinel: whether those who watch can agree, and act."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import LOOPBACK, Kind, Reading, SentinelReading, as_number, host_of
from garrison.cluster.core.doctor.rule import Found, Rule
from garrison.cluster.core.printable import cli, shell_line
from garrison.cluster.core.words import counted, listed

SENTINELS_MIN = 3
SENTINEL_ONLY: frozenset[Kind] = frozenset({"sentinel"})
COMPARED = ("quorum", "down-after-milliseconds", "failover-timeout", "parallel-syncs")
DOWN_FLAGS = frozenset({"s_down", "o_down", "disconnected"})


def _command(sentinel: SentinelReading, *words: str) -> str:
    return cli(sentinel.address.host, sentinel.address.port, "SENTINEL", *words)


def _first(reading: Reading, *words: str) -> tuple[str, ...]:
    return (_command(reading.watching[0], *words),)


def _known(sentinel: SentinelReading) -> int:
    """How many Sentinels this one counts, itself included."""
    return sentinel.number("num-other-sentinels") + 1


def _silent(reading: Reading) -> Iterator[Found]:
    for sentinel in reading.sentinels:
        if sentinel.error:
            yield Found(
                f"the Sentinel does not answer: {sentinel.error}",
                "start it, or take it off the others' lists",
                (cli(sentinel.address.host, sentinel.address.port, "PING"),),
                where=sentinel.where,
            )


def _too_few(reading: Reading) -> Iterator[Found]:
    count = len(reading.sentinels)
    if 0 < count < SENTINELS_MIN:
        yield Found(
            f"{count} {'Sentinel watches' if count == 1 else 'Sentinels watch'} {reading.primary_name}: "
            "when one is lost, nobody may fail over",
            "run at least three, on three hosts",
            _first(reading, "CKQUORUM", reading.primary_name),
            {"sentinels": count},
        )


def _even(reading: Reading) -> Iterator[Found]:
    count = len(reading.sentinels)
    if count > SENTINELS_MIN and count % 2 == 0:
        yield Found(
            f"{count} Sentinels: an even number survives no more failures than {count - 1}",
            "add one, or remove one",
            _first(reading, "SENTINELS", reading.primary_name),
            {"sentinels": count},
        )


def _quorum(reading: Reading) -> Iterator[Found]:
    sentinel = reading.watching[0]
    quorum, count = sentinel.number("quorum"), _known(sentinel)
    majority = count // 2 + 1
    if majority < quorum <= count:
        yield Found(
            f"the quorum is {quorum} of {count} Sentinels, above the majority of {majority}",
            "a majority is enough",
            _set_everywhere(reading, "quorum", str(majority)),
            {"quorum": quorum, "sentinels": count},
        )


def _quorum_out_of_reach(reading: Reading) -> Iterator[Found]:
    sentinel = reading.watching[0]
    quorum, count = sentinel.number("quorum"), _known(sentinel)
    if quorum > count:
        yield Found(
            f"the quorum is {quorum}, and there are {count} Sentinels: nothing will ever be declared down",
            "lower it to a majority, or start the missing Sentinels",
            _set_everywhere(reading, "quorum", str(count // 2 + 1)),
            {"quorum": quorum, "sentinels": count},
        )


def _quorum_of_one(reading: Reading) -> Iterator[Found]:
    sentinel = reading.watching[0]
    count = _known(sentinel)
    if sentinel.number("quorum") == 1 and count > 1:
        yield Found(
            f"one of {count} Sentinels is enough to declare the primary down",
            "ask for a majority",
            _set_everywhere(reading, "quorum", str(count // 2 + 1)),
            {"quorum": 1, "sentinels": count},
        )


def _set_everywhere(reading: Reading, name: str, value: str) -> tuple[str, ...]:
    return tuple(_command(each, "SET", reading.primary_name, name, value) for each in reading.watching[:6])


def _same_host(reading: Reading) -> Iterator[Found]:
    hosts = Counter(host_of(each.address) for each in reading.sentinels)
    host, count = hosts.most_common(1)[0]
    if len(reading.sentinels) > 1 and count > len(reading.sentinels) // 2:
        local = host in LOOPBACK
        yield Found(
            f"{count} of {len(reading.sentinels)} Sentinels are on one host, {host}"
            + (": good for development only" if local else ""),
            "spread them over three hosts, best beside the callers",
            _first(reading, "SENTINELS", reading.primary_name),
            {"sentinels_on_host": count, "sentinels": len(reading.sentinels)},
        )


def _settings_differ(reading: Reading) -> Iterator[Found]:
    for name in COMPARED:
        values = Counter(each.primary[name] for each in reading.watching if name in each.primary)
        if len(values) > 1:
            common = values.most_common(1)[0][0]
            told = [f"{each.primary.get(name)} on {each.where}" for each in reading.watching]
            yield Found(
                f"{name} is {listed(told)}",
                "set one value on all; SENTINEL SET changes one Sentinel only",
                _set_everywhere(reading, name, common),
                dict(values),
            )


def _stale(reading: Reading) -> Iterator[Found]:
    """Sentinels that somebody still counts and that are gone: they raise the majority that is needed."""
    for sentinel in reading.watching:
        gone = [row for row in sentinel.others if set(row.get("flags", "").split(",")) & DOWN_FLAGS]
        if gone:
            names = [f"{row.get('ip', '?')}:{row.get('port', '?')}" for row in gone]
            yield Found(
                f"it counts {_known(sentinel)} Sentinels, of which {listed(names)} "
                f"{'is' if len(gone) == 1 else 'are'} gone",
                "start them again; if they are gone for good, reset each Sentinel, one after the other",
                (_command(sentinel, "RESET", reading.primary_name),),
                {"counted": _known(sentinel), "gone": len(gone)},
                where=sentinel.where,
            )


def _disagree(reading: Reading) -> Iterator[Found]:
    named = {
        each.where: f"{each.primary.get('ip', '?')}:{each.primary.get('port', '?')}"
        for each in reading.watching
    }
    if len(set(named.values())) > 1:
        told = [f"{sentinel} names {primary}" for sentinel, primary in named.items()]
        yield Found(
            f"the Sentinels name different primaries: {listed(told)}",
            "wait for the end of a failover; if it lasts, see whether the Sentinels reach each other",
            tuple(
                _command(each, "GET-MASTER-ADDR-BY-NAME", reading.primary_name)
                for each in reading.watching[:4]
            ),
            {"primaries": len(set(named.values()))},
        )


def _primary_down(reading: Reading) -> Iterator[Found]:
    seeing = [each.where for each in reading.watching if each.flags & DOWN_FLAGS]
    if seeing:
        yield Found(
            f"{reading.primary_name} is down for {listed(seeing)}",
            "see why it is not failed over",
            (
                shell_line("garrison", "sentinel", "status", "--sentinel", seeing[0]),
                *_first(reading, "CKQUORUM", reading.primary_name),
            ),
            {"seen_by": len(seeing), "sentinels": len(reading.sentinels)},
        )


def _tilt(reading: Reading) -> Iterator[Found]:
    for sentinel in reading.watching:
        if sentinel.info.get("sentinel_tilt") == "1":
            yield Found(
                "the Sentinel is in TILT mode: it watches and does nothing",
                "see what stops its process or moves its clock: load, swap, a virtual machine that sleeps",
                (cli(sentinel.address.host, sentinel.address.port, "INFO", "sentinel"),),
                where=sentinel.where,
            )


def _nobody_to_promote(reading: Reading) -> Iterator[Found]:
    sentinel = reading.watching[0]
    usable = [
        row
        for row in sentinel.replicas
        if (as_number(row.get("slave-priority")) or 0) > 0
        and not set(row.get("flags", "").split(",")) & DOWN_FLAGS
    ]
    if not usable:
        yield Found(
            f"of {counted(len(sentinel.replicas), 'replica')} none can be promoted",
            "start a replica, and give at least one a priority above 0",
            _first(reading, "REPLICAS", reading.primary_name),
            {"replicas": len(sentinel.replicas)},
        )


SENTINEL_RULES = (
    Rule(
        "sentinel-silent",
        "warning",
        "sentinel",
        "a Sentinel does not answer",
        "It does not vote, and it still counts for the majority.",
        (),
        whole=_silent,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "few-sentinels",
        "warning",
        "sentinel",
        "fewer than three Sentinels",
        "A failover needs the votes of a majority of all Sentinels; of two, the one that is left has none.",
        (),
        whole=_too_few,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "even-sentinels",
        "note",
        "sentinel",
        "an even number of Sentinels",
        "A network in two equal halves leaves neither with a majority.",
        (),
        whole=_even,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "quorum-above-majority",
        "warning",
        "sentinel",
        "the quorum is above the majority",
        "Fewer lost Sentinels than need be stop failovers.",
        (),
        whole=_quorum,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "quorum-out-of-reach",
        "error",
        "sentinel",
        "the quorum is above the number of Sentinels",
        "The primary can never be declared down, so there is no failover.",
        (),
        whole=_quorum_out_of_reach,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "quorum-of-one",
        "warning",
        "sentinel",
        "a quorum of 1 with several Sentinels",
        "A Sentinel with a bad network of its own starts failovers from a healthy primary.",
        (),
        whole=_quorum_of_one,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "sentinels-on-one-host",
        "warning",
        "sentinel",
        "a majority of the Sentinels is on one host",
        "That host takes the majority with it, and nobody may fail over.",
        (),
        whole=_same_host,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "sentinel-settings-differ",
        "warning",
        "sentinel",
        "quorum, down-after, failover-timeout or parallel-syncs differ between Sentinels",
        "How long a failure takes to be noticed depends on who notices, and agreement comes late.",
        (),
        whole=_settings_differ,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "stale-sentinels",
        "warning",
        "sentinel",
        "a Sentinel counts others that are gone",
        "Those who are gone raise the number of votes that a failover needs.",
        (),
        whole=_stale,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "sentinels-disagree",
        "error",
        "sentinel",
        "Sentinels name different primaries",
        "Clients write to different nodes, and one of them loses its writes.",
        (),
        whole=_disagree,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "primary-down",
        "error",
        "sentinel",
        "a Sentinel sees the primary down",
        "Writes fail until it is back or failed over.",
        (),
        whole=_primary_down,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "tilt",
        "warning",
        "sentinel",
        "a Sentinel is in TILT mode",
        "It takes no part in failovers meanwhile.",
        (),
        whole=_tilt,
        subjects=SENTINEL_ONLY,
    ),
    Rule(
        "nobody-to-promote",
        "error",
        "sentinel",
        "no replica can be promoted",
        "When the primary fails, there is nothing to fail over to.",
        (),
        whole=_nobody_to_promote,
        subjects=SENTINEL_ONLY,
    ),
)
