"""Both sides of the border between Python and Rust know the same classes, fields and words."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from garrison.node import _engine, border

REQUESTS: tuple[border.Request, ...] = (
    border.Reply(1, b"+OK\xff\r\n"),
    border.Apply(2, {"maxclients": "5", "dir": "/ä"}),
    border.InstallSlots(
        border.SlotTable(
            owners=bytes(2) + b"\x01\x00" + b"\xff" * (2 * 16384 - 4),
            endpoints=(border.Endpoint("10.0.0.1", 7000), border.Endpoint("?", 7001, 2)),
            myself=1,
            my_primary=0,
            state=border.ClusterState.READS_ONLY,
            migrating={7: 1},
            importing={9: 0, 8: 1},
            shard_channels_when_down=True,
            has_data=False,
        )
    ),
    border.ExtendLease(1 << 62),
    border.Follow("10.0.0.1", 7000, 3),
    border.Promote(4),
    border.Pause(5, border.PauseMode.ALL),
    border.Unpause(),
    border.ReleaseHold(6),
    border.FollowInHold("10.0.0.1", 7000, 7),
    border.WatchSleep(8),
    border.Empty(),
    border.Run(9, [b"SET", b"k", b"\xff\x00"]),
    border.FunctionRead(11, [[b"GET", b"k"], [b"GET", b"\xff"]]),
    border.FunctionCommit(12, [[b"SET", b"k", b"v"]], [b"*1\r\n", b""], [0]),
    border.Publish(b"news", b"hello", True),
    border.DropSlots(((1, 2), (5, 5))),
    border.CloseClients([3, 1 << 40]),
    border.InfoFields({"config_file": "/etc/garrison.conf"}),
    border.Serve(),
    border.Persist(10, True),
)
EVENTS: tuple[border.Event, ...] = (
    border.Command(
        1,
        border.ClientInfo(2, "10.0.0.1:50000", "10.0.0.2:6379", 3, b"caf\xe9"),
        [b"cluster", b"info\xff"],
        {"keys_total": 4},
    ),
    border.Published(b"news", b"hello\xff", True),
    border.Replication(
        border.ReplicationStatus(
            is_replica=True,
            offset=1,
            link_up=False,
            last_io_boot_ms=2,
            replicas=3,
            lagging=4,
            order=5,
            data_order=6,
            history="0" * 40,
            previous_history="0" * 40,
            parted_at=7,
            writes_paused=True,
        ),
        ("10.0.0.3", 6380),
    ),
    border.Ran(5, b"+OK\r\n"),
    border.FunctionCall(11, b"lib", 12, b"#!python name=lib\n", b"f", [b"k"], [b"a", b"b\xff"], 2),
    border.FunctionReplies(13, border.FunctionOutcome.READ, [b":1\r\n"]),
    border.FunctionKill(14),
    border.Applied(6, "maxclients", "too few"),
    border.Loaded(9, True, "s1"),
    border.Persisted(10, "no space"),
    border.Slept(7, 8),
    border.HoldReleased(),
    border.Log(border.LogLevel.VERBOSE, "a line"),
    border.Stopped("a defect"),
)


def of_python() -> dict[str, tuple[str, ...]]:
    """Every class of the border with its fields, every enumeration with its words."""
    known = {}
    for name in border.__all__:
        value = getattr(border, name)
        if dataclasses.is_dataclass(value):
            known[name] = tuple(field.name for field in dataclasses.fields(value))
        elif isinstance(value, type) and issubclass(value, StrEnum):
            known[name] = tuple(member.value for member in value)
    return known


def test_both_sides_know_the_same_names() -> None:
    assert _engine.border() == of_python()


def test_examples_cover_every_request_and_event() -> None:
    assert {type(request) for request in REQUESTS} == set(get_args(border.Request))
    assert {type(event) for event in EVENTS} == set(get_args(border.Event))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_request_comes_back_from_rust_unchanged(request_: border.Request) -> None:
    assert _engine.echo_request(request_) == request_


def test_events_arrive_with_every_field_in_its_place() -> None:
    assert tuple(_engine.example_events()) == EVENTS


@pytest.mark.parametrize("mode", border.PauseMode)
@pytest.mark.parametrize("state", border.ClusterState)
def test_each_word_comes_back_as_itself(mode: border.PauseMode, state: border.ClusterState) -> None:
    install = REQUESTS[2]
    assert isinstance(install, border.InstallSlots)
    table = dataclasses.replace(install.table, state=state)
    for request in (border.Pause(1, mode), border.InstallSlots(table)):
        assert _engine.echo_request(request) == request


def wrong(request: border.Request, **fields: Any) -> Any:
    """`request` with fields that its type forbids."""
    return dataclasses.replace(request, **fields)


def wrong_table(**fields: Any) -> Any:
    install = REQUESTS[2]
    assert isinstance(install, border.InstallSlots)
    return wrong(install, table=dataclasses.replace(install.table, **fields))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (border.Pause(1, "al"), ("Pause.mode", '"al"', '"write"', '"all"')),  # type: ignore[arg-type]
        (wrong_table(state="Ok"), ("SlotTable.state", '"Ok"', '"reads_only"')),
        (wrong_table(owners=b"12"), ("SlotTable.owners", "2 bytes", "32768")),
        (wrong_table(myself=2), ("SlotTable.myself", "2", "2 endpoints")),
        (wrong_table(endpoints=(border.Endpoint("a", -1),)), ("Endpoint.port",)),
        (wrong(REQUESTS[0], ticket="1"), ("Reply.ticket",)),
        (wrong(REQUESTS[0], reply="text"), ("Reply.reply",)),
        (wrong(REQUESTS[12], args=["SET"]), ("Run.args",)),
        (SimpleNamespace(ticket=1), ("SimpleNamespace", "not a request")),
        (("unpause",), ("tuple", "not a request")),
        (type("Promote", (), {})(), ("Promote.order",)),
        (border.Stopped(""), ("Stopped", "not a request")),
    ],
)
def test_what_rust_does_not_know_is_refused_by_name(request_: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words below are checked one by one
        _engine.echo_request(request_)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_misspelt_request_is_refused_by_the_engine_itself() -> None:
    engine = _engine.BareEngine({}, 1, 1_000_000, 1000)
    with pytest.raises(ValueError, match=r"Pause\.mode"):
        engine.request(wrong(border.Pause(1, border.PauseMode.ALL), mode="writes"))


@pytest.mark.parametrize(
    "words", [border.PauseMode, border.ClusterState, border.LogLevel, border.FunctionOutcome]
)
def test_python_refuses_a_word_that_it_does_not_know(words: type[StrEnum]) -> None:
    with pytest.raises(ValueError, match=words.__name__):
        words("nonsense")
