"""Connections of a Sentinel: protocols, subscriptions, users, bad bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands.resp import Push
from tests.commands.wire import Wire


def test_hello(r: Wire) -> None:
    shown = r.map("HELLO", r.protocol, "SETNAME", "joe")
    assert (shown[b"server"], shown[b"mode"], shown[b"proto"]) == (b"redis", b"sentinel", r.protocol)
    assert shown[b"version"].startswith(b"7.")
    assert r("CLIENT", "GETNAME") == b"joe"
    assert b"name=joe" in bytes(r("CLIENT", "LIST"))
    assert f"id={r('CLIENT', 'ID')} ".encode() in bytes(r("CLIENT", "INFO"))


def test_a_subscribed_connection(r: Wire) -> None:
    assert r("SUBSCRIBE", "a") == [b"subscribe", b"a", 1]
    assert r("PSUBSCRIBE", "b*") == [b"psubscribe", b"b*", 2]
    if r.protocol == 2:
        assert r("PING") == [b"pong", b""]
        assert r("PING", "x") == [b"pong", b"x"]
        assert r.error("SENTINEL", "MYID").startswith(
            "ERR Can't execute 'sentinel|myid': only (P|S)SUBSCRIBE"
        )
    else:
        assert r("PING") == "PONG"
        assert len(r("SENTINEL", "MYID")) == 40
    assert r("UNSUBSCRIBE") == [b"unsubscribe", b"a", 1]
    assert r("PUNSUBSCRIBE", "b*") == [b"punsubscribe", b"b*", 0]
    assert r("PING") == "PONG"


def test_messages_are_pushes_in_resp3(r: Wire) -> None:
    listening = r.another()
    listening("SUBSCRIBE", "+set")
    r("SENTINEL", "SET", "orders", "parallel-syncs", "1")
    message = listening.read()
    assert message[:2] == [b"message", b"+set"]
    assert isinstance(message, Push) == (r.protocol == 3)


def test_a_pipeline_is_answered_in_order(r: Wire) -> None:
    replies = r.many(*[("PING", str(at)) if at % 3 else ("SENTINEL", "MYID") for at in range(300)])
    myid = r("SENTINEL", "MYID")
    assert replies == [str(at).encode() if at % 3 else myid for at in range(300)]


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\nfoo\r\n", b"-ERR Protocol error: expected '$', got 'f'\r\n"),
        (b"*1\r\n$x\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$999999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b'"open\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
        (b"A" * 70_000, b"-ERR Protocol error: too big inline request\r\n"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
        (b"POST / HTTP/1.1\r\n\r\n", b""),
    ],
)
def test_bytes_that_are_no_request_end_the_connection(r: Wire, data: bytes, answer: bytes | None) -> None:
    other = r.another(2)
    other.raw(data)
    received = other.read_bytes()
    if answer is not None:
        assert received == answer
    assert other.is_closed()
    assert r("PING") == "PONG"


def test_a_pipeline_before_bad_bytes_is_answered(r: Wire) -> None:
    other = r.another(2)
    other.raw(b"PING\r\nPING x\r\n*x\r\n")
    assert other.read_bytes() == b"+PONG\r\n$1\r\nx\r\n-ERR Protocol error: invalid multibulk length\r\n"


def test_killing_connections(r: Wire) -> None:
    other = r.another()
    number = other("CLIENT", "ID")
    assert r("CLIENT", "KILL", "ID", number) == 1
    assert other.is_closed()
    assert r("CLIENT", "KILL", "ID", r("CLIENT", "ID"), "SKIPME", "no") == 1
    assert r.is_closed()


def test_replies_can_be_switched_off(r: Wire) -> None:
    r.send("CLIENT", "REPLY", "OFF")
    r.send("PING")
    assert r("CLIENT", "REPLY", "ON") == "OK"
    r.send("CLIENT", "REPLY", "SKIP")
    r.send("PING", "skipped")
    assert r("PING", "seen") == b"seen"


@pytest.fixture
def joe(r: Wire) -> Iterator[Wire]:
    """A connection of a user with few rights."""
    r("ACL", "SETUSER", "joe", "reset", "on", ">secret", "+ping", "+subscribe", "+psubscribe", "&+switch*")
    r("ACL", "SETUSER", "joe", "+sentinel|masters", "+acl|whoami", "+hello")
    r("ACL", "LOG", "RESET")
    other = r.another()
    assert other("AUTH", "joe", "secret") == "OK"
    yield other
    r("ACL", "DELUSER", "joe")


def test_a_user_may_do_what_its_rules_say(r: Wire, joe: Wire) -> None:
    assert joe("ACL", "WHOAMI") == b"joe"
    assert len(joe("SENTINEL", "MASTERS")) == 1
    assert joe.error("INFO") == "NOPERM this user has no permissions to run the 'info' command"
    assert (
        joe.error("SENTINEL", "MYID")
        == "NOPERM this user has no permissions to run the 'sentinel|myid' command"
    )
    barred = "NOPERM this user has no permissions to access one of the channels used as arguments"
    assert joe.error("SUBSCRIBE", "+sdown") == barred
    assert joe.error("PSUBSCRIBE", "*") == barred
    assert joe("SUBSCRIBE", "+switch-master") == [b"subscribe", b"+switch-master", 1]
    log = [r_map(entry) for entry in r("ACL", "LOG")]
    assert [(entry[b"reason"], entry[b"object"], entry[b"username"]) for entry in log] == [
        (b"channel", b"*", b"joe"),
        (b"channel", b"+sdown", b"joe"),
        (b"command", b"sentinel|myid", b"joe"),
        (b"command", b"info", b"joe"),
    ]


def r_map(reply: object) -> dict[bytes, object]:
    if isinstance(reply, dict):
        return reply
    assert isinstance(reply, list)
    return dict(zip(reply[::2], reply[1::2], strict=True))


def test_a_changed_or_removed_user_loses_its_connections(r: Wire, joe: Wire) -> None:
    joe("SUBSCRIBE", "+switch-master")
    assert r("ACL", "SETUSER", "joe", "resetchannels") == "OK"
    assert joe.is_closed()
    again = r.another()
    assert again("AUTH", "joe", "secret") == "OK"
    assert r("ACL", "DELUSER", "joe") == 1
    assert again.is_closed()


def test_a_wrong_password(r: Wire, joe: Wire) -> None:
    assert joe.error("AUTH", "joe", "wrong").startswith("WRONGPASS")
    assert joe("ACL", "WHOAMI") == b"joe", "who is logged in stays so"


def test_getuser(r: Wire, joe: Wire) -> None:
    shown = r.map("ACL", "GETUSER", "joe")
    assert [name.decode() for name in shown] == [
        "flags",
        "passwords",
        "commands",
        "keys",
        "channels",
        "selectors",
    ]
    assert shown[b"channels"] == b"&+switch*"
    assert len(shown[b"passwords"]) == 1
