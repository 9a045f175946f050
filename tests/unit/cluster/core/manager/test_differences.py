"""Events are what differs between two pictures."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.cluster.core.manager.differences import events_between, is_urgent
from garrison.cluster.core.manager.picture import NodePicture, Picture


def node(name: str, **fields: Any) -> NodePicture:
    return NodePicture.model_validate(
        {"id": name, "address": f"10.0.0.1:{ord(name)}", "role": "primary", **fields}
    )


def picture(*nodes: NodePicture, **fields: Any) -> Picture:
    return Picture(at_ms=5, nodes=nodes, slots_covered=fields.pop("slots_covered", 16384), **fields)


BEFORE = picture(
    node("a", slots="0-9", slot_count=10),
    node("b", slots="10-19", slot_count=10),
    node("c", role="replica", primary_id="a"),
)


def replaced(**changes: NodePicture) -> Picture:
    return picture(*(changes.get(each.id, each) for each in BEFORE.nodes))


def test_equal_pictures_and_first_picture_have_no_events() -> None:
    assert events_between(BEFORE, BEFORE) == ()
    assert events_between(None, BEFORE) == ()


def test_failover_is_one_event_with_both_nodes() -> None:
    after = replaced(a=node("a", state="failed", why="declared"), c=node("c", slots="0-9", slot_count=10))
    events = events_between(BEFORE, after)
    assert [event.kind for event in events] == ["failover", "node-down"]
    assert events[0].subject == "c"
    assert "of 10 slots instead of 10.0.0.1:97" in events[0].text
    assert is_urgent(events)


@pytest.mark.parametrize(
    ("state", "kind"), [("ok", "failover"), ("silent", "node-up"), ("failed", "node-up")]
)
def test_former_primary_that_comes_back_is_no_failover(state: str, kind: str) -> None:
    """Outside a cluster: it calls itself a primary until a Sentinel has told it otherwise."""
    primary = node("a")
    before = picture(primary, node("b", role="replica", primary_id="a", state=state), kind="sentinel")
    after = picture(primary, node("b"), kind="sentinel")
    assert [event.kind for event in events_between(before, after)] == [kind]


@pytest.mark.parametrize(
    ("after", "kinds"),
    [
        (replaced(b=node("b", slots="0-19", slot_count=20), a=node("a")), ["slots"]),
        (replaced(c=node("c", role="replica", primary_id="b")), ["role"]),
        (picture(*BEFORE.nodes[:2]), ["node-down"]),
        (picture(*BEFORE.nodes, node("d")), ["node-up"]),
        (picture(*BEFORE.nodes, slots_covered=16374), ["slots"]),
        (picture(*BEFORE.nodes, majority_answers=False), ["alert"]),
        (replaced(c=node("c", role="replica", primary_id="a", state="suspected")), []),
    ],
)
def test_each_change_has_its_kind(after: Picture, kinds: list[str]) -> None:
    assert [event.kind for event in events_between(BEFORE, after)] == kinds


def test_silence_failure_and_return_are_told() -> None:
    silent, failed = replaced(b=node("b", state="silent")), replaced(b=node("b", state="failed"))
    assert [event.kind for event in events_between(silent, failed)] == ["node-down"]
    assert events_between(failed, silent) == ()
    assert [event.kind for event in events_between(failed, replaced(b=node("b")))] == ["node-up"]
