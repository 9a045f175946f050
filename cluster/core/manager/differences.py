"""What happened between two pictures: the lines of the timeline.

BACKGROUND  Nodes tell nobody of a failover as such. Whoever looks twice can see it: a shard's slots have
            another primary. So events are derived from two pictures, and a manager that was away for a while
            reports what it finds on its return as one event for each change, not as nothing.
INVARIANTS  Equal pictures give no event. Each event names its node. A node that a picture does not have any
            more has left; one that does not answer is silent, which is something else.
BEHAVIOUR   :func:`events_between` is a function of two pictures. The first picture of all gives no events.
"""

from collections.abc import Iterator

from garrison.cluster.core.manager.picture import Event, NodePicture, NodeState, Picture
from garrison.cluster.core.ranges import SLOT_COUNT, format_slots, parse_ranges, to_slots

DOWN = frozenset({NodeState.SILENT, NodeState.FAILED, NodeState.DATA_LOST})
RANGES_SHOWN = 5


def events_between(before: Picture | None, now: Picture) -> tuple[Event, ...]:
    """The events that lead from one picture to the next, the most important first."""
    if before is None:
        return ()
    return (
        *_failovers(before, now),
        *_coverage(before, now),
        *_states(before, now),
        *_members(before, now),
        *_roles(before, now),
        *_moved_slots(before, now),
    )


def is_urgent(events: tuple[Event, ...]) -> bool:
    """Whether the page shall hear of it at once instead of with the next second."""
    return any(event.kind in ("failover", "node-down", "node-up", "role") for event in events)


def _failovers(before: Picture, now: Picture) -> Iterator[Event]:
    """A replica of a primary is now a primary and owns slots that its primary owned.

    Without slots, one that was down does not count: a former primary that starts again calls itself a primary
    until the Sentinels have told it whom to follow.
    """
    for node in now.nodes:
        earlier = before.node(node.id)
        if node.role == "primary" and earlier is not None and earlier.role == "replica":
            former = before.node(earlier.primary_id or "")
            if node.slots or (now.kind != "cluster" and earlier.state not in DOWN):
                instead = f" instead of {former.address}" if former else ""
                slots = f" of {node.slot_count} slots" if node.slot_count else ""
                yield Event(
                    at_ms=now.at_ms,
                    kind="failover",
                    text=f"{node.address} is primary{slots}{instead}",
                    subject=node.id,
                    severity="warning",
                )


def _coverage(before: Picture, now: Picture) -> Iterator[Event]:
    if now.kind == "cluster" and before.slots_covered != now.slots_covered:
        missing = SLOT_COUNT - now.slots_covered
        text = f"{missing} slots are served by nobody" if missing else "all slots are served"
        yield Event(at_ms=now.at_ms, kind="slots", text=text, severity="error" if missing else "info")
    if before.majority_answers != now.majority_answers:
        text = "a majority of primaries answers again"
        if not now.majority_answers:
            text = "no majority of primaries answers: nothing can be decided or stored"
        severity = "info" if now.majority_answers else "error"
        yield Event.model_validate({"at_ms": now.at_ms, "kind": "alert", "text": text, "severity": severity})


def _states(before: Picture, now: Picture) -> Iterator[Event]:
    for node in now.nodes:
        earlier = before.node(node.id)
        if earlier is None:
            continue
        if node.state in DOWN and (earlier.state not in DOWN or _worse(earlier, node)):
            yield Event(
                at_ms=now.at_ms,
                kind="node-down",
                text=f"{node.address} ({node.role}): {node.why or node.state.value}",
                subject=node.id,
                severity="error",
            )
        elif earlier.state in DOWN and node.state not in DOWN:
            yield Event(
                at_ms=now.at_ms, kind="node-up", text=f"{node.address} answers again", subject=node.id
            )


def _worse(earlier: NodePicture, node: NodePicture) -> bool:
    return earlier.state is NodeState.SILENT and node.state is not NodeState.SILENT


def _members(before: Picture, now: Picture) -> Iterator[Event]:
    known, found = {node.id for node in before.nodes}, {node.id for node in now.nodes}
    for node in now.nodes:
        if node.id not in known:
            text = f"{node.address} has joined as a {node.role}"
            yield Event(at_ms=now.at_ms, kind="node-up", text=text, subject=node.id)
    for node in before.nodes:
        if node.id not in found:
            text = f"{node.address} has left"
            yield Event(at_ms=now.at_ms, kind="node-down", text=text, subject=node.id, severity="warning")


def _roles(before: Picture, now: Picture) -> Iterator[Event]:
    for node in now.nodes:
        earlier = before.node(node.id)
        if earlier is None or node.role == "primary":
            continue
        if (earlier.role, earlier.primary_id) != (node.role, node.primary_id):
            primary = now.node(node.primary_id or "")
            whose = f" of {primary.address}" if primary else ""
            text = f"{node.address} is a replica{whose}"
            yield Event(at_ms=now.at_ms, kind="role", text=text, subject=node.id)


def _moved_slots(before: Picture, now: Picture) -> Iterator[Event]:
    """Slots that came to a primary which was one before: a reshard, not a failover."""
    for node in now.nodes:
        earlier = before.node(node.id)
        if earlier is None or earlier.role != "primary" or node.slots == earlier.slots:
            continue
        gained = _slots(node.slots) - _slots(earlier.slots)
        if gained:
            ranges = format_slots(gained, limit=RANGES_SHOWN)
            text = f"{len(gained)} slots came to {node.address}: {ranges}"
            yield Event(at_ms=now.at_ms, kind="slots", text=text, subject=node.id)


def _slots(text: str) -> set[int]:
    return set(to_slots(parse_ranges(text))) if text else set()
