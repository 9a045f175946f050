"""Versions: who runs what."""

from __future__ import annotations

import re
from collections.abc import Iterator

from garrison.cluster.core.doctor.readings import NodeReading, Reading
from garrison.cluster.core.doctor.rule import Found, Rule, at
from garrison.cluster.core.words import listed

SPOKEN_LEVEL = (7, 2)
"""The level of commands that Garrison speaks; servers below it are older than what the doctor knows best."""


def make_of(node: NodeReading) -> tuple[str, str]:
    """Who made the server, and its version."""
    for field, name in (("garrison_version", "Garrison"), ("valkey_version", "Valkey")):
        if field in node.info:
            return name, node.info[field]
    return "Redis", node.info.get("redis_version", "?")


def version_numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version.

    >>> version_numbers("0.1.0rc2"), version_numbers("7.2.4")
    ((0, 1, 0), (7, 2, 4))
    """
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[^0-9.]", text)[0])[:3])


def _by_make(reading: Reading) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for node in reading.answering:
        make, version = make_of(node)
        found.setdefault(make, {}).setdefault(version, []).append(node.where)
    return found


def _mixed_versions(reading: Reading) -> Iterator[Found]:
    for make, versions in _by_make(reading).items():
        if len(versions) > 1:
            told = [f"{version} on {listed(nodes, 3)}" for version, nodes in versions.items()]
            yield Found(
                f"different versions of {make}: {'; '.join(told[:4])}",
                "finish the upgrade: replicas first, then hand over, then the old primaries",
                tuple(at(node, "INFO", "server") for node in reading.answering[:2]),
                {version: len(nodes) for version, nodes in versions.items()},
            )


def _mixed_makes(reading: Reading) -> Iterator[Found]:
    makes = _by_make(reading)
    if len(makes) > 1:
        counts = {make: sum(map(len, versions.values())) for make, versions in makes.items()}
        told = [f"{count} of {make}" for make, count in counts.items()]
        yield Found(
            f"nodes of different makes work together: {', '.join(told)}",
            "fine during a migration; finish it, or keep to one make",
            tuple(at(node, "INFO", "server") for node in reading.answering[:2]),
            counts,
        )


def _older(reading: Reading) -> Iterator[Found]:
    ours = version_numbers(reading.doctor_version)
    for node in reading.answering:
        make, text = make_of(node)
        version = version_numbers(text)
        limit = ours if make == "Garrison" else SPOKEN_LEVEL
        if version and version < limit:
            than = f"this doctor ({reading.doctor_version})" if make == "Garrison" else "7.2"
            yield Found(
                f"it runs {make} {text}, which is older than {than}",
                "look whether its maker still mends it, and plan an upgrade",
                (at(node, "INFO", "server"),),
                {"version": text},
                where=node.where,
            )


VERSION_RULES = (
    Rule(
        "mixed-versions",
        "warning",
        "versions",
        "nodes of one make have different versions",
        "A failover from a newer to an older node may lose what only the newer one knows, and files "
        "may not load.",
        ("info:redis_version",),
        whole=_mixed_versions,
    ),
    Rule(
        "mixed-makes",
        "note",
        "versions",
        "nodes of different makes work together",
        "They agree on the protocol, but not on every setting and figure.",
        ("info:redis_version",),
        whole=_mixed_makes,
    ),
    Rule(
        "older-than-doctor",
        "note",
        "versions",
        "a Garrison older than the doctor, or a Redis or Valkey below 7.2",
        "Old versions get no fixes, also not for holes that everybody knows.",
        ("info:redis_version",),
        whole=_older,
    ),
)
