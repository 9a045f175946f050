"""Whether a desired state can hold: by itself, and in the deployment that a picture shows.

:func:`refusals` looks at the document alone; :func:`refusals_in` also at the nodes that there are, and is for
the moment when a person wants it stored. Later the planner asks only for the first: a node that is named and
has gone since must not stop everything else. :func:`warnings_in` says what holds and is unwise.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from garrison.base.value_types import ValueType
from garrison.cluster.core.creation import PRIMARIES_MIN
from garrison.cluster.core.manager.conditions import Observations
from garrison.cluster.core.manager.desired import DesiredState
from garrison.cluster.core.manager.jobs import JobKind, Records
from garrison.cluster.core.manager.picture import NodeState, Picture
from garrison.cluster.core.manager.settable import SETTABLE
from garrison.cluster.core.manager.situation import Names, Situation
from garrison.cluster.core.manager.windows import may_begin_ms
from garrison.cluster.core.ranges import SLOT_COUNT
from garrison.cluster.core.topology import Address

SETTING_BYTES_MAX = 4096
VALUE_CHARACTERS_SHOWN = 40
ENTRIES_MAX = 10_000
"""How many nodes or spares a desired state may name."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document cannot be accepted."""

    path: str
    """Where, as ``nodes.10.0.0.7:7001.zone``; empty for the whole document."""
    reason: str
    """One sentence that says what to do."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


def refusals(desired: DesiredState) -> tuple[Refusal, ...]:
    """What cannot hold in any deployment."""
    return (
        *_zones(desired),
        *_sizes(desired),
        *_spares(desired),
        *_limits(desired),
        *_windows(desired),
        *_settings(desired),
        *_backups(desired),
        *_release(desired),
    )


def refusals_in(desired: DesiredState, picture: Picture) -> tuple[Refusal, ...]:
    """All of :func:`refusals`, and what cannot hold in this deployment."""
    return (
        *refusals(desired),
        *_names(desired, picture),
        *_counts(desired, picture),
        *_left(desired, picture),
    )


def warnings_in(desired: DesiredState, picture: Picture) -> tuple[str, ...]:
    """What holds and is unwise, one sentence each."""
    return tuple(_warnings(desired, picture))


def _zones(desired: DesiredState) -> Iterator[Refusal]:
    for name, count in Counter(desired.zones).items():
        if count > 1 or not name:
            yield Refusal("zones", f"{name!r} stands there {count} times; name each zone once")
    if not desired.zones:
        return
    for name, wish in desired.nodes.items():
        if wish.zone is not None and wish.zone not in desired.zones:
            near = get_close_matches(wish.zone, desired.zones, 1)
            hint = f"did you mean {near[0]}?" if near else "add it to `zones` or name one of them"
            yield Refusal(f"nodes.{name}.zone", f"{wish.zone!r} is not one of `zones`; {hint}")


def _sizes(desired: DesiredState) -> Iterator[Refusal]:
    for what, count in (("nodes", len(desired.nodes)), ("spares", len(desired.spares))):
        if count > ENTRIES_MAX:
            yield Refusal(
                what, f"{count} entries are more than {ENTRIES_MAX}; leave out nodes without wishes"
            )


def _spares(desired: DesiredState) -> Iterator[Refusal]:
    for index, address in enumerate(desired.spares):
        path = f"spares.{index}"
        host, _, port = address.rpartition(":")
        if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
            yield Refusal(path, f"{address[:80]!r} is not an address; write host:port")
        elif address != (as_shown := str(Address(host.strip("[]"), int(port)))):
            yield Refusal(path, f"{address[:80]} is written {as_shown[:80]}; write it like that")
        elif address in desired.spares[:index]:
            yield Refusal(path, f"{address} stands there twice; leave one out")


def _limits(desired: DesiredState) -> Iterator[Refusal]:
    limits, shards = desired.limits, desired.shards
    if limits.slots_max is not None and shards is not None and limits.slots_max * shards < SLOT_COUNT:
        yield Refusal(
            "limits.slots_max",
            f"{shards} shards with {limits.slots_max} slots hold {shards * limits.slots_max} of "
            f"{SLOT_COUNT}: allow "
            f"{-(-SLOT_COUNT // shards)} or more, or more shards",
        )
    if desired.harm.points_per_hour_max == 0 and desired.mode == "act":
        yield Refusal(
            "harm.points_per_hour_max",
            "0 lets no job begin that costs anything; allow some, or use mode dry-run",
        )
    for name in ("hand_over", "full_sync", "restart", "backup", "slots_moved_100"):
        price = getattr(desired.harm, name)
        if price > desired.harm.points_per_hour_max > 0:
            most = desired.harm.points_per_hour_max
            yield Refusal(
                f"harm.{name}", f"{price} points are more than points_per_hour_max, {most}: it never happens"
            )


def _windows(desired: DesiredState) -> Iterator[Refusal]:
    for index, window in enumerate(desired.windows):
        path = f"windows.{index}"
        if not window.days:
            yield Refusal(
                f"{path}.days", "without a day the window never opens; name one, or leave `days` out"
            )
        for name in ("begins", "ends"):
            if getattr(window, name).tzinfo is not None:
                yield Refusal(f"{path}.{name}", "write HH:MM, and the time zone in `timezone`")


def _settings(desired: DesiredState) -> Iterator[Refusal]:
    for name, value in desired.settings.items():
        path = f"settings.{name}"
        if name not in SETTABLE:
            near = get_close_matches(name.lower(), SETTABLE, 1)
            hint = f"did you mean {near[0]}?" if near else "set it in the node's own file"
            yield Refusal(path, f"is not a directive that a manager may set on every node; {hint}")
        elif not value.isprintable():
            yield Refusal(path, "the value has a line break or control character; write it on one line")
        elif len(value.encode()) > SETTING_BYTES_MAX:
            yield Refusal(path, f"the value is longer than {SETTING_BYTES_MAX} bytes; shorten it")
        elif why := _why_not_taken(SETTABLE[name], value):
            yield Refusal(path, why)


def _why_not_taken(kind: ValueType, value: str) -> str:
    """Why a directive does not take a value, and what it takes; empty if it does."""
    try:
        kind.canonical(value)
    except ValueError:
        return f"{value[:VALUE_CHARACTERS_SHOWN]!r} is not taken; it takes {kind.allowed}"
    return ""


def _backups(desired: DesiredState) -> Iterator[Refusal]:
    targets = [wish.target.rstrip("/") for wish in desired.backups]
    for index, wish in enumerate(desired.backups):
        path = f"backups.{index}"
        if targets[index] in targets[:index]:
            yield Refusal(f"{path}.target", f"{wish.target} stands there twice; one schedule for each target")
        if wish.prove_every_s is not None and wish.prove_every_s < wish.every_s:
            yield Refusal(
                f"{path}.prove_every_s", f"is less than every_s, {wish.every_s}: prove no backup twice"
            )


def _release(desired: DesiredState) -> Iterator[Refusal]:
    release = desired.release
    if release is not None and (not release.strip() or len(release) > 64 or not release.isprintable()):
        yield Refusal("release", "is not a version; write one as nodes print it, or leave it out")


def _names(desired: DesiredState, picture: Picture) -> Iterator[Refusal]:
    names = Names(picture)
    seen: dict[str, str] = {}
    for name in desired.nodes:
        path = f"nodes.{name}"
        found = names.matches(name)
        if len(found) > 1:
            yield Refusal(path, f"names {len(found)} nodes; write more of the id, or host:port")
        elif not found and name not in desired.spares:
            known = [node.address for node in picture.nodes] + list(desired.spares)
            near = get_close_matches(name, known, 1)
            hint = (
                f"did you mean {near[0]}?" if near else "name one by id or host:port, or add it to `spares`"
            )
            yield Refusal(path, f"names no node of this deployment; {hint}")
        elif found and found[0].id in seen:
            yield Refusal(path, f"is the same node as {seen[found[0].id]}; leave one out")
        elif found:
            seen[found[0].id] = name


def _counts(desired: DesiredState, picture: Picture) -> Iterator[Refusal]:
    """More shards or copies than there are nodes."""
    usable, serving = _usable_nodes(desired, picture), _serving(picture)
    shards, replicas = desired.shards or serving, desired.replicas_per_shard
    needed = shards * ((replicas or 0) + 1)
    if shards > usable:
        yield Refusal("shards", f"{shards} need as many nodes, and {usable} can be used: add spares")
    elif replicas is not None and needed > usable:
        yield Refusal(
            "replicas_per_shard",
            f"{shards} shards with {replicas} replicas need {needed} nodes, and {usable} can be used, with "
            f"spares: add {needed - usable} to `spares`",
        )
    slots_max = desired.limits.slots_max
    if slots_max is not None and desired.shards is None and 0 < slots_max * serving < SLOT_COUNT:
        yield Refusal(
            "limits.slots_max",
            f"{serving} shards with {slots_max} slots hold less than all {SLOT_COUNT}: allow "
            f"{-(-SLOT_COUNT // serving)} or more",
        )


def _left(desired: DesiredState, picture: Picture) -> Iterator[Refusal]:
    """Who is left to own slots."""
    names = Names(picture)
    wishes = {node.id: wish for name, wish in desired.nodes.items() if (node := names.one(name))}
    owners = [node for node in picture.nodes if node.role == "primary" and node.slots]
    if owners and not sum(wishes[node.id].weight if node.id in wishes else 1.0 for node in owners):
        yield Refusal("nodes", "every primary has weight 0; leave at least one a place for the slots")
    if owners and _usable_nodes(desired, picture) == 0:
        yield Refusal("nodes", "every node is to be drained; leave at least one to own the slots")


def _usable_nodes(desired: DesiredState, picture: Picture) -> int:
    """Members that have not failed and spares, without those to be drained."""
    names = Names(picture)
    drained = {
        node.id if (node := names.one(name)) else name for name, wish in desired.nodes.items() if wish.drain
    }
    members = [
        node for node in picture.nodes if node.state is not NodeState.FAILED and node.id not in drained
    ]
    strangers = [a for a in dict.fromkeys(desired.spares) if not names.matches(a) and a not in drained]
    return len(members) + len(strangers)


def _serving(picture: Picture) -> int:
    return sum(node.role == "primary" and bool(node.slots) for node in picture.nodes)


def _warnings(desired: DesiredState, picture: Picture) -> Iterator[str]:
    replicas = desired.replicas_per_shard
    if replicas is not None and desired.zones and replicas + 1 > len(desired.zones):
        yield (
            f"A shard has {replicas + 1} nodes and there are {len(desired.zones)} zones: some zone holds "
            "two copies "
            "of a shard."
        )
    if replicas == 0:
        yield "Without replicas a failed node takes its data with it."
    shards = desired.shards or _serving(picture)
    if picture.kind == "cluster" and 0 < shards < PRIMARIES_MIN:
        yield f"With fewer than {PRIMARIES_MIN} primaries no majority survives the loss of one."
    situation = Situation(desired, picture, Records(), Observations(), picture.at_ms)
    if len(picture.nodes) > 1 and len({situation.host_of(node) for node in picture.nodes}) == 1:
        yield "All nodes are on one host; with it the whole cluster is lost."
    names = Names(picture)
    for address in desired.spares:
        node = names.one(address)
        if node is not None and (node.slots or node.role == "replica"):
            doing = "owns slots" if node.slots else "is a replica"
            yield f"{address} of `spares` {doing}: it is taken, and no spare until it is idle."
    if desired.windows:
        shut = [kind.value for kind in JobKind if may_begin_ms(desired.windows, kind, picture.at_ms) is None]
        if shut:
            yield f"No window lets these jobs begin: {', '.join(shut)}."
    for index, wish in enumerate(desired.backups):
        if wish.prove_every_s is None:
            yield f"Nothing proves the backups of backups.{index}: one that was never restored is a hope."
